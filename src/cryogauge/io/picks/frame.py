"""What a file of picks leaves unsaid: size of a voxel, size of the tomogram, names behind numbers."""

import logging
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from cryogauge.records import BadInput

log = logging.getLogger("cryogauge.io")

#: Columns of a table's angles.
ANGLES = ("rot", "tilt", "psi")
#: The object of picks in files that name none.
UNNAMED = "particle"
_CLASS = "class-"
_SAME = 0.01  # relative difference of two voxel sizes that are called the same


@dataclass(frozen=True)
class Tomogram:
    """What a list of tomograms says of one.

    Attributes
    ----------
    name
        As the table has it.
    number
        By which Dynamo, motive lists and DeepFinder know it.
    pixel_size_A
        Pixel of its tilt series.
    size_px
        Its size (x, y, z) in such pixels.
    """

    name: str
    number: int | None = None
    pixel_size_A: float | None = None
    size_px: tuple[int, int, int] | None = None


@dataclass(frozen=True)
class Frame:
    """What was given beside a file of picks.

    Attributes
    ----------
    voxel_size_A
        Edge of a voxel.
    shape
        Size of the tomograms in voxels (z, y, x).
    tomogram
        Name for the picks of a file that does not name their tomogram.
    objects
        Names of particles by their number of class; 0 for picks without a class.
    tomograms
        What a list of tomograms says.
    """

    voxel_size_A: float | None = None
    shape: tuple[int, int, int] | None = None
    tomogram: str | None = None
    objects: Mapping[int, str] = field(default_factory=dict)
    tomograms: tuple[Tomogram, ...] = ()

    def voxel(self, path: Path, stated_A: float | None = None) -> float:
        """Edge of a voxel in Å: as given, or as the file states it.

        Raises
        ------
        BadInput
            When neither says it.
        """
        stated = stated_A if stated_A and stated_A > 0 and np.isfinite(stated_A) else None
        if self.voxel_size_A is None:
            if stated is None:
                raise BadInput(
                    f"the positions in {path} are in voxels, and nothing says how large a voxel is",
                    "give its edge in Å with --voxel-size",
                )
            return stated
        if stated is not None and abs(stated - self.voxel_size_A) > _SAME * self.voxel_size_A:
            log.warning("%s states voxels of %g Å; %g Å is used, as given", path, stated, self.voxel_size_A)
        return self.voxel_size_A

    def tomogram_of(self, name: str) -> Tomogram | None:
        """What the list of tomograms says of one, if anything."""
        return next((each for each in self.tomograms if each.name == name), None)

    def extent_A(self, name: str) -> np.ndarray | None:
        """Size (x, y, z) of a tomogram in Å, where it is known."""
        listed = self.tomogram_of(name)
        if listed is not None and listed.size_px is not None and listed.pixel_size_A:
            return np.array(listed.size_px, dtype=float) * listed.pixel_size_A
        if self.shape is not None and self.voxel_size_A is not None:
            return np.array(self.shape[::-1], dtype=float) * self.voxel_size_A
        return None

    def tomogram_name(self, path: Path, ends: str = "") -> str:
        """The name given, or that of the file without the ending that its program adds."""
        return self.tomogram or (re.sub(ends, "", path.stem) if ends else path.stem)

    def object_names(self, path: Path, labels: np.ndarray) -> list[str]:
        """Names of particles by their class numbers, see :meth:`object_name`."""
        return [self.object_name(label) for label in _whole(path, labels, "class")]

    def object_name(self, label: int) -> str:
        """Name of a class: as given, else ``class-3``, or ``particle`` for class 0."""
        if label in self.objects:
            return self.objects[label]
        return f"{_CLASS}{label}" if label else UNNAMED

    def named(self, path: Path, numbers: np.ndarray) -> list[str]:
        """Names of tomograms by their numbers; a number that is listed nowhere is its own name.

        A name given is used where all the picks are of one number.
        """
        listed = {each.number: each.name for each in self.tomograms if each.number is not None}
        whole = _whole(path, numbers, "tomogram")
        if self.tomogram is not None and len(set(whole)) <= 1:
            return [self.tomogram] * len(whole)
        return [listed.get(number, str(number)) for number in whole]

    def labels(self, names: Iterable[str]) -> dict[str, int]:
        """A class number for each name of a particle: as given, else counted from 1 in order of the alphabet.

        Raises
        ------
        BadInput
            When numbers were given for others only.
        """
        wanted = sorted(set(names))
        given = {name: label for label, name in self.objects.items() if label}
        if given:
            missing = [name for name in wanted if name not in given]
            if missing:
                raise BadInput(f"no class number is given for {missing[0]}", f"add --object N={missing[0]}")
            return {name: given[name] for name in wanted}
        labels = {name: int(name.removeprefix(_CLASS)) for name in wanted if re.fullmatch(rf"{_CLASS}[1-9]\d*", name)}
        free = (number for number in range(1, len(wanted) + len(labels) + 1) if number not in labels.values())
        return {name: labels[name] if name in labels else next(free) for name in wanted}

    def numbers(self, names: Iterable[str]) -> dict[str, int]:
        """A number for each tomogram: as listed, else its own name where that is a number, else counted from 1."""
        wanted = sorted(set(names))
        listed = {each.name: each.number for each in self.tomograms if each.number is not None}
        numbers = {name: listed[name] for name in wanted if name in listed}
        for name in wanted:
            if name not in numbers and re.fullmatch(r"0|[1-9]\d{0,6}", name) and int(name) not in numbers.values():
                numbers[name] = int(name)
        free = (number for number in range(1, 2 * len(wanted) + 1) if number not in numbers.values())
        return {name: numbers[name] if name in numbers else next(free) for name in wanted}


@dataclass(frozen=True)
class PickFormat:
    """A kind of file.

    Attributes
    ----------
    kind
        Its name.
    suffix
        Ending that files of this kind have, with the dot.
    recognises
        Whether a file's first bytes are of this kind.
    read
        ``read(path, frame)``: a table with ``PICK_COLUMNS``, and angles where the file has them.
    write
        ``write(path, table, frame)``: the files written; ``None`` where writing makes no sense.
    one_tomogram, one_object
        Whether a file holds the picks of one tomogram, or of one kind of particle.
    angles
        Whether it holds orientations.
    scores
        Whether it holds scores.
    """

    kind: str
    suffix: str
    recognises: Callable[[bytes], bool]
    read: Callable[[Path, Frame], pd.DataFrame]
    write: Callable[[Path, pd.DataFrame, Frame], list[Path]] | None
    one_tomogram: bool = False
    one_object: bool = False
    angles: bool = False
    scores: bool = False


def picks_table(
    tomogram: str | Iterable[str],
    object_: str | Iterable[str],
    positions_A: np.ndarray,
    scores: np.ndarray | None = None,
    angles: np.ndarray | None = None,
) -> pd.DataFrame:
    """A pick table of positions (x, y, z) in Å, shape ``(pick, 3)``; scores are NaN where there are none."""
    table = pd.DataFrame(np.asarray(positions_A, dtype=float).reshape(-1, 3), columns=["x_A", "y_A", "z_A"])
    names = {"tomogram": tomogram, "object": object_}
    for place, (column, value) in enumerate(names.items()):
        values = [value] * len(table) if isinstance(value, str) else list(value)
        table.insert(place, column, pd.Series(values, index=table.index, dtype=object).astype(str))
    table["score"] = np.nan if scores is None else np.asarray(scores, dtype=float)
    if angles is not None:
        table[list(ANGLES)] = np.asarray(angles, dtype=float).reshape(-1, 3)
    return table


def _whole(path: Path, values: np.ndarray, what: str) -> list[int]:
    if not (np.isfinite(values).all() and np.abs(values).max(initial=0) < 2**53):
        raise BadInput(f"{path} has a number of a {what} that is no number", "write it again")
    return [int(value) for value in values]


def positions_A(table: pd.DataFrame) -> np.ndarray:
    """Positions (x, y, z) of a table in Å, shape ``(pick, 3)``."""
    return table[["x_A", "y_A", "z_A"]].to_numpy(dtype=float)


def angles_of(table: pd.DataFrame) -> np.ndarray | None:
    """Rot, tilt, psi of a table, shape ``(pick, 3)``; ``None`` where it has none."""
    return table[list(ANGLES)].to_numpy(dtype=float) if set(ANGLES) <= set(table.columns) else None


def scores_of(table: pd.DataFrame) -> np.ndarray:
    """Scores of a table, 0 where there is none, shape ``(pick,)``: what formats without blanks hold."""
    return np.nan_to_num(table["score"].to_numpy(dtype=float))


def read_bytes(path: Path) -> bytes:
    """What a file holds; ``BadInput`` where it cannot be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise BadInput(f"{path} does not exist", "check the path") from error
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {(error.strerror or 'refused').lower()}", "check the path") from error
