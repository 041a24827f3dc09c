"""How densely particles lie on a grid, by all its exposures, also where they are too crowded to be counted.

As many tops stand in a crowded field as fit in, so that a count ends where coverage does not. The power that matter
adds at coarse spacings has no end: it is in proportion to the volume of the particles. What power a volume has is the
microscope's own; exposures of the same session whose particles can be counted tell it.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cryogauge.collect.judge.judge import LEAVES, LIMITS, worth_of_ice
from cryogauge.imaging.particle_count import USUAL_A

#: Coverage within which a count can be trusted, and exposures that are asked to tell the scale.
_COUNTED, _LEAST = (0.05, 0.2), 8
_GOOD_ICE = 0.8
#: Coverage from which crowding costs, and at which it costs most, and what is left then: as for a single exposure, but
#: with a later end, since power has none where counts have.
_ROOM, _NO_ROOM_LEAVES = (0.25, 0.6), 0.2
#: Coverage at which particles are worth half of what very many would be, the one below which an exposure is told to
#: hold few; and what is left where there are none, as for an exposure.
_HALF, _NONE_LEAVES = LIMITS["few"][0], LEAVES["few"]


def power_scale(rows: Sequence[Mapping[str, Any]]) -> float:
    """Coverage times diameter over the power of particles, in 1/Å: the median of a session's exposures of good ice in
    which particles are counted well; NaN where there are less than eight.

    Coverage goes with the number of particles times the square of their diameter, power with its cube.
    """
    found = []
    for row in rows:
        coverage, diameter, power = (number(row, f"particle_{name}") for name in ("coverage", "diameter_A", "power_A2"))
        sparse = _COUNTED[0] <= coverage <= _COUNTED[1] and power > 0 and math.isfinite(diameter)
        if sparse and row.get("kind") in ("great", "decent") and _ice(row) > _GOOD_ICE:
            found.append(coverage * diameter / power)
    return float(np.median(found)) if len(found) >= _LEAST else math.nan


def grid_coverage(rows: Sequence[Mapping[str, Any]], scale: float) -> dict[str, float]:
    """Diameter and coverage of the particles of a grid, its error, and what they leave of a score.

    Exposures in which one can tell are weighed by the worth of their ice: in thick ice particles are not seen. One size
    is taken for all, since a single small field hardly tells it. All exposures together say whether particles are few;
    how crowded they are is each one's own.

    Parameters
    ----------
    rows
        Of the grid's exposures, as they were judged.
    scale
        As :func:`power_scale` gives it; with NaN counts alone are used.
    """
    told = [row for row in rows if math.isfinite(number(row, "particles_per_um2_error"))]
    weight = np.array([_ice(row) for row in told])
    sizes = [number(row, "particle_diameter_A") for row, share in zip(told, weight, strict=True) if share > 0.5]
    diameter = float(np.nanmedian(sizes)) if np.isfinite(sizes).any() else math.nan
    size = diameter if math.isfinite(diameter) else USUAL_A
    coverage = error = math.nan
    left = 1.0
    if weight.sum() > 0:
        weight /= weight.sum()
        each = np.array([_coverage(row, size, scale) for row in told])
        coverage, error = float(weight @ each[:, 0]), float(np.linalg.norm(weight * each[:, 1]))
        left = _enough(coverage + error) * float(weight @ np.interp(each[:, 0], _ROOM, (1.0, _NO_ROOM_LEAVES)))
    return {"particle_diameter_A": diameter, "particle_coverage": coverage, "particle_coverage_error": error,
            "particles_score": left}  # fmt: skip


def _enough(coverage: float) -> float:
    """What particles leave of a score for being few: each further one is worth less than the one before, and where they
    begin to be crowded there are enough.
    """
    most = _ROOM[0] / (_ROOM[0] + _HALF)
    return min(max(coverage / (coverage + _HALF) / most, _NONE_LEAVES), 1.0)


def _coverage(row: Mapping[str, Any], diameter_A: float, scale: float) -> tuple[float, float]:
    """By the count, or by the power where more is counted than a count can be trusted with; and its error."""
    disc_um2 = math.pi / 4 * (diameter_A * 1e-4) ** 2
    counted, error = (disc_um2 * row[f"particles_per_um2{of}"] for of in ("", "_error"))
    by_power = scale * number(row, "particle_power_A2") / diameter_A
    crowded = number(row, "particle_coverage") > _COUNTED[1] and by_power > 0
    return (by_power, error) if crowded else (counted, error)


def _ice(row: Mapping[str, Any]) -> float:
    return worth_of_ice(number(row, "ice_thickness_nm"))


def number(row: Mapping[str, Any], name: str, missing: float = math.nan) -> float:
    """A value of a row as a number, ``missing`` where there is none."""
    value = row.get(name)
    return missing if value is None else float(value)
