"""What the ice of a whole grid is worth, from the few holes where its thickness was measured.

Brightness tells thickness up to two constants, ``t = λ (c − ln I)``. The exposures of a session, where thickness is
measured, tell λ, which is another one in pictures of squares than in exposures: with the objective lens nearly off and
its aperture out, or without the slit. Those of a grid tell c, which depends on dose and foil, for the holes in the
pictures of its squares, and these tell it for the squares of its atlas. So the ice of every hole and square counts, and
not only that of the few exposed. In surveys this is a regression estimate (Cochran, Sampling Techniques, 1977, chapter
7).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import theilslopes

from cryogauge.collect.judge.ice import USUAL_PATH_NM
from cryogauge.collect.screen.coverage import number

#: Exposures that tell the path at least, and how far half of them must be from their grid's median, in nm; as many as
#: are asked at most.
_LEAST, _SPREAD_NM, _MOST = 12, 3.0, 500
#: Within which it is believed: nothing takes more than the slit and every atom, 135 at 120 kV, and nothing less than
#: the objective aperture alone, 1,500 at 300 kV.
_PATHS_NM = (120.0, 2000.0)


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


def ice_path_nm(rows: Sequence[Mapping[str, Any]]) -> float:
    """Path after which 1/e of the beam is left in the pictures of squares, by the exposures of a session.

    Thickness and the logarithm of the hole's brightness lie on a line in each grid; its slope is the same in all. The
    median of the slopes of all pairs (Sen, J. Am. Stat. Assoc. 63, 1379, 1968) does not feel the few exposures that lie
    beside their hole. Exposures of even ice, or a few, cannot tell it: then it is taken to be that of exposures.
    """
    by_grid: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        nm, bright = number(row, "ice_thickness_nm"), number(row, "hole_brightness")
        if math.isfinite(nm) and bright > 0:
            by_grid.setdefault(row["exposure"].split("/")[0], []).append((nm, -math.log(bright)))
    centred = [np.array(each) - np.median(each, axis=0) for each in by_grid.values()]
    deviations = np.concatenate([np.empty((0, 2)), *centred])
    nm, dark = deviations[:: -(-len(deviations) // _MOST) or 1].T
    if len(nm) < _LEAST or np.median(np.abs(nm)) < _SPREAD_NM or not dark.any():
        return USUAL_PATH_NM
    path_nm = float(np.asarray(theilslopes(nm, dark))[0])
    return path_nm if _PATHS_NM[0] < path_nm < _PATHS_NM[1] else USUAL_PATH_NM


def grid_ice(
    found: Mapping[str, Any],
    seen: Mapping[int, Mapping[str, Any]],
    rows: Sequence[Mapping[str, Any]],
    worth: Callable[[float], float],
    path_nm: float = USUAL_PATH_NM,
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
    path_nm
        As :func:`ice_path_nm` gives it.
    """
    constants = []
    for row in rows:
        nm, bright = number(row, "ice_thickness_nm"), number(row, "hole_brightness")
        if math.isfinite(nm) and bright > 0:
            constants.append(math.log(bright) + nm / path_nm)
    if not constants:
        return None
    constant = float(np.median(constants))
    holes_nm = {
        n: np.maximum(path_nm * (constant - np.log(np.maximum(square["targets_brightness"], 1e-9))), 0.0)
        for n, square in seen.items() if len(square.get("targets_brightness", ()))
    }  # fmt: skip
    atlas = {square["square"]: math.log(square["brightness"]) for square in found["queue"] if square["brightness"] > 0}
    known = [n for n in holes_nm if n in atlas]
    if not known:
        return None
    middle_nm = {n: float(holes_nm[n].mean()) for n in known}
    level = float(np.median([atlas[n] + middle_nm[n] / path_nm for n in known]))
    spread_nm = _spread_nm(holes_nm)
    squares = [
        _mean(holes_nm[n], worth) if n in holes_nm
        else _mean(path_nm * (level - value) + spread_nm, worth)
        for n, value in atlas.items()
    ]  # fmt: skip
    every_nm = np.concatenate([holes_nm[n] for n in known])
    return GridIce(float(np.mean(squares)), float(np.median(every_nm)))


def _spread_nm(holes_nm: Mapping[int, NDArray[np.float64]]) -> NDArray[np.float64]:
    """How holes of a square are thicker or thinner than their mean: quantiles of the square of middling spread."""
    at = np.linspace(0.05, 0.95, 10)
    each = np.array([np.quantile(nm - nm.mean(), at) for nm in holes_nm.values()])
    return np.median(each, axis=0)


def _mean(nm: NDArray[np.float64], worth: Callable[[float], float]) -> float:
    return float(np.mean([worth(float(each)) for each in np.maximum(nm, 0.0)]))
