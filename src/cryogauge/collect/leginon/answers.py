"""What Leginon is answered: tables as CSV with the columns that its client reads, and a sentence in ``why``."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cryogauge.collect.leginon.choice import WORST_A, Foreseen, Lessons, foresee, worth_A
from cryogauge.collect.leginon.state import Hole, LeginonSession, Measured, Square

#: So many squares, or holes, must have been measured before anything is foreseen.
FEWEST_SQUARES, FEWEST_HOLES = 3, 10
#: A square counts as good with the best quarter of holes so far, a hole unless it is among the worst.
_BEST_SHARE, _KEPT_SHARE = 25, 75
_SQUARE_COLUMNS = (
    "square_id", "grid_id", "tile_id", "center_x", "center_y", "vert_1_x", "vert_1_y", "vert_2_x", "vert_2_y",
    "vert_3_x", "vert_3_y", "vert_4_x", "vert_4_y", "area", "brightness", "prior_score", "visited", "why",
)  # fmt: skip
_HOLE_COLUMNS = (
    "hole_id", "square_id", "grid_id", "mm_img_id", "center_x", "center_y", "radius", "prior_score", "visited", "ctf",
    "ice_thickness", "ctf_pred", "ctf_var", "ice_pred", "why",
)  # fmt: skip


@dataclass(frozen=True)
class Learned:
    """What squares, or holes, taught.

    Attributes
    ----------
    lessons
        Their features, scores and resolutions.
    holes_A
        Resolutions of the single holes.
    names
        What each lesson is called in a sentence.
    """

    lessons: Lessons
    holes_A: np.ndarray
    names: tuple[str, ...]


def square_lessons(sessions: Sequence[LeginonSession]) -> Learned:
    """What the visited squares of sessions taught; one that was left without a hole counts as one of the worst."""
    features, scores, means, counts, single, names = [], [], [], [], [], []
    for session in sessions:
        seen: dict[int, list[float]] = {square: [] for square in session.visited}
        for hole_id, measured in session.measured.items():
            value = worth_A(measured.ctf_A, measured.ice_nm)
            if value == value:
                seen[session.holes[hole_id].square_id].append(value)
        told = {session.holes[hole_id].square_id for hole_id in session.measured}
        for square_id, values in seen.items():
            square = session.squares.get(square_id)
            if square is None or (not values and square_id in told):
                continue
            single += values
            values = values or [WORST_A]
            features.append(square.features)
            scores.append(square.score)
            means.append(float(np.exp(np.log(values).mean())))
            counts.append(float(len(values)))
            names.append(f"square {square_id}")
    return _learned(features, scores, means, counts, single, names)


def hole_lessons(sessions: Sequence[LeginonSession]) -> Learned:
    """What the exposed holes of sessions taught."""
    features, scores, values, names = [], [], [], []
    for session in sessions:
        for hole_id, measured in session.measured.items():
            value = worth_A(measured.ctf_A, measured.ice_nm)
            if value == value:
                hole = session.holes[hole_id]
                features.append(hole.features)
                scores.append(hole.score)
                values.append(value)
                names.append(f"hole {hole_id}")
    return _learned(features, scores, values, [1.0] * len(values), values, names)


def _learned(
    features: list[Any], scores: list[float], means: list[float], counts: list[float], single: list[float], names: list
) -> Learned:
    lessons = Lessons(np.array(features, float), np.array(scores), np.array(means), np.array(counts))
    return Learned(lessons, np.array(single), tuple(names))


def squares_answer(squares: Sequence[Square], visited: set[int], learned: Learned | None = None) -> pd.DataFrame:
    """Squares as Leginon reads them, best first.

    Parameters
    ----------
    squares
        Which.
    visited
        Numbers of those visited.
    learned
        What was learned; with enough of it there is a column ``GP_probs``, by which Leginon then orders its targets.
    """
    rows = []
    for square in squares:
        corners = {f"vert_{k}_{axis}": value for k, corner in enumerate(square.vertices, 1)
                   for axis, value in zip("xy", corner, strict=True)}  # fmt: skip
        rows.append(
            {"square_id": square.square_id, "grid_id": square.grid_id, "tile_id": square.tile_id,
             "center_x": square.x_px, "center_y": square.y_px, **corners, "area": square.area_px,
             "brightness": square.brightness, "prior_score": square.score, "visited": square.square_id in visited,
             "why": square.why}
        )  # fmt: skip
    table = pd.DataFrame(rows, columns=list(_SQUARE_COLUMNS))
    by = "prior_score"
    if learned is not None and len(learned.names) >= FEWEST_SQUARES and len(learned.holes_A) and rows:
        features = np.array([square.features for square in squares], float)
        seen = foresee(learned.lessons, features, table["prior_score"].to_numpy(float))
        cutoff_A = float(np.percentile(learned.holes_A, _BEST_SHARE))
        table["why"] = _sentences("its holes are", seen, learned, cutoff_A)
        table["GP_probs"] = seen.probability(cutoff_A)
        by = "GP_probs"
    return table.sort_values(by, ascending=False, kind="stable", ignore_index=True)


def holes_answer(
    holes: Sequence[Hole], measured: dict[int, Measured], learned: Learned | None = None
) -> pd.DataFrame:  # fmt: skip
    """Holes as Leginon reads them, best first; a hole that is no target keeps the score 0 whatever was learned."""
    rows = []
    for hole in holes:
        shown = measured.get(hole.hole_id)
        rows.append(
            {"hole_id": hole.hole_id, "square_id": hole.square_id, "grid_id": hole.grid_id, "mm_img_id": hole.image_id,
             "center_x": hole.x_px, "center_y": hole.y_px, "radius": hole.radius_px, "prior_score": hole.score,
             "visited": shown is not None, "ctf": shown.ctf_A if shown else np.nan,
             "ice_thickness": shown.ice_nm if shown else np.nan, "ice_pred": hole.ice_nm, "why": hole.why}
        )  # fmt: skip
    table = pd.DataFrame(rows, columns=list(_HOLE_COLUMNS))
    by = "prior_score"
    if learned is not None and len(learned.names) >= FEWEST_HOLES and rows:
        features = np.array([hole.features for hole in holes], float)
        score = table["prior_score"].to_numpy(float)
        seen = foresee(learned.lessons, features, score)
        cutoff_A = float(np.percentile(learned.holes_A, _KEPT_SHARE))
        table["ctf_pred"], table["ctf_var"] = seen.resolution_A, (seen.spread * seen.resolution_A) ** 2
        words = _sentences("it is", seen, learned, cutoff_A)
        table["why"] = np.where(score > 0, words, table["why"])
        table["GP_probs"] = np.where(score > 0, score * seen.probability(cutoff_A), 0.0)
        by = "GP_probs"
    return table.sort_values(by, ascending=False, kind="stable", ignore_index=True)


def as_csv(table: pd.DataFrame) -> str:
    """The table as text; what is unknown is empty."""
    return table.to_csv(index=False)


def _sentences(what: str, seen: Foreseen, learned: Learned, cutoff_A: float) -> list[str]:
    chance = seen.probability(cutoff_A)
    count = len(learned.names)
    words = []
    for k, middle in enumerate(seen.resolution_A):
        low, high = (float(np.clip(middle * np.exp(s * seen.spread[k]), 2.0, 20.0)) for s in (-1, 1))
        near = int(seen.nearest[k])
        words.append(
            f"{what} foreseen to resolve {middle:.1f} Å ({low:.1f} to {high:.1f}) after {count} visited; most "
            f"like {learned.names[near]}, which gave {learned.lessons.resolution_A[near]:.1f} Å; "
            f"{100 * chance[k]:.0f} % for {cutoff_A:.1f} Å or better"
        )
    return words
