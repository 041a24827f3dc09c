"""The voxel size a header states, believed only when it can be true."""

import logging
import math
from collections.abc import Sequence
from statistics import median

from cryogauge.records import BadInput

_log = logging.getLogger("cryogauge.io")

#: No tomogram has voxels this coarse; headers that say so hold another unit or rubbish.
ABSURD_A = 1000.0
#: Nor has a picture of a grid, whose atlas has 1,000 to 6,000 Å, more where it was binned.
ABSURD_GRID_A = 100_000.0
#: Relative difference between the axes that rounding in headers explains.
ANISOTROPY = 0.01

_GIVE_IT = "give it with --pixel-size (Å), or pixel_size_A= from Python"
_UNITS_A = {
    "angstrom": 1.0,
    "angstroms": 1.0,
    "ångström": 1.0,
    "å": 1.0,
    "a": 1.0,
    "nanometer": 10.0,
    "nanometre": 10.0,
    "nm": 10.0,
    "micrometer": 1e4,
    "micrometre": 1e4,
    "micron": 1e4,
    "microns": 1e4,
    "um": 1e4,
    "µm": 1e4,
    "μm": 1e4,  # the Greek letter, where the line above has the micro sign
    "\\u00b5m": 1e4,  # as ImageJ writes the micro sign
}


def unit_A(unit: str | None) -> float | None:
    """Å in one of this unit of length (``nm``, ``micrometer``, …); ``None`` for no unit or an unknown one."""
    return _UNITS_A.get(unit.strip().lower()) if unit else None


def check_given(pixel_size_A: float | None, absurd_A: float = ABSURD_A) -> None:
    """Refuse a given voxel size that no tomogram has.

    Raises
    ------
    BadInput
        When it is not a number above 0 and below ``absurd_A``.
    """
    if pixel_size_A is not None and not 0 < pixel_size_A < absurd_A:
        raise BadInput(f"a pixel size of {pixel_size_A:g} Å cannot be", "give Å per pixel, such as 13.48")


def voxel_size(
    source: str, stated_A: Sequence[float] | None, pixel_size_A: float | None, absurd_A: float = ABSURD_A
) -> float:
    """The voxel edge in Å: the given one, or else the file's if it can be true.

    Parameters
    ----------
    source
        What to call the file in a message.
    stated_A
        What the file says, per axis in any order, in Å; ``None`` or all zero when it says nothing.
    pixel_size_A
        The given size, or ``None``.
    absurd_A
        What is this coarse is not believed: :data:`ABSURD_GRID_A` for pictures of grids.

    Raises
    ------
    BadInput
        When none was given and the file's is missing, absurd (negative, not finite, ``absurd_A`` or more) or differs
        between the axes by more than 1 %.
    """
    if pixel_size_A is not None:
        return float(pixel_size_A)
    if stated_A is None or not any(stated_A):
        raise BadInput(f"{source} does not say its voxel size", _GIVE_IT)
    shown = " × ".join(f"{size:g}" for size in stated_A)
    if not all(math.isfinite(size) and 0 < size < absurd_A for size in stated_A):
        raise BadInput(f"{source} says a voxel size of {shown} Å, which cannot be", _GIVE_IT)
    if max(stated_A) > min(stated_A) * (1 + ANISOTROPY):
        raise BadInput(f"{source} says its voxels are not cubes ({shown} Å)", _GIVE_IT)
    if all(size == 1 for size in stated_A):
        _log.warning("%s says a voxel size of exactly 1 Å, often a placeholder; --pixel-size overrules it", source)
    return float(median(stated_A))  # of equal sizes exactly that size
