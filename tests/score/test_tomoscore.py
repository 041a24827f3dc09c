"""The paper's equations and the scale between scores and widths."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from cryogauge.score.tomoscore import (
    SCORE_KNOTS,
    score_of_feature_px,
    smallest_feature_px,
    thickness_slices,
    tomoscore,
)

scores_along_z = arrays(np.float64, array_shapes(max_dims=1, max_side=60), elements=st.floats(0, 1))


def test_tomoscore_is_the_mean_of_what_exceeds_a_fifth():
    scores = np.array([0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 0.19])
    assert tomoscore(scores) == pytest.approx((0.3 + 0.5 + 0.7) / 3)
    assert thickness_slices(scores) == 3


@pytest.mark.parametrize("scores", [[], [0.0, 0.1], [0.2, 0.2], [np.nan]])
def test_nothing_above_a_fifth_is_nought(scores):
    assert tomoscore(scores) == 0.0
    assert thickness_slices(scores) == 0


def test_the_threshold_is_the_same_in_single_precision():
    at_threshold = np.full(5, 0.2, dtype=np.float32)  # a little more than 0.2 in double precision
    assert thickness_slices(at_threshold) == 0
    assert tomoscore(at_threshold) == 0.0
    np.testing.assert_allclose(smallest_feature_px(at_threshold), 6.0)


def test_slices_that_could_not_be_scored_do_not_count():
    assert tomoscore([np.nan, 0.4, 0.6]) == pytest.approx(0.5)
    assert thickness_slices([np.nan, 0.4, 0.6]) == 2


@given(scores_along_z, st.integers(0, 40))
def test_empty_slices_change_nothing(scores, count):
    padded = np.concatenate([np.zeros(count), scores, np.zeros(count)])
    assert tomoscore(padded) == pytest.approx(tomoscore(scores))
    assert thickness_slices(padded) == thickness_slices(scores)


@given(scores_along_z)
def test_tomoscore_lies_between_the_threshold_and_the_best_slice(scores):
    value = tomoscore(scores)
    assert value == 0.0 or 0.2 < value <= float(scores.max()) + 1e-12


def test_knots_are_the_categories_of_the_paper():
    widths, scores = np.array(SCORE_KNOTS).T
    np.testing.assert_allclose(score_of_feature_px(widths), scores)
    np.testing.assert_allclose(widths, [1, 2, 3, 4.5, 6, 12])
    np.testing.assert_allclose(scores, [1, 0.8, 0.6, 0.4, 0.2, 0])
    np.testing.assert_allclose(smallest_feature_px(scores), [1, 2, 3, 4.5, 6, np.nan])


def test_the_scale_is_linear_between_knots_and_flat_beyond():
    np.testing.assert_allclose(score_of_feature_px([0.3, 1.5, 3.75, 9.0, 30.0, np.inf]), [1, 0.9, 0.5, 0.1, 0, 0])
    assert np.isnan(score_of_feature_px(np.nan))


@given(st.floats(0.2, 1.0))
def test_widths_and_scores_are_inverse(score):
    assert score_of_feature_px(smallest_feature_px(score)) == pytest.approx(score)


@given(arrays(np.float64, array_shapes(max_dims=3, max_side=5), elements=st.floats(0, 0.2, exclude_max=True)))
def test_below_a_fifth_there_is_no_smallest_feature(scores):
    widths = smallest_feature_px(scores)
    assert widths.shape == scores.shape
    assert np.isnan(widths).all()
