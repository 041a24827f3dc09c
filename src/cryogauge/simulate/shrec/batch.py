"""A set of tomograms in the layout of SHREC 2020 and 2021: a batch that resumes."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from cryogauge.io import write_mrc
from cryogauge.io.replace import write_csv
from cryogauge.io.shrec import write_locations
from cryogauge.jobs import LedgerKey, Outcome
from cryogauge.records import BadInput
from cryogauge.records.shrec import SHREC_CLASSES, SHREC_VOXEL_A
from cryogauge.simulate.numbered import claim, make_missing, own_seed, plain_settings
from cryogauge.simulate.shrec.species import checksums
from cryogauge.simulate.shrec.tomogram import ShrecSettings, make_shrec

SETTINGS, TABLE = "shrec.json", "shrec.csv"
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
        return own_seed(self.seed, self.index)


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
    used = {"seed": seed, "maps": checksums(settings.maps), **plain_settings(settings)}
    content = claim(out, SETTINGS, used, "SHREC-like tomograms")
    items = (ShrecItem(settings, out, seed, index) for index in range(count))
    rows = make_missing(make_item, items, out, content, artefacts=_artefacts, workers=workers, on_outcome=on_outcome)
    write_csv(out / TABLE, pd.DataFrame(rows), float_format=None)
    return {"set": out, "table": out / TABLE, "settings": out / SETTINGS}


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
