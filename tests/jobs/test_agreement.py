"""Agreement of people; of slices and of classes in the rooms' own tests."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryogauge.jobs.agreement import weighted_kappa

PAIRS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=60)


@given(PAIRS)
def test_kappa_is_that_of_scikit_learn(pairs):
    metrics = pytest.importorskip("sklearn.metrics", reason="no scikit-learn here")
    a, b = np.array(pairs).T
    if len(set(a) | set(b)) == 1:
        assert np.isnan(weighted_kappa(a, b))
    else:
        expected = metrics.cohen_kappa_score(a, b, labels=range(6), weights="quadratic")
        assert weighted_kappa(a, b) == pytest.approx(expected, abs=1e-12)


def test_kappa_by_hand():
    assert weighted_kappa([0, 5], [0, 5]) == 1
    assert weighted_kappa([0, 5], [5, 0]) == -1
    assert np.isnan(weighted_kappa([], []))


@given(PAIRS)
def test_kappa_does_not_mind_who_is_first(pairs):
    a, b = np.array(pairs).T
    assert weighted_kappa(a, b) == pytest.approx(weighted_kappa(b, a), nan_ok=True)


@given(PAIRS, st.sampled_from([0.25, 0.5, 2.0]))
def test_kappa_is_of_numbers_that_need_not_be_whole(pairs, step):
    a, b = np.array(pairs).T
    assert weighted_kappa(step * a, step * b) == pytest.approx(weighted_kappa(a, b), nan_ok=True)
