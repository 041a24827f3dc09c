"""What the ice of a whole grid is worth, from the few holes where its thickness was measured.

Brightness tells thickness up to a factor that depends on magnification, dose and foil: ``t = λ (c − ln I)``. The
exposures of a grid, where thickness is measured, tell c for the holes in the pictures of its squares, and these tell it
for the squares of its atlas. So the ice of every hole and square counts, and not only that of the few exposed. In
surveys this is a regression estimate (Cochran, Sampling Techniques, 1977, chapter 7).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Of the ice at 300 kV, the slit in. Where squares are pictured without it holes differ more in thickness than this has
#: it; about where exposures were measured the constants make up for that.
_PATH_NM = 310.0


@dataclass(frozen=True)
class GridIce:
    """Ice of a grid.

    Attributes
    ----------
    worth
        What an exposure of a target in it is worth by its thickness, the mean over all squares that may be visited.
    median_nm
        Of the targets in the squares that were visited.
    """

    worth: float
    median_nm: float


def grid_ice(
    found: Mapping[str, Any],
    seen: Mapping[int, Mapping[str, Any]],
    rows: Sequence[Mapping[str, Any]],
    worth: Callable[[float], float],
) -> GridIce | None:
    """Ice of a grid; None where no thickness was measured.

    Parameters
    ----------
    found
        Squares of the atlas: a ``queue`` of those that may be visited, with ``square`` and ``brightness``.
    seen
        By the number of a square that was visited: ``targets_brightness``, quantiles over its targets.
    rows
        Exposures of the grid, with ``exposure``, ``hole_brightness`` and ``ice_thickness_nm``.
    worth
        Of an exposure, by its thickness in nm.
    """
    constants = []
    for row in rows:
        nm, bright = float(row.get("ice_thickness_nm", math.nan)), float(row.get("hole_brightness", math.nan))
        if math.isfinite(nm) and bright > 0:
            constants.append(math.log(bright) + nm / _PATH_NM)
    if not constants:
        return None
    constant = float(np.median(constants))
    holes_nm = {
        number: np.maximum(_PATH_NM * (constant - np.log(np.maximum(square["targets_brightness"], 1e-9))), 0.0)
        for number, square in seen.items() if len(square.get("targets_brightness", ()))
    }  # fmt: skip
    atlas = {square["square"]: math.log(square["brightness"]) for square in found["queue"] if square["brightness"] > 0}
    known = [number for number in holes_nm if number in atlas]
    if not known:
        return None
    middle_nm = {number: float(holes_nm[number].mean()) for number in known}
    level = float(np.median([atlas[number] + middle_nm[number] / _PATH_NM for number in known]))
    spread_nm = _spread_nm(holes_nm)
    squares = [
        _mean(holes_nm[number], worth) if number in holes_nm
        else _mean(_PATH_NM * (level - value) + spread_nm, worth)
        for number, value in atlas.items()
    ]  # fmt: skip
    every_nm = np.concatenate([holes_nm[number] for number in known])
    return GridIce(float(np.mean(squares)), float(np.median(every_nm)))


def _spread_nm(holes_nm: Mapping[int, NDArray[np.float64]]) -> NDArray[np.float64]:
    """How holes of a square are thicker or thinner than their mean: quantiles of the square of middling spread."""
    at = np.linspace(0.05, 0.95, 10)
    each = np.array([np.quantile(nm - nm.mean(), at) for nm in holes_nm.values()])
    return np.median(each, axis=0)


def _mean(nm: NDArray[np.float64], worth: Callable[[float], float]) -> float:
    return float(np.mean([worth(float(each)) for each in np.maximum(nm, 0.0)]))
