"""Many phantoms as a copick project: a batch that resumes."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cryogauge import __version__
from cryogauge.io import copick
from cryogauge.io.json_file import read_json_file, write_json_file
from cryogauge.io.replace import replacing
from cryogauge.jobs import Ledger, LedgerKey, Outcome, run_batch
from cryogauge.records import CZII_OBJECTS, BadInput
from cryogauge.simulate.looks import deconvolve
from cryogauge.simulate.phantom.mixture import PhantomSettings
from cryogauge.simulate.phantom.species import map_checksums
from cryogauge.simulate.phantom.tomogram import Phantom, make_phantom

#: Types of tomograms: all exposures, their even and odd dose fractions, and all with the CTF deconvolved.
ALL_KINDS = ("wbp", "wbp-even", "wbp-odd", "ctfdeconv")
KINDS = ("wbp", "wbp-even", "wbp-odd")
#: Who picked, in which session, and what the labels are called. Nobody saves predictions under such a name.
USER, SESSION, LABELS = "phantom", "0", "particles"
SETTINGS, LEDGER, TABLE = "phantom.json", "ledger.sqlite", "phantom.csv"


@dataclass(frozen=True)
class PhantomItem:
    """One phantom to be made."""

    settings: PhantomSettings
    kinds: tuple[str, ...]
    config: Path
    seed: int
    index: int

    @property
    def name(self) -> str:
        """The name of its run."""
        return f"phantom-{self.index:04d}"

    @property
    def own_seed(self) -> int:
        """Its own seed, which follows from the seed of all and its place."""
        return int(np.random.SeedSequence([self.seed, self.index]).generate_state(1)[0])


def simulate_phantoms(
    out: Path,
    count: int,
    settings: PhantomSettings | None = None,
    *,
    seed: int = 0,
    kinds: tuple[str, ...] = KINDS,
    workers: int = 1,
    on_outcome: Callable[[Outcome[PhantomItem]], None] = lambda outcome: None,
) -> dict[str, Path]:
    """Make the phantoms that a copick project does not hold yet.

    Phantom ``i`` depends on the settings, the maps, the seed and ``i`` alone, so that a larger ``count`` later adds to
    what is there. An interrupted run goes on where it stopped.

    Parameters
    ----------
    out
        Folder of the project, with one run ``phantom-NNNN`` each: tomograms of the given kinds, picks and a
        segmentation of every particle's shape.
    count
        How many phantoms.
    settings
        Size, maps and imaging; the challenge's by default.
    seed
        Seed of all.
    kinds
        Types of tomograms to write.
    workers
        Phantoms under way at a time.
    on_outcome
        Told of each phantom as it is done or has failed.

    Returns
    -------
    dict
        ``project``: the configuration; ``table``: ``phantom.csv``, one row a phantom that succeeded; ``settings``: what
        was used.

    Raises
    ------
    BadInput
        When settings or maps cannot be used, or the folder holds something else.
    """
    unknown = [kind for kind in kinds if kind not in ALL_KINDS]
    if unknown or not kinds:
        wrong = f"no type of tomogram is called {unknown[0]!r}" if unknown else "no type of tomogram is asked for"
        raise BadInput(wrong, f"one or more of: {', '.join(ALL_KINDS)}")
    if count < 1:
        raise BadInput(f"{count} phantoms cannot be made", "give a count of 1 or more")
    settings = settings or PhantomSettings()
    maps = None if settings.maps is None else settings.maps.absolute()
    settings = replace(settings, maps=maps)
    checksums = map_checksums(maps)
    _claim(out, settings, seed, checksums)
    config = out / "copick.json"
    if not config.exists():
        copick.create_project(out, CZII_OBJECTS, name="cryogauge phantom", description="simulated; truth is known")
    fingerprint = hashlib.sha256(json.dumps([_plain(settings), checksums, seed]).encode()).hexdigest()

    def key(item: PhantomItem) -> LedgerKey:
        return LedgerKey(item.name, fingerprint, "", f"{__version__} {' '.join(item.kinds)}")

    rows: dict[int, dict[str, Any]] = {}
    with Ledger(out / LEDGER) as ledger:
        items = (PhantomItem(settings, kinds, config, seed, index) for index in range(count))
        for outcome in run_batch(make_item, items, key=key, ledger=ledger, artefacts=_artefacts, workers=workers):
            if outcome.failure is None:
                rows[outcome.item.index] = outcome.row
            on_outcome(outcome)
    with replacing(out / TABLE) as temporary:
        pd.DataFrame([rows[index] for index in sorted(rows)]).to_csv(temporary, index=False)
    return {"project": config, "table": out / TABLE, "settings": out / SETTINGS}


def _plain(settings: PhantomSettings) -> dict[str, Any]:
    """The settings as JSON holds them, less where the maps are: what they hold counts."""
    return json.loads(json.dumps({name: value for name, value in asdict(settings).items() if name != "maps"}))


def _claim(out: Path, settings: PhantomSettings, seed: int, checksums: dict[str, str]) -> None:
    """Write what is used into the folder; raises ``BadInput`` where something else is at home."""
    path = out / SETTINGS
    plain = {"version": __version__, "seed": seed, "maps": checksums, **_plain(settings)}
    if path.exists():
        if read_json_file(path, "choose another output folder") != plain:
            raise BadInput(f"{out} holds phantoms of other settings, maps or version", "choose another output folder")
    elif out.exists() and any(out.iterdir()):
        raise BadInput(f"{out} is not empty and holds no phantoms", "choose another output folder")
    else:
        out.mkdir(parents=True, exist_ok=True)
        write_json_file(path, plain)


def _artefacts(item: PhantomItem, key: LedgerKey) -> tuple[str, ...]:
    run, size = f"overlay/ExperimentRuns/{item.name}", f"{item.settings.voxel_size_A:.3f}"
    labels = f"{run}/Segmentations/{size}_{USER}_{SESSION}_{LABELS}-multilabel.zarr"
    return (*(f"{run}/VoxelSpacing{size}/{kind}.zarr" for kind in item.kinds), labels)


def make_item(item: PhantomItem, key: LedgerKey) -> dict[str, Any]:
    """Make one phantom and write it. Runs in a worker."""
    made = make_phantom(item.settings, item.own_seed)
    project = copick.open_project(item.config)
    size = item.settings.voxel_size_A
    _write_tomograms(made, project, item)
    copick.write_segmentation(project, item.name, made.labels, size, name=LABELS, user=USER, session=SESSION)
    copick.write_project_picks(project, made.picks.assign(tomogram=item.name), user=USER, session=SESSION)
    counts = made.picks["object"].value_counts()
    drawn = {"tomogram": item.name, "seed": item.own_seed, "thickness_nm": round(made.thickness_nm, 2)}
    return drawn | {"defocus_A": round(made.defocus_A)} | {o.name: int(counts.get(o.name, 0)) for o in CZII_OBJECTS}


def _write_tomograms(made: Phantom, project: copick.Project, item: PhantomItem) -> None:
    def write(kind: str, data: np.ndarray) -> None:
        if kind in item.kinds:
            copick.write_tomogram(project, item.name, data, made.voxel_size_A, kind)

    write("wbp", made.data)
    if "wbp-even" in item.kinds or "wbp-odd" in item.kinds:
        even, odd = made.halves()
        write("wbp-even", even)
        write("wbp-odd", odd)
        del even, odd
    if "ctfdeconv" in item.kinds:
        write("ctfdeconv", deconvolve(made.data, made.voxel_size_A, made.defocus_A))
