"""Real tomograms and pictures outside the repository, their degraded copies and their scores."""

import csv
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from cryogauge.imaging.degrade import add_noise, blur, randomise_phases, widen_wedge
from cryogauge.io import open_volume, read_picture
from cryogauge.records import TomogramJudgement, Volume
from cryogauge.score.tomogram import judge_volume
from validation.held_out import shipped_model

HERE = Path(__file__).resolve().parent
TOMOGRAM_171 = "tomograms/tomo-project/EMPIAR-11658_tomo171_31A.mrc"
MICROTUBULE = "tomograms/cylindra/13pf_MT.tif"
MEMBRANE = "tomograms/TARDIS/3_0_25_54_25.tif"
#: For files that do not say it: the score does not depend on it.
_UNKNOWN_A = 10.0

#: Ways to make a file worse, as ``file#name=amount``; amounts as in :mod:`cryogauge.imaging.degrade`.
DEGRADED: dict[str, Callable[[np.ndarray, float], np.ndarray]] = {
    "noise": lambda data, amount: add_noise(data, amount, seed=0),
    "blur": blur,
    "wedge": widen_wedge,
    "phases": lambda data, amount: without_phases(data, seed=0),
}


def data_folder() -> Path | None:
    """``CRYOGAUGE_DATA``: where the real files lie, or None where it is not set."""
    folder = os.environ.get("CRYOGAUGE_DATA", "")
    return Path(folder) if folder else None


def without_phases(data: np.ndarray, seed: int) -> np.ndarray:
    """A picture, or a volume slice by slice, with random phases."""
    if data.ndim == 2:
        return randomise_phases(data, seed)
    return np.stack([randomise_phases(image, seed + z) for z, image in enumerate(data)])


def read(name: str, model: str) -> tuple[np.ndarray, float]:
    """Values (float32) and voxel size (Å) of ``file`` or ``file#degradation=amount``, for ``volume`` or ``picture``."""
    folder = data_folder()
    assert folder is not None
    file, _, degradation = name.partition("#")
    if model == "picture":
        data, size = read_picture(folder / file)
    else:
        stated = None if file.endswith(".mrc") else _UNKNOWN_A
        volume = open_volume(folder / file, pixel_size_A=stated)
        data, size = np.asarray(volume.data[:], dtype=np.float32), volume.voxel_size_A
    if degradation:
        how, _, amount = degradation.partition("=")
        data = DEGRADED[how](data, float(amount or 0))
    return data, size


@cache
def tomogram(name: str) -> TomogramJudgement:
    """Judgement of a tomogram or of its degraded copy."""
    data, size = read(name, "volume")
    return judge_volume(Volume(data, size), name, shipped_model())


@cache
def picture_score(name: str) -> float:
    """Score of a picture or of its degraded copy."""
    return float(shipped_model().judge_picture(read(name, "picture")[0]).score[0])


def score(name: str, model: str) -> float:
    """What ranks it: a tomogram's TomoScore, a picture's own score."""
    return tomogram(name).tomoscore if model == "volume" else picture_score(name)


@dataclass(frozen=True)
class Order:
    """One row of ``real_orders.csv``: ``better`` must score above ``worse`` by ``margin`` (or just above it)."""

    better: str
    worse: str
    margin: float
    model: str
    why: str
    chose_model: str

    @property
    def files(self) -> tuple[str, ...]:
        """Both files."""
        return self.better, self.worse

    def held(self) -> bool:
        """Whether the scores stand in this order."""
        difference = score(self.better, self.model) - score(self.worse, self.model)
        return difference >= self.margin if self.margin > 0 else difference > 0


@dataclass(frozen=True)
class Level:
    """One row of ``real_levels.csv``: ``file`` is above or below a bound, or alike (within it) to ``other``."""

    file: str
    other: str
    relation: str
    bound: float
    model: str
    why: str

    @property
    def files(self) -> tuple[str, ...]:
        """The file, and the other one where there is one."""
        return (self.file, self.other) if self.other else (self.file,)

    def held(self) -> bool:
        """Whether the score is where it should be."""
        value = score(self.file, self.model)
        if self.relation == "alike":
            return abs(value - score(self.other, self.model)) < self.bound
        return value > self.bound if self.relation == "above" else value < self.bound


def orders() -> list[Order]:
    """The ordered pairs."""
    return [Order(**{**row, "margin": float(row["margin"])}) for row in _rows("real_orders.csv")]


def levels() -> list[Level]:
    """The expected levels."""
    return [Level(**{**row, "bound": float(row["bound"])}) for row in _rows("real_levels.csv")]


def _rows(name: str) -> list[dict[str, str]]:
    with (HERE / name).open(newline="") as file:
        return list(csv.DictReader(file))


def single_slices() -> list[str]:
    """Every picture of the folder of single slices, as a name relative to the data."""
    folder = data_folder()
    assert folder is not None
    return sorted(str(path.relative_to(folder)) for path in (folder / "slices").rglob("*.png"))
