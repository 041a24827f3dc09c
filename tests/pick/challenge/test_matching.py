"""One-to-one matching against trying all ways, and recall curves against counting."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryogauge.pick.challenge import Rules, match_one_to_one, one_to_one, recall_curves
from cryogauge.pick.challenge.matching import pairs_within, reached
from cryogauge.records import PickObject

RULES = Rules((PickObject("a", 1, 10.0), PickObject("b", 2, 10.0)), radius_factor=1.0)


def _table(points, scores=None, kind="a", tomogram="TS_1"):
    points = np.array(points, float).reshape(-1, 3)
    frame = pd.DataFrame({"tomogram": tomogram, "object": kind}, index=range(len(points)))
    return frame.assign(
        x_A=points[:, 0], y_A=points[:, 1], z_A=points[:, 2], score=np.nan if scores is None else scores
    )


def _best(references, candidates, reach):
    """Most pairs, then least distance, over all ways."""
    if len(references) > len(candidates):
        references, candidates = candidates, references
    best = (0, 0.0)
    padded = [*range(len(candidates)), *[-1] * len(references)]
    for chosen in set(permutations(padded, len(references))):
        apart = [np.linalg.norm(references[i] - candidates[j]) for i, j in enumerate(chosen) if j >= 0]
        if all(each <= reach for each in apart):
            best = max(best, (len(apart), -sum(apart)))
    return best


@given(st.integers(0, 2**32 - 1), st.integers(0, 4), st.integers(0, 4))
def test_as_good_as_the_best_of_all_ways(seed, n, m):
    rng = np.random.default_rng(seed)
    references, candidates = rng.uniform(0, 30, (n, 3)), rng.uniform(0, 30, (m, 3))
    i, j, distance = match_one_to_one(references, candidates, 18.0)
    assert len(set(i)) == len(i) == len(set(j))
    assert np.allclose(distance, np.linalg.norm(references[i] - candidates[j], axis=1))
    pairs, cost = _best(references, candidates, 18.0)
    assert len(i) == pairs
    assert distance.sum() == pytest.approx(-cost)


def test_more_pairs_go_before_shorter_ones():
    references, candidates = np.array([[0.0, 0, 0], [10, 0, 0]]), np.array([[5.0, 0, 0], [14, 0, 0], [99, 0, 0]])
    i, j, _ = match_one_to_one(references, candidates, 6.0)
    assert (i.tolist(), j.tolist()) == ([0, 1], [0, 1])


def test_pairs_at_the_border_and_none_at_all():
    i, j, distance = pairs_within(np.zeros((1, 3)), np.array([[3.0, 4, 0], [3.1, 4, 0]]), 5.0)
    assert (i.tolist(), j.tolist(), distance.tolist()) == ([0], [0], [5.0])
    assert [len(each) for each in match_one_to_one(np.zeros((0, 3)), np.zeros((2, 3)), 5.0)] == [0, 0, 0]


def test_a_double_counts_once_and_never_below_nothing():
    truth = _table([[0, 0, 0], [15, 0, 0], [500, 0, 0]])
    picks = _table([[7.5, 0, 0], [7.5, 1, 0], [7.5, 2, 0]])
    row = one_to_one(truth, picks, RULES).set_index("object").loc["a"]
    assert (row["pairs"], row["references"], row["candidates"]) == (2, 3, 3)
    assert row["precision"] == row["recall"] == row["f1"] == pytest.approx(2 / 3)
    other = one_to_one(truth, picks, RULES).set_index("object").loc["b"]
    assert other["precision"] == other["recall"] == 0
    assert np.isnan(other["distance_A"])


def test_a_curve_by_hand():
    truth = _table([[0, 0, 0], [100, 0, 0], [200, 0, 0], [300, 0, 0]])
    picks = _table([[0, 0, 0], [50, 0, 0], [100, 0, 0], [1, 0, 0], [200, 0, 0]], [0.9, 0.8, 0.8, 0.5, 0.1])
    (curve,) = recall_curves(truth, picks, RULES)
    assert curve.threshold.tolist() == [0.9, 0.8, 0.5, 0.1]
    assert curve.precision.tolist() == [1.0, 2 / 3, 2 / 4, 3 / 5]
    assert curve.recall.tolist() == [0.25, 0.5, 0.5, 0.75]
    assert curve.average_precision == pytest.approx(0.25 * 1 + 0.25 * 2 / 3 + 0.25 * 3 / 5)


def test_no_curves_without_scores():
    truth, picks = _table([[0, 0, 0]]), _table([[0, 0, 0], [9, 0, 0]])
    assert recall_curves(truth, picks, RULES) == ()
    assert recall_curves(truth, picks.assign(score=1.0), RULES) == ()
    assert recall_curves(truth, picks.assign(score=[1.0, np.nan]), RULES) == ()


@given(st.integers(0, 2**32 - 1))
def test_every_point_of_a_curve_is_a_matching_of_its_own(seed):
    rng = np.random.default_rng(seed)
    truth = _table(rng.uniform(0, 60, (12, 3)))
    picks = _table(rng.uniform(0, 60, (20, 3)), rng.integers(0, 6, 20) / 6)
    curves = recall_curves(truth, picks, Rules(RULES.objects, radius_factor=2.0))
    for curve in curves:
        for threshold, precision, recall in zip(curve.threshold, curve.precision, curve.recall, strict=True):
            kept = picks[picks["score"] >= threshold]
            row = one_to_one(truth, kept, Rules(RULES.objects, radius_factor=2.0)).set_index("object").loc["a"]
            assert (precision, recall) == pytest.approx((row["precision"], row["recall"]))


def test_who_reaches_whom():
    truth = pd.concat([_table([[0, 0, 0], [9, 0, 0]]), _table([[0, 0, 0]], kind="b", tomogram="TS_2")])
    picks = pd.concat([_table([[4, 0, 0], [15, 0, 0]]), _table([[0, 0, 1]], kind="b", tomogram="TS_2")])
    assert reached(truth, picks, RULES).toarray().tolist() == [[1, 0, 0], [1, 1, 0], [0, 0, 1]]


def test_what_is_in_reach_is_told_by_row_whatever_the_tables_are_numbered_by():
    truth = pd.concat([_table([[0, 0, 0]]), _table([[50, 0, 0]]), _table([[0, 0, 0]], tomogram="TS_2")])
    picks = _table([[51, 0, 0], [99, 0, 0], [1, 0, 0]], scores=1.0).iloc[::-1]
    assert reached(truth, picks, RULES).toarray().tolist() == [[1, 0, 0], [0, 0, 1], [0, 0, 0]]
