"""A set of tomograms in the layout of SHREC 2020 and 2021: a batch that resumes."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cryogauge import __version__
from cryogauge.io import write_mrc
from cryogauge.io.json_file import read_json_file, write_json_file
from cryogauge.io.replace import replacing
from cryogauge.io.shrec import write_locations
from cryogauge.jobs import Ledger, LedgerKey, Outcome, run_batch
from cryogauge.records import BadInput
from cryogauge.records.shrec import SHREC_CLASSES, SHREC_VOXEL_A
from cryogauge.simulate.shrec.species import checksums
from cryogauge.simulate.shrec.tomogram import ShrecSettings, make_shrec

SETTINGS, LEDGER, TABLE = "shrec.json", "ledger.sqlite", "shrec.csv"
#: Files of each tomogram, the reconstruction last: what has one is whole.
FILES = ("particle_locations.txt", "occupancy_mask.mrc", "class_mask.mrc", "grandmodel.mrc", "reconstruction.mrc")


@dataclass(frozen=True)
class ShrecItem:
    """One tomogram to be made."""

    settings: ShrecSettings
    out: Path
    seed: int
    index: int

    @property
    def name(self) -> str:
        """The name of its folder."""
        return f"model_{self.index}"

    @property
    def own_seed(self) -> int:
        """Its own seed, which follows from the seed of all and its place."""
        return int(np.random.SeedSequence([self.seed, self.index]).generate_state(1)[0])


def simulate_shrec(
    out: Path,
    count: int = 10,
    settings: ShrecSettings | None = None,
    *,
    seed: int = 0,
    workers: int = 1,
    on_outcome: Callable[[Outcome[ShrecItem]], None] = lambda outcome: None,
) -> dict[str, Path]:
    """Make the tomograms of a SHREC-like set that a folder does not hold yet.

    Tomogram ``i`` depends on the settings, the maps, the seed and ``i`` alone, so that a larger ``count`` later adds to
    what is there. An interrupted run goes on where it stopped.

    Parameters
    ----------
    out
        The folder, with ``model_0``, ``model_1`` … of :data:`FILES` each. The last one is the test, as in SHREC.
    count
        How many.
    settings
        Size, maps and imaging.
    seed
        Seed of all.
    workers
        Tomograms under way at a time.
    on_outcome
        Told of each tomogram as it is done or has failed.

    Returns
    -------
    dict
        ``set``: the folder; ``table``: ``shrec.csv``, one row a tomogram that succeeded; ``settings``: what was used.

    Raises
    ------
    BadInput
        When settings or maps cannot be used, or the folder holds something else.
    """
    if count < 1:
        raise BadInput(f"{count} tomograms cannot be made", "give a count of 1 or more")
    settings = settings or ShrecSettings()
    settings = replace(settings, maps=tuple(path.absolute() for path in settings.maps))
    plain = {"seed": seed, "maps": checksums(settings.maps), **_plain(settings)}
    _claim(out, plain)
    fingerprint = hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()

    def key(item: ShrecItem) -> LedgerKey:
        return LedgerKey(item.name, fingerprint, "", __version__)

    rows: dict[int, dict[str, Any]] = {}
    with Ledger(out / LEDGER) as ledger:
        items = (ShrecItem(settings, out, seed, index) for index in range(count))
        for outcome in run_batch(make_item, items, key=key, ledger=ledger, artefacts=_artefacts, workers=workers):
            if outcome.failure is None:
                rows[outcome.item.index] = outcome.row
            on_outcome(outcome)
    with replacing(out / TABLE) as temporary:
        pd.DataFrame([rows[index] for index in sorted(rows)]).to_csv(temporary, index=False)
    return {"set": out, "table": out / TABLE, "settings": out / SETTINGS}


def _plain(settings: ShrecSettings) -> dict[str, Any]:
    """The settings as JSON holds them, less where the maps are: what they hold counts."""
    return json.loads(json.dumps({name: value for name, value in asdict(settings).items() if name != "maps"}))


def _claim(out: Path, used: dict[str, Any]) -> None:
    """Write what is used into the folder; raises ``BadInput`` where something else is at home."""
    path, plain = out / SETTINGS, {"version": __version__, **used}
    if path.exists():
        if read_json_file(path, "choose another output folder") != plain:
            raise BadInput(f"{out} holds tomograms of other settings, maps or version", "choose another output folder")
    elif out.exists() and any(out.iterdir()):
        raise BadInput(f"{out} is not empty and holds no such set", "choose another output folder")
    else:
        out.mkdir(parents=True, exist_ok=True)
        write_json_file(path, plain)


def _artefacts(item: ShrecItem, key: LedgerKey) -> tuple[str, ...]:
    return tuple(f"{item.name}/{name}" for name in FILES)


def make_item(item: ShrecItem, key: LedgerKey) -> dict[str, Any]:
    """Make one tomogram and write it. Runs in a worker."""
    made = make_shrec(item.settings, item.own_seed)
    folder = item.out / item.name
    folder.mkdir(exist_ok=True)
    write_locations(folder / "particle_locations.txt", made.particles)
    volumes = (made.occupancy, made.classes, made.potential_V, made.data)
    for name, data in zip(FILES[1:], volumes, strict=True):
        write_mrc(folder / name, data, SHREC_VOXEL_A)
    counts = made.particles["object"].value_counts()
    drawn = {"tomogram": item.name, "seed": item.own_seed, "defocus_A": round(made.defocus_A)}
    return drawn | {name: int(counts.get(name, 0)) for name in SHREC_CLASSES[2019]}
