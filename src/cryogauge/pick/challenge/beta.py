"""The smallest β with which results are ranked as they deserve.

Results of known quality are mixtures: for each kind a random share p of the true particles and a random share 1 − p of
a model's picks. As in the paper they come in steps of 10 %, and in steps of 2 % above 80 %. They are drawn several
times. A β is stable when nearly every time the five best mixtures by score are the five with the greatest shares of
truth, in order.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cryogauge.pick.challenge.matching import reached
from cryogauge.pick.challenge.metric import comparable, f_beta
from cryogauge.pick.challenge.rules import Rules
from cryogauge.records import BadInput

#: Values of β that are tried unless others are given.
BETAS = (0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
#: Shares of truth in the mixtures: 0, 10 %, … 80 %, 82 %, … 100 %.
SHARES = (*(round(0.1 * step, 2) for step in range(8)), *(round(0.8 + 0.02 * step, 2) for step in range(11)))
#: How many places at the top must be right.
TOP = 5


@dataclass(frozen=True)
class BetaChoice:
    """What mixtures of truth and a model's picks say of β.

    Attributes
    ----------
    beta
        The smallest stable β, None when none of those tried is.
    stability
        A row a β: ``beta, stable`` (part of the draws in which the top is right), ``in_order`` (mean Kendall's τ of
        all mixtures between score and share of truth), ``gap`` (mean difference of score between neighbours at the
        top, over its standard deviation between draws), ``beats_model_from`` (least share of truth from which on
        mixtures score above the model itself).
    scores
        A row a β, share of truth and draw: ``beta, share, draw, score``.
    needed
        Part of the draws that makes a β stable.
    """

    beta: float | None
    stability: pd.DataFrame
    scores: pd.DataFrame
    needed: float


def choose_beta(
    truth: pd.DataFrame,
    picks: pd.DataFrame,
    rules: Rules | None = None,
    *,
    betas: Sequence[float] = BETAS,
    draws: int = 20,
    needed: float = 0.95,
    seed: int = 0,
) -> BetaChoice:
    """Find the smallest β that ranks mixtures by their share of truth.

    Parameters
    ----------
    truth, picks
        As for :func:`cryogauge.pick.challenge.score_picks`; the picks are a model's.
    rules
        Kinds and reach; their β is not used.
    betas
        Those to try.
    draws
        Times that every mixture is drawn anew.
    needed
        Part of the draws in which the top must be right.
    seed
        Of the drawing.

    Raises
    ------
    BadInput
        As :func:`cryogauge.pick.challenge.score_picks`, and when the picks hold none in the truth's tomograms.
    """
    rules = rules or Rules()
    values = np.array(sorted({float(beta) for beta in betas}))
    if not len(values) or not values[0] > 0 or draws < 2 or not 0 < needed <= 1:
        raise BadInput("no β can be chosen so", "try one β above 0 or more, two draws or more, a part of them up to 1")
    picks = comparable(truth, picks, rules)
    if picks.empty:
        raise BadInput("the model has no pick in the tomograms of the truth", "give its picks of the same tomograms")
    pool = pd.concat([truth, picks], ignore_index=True)
    kinds = pd.Index(rules.names)
    of_truth, of_pool = (kinds.get_indexer(pd.Index(each["object"])) for each in (truth, pool))
    true = np.arange(len(pool)) < len(truth)
    hits = reached(truth, pool, rules)
    references = np.bincount(of_truth, minlength=len(kinds))
    weights = np.array([each.weight for each in rules.objects])
    rng = np.random.default_rng(seed)
    rows = []
    for draw in range(draws):
        for share in SHARES:
            chosen = mixture(of_pool, true, share, rng)
            tp = np.bincount(of_truth[hits @ chosen.astype(np.int32) > 0], minlength=len(kinds))
            candidates = np.bincount(of_pool[chosen], minlength=len(kinds))
            for beta in values.tolist():
                score = f_beta(tp, candidates, references, beta) @ weights / weights.sum()
                rows.append((beta, share, draw, float(score)))
    scores = pd.DataFrame(rows, columns=pd.Index(["beta", "share", "draw", "score"]))
    stability = pd.DataFrame([_judge(beta, part) for beta, part in scores.groupby("beta")])
    stable = stability.loc[stability["stable"] >= needed, "beta"]
    return BetaChoice(float(stable.iloc[0]) if len(stable) else None, stability, scores, needed)


def mixture(kind: np.ndarray, true: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Which rows of a pool make a mixture, drawn for each kind over all tomograms.

    Of n particles and m picks of a kind come round(share · n) and round((1 − share) · m). What the model found and the
    truth brings as well may then be there twice, which costs precision: as in the paper, mixtures with little truth
    score below the model itself.

    Parameters
    ----------
    kind
        Of each row, from 0.
    true
        Whether a row is a true particle; the others are the model's picks.
    share
        Of truth, 0 to 1.
    rng
        Draws the rows.
    """
    group = 2 * kind + true
    order = np.lexsort((rng.random(len(group)), group))
    size = np.bincount(group)
    place = np.arange(len(group)) - np.repeat(np.cumsum(size) - size, size)  # within the group
    part = np.where(np.arange(len(size)) % 2, share, 1 - share)
    chosen = np.zeros(len(group), bool)
    chosen[order] = place < np.repeat(np.rint(size * part), size)
    return chosen


def _judge(beta: object, part: pd.DataFrame) -> dict[str, object]:
    from scipy.stats import kendalltau

    table = part.pivot(index="draw", columns="share", values="score")  # shares rise to the right
    values = table.to_numpy()
    top = np.argsort(-values, axis=1, kind="stable")[:, :TOP]
    right = np.arange(values.shape[1])[::-1][:TOP]
    taus: list[Any] = [kendalltau(row, table.columns)[0] for row in values]
    gaps = values[:, right[:-1]] - values[:, right[1:]]
    spread = gaps.std(axis=0, ddof=1)
    model, mean = values[:, 0].mean(), values.mean(axis=0)
    below = np.flatnonzero(mean[1:] <= model)
    first = 1 + (below[-1] + 1 if len(below) else 0)
    return {
        "beta": beta,
        "stable": float((top == right).all(axis=1).mean()),
        "in_order": float(np.mean(taus)),
        "gap": float(np.mean(gaps.mean(axis=0) / np.where(spread > 0, spread, np.inf))) if spread.any() else np.inf,
        "beats_model_from": float(table.columns[first]) if first < len(mean) else np.nan,
    }
