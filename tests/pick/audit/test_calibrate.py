import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryogauge.pick.audit.calibrate import fit_curve, logit, particle_given_unlabelled, place_given_height


def drawn(seed: int, *, labelled: float, count: int = 4000):
    """Picks of which a known part are particles, by their score, and a part of these labelled."""
    rng = np.random.default_rng(seed)
    score = 1 / (1 + np.exp(-rng.normal(0, 2, count)))
    chance = 1 / (1 + np.exp(-(0.5 + 1.5 * logit(score))))
    particle = rng.random(count) < chance
    return score, particle, particle & (rng.random(count) < labelled)


@pytest.mark.parametrize("labelled", [0.6, 0.8, 0.95])
def test_the_probability_of_a_particle_without_a_label_is_right(labelled):
    score, particle, has = drawn(0, labelled=labelled)
    said = particle_given_unlabelled(score, has)(score[~has])
    truth = particle[~has]
    assert abs(said.sum() / truth.sum() - 1) < 0.35
    for low, high in ((0, 0.3), (0.3, 1)):
        inside = (said >= low) & (said < high)
        assert abs(said[inside].mean() - truth[inside].mean()) < 0.12


def test_labels_by_chance_vouch_for_nothing():
    rng = np.random.default_rng(0)
    score = rng.uniform(0.1, 0.9, 1000)
    said = particle_given_unlabelled(score, rng.random(1000) < 0.05)
    assert said(np.array([0.2, 0.9])).max() < 0.15


def test_a_low_label_is_a_random_place_unless_many_are_low():
    rng = np.random.default_rng(0)
    places, high = rng.uniform(0, 0.05, 400), rng.uniform(0.6, 0.95, 100)
    low = rng.uniform(0, 0.05, 100)
    few, many = np.concatenate([high, low[:5]]), np.concatenate([high[:5], low])
    assert place_given_height(few, places)(np.array([0.02]))[0] > 0.85
    assert place_given_height(few, places)(np.array([0.7]))[0] < 0.1
    assert place_given_height(many, places)(np.array([0.02]))[0] < 0.6
    assert place_given_height(high[:0], places)(np.array([0.02]))[0] == 0.5


@given(
    st.lists(st.tuples(st.floats(0, 1), st.booleans(), st.floats(0.01, 100)), max_size=40),
    st.lists(st.floats(0, 1), min_size=2, max_size=2),
)
def test_a_curve_rises_and_stays_within_0_and_1(examples, pair):
    table = np.array(examples, dtype=float).reshape(-1, 3)
    low, high = fit_curve(*table.T)(np.sort(pair))
    assert 0 <= low <= high <= 1
    said = particle_given_unlabelled(table[:, 0], table[:, 1] > 0)(np.sort(pair))
    assert 0 <= said[0] <= said[1] <= 1
