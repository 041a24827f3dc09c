"""Many phantoms as a copick project: a batch that resumes."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cryogauge import __version__
from cryogauge.io import copick
from cryogauge.io.replace import write_csv
from cryogauge.jobs import LedgerKey, Outcome
from cryogauge.records import CZII_OBJECTS, BadInput
from cryogauge.simulate.looks import deconvolve
from cryogauge.simulate.numbered import claim, make_missing, own_seed, plain_settings
from cryogauge.simulate.phantom.mixture import PhantomSettings
from cryogauge.simulate.phantom.species import map_checksums
from cryogauge.simulate.phantom.tomogram import Phantom, make_phantom

#: Types of tomograms: all exposures, their even and odd dose fractions, and all with the CTF deconvolved.
ALL_KINDS = ("wbp", "wbp-even", "wbp-odd", "ctfdeconv")
KINDS = ("wbp", "wbp-even", "wbp-odd")
#: Who picked, in which session, and what the labels are called. Nobody saves predictions under such a name.
USER, SESSION, LABELS = "phantom", "0", "particles"
SETTINGS, TABLE = "phantom.json", "phantom.csv"


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
        return own_seed(self.seed, self.index)


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
    used = {"seed": seed, "maps": map_checksums(maps), **plain_settings(settings)}
    content = claim(out, SETTINGS, used, "phantoms")
    config = out / "copick.json"
    if not config.exists():
        copick.create_project(out, CZII_OBJECTS, name="cryogauge phantom", description="simulated; truth is known")
    items = (PhantomItem(settings, kinds, config, seed, index) for index in range(count))
    rows = make_missing(
        make_item, items, out, content, artefacts=_artefacts, version=f"{__version__} {' '.join(kinds)}",
        workers=workers, on_outcome=on_outcome,
    )  # fmt: skip
    write_csv(out / TABLE, pd.DataFrame(rows), float_format=None)
    return {"project": config, "table": out / TABLE, "settings": out / SETTINGS}


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
