"""Which grid is best: a score from its squares, holes and exposures."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from cryogauge.collect.drivers.journal import Entry
from cryogauge.collect.judge.ice import USUAL_PATH_NM
from cryogauge.collect.judge.judge import worth_of_ice
from cryogauge.collect.screen.coverage import grid_coverage, number, power_scale
from cryogauge.collect.screen.ice_map import GridIce, grid_ice, ice_path_nm
from cryogauge.collect.screen.log import Key
from cryogauge.collect.screen.rules import fits_looked_for

COLUMNS = (
    "score", "slot", "grid", "squares_score", "holes_score", "exposures_score", "squares_found", "squares_seen",
    "exposures", "median_fit_A", "note", "ice_nm", "ice_score", "particle_diameter_A", "particle_coverage",
    "particle_coverage_error", "particles_score",
)  # fmt: skip
#: Classes that do not tell of particles.
_SPOILT = ("contaminated", "crystalline")


def rank_grids(grids: Mapping[int, str], steps: Mapping[Key, Entry], rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """The grids, the best first.

    The score is what a target taken blindly promises: the share of the atlas's squares that are worth a visit, times
    the mean over the squares visited of the share of targets among their holes times the mean score of their
    exposures. Squares and exposures are weighed by the cluster that they stand for. A grid that was given up before it
    had an exposure scores 0; one that was not reached, or whose slot is empty, has no score.

    Parameters
    ----------
    grids
        Names by slot.
    steps
        Of the session's log.
    rows
        Of the exposures, as they were judged.

    Returns
    -------
    DataFrame with ``COLUMNS``.
    """
    scale, path_nm = power_scale(rows), ice_path_nm(rows)
    own: dict[str, list[Mapping[str, Any]]] = {str(slot): [] for slot in grids}
    for row in rows:
        own.get(row["exposure"].split("/")[0], []).append(row)
    made = [_row(slot, name, steps, own[str(slot)], scale, path_nm) for slot, name in grids.items()]
    return pd.DataFrame(made, columns=list(COLUMNS)).sort_values(
        ["score", "slot"], ascending=[False, True], kind="stable", ignore_index=True, na_position="last"
    )


def _row(
    slot: int, name: str, steps: Mapping[Key, Entry], rows: Sequence[Mapping[str, Any]], scale: float, path_nm: float
) -> dict[str, Any]:
    found = _done(steps, "squares", str(slot))
    weights = {f"{slot}/{square['square']}": square["weight"] for square in found["queue"]} if found else {}
    visited: dict[str, Any] = {}
    in_square: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        in_square.setdefault(row["exposure"].rsplit("/", 2)[0], []).append(row)
    seen = []  # of each square visited: its weight, share of targets, score of its exposures
    for target, weight in weights.items():
        own = in_square.get(target)
        square = _done(steps, "square", target)
        if square and own:
            visited[target] = square
            seen.append((weight, square["target_share"], _mean(own)))
        elif ("square", target) in steps and steps["square", target].fault == "Skipped":
            seen.append((weight, 0.0, 0.0))
    weight, targets, exposed = np.array(seen).reshape(-1, 3).T
    total = max(float(weight.sum()), 1e-9)
    squares_score = float(found["usable"]) if found else math.nan
    holes_score = float(weight @ targets) / total if seen else math.nan
    particles = grid_coverage(rows, scale)
    ice = _ice(found, visited, rows, path_nm)
    if ice is not None:
        exposures_score = ice.worth * _rest(rows) * particles["particles_score"]
    elif seen and holes_score:
        exposures_score = float(weight @ (targets * exposed)) / total / holes_score
    else:
        exposures_score = math.nan
    score = squares_score * holes_score * exposures_score
    why = _done(steps, "skip", str(slot))
    there = why is None or not why.get("no_grid")
    if math.isnan(score) and there and _done(steps, "grid", str(slot)) is not None:
        score = 0.0
    fits = [fit_A for _, fit_A in fits_looked_for(rows)]
    return {
        "score": score, "slot": slot, "grid": name, "squares_score": squares_score, "holes_score": holes_score,
        "exposures_score": exposures_score, "squares_found": found["found"] if found else 0,
        "squares_seen": len(seen), "exposures": len(rows),
        "median_fit_A": float(np.median(fits)) if fits else math.nan,
        "note": why["why"] if why else "",
        "ice_nm": math.nan if ice is None else ice.median_nm, "ice_score": math.nan if ice is None else ice.worth,
        **particles,
    }  # fmt: skip


def _ice(
    found: Mapping[str, Any] | None, visited: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], path_nm: float
) -> GridIce | None:
    if found is None or not visited or not any(math.isfinite(number(row, "ice_thickness_nm")) for row in rows):
        return None
    return grid_ice(found, {int(key.split("/")[1]): each for key, each in visited.items()}, rows, _worth, path_nm)


def _worth(thickness_nm: float) -> float:
    """Of ice between grids: as for an exposure, times the electrons that it leaves to the image, so that of two grids
    of good ice the thinner one is better.
    """
    return worth_of_ice(thickness_nm) * _left_over(thickness_nm)


def _left_over(thickness_nm: float) -> float:
    return math.exp(-thickness_nm / USUAL_PATH_NM) if math.isfinite(thickness_nm) else 1.0


def _rest(rows: Sequence[Mapping[str, Any]]) -> float:
    """What all but ice's thickness and particles leave: the score of exposures without those over the worth of their
    ice, so that exposures of good ice count most.
    """
    thickness_nm = [number(row, "ice_thickness_nm") for row in rows]
    without = [number(row, "score") / max(_of_particles(row), 1e-3) for row in rows]
    left = sum(_left_over(nm) * one for nm, one in zip(thickness_nm, without, strict=True))
    return min(left / max(sum(map(_worth, thickness_nm)), 1e-9), 1.0)


def _of_particles(row: Mapping[str, Any]) -> float:
    """What an exposure's particles leave of its score. The class is of them too, unless it is one of what spoils an
    exposure: fields that hold few have lower ones.
    """
    counted = math.isfinite(number(row, "particles_per_um2_error")) and row.get("kind") not in _SPOILT
    return number(row, "part_particles", 1.0) * (number(row, "part_class", 1.0) if counted else 1.0)


def _mean(rows: Sequence[Mapping[str, Any]]) -> float:
    """Of the scores, weighed."""
    return float(np.average([row["score"] for row in rows], weights=[row["weight"] for row in rows]))


def _done(steps: Mapping[Key, Entry], step: str, target: str) -> Any:
    entry = steps.get((step, target))
    return entry.result if entry is not None and entry.outcome == "done" else None
