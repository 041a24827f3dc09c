"""The metric of the CZII challenge, to the last digit.

A pick hits a particle of its kind when its distance is at most ``radius_factor`` times the particle's radius. For each
kind, over all tomograms of the truth: TP is the number of *different* particles hit, FP the number of picks less TP, FN
the number of particles less TP. It is no one-to-one matching: a pick between two particles hits both, and FP can be
negative. Picks in tomograms that the truth does not know are ignored. From the sums come precision, recall and F_β of
each kind; the score is their mean by weight over *all* kinds of the rules, those included that the truth lacks.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.spatial import KDTree

from cryogauge.pick.challenge.rules import Rules
from cryogauge.records import BadInput

#: Columns of a position.
AXES = ["x_A", "y_A", "z_A"]
#: The tree looks a little further than the reach, so that only the plain comparison decides at the border.
SLACK = 1 + 1e-9


@dataclass(frozen=True)
class ChallengeScore:
    """What picks are worth.

    Attributes
    ----------
    score
        The challenge's score. It can exceed 1 where a pick hits several particles.
    counts
        A row a tomogram and kind: ``tomogram, object, references, candidates, tp``; tomograms in the order of the
        truth, kinds in the order of the rules.
    rules
        What it was scored by.
    order
        Kinds in the order in which the truth names them, in which the score is summed.
    """

    score: float
    counts: pd.DataFrame
    rules: Rules
    order: tuple[str, ...]

    @cached_property
    def objects(self) -> pd.DataFrame:
        """A row a kind: ``object, weight, reach_A, references, candidates, tp, fp, fn, precision, recall, f_beta``."""
        sums = self.counts.groupby("object", sort=False)[["references", "candidates", "tp"]].sum()
        sums = sums.reindex(self.rules.names).reset_index()
        weights = [each.weight for each in self.rules.objects]
        reach = [self.rules.reach_A(name) for name in self.rules.names]
        sums.insert(1, "weight", weights)
        sums.insert(2, "reach_A", reach)
        return _with_scores(sums, self.rules.beta)

    @cached_property
    def tomograms(self) -> pd.DataFrame:
        """A row a tomogram: ``tomogram, references, candidates, tp, fp, fn, precision, recall, score``.

        ``score`` is the mean by weight of F_β over the kinds that have particles in this tomogram, to tell good
        tomograms from bad; NaN where no kind with a weight has any. The score of all is not the mean of these.
        """
        single = _with_scores(self.counts, self.rules.beta)
        weight = single["object"].map({each.name: each.weight for each in self.rules.objects})
        weight = weight.where(single["references"] > 0, 0.0)
        by = self.counts["tomogram"]
        total = weight.groupby(by, sort=False).sum()
        score = (single["f_beta"] * weight).groupby(by, sort=False).sum() / total.where(total > 0)
        sums = self.counts.groupby("tomogram", sort=False)[["references", "candidates", "tp"]].sum().reset_index()
        table = _with_scores(sums, self.rules.beta).drop(columns="f_beta")
        return table.assign(score=score.to_numpy())


def score_picks(truth: pd.DataFrame, picks: pd.DataFrame, rules: Rules | None = None) -> ChallengeScore:
    """Score picks against the truth.

    Parameters
    ----------
    truth, picks
        Tables with ``tomogram, object, x_A, y_A, z_A``, positions in Å from the volume's corner.
    rules
        Kinds, β and reach; those of the CZII challenge by default.

    Raises
    ------
    BadInput
        When the truth is empty, has two particles at one place of a tomogram, of whatever kinds, or kinds that the
        rules do not know; when picks in its tomograms are of unknown kinds; or when a position is not finite.
    """
    rules = rules or Rules()
    picks = comparable(truth, picks, rules)
    counts = _count(truth, picks, rules)
    order = tuple(truth["object"].astype(str).unique())
    sums = counts.groupby("object")[["references", "candidates", "tp"]].sum()
    score = 0.0
    weights = {each.name: each.weight for each in rules.objects}
    for name in order:
        references, candidates, tp = sums.loc[name].tolist()
        score += float(f_beta(tp, candidates, references, rules.beta)) * weights[name]
    return ChallengeScore(score / sum(weights.values()), counts, rules, order)


def f_beta(tp: ArrayLike, candidates: ArrayLike, references: ArrayLike, beta: float) -> np.ndarray:
    """F_β from counts: (1 + β²) P R / (β² P + R) with P = TP / candidates and R = TP / references; 0 for 0 / 0."""
    precision, recall = _ratio(tp, candidates), _ratio(tp, references)
    square = beta**2
    return _ratio((1 + square) * (precision * recall), square * precision + recall)


def comparable(truth: pd.DataFrame, picks: pd.DataFrame, rules: Rules) -> pd.DataFrame:
    """The picks in tomograms that the truth knows; raises ``BadInput`` as :func:`score_picks`."""
    if truth.empty:
        raise BadInput("the truth holds no particle", "give the file of the known positions")
    _check_kinds(truth, rules, "the truth names")
    _check_finite(truth, "the truth")
    doubled = truth.duplicated(["tomogram", *AXES])
    if doubled.any():
        row = truth[doubled].iloc[0]
        place = ", ".join(f"{row[axis]:g}" for axis in AXES)
        raise BadInput(
            f"the truth has two particles at one place ({place}) of {row['tomogram']}; {int(doubled.sum())} such rows",
            "leave one of them out: the challenge allows no duplicates, of whatever kinds",
        )
    picks = picks[picks["tomogram"].isin(truth["tomogram"].unique())]
    _check_kinds(picks, rules, "the picks name")
    _check_finite(picks, "the picks")
    return picks


def hit(references: np.ndarray, candidates: np.ndarray, reach_A: float) -> np.ndarray:
    """Which references ``(n, 3)`` have a candidate ``(m, 3)`` within ``reach_A``, the border included.

    Squares are compared: dx² + dy² + dz² ≤ reach².
    """
    if not len(references) or not len(candidates):
        return np.zeros(len(references), bool)
    nearest = np.asarray(KDTree(candidates).query(references, distance_upper_bound=reach_A * SLACK)[1])
    found = np.asarray(nearest < len(candidates))
    found[found] = squared_distance(references[found], candidates[nearest[found]]) <= reach_A * reach_A
    return found


def squared_distance(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Squares of the distances between points of two arrays ``(n, 3)``, row by row."""
    apart = first - second
    return apart[:, 0] ** 2 + apart[:, 1] ** 2 + apart[:, 2] ** 2


def grouped(table: pd.DataFrame, tomograms: pd.Index, names: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Rows sorted by tomogram and kind: their numbers, and where each of the tomograms × kinds begins and ends.

    Returns
    -------
    Row numbers, stable within a group, and ``len(tomograms) * len(names) + 1`` borders in them.
    """
    tomogram, kind = pd.Index(table["tomogram"]), pd.Index(table["object"])
    keys = tomograms.get_indexer(tomogram) * len(names) + pd.Index(names).get_indexer(kind)
    rows = np.argsort(keys, kind="stable")
    return rows, np.searchsorted(keys[rows], np.arange(len(tomograms) * len(names) + 1))


def _count(truth: pd.DataFrame, picks: pd.DataFrame, rules: Rules) -> pd.DataFrame:
    tomograms = pd.Index(truth["tomogram"].unique())
    names = rules.names
    reach = [rules.reach_A(name) for name in rules.names]
    (there, borders), (given, bounds) = grouped(truth, tomograms, names), grouped(picks, tomograms, names)
    references = truth[AXES].to_numpy(float)[there]
    candidates = picks[AXES].to_numpy(float)[given]
    tp = np.zeros(len(borders) - 1, int)
    for group in np.flatnonzero((np.diff(borders) > 0) & (np.diff(bounds) > 0)):
        here = references[borders[group] : borders[group + 1]]
        near = candidates[bounds[group] : bounds[group + 1]]
        tp[group] = np.count_nonzero(hit(here, near, reach[group % len(names)]))
    return pd.DataFrame(
        {
            "tomogram": tomograms.repeat(len(names)),
            "object": np.tile(np.array(names, object), len(tomograms)),
            "references": np.diff(borders),
            "candidates": np.diff(bounds),
            "tp": tp,
        }
    )


def _with_scores(table: pd.DataFrame, beta: float) -> pd.DataFrame:
    tp, candidates, references = table["tp"], table["candidates"], table["references"]
    return table.assign(
        fp=candidates - tp,
        fn=references - tp,
        precision=_ratio(tp, candidates),
        recall=_ratio(tp, references),
        f_beta=f_beta(tp, candidates, references, beta),
    )


def _ratio(above: ArrayLike, below: ArrayLike) -> np.ndarray:
    """A quotient; 0 where the divisor is 0."""
    above, below = np.asarray(above, float), np.asarray(below, float)
    return np.divide(above, below, out=np.zeros(np.broadcast(above, below).shape), where=below != 0)


def _check_kinds(table: pd.DataFrame, rules: Rules, what: str) -> None:
    unknown = sorted(set(table["object"].astype(str).unique()) - set(rules.names))
    if unknown:
        raise BadInput(
            f"{what} an unknown kind of particle: {', '.join(unknown[:5])}",
            f"known are {', '.join(rules.names)}",
        )


def _check_finite(table: pd.DataFrame, what: str) -> None:
    wrong = ~np.isfinite(table[AXES].to_numpy(float)).all(axis=1)
    if wrong.any():
        tomogram = table["tomogram"].iloc[int(np.argmax(wrong))]
        raise BadInput(
            f"{int(wrong.sum())} positions of {what} are not finite, the first in {tomogram}", "give numbers in Å"
        )
