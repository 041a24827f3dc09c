"""From which score on a pick is kept: chosen on tomograms that were not trained on, by the challenge's metric."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.spatial import KDTree

from cryogauge.pick.challenge.metric import f_beta
from cryogauge.pick.challenge.rules import Rules

_AXES = ["x_A", "y_A", "z_A"]
#: Thresholds whose F is this near to the best are taken for equally good: with a dozen particles the best is chance.
_TOLERANCE = 0.02


def tune_thresholds(truth: pd.DataFrame, picks: pd.DataFrame, rules: Rules | None = None) -> dict[str, float]:
    """The threshold of each kind that gives the best F_β.

    Parameters
    ----------
    truth, picks
        Pick tables of the same tomograms; the picks' scores are what is cut.
    rules
        As of :func:`cryogauge.pick.challenge.score_picks`.

    Returns
    -------
    dict
        By kind: the middle of the thresholds that are as good as the best; kinds without truth or picks are left out.
    """
    rules = rules or Rules()
    found = {}
    for each in rules.objects:
        known, given = (table[table["object"] == each.name] for table in (truth, picks))
        if not len(known) or not len(given):
            continue
        best = _best_hits(known, given, each.radius_A * rules.radius_factor)
        scores = np.sort(given["score"].to_numpy(float))
        cuts = np.unique(scores)
        tp = len(best) - np.searchsorted(np.sort(best), cuts)
        candidates = len(scores) - np.searchsorted(scores, cuts)
        f = f_beta(tp, candidates, len(known), rules.beta)
        good = np.flatnonzero(f >= f.max() - _TOLERANCE)
        around = good[(good >= _run(good, int(f.argmax()), -1)) & (good <= _run(good, int(f.argmax()), 1))]
        found[each.name] = float(cuts[around[len(around) // 2]])
    return found


def _run(good: np.ndarray, start: int, step: int) -> int:
    """How far one can go from ``start`` without leaving ``good``."""
    inside = set(good.tolist())
    while start + step in inside:
        start += step
    return start


def _best_hits(known: pd.DataFrame, given: pd.DataFrame, reach_A: float) -> np.ndarray:
    """The highest score among the picks that hit each particle; −∞ where none does."""
    best = []
    for tomogram, particles in known.groupby("tomogram"):
        near = given[given["tomogram"] == tomogram]
        scores = near["score"].to_numpy(float)
        if not len(near):
            best += [-np.inf] * len(particles)
            continue
        hits = KDTree(near[_AXES].to_numpy(float)).query_ball_point(particles[_AXES].to_numpy(float), reach_A)
        best += [float(scores[hit].max()) if hit else -np.inf for hit in hits]
    return np.array(best)


def above(picks: pd.DataFrame, thresholds: Mapping[str, float]) -> pd.DataFrame:
    """The picks whose score reaches their kind's threshold; kinds without one keep all."""
    least = picks["object"].map(dict(thresholds)).astype(float).fillna(-np.inf)
    return picks[picks["score"] >= least].reset_index(drop=True)
