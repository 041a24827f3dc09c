"""Training a scorer, and how it does on grids that it did not learn from."""

from dataclasses import asdict, dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from cryogauge.collect.plugins import What
from cryogauge.collect.scorers.features import target_features
from cryogauge.collect.scorers.model import LearnedScorer, fit_scorer
from cryogauge.records import BadInput

#: What is tried for the ridge.
_PENALTIES = (0.3, 3.0, 30.0)
#: Fewer than these, and nothing is learned that would hold on another grid.
FEWEST_TARGETS, FEWEST_OF_A_KIND, FEWEST_GRIDS = 20, 5, 2
_MOST_FOLDS = 10


@dataclass(frozen=True)
class KeptOut:
    """How scores order the targets of grids that were not learned from.

    Attributes
    ----------
    auc
        Chance that of two targets of one grid, one selected and one left, the selected has the higher score; mean over
        all such pairs. Of ratings: of two with different ones.
    auc_low, auc_high
        Bounds between which nine of ten draws of other such grids lie (bootstrap of the grids); ``None`` of few.
    spearman
        Rank correlation with the selection or rating, mean over grids.
    default_auc, default_spearman
        The same of the finders' own score.
    grids
        How many had anything to order.
    """

    auc: float
    auc_low: float | None
    auc_high: float | None
    spearman: float
    default_auc: float
    default_spearman: float
    grids: int


def train_scorer(table: pd.DataFrame, what: What) -> LearnedScorer:
    """Learn from labelled squares or holes.

    Parameters
    ----------
    table
        With the columns of the finders' tables, ``chosen`` (0 to 1; NaN where nothing was said), ``grid`` and
        ``image``, whose targets are compared among themselves.
    what
        ``squares`` or ``holes``.

    Returns
    -------
    LearnedScorer
        Learned from all; ``kept_out`` says how others that learned from other grids alone did on each.

    Raises
    ------
    BadInput
        When the labels are too few, of one kind, or of one grid.
    """
    features, chosen, grid, default = labelled_features(table, what)
    _refuse_few(chosen, grid)
    penalty = _penalty(what, features, chosen, grid)
    foreseen = np.full(len(chosen), np.nan)
    for kept in _folds(grid):
        inner = _penalty(what, features[~kept], chosen[~kept], grid[~kept])
        foreseen[kept] = fit_scorer(what, features[~kept], chosen[~kept], inner).scores(features[kept])
    told = {
        "targets": len(chosen), "selected": int((chosen > 0.5).sum()), "grids": len(np.unique(grid)),
        "ratings": len(np.unique(chosen)) > 2,
    }  # fmt: skip
    scorer = fit_scorer(what, features, chosen, penalty)
    return replace(scorer, learned_from=told, kept_out=asdict(kept_out(foreseen, default, chosen, grid)))


def labelled_features(
    table: pd.DataFrame, what: What
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.str_], NDArray[np.float64]]:
    """Features, selection, grid and the finders' score of the targets of which something was said."""
    parts = [(target_features(of_image, what), of_image) for _, of_image in table.groupby("image", sort=False)]
    if not parts:
        raise BadInput(f"there are no {what} to learn from", "give tables with a column chosen")
    features = np.concatenate([each for each, _ in parts])
    joined = pd.concat([of_image for _, of_image in parts])
    chosen = joined["chosen"].to_numpy(float)
    known = np.isfinite(chosen)
    grid = joined["grid"].astype(str).to_numpy(str)
    return features[known], chosen[known], grid[known], joined["score"].to_numpy(float)[known]


def kept_out(
    scores: NDArray[np.float64], default: NDArray[np.float64], chosen: NDArray[np.float64], grid: NDArray[np.str_]
) -> KeptOut:
    """How scores, and the finders' own, order targets grid by grid; a grid all of one kind says nothing.

    Raises
    ------
    BadInput
        When all grids are of one kind each.
    """
    rows = []
    for name in np.unique(grid):
        here = grid == name
        right, pairs = ordered_pairs(scores[here], chosen[here])
        if pairs:
            by_default, _ = ordered_pairs(default[here], chosen[here])
            rows.append((right, by_default, pairs, _spearman(scores[here], chosen[here]),
                         _spearman(default[here], chosen[here])))  # fmt: skip
    if not rows:
        raise BadInput("no grid has both targets that were selected and targets that were left", "label both")
    right, by_default, pairs, rank, rank_default = np.array(rows).T
    low = high = None
    if len(rows) >= 4:
        drawn = np.random.default_rng(0).integers(len(rows), size=(1000, len(rows)))
        low, high = map(float, np.percentile(right[drawn].sum(1) / pairs[drawn].sum(1), (5, 95)))
    return KeptOut(
        float(right.sum() / pairs.sum()), low, high, float(rank.mean()),
        float(by_default.sum() / pairs.sum()), float(rank_default.mean()), len(rows),
    )  # fmt: skip


def ordered_pairs(scores: NDArray[np.float64], chosen: NDArray[np.float64]) -> tuple[float, int]:
    """Of pairs of different selection, how many the scores order rightly (ties half), and how many there are."""
    right, pairs = 0.0, 0
    for level in np.unique(chosen)[1:]:
        upper, lower = scores[chosen == level], scores[chosen < level]
        ranks = rankdata(np.concatenate([upper, lower]))[: len(upper)]
        right += float(ranks.sum() - len(upper) * (len(upper) + 1) / 2)
        pairs += len(upper) * len(lower)
    return right, pairs


def _spearman(scores: NDArray[np.float64], chosen: NDArray[np.float64]) -> float:
    if np.ptp(scores) == 0:
        return 0.0
    return float(np.corrcoef(rankdata(scores), rankdata(chosen))[0, 1])


def _folds(grid: NDArray[np.str_]) -> list[NDArray[np.bool_]]:
    """Which targets are kept out in turn: those of each grid, or of some of many."""
    names = np.unique(grid)
    parts = np.array_split(names, min(len(names), _MOST_FOLDS))
    return [np.isin(grid, part) for part in parts]


def _penalty(
    what: What, features: NDArray[np.float64], chosen: NDArray[np.float64], grid: NDArray[np.str_]
) -> float:  # fmt: skip
    """The ridge whose scores of grids kept out lose least; the middle one where there is but one grid."""
    folds = _folds(grid)
    if len(folds) < 2:
        return _PENALTIES[1]
    losses = []
    for penalty in _PENALTIES:
        lost = 0.0
        for kept in folds:
            score = fit_scorer(what, features[~kept], chosen[~kept], penalty).scores(features[kept])
            score = np.clip(score, 1e-6, 1 - 1e-6)
            lost -= float(chosen[kept] @ np.log(score) + (1 - chosen[kept]) @ np.log(1 - score))
        losses.append(lost)
    return _PENALTIES[int(np.argmin(losses))]


def _refuse_few(chosen: NDArray[np.float64], grid: NDArray[np.str_]) -> None:
    hint = "select and reject on more grids"
    if len(chosen) < FEWEST_TARGETS:
        raise BadInput(f"{len(chosen)} labelled targets are too few to learn from: {FEWEST_TARGETS} are needed", hint)
    upper, lower = int((chosen > 0.5).sum()), int((chosen <= 0.5).sum())
    if min(upper, lower) < FEWEST_OF_A_KIND:
        raise BadInput(
            f"{upper} targets were selected and {lower} left: {FEWEST_OF_A_KIND} of each are needed", hint
        )  # fmt: skip
    if len(np.unique(grid)) < FEWEST_GRIDS:
        raise BadInput(
            f"all labels are of one grid ({grid[0]}): whether what is learned holds elsewhere could not be said",
            "add another grid, or a column grid where images are of several",
        )
