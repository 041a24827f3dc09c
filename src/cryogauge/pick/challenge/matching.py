"""One pick, one particle: matching for science, and precision against recall where picks have scores.

The challenge's own metric lets one pick hit two particles. Here every pick is paired with at most one particle and the
other way round: as many pairs as there can be, and of all ways to have so many, the one with the least sum of
distances (Hungarian algorithm on each cluster of picks and particles in reach of each other).
"""

from collections import deque
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from cryogauge.pick.challenge.metric import AXES, SLACK, comparable, f_beta, grouped, squared_distance
from cryogauge.pick.challenge.rules import Rules


@dataclass(frozen=True)
class RecallCurve:
    """Precision against recall of one kind, as the threshold on the score falls.

    Attributes
    ----------
    object
        The kind.
    threshold
        Scores, falling; picks of the same score come in together.
    precision, recall
        Of the picks with at least that score, matched one-to-one.
    average_precision
        Area under the curve, each precision replaced by the highest at the same recall or a greater one.
    """

    object: str
    threshold: np.ndarray
    precision: np.ndarray
    recall: np.ndarray
    average_precision: float


def pairs_within(
    references: np.ndarray, candidates: np.ndarray, reach_A: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All pairs of points ``(n, 3)`` and ``(m, 3)`` within reach, the border included.

    Returns
    -------
    Index of the reference, index of the candidate, and distance in Å of each pair.
    """
    if not len(references) or not len(candidates):
        return np.zeros(0, int), np.zeros(0, int), np.zeros(0)
    near: Any = KDTree(references).sparse_distance_matrix(KDTree(candidates), reach_A * SLACK, output_type="ndarray")
    i, j = near["i"], near["j"]
    squares = squared_distance(references[i], candidates[j])
    kept = squares <= reach_A * reach_A
    return i[kept], j[kept], np.sqrt(squares[kept])


def reached(truth: pd.DataFrame, picks: pd.DataFrame, rules: Rules) -> csr_array:
    """Which particle ``(row of truth)`` is in reach of which pick ``(row of picks)`` of its kind: 1 in a sparse array.

    Raises
    ------
    BadInput
        As :func:`cryogauge.pick.challenge.score_picks`.
    """
    comparable(truth, picks, rules)  # which refuses
    rows, columns = [np.zeros(0, int)], [np.zeros(0, int)]
    given = _rows_of(picks)
    true_places, places = truth[AXES].to_numpy(float), picks[AXES].to_numpy(float)
    for key, there in _rows_of(truth).items():
        near = given.get(key, np.zeros(0, int))
        i, j, _ = pairs_within(true_places[there], places[near], rules.reach_A(key[1]))
        rows.append(there[i])
        columns.append(near[j])
    i, j = np.concatenate(rows), np.concatenate(columns)
    return csr_array((np.ones(len(i), np.int32), (i, j)), shape=(len(truth), len(picks)))


def match_one_to_one(
    references: np.ndarray, candidates: np.ndarray, reach_A: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pair points one to one: most pairs first, then least sum of distances.

    Parameters
    ----------
    references, candidates
        Points ``(n, 3)`` and ``(m, 3)`` in Å.
    reach_A
        Largest distance of a pair, the border included.

    Returns
    -------
    Indices of references, indices of candidates, and distances in Å, by rising index of the reference.
    """
    i, j, distance = pairs_within(references, candidates, reach_A)
    alone = _alone(i, j)
    if alone.all():
        order = np.argsort(i)
        return i[order], j[order], distance[order]
    settled, left = np.flatnonzero(alone), np.flatnonzero(~alone)
    n = len(references)
    links = (np.ones(len(left), bool), (i[left], n + j[left]))
    _, label = connected_components(coo_array(links, shape=(n + len(candidates),) * 2), directed=False)
    left = left[np.argsort(label[i[left]], kind="stable")]
    borders = np.flatnonzero(np.diff(label[i[left]], prepend=-1, append=-1))
    clusters = [left[first:last] for first, last in pairwise(borders.tolist())]
    kept = np.concatenate(
        [settled, *(pairs[_assign(i[pairs], j[pairs], distance[pairs], reach_A)] for pairs in clusters)]
    )
    kept = kept[np.argsort(i[kept])]
    return i[kept], j[kept], distance[kept]


def one_to_one(truth: pd.DataFrame, picks: pd.DataFrame, rules: Rules | None = None) -> pd.DataFrame:
    """A row a kind of one-to-one matching over all tomograms of the truth.

    Returns
    -------
    ``object, references, candidates, pairs, precision, recall, f1, distance_A``, the last the median distance of the
    pairs, NaN without any.

    Raises
    ------
    BadInput
        As :func:`cryogauge.pick.challenge.score_picks`.
    """
    rules = rules or Rules()
    rows = []
    for name, groups in _groups(truth, picks, rules).items():
        reach_A = rules.reach_A(name)
        found = [match_one_to_one(references, candidates, reach_A)[2] for references, candidates, _ in groups]
        distances = np.concatenate(found)
        references, candidates = (sum(len(group[side]) for group in groups) for side in (0, 1))
        pairs = len(distances)
        rows.append(
            {
                "object": name,
                "references": references,
                "candidates": candidates,
                "pairs": pairs,
                "precision": pairs / candidates if candidates else 0.0,
                "recall": pairs / references if references else 0.0,
                "f1": float(f_beta(pairs, candidates, references, 1.0)),
                "distance_A": float(np.median(distances)) if pairs else float("nan"),
            }
        )
    return pd.DataFrame(rows)


def recall_curves(truth: pd.DataFrame, picks: pd.DataFrame, rules: Rules | None = None) -> tuple[RecallCurve, ...]:
    """Precision against recall of each kind that has particles and scored picks.

    At each threshold the picks above it are matched one-to-one with as many pairs as there can be. None where a pick
    of the truth's tomograms has no score, or where all have the same.

    Raises
    ------
    BadInput
        As :func:`cryogauge.pick.challenge.score_picks`.
    """
    rules = rules or Rules()
    scores = comparable(truth, picks, rules)["score"].to_numpy(float)
    if not np.isfinite(scores).all() or len(np.unique(scores)) < 2:
        return ()
    curves = []
    for name, groups in _groups(truth, picks, rules).items():
        references = sum(len(group[0]) for group in groups)
        values = np.concatenate([group[2] for group in groups])
        if not references or not len(values):
            continue
        right = np.concatenate([_pairs_in_order(*group, rules.reach_A(name)) for group in groups])
        curves.append(_curve(name, values, right, references))
    return tuple(curves)


def _curve(name: str, scores: np.ndarray, right: np.ndarray, references: int) -> RecallCurve:
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.diff(scores[order], append=-np.inf))  # the last pick of each score
    pairs = np.cumsum(right[order])[ends]
    precision, recall = pairs / (ends + 1), pairs / references
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    area = float(np.sum(np.diff(recall, prepend=0.0) * envelope))
    return RecallCurve(name, scores[order][ends], precision, recall, area)


def _groups(
    truth: pd.DataFrame, picks: pd.DataFrame, rules: Rules
) -> dict[str, list[tuple[np.ndarray, np.ndarray, np.ndarray]]]:
    """By kind, for each tomogram: references ``(n, 3)``, candidates ``(m, 3)`` and the candidates' scores."""
    picks = comparable(truth, picks, rules)
    tomograms, names = pd.Index(truth["tomogram"].unique()), rules.names
    (there, borders), (given, bounds) = grouped(truth, tomograms, names), grouped(picks, tomograms, names)
    references, candidates = (t[AXES].to_numpy(float)[rows] for t, rows in ((truth, there), (picks, given)))
    scores = picks["score"].to_numpy(float)[given]
    groups: dict[str, list[tuple[np.ndarray, np.ndarray, np.ndarray]]] = {name: [] for name in names}
    for group in range(len(borders) - 1):
        here, near = slice(*borders[group : group + 2]), slice(*bounds[group : group + 2])
        groups[names[group % len(names)]].append((references[here], candidates[near], scores[near]))
    return groups


def _rows_of(table: pd.DataFrame) -> dict[tuple[str, str], np.ndarray]:
    """Row numbers by tomogram and kind."""
    groups = table.groupby(["tomogram", "object"], sort=False).indices
    return {(str(tomogram), str(kind)): np.asarray(rows) for (tomogram, kind), rows in groups.items()}  # type: ignore[misc]


def _alone(i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """Which pairs touch no other pair, and so leave nothing to choose."""
    return (np.bincount(i, minlength=1)[i] == 1) & (np.bincount(j, minlength=1)[j] == 1)


def _assign(i: np.ndarray, j: np.ndarray, distance: np.ndarray, reach_A: float) -> np.ndarray:
    """Which pairs of one cluster are taken, as positions in ``i``."""
    (rows, row), (columns, column) = (np.unique(values, return_inverse=True) for values in (i, j))
    # Not to be paired costs more than all pairs together could save.
    cost = np.full((len(rows), len(columns)), reach_A * (min(len(rows), len(columns)) + 1))
    cost[row, column] = distance
    position = np.full(cost.shape, -1)
    position[row, column] = np.arange(len(i))
    taken = position[linear_sum_assignment(cost)]
    return taken[taken >= 0]


def _pairs_in_order(references: np.ndarray, candidates: np.ndarray, scores: np.ndarray, reach_A: float) -> np.ndarray:
    """Which candidates add a pair when they come by falling score; the most pairs of any first ones are their sum."""
    i, j, _ = pairs_within(references, candidates, reach_A)
    added = np.zeros(len(candidates), bool)
    alone = _alone(i, j)
    added[j[alone]] = True
    neighbours: dict[int, list[int]] = {}
    for reference, candidate in zip(i[~alone].tolist(), j[~alone].tolist(), strict=True):
        neighbours.setdefault(candidate, []).append(reference)
    holder: dict[int, int] = {}
    held: dict[int, int] = {}
    for candidate in sorted(neighbours, key=lambda each: (-scores[each], each)):
        added[candidate] = _augment(candidate, neighbours, holder, held)
    return added


def _augment(start: int, neighbours: dict[int, list[int]], holder: dict[int, int], held: dict[int, int]) -> bool:
    """Pair one more candidate, re-pairing others if need be; False where there is no way."""
    reached_from: dict[int, int] = {}
    waiting = deque([start])
    while waiting:
        candidate = waiting.popleft()
        for reference in neighbours[candidate]:
            if reference in reached_from:
                continue
            reached_from[reference] = candidate
            if reference in holder:
                waiting.append(holder[reference])
                continue
            while True:  # back along the way: each takes the reference it reached and leaves its own
                candidate = reached_from[reference]
                left = held.get(candidate)
                holder[reference], held[candidate] = candidate, reference
                if left is None:
                    return True
                reference = left
    return False
