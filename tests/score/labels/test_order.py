"""Which slices of a tomogram."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryogauge.score.labels.categories import CATEGORIES
from cryogauge.score.labels.order import choose_slices


@given(st.integers(1, 300), st.integers(1, 60), st.text(max_size=5))
def test_slices_are_one_of_each_layer(depth, count, key):
    chosen, unsure = choose_slices(depth, count, key)
    assert unsure == set()
    assert len(chosen) == min(depth, count) == len(set(chosen))
    assert chosen == choose_slices(depth, count, key)[0]
    layers = np.array_split(np.arange(depth), len(chosen))
    assert all(z in layer for z, layer in zip(chosen, layers, strict=True))


@given(st.integers(1, 300), st.integers(1, 60), st.integers(0, 5))
def test_half_are_the_least_certain(depth, count, seed):
    uncertainty = np.random.default_rng(seed).uniform(size=depth)
    uncertainty[: depth // 10] = np.nan
    chosen, unsure = choose_slices(depth, count, "a", uncertainty)
    assert len(chosen) == min(depth, count) == len(set(chosen))
    known = int(np.isfinite(uncertainty).sum())
    assert len(unsure) <= min(len(chosen) // 2, known)
    if known >= 2 * count:
        assert len(unsure) == len(chosen) // 2
    assert unsure <= set(chosen)
    if unsure:
        assert int(np.nanargmax(uncertainty)) in chosen


def test_the_random_half_is_as_difficult_as_the_whole():
    uncertainty = np.where(np.arange(140) < 20, 1.0, 0.1)
    hard = [
        np.mean([z < 20 for z in set(chosen) - unsure])
        for chosen, unsure in (choose_slices(140, 40, str(seed), uncertainty) for seed in range(60))
    ]
    assert np.mean(hard) == pytest.approx(20 / 140, abs=0.03)


def test_the_least_certain_are_kept_apart():
    uncertainty = np.exp(-0.5 * ((np.arange(200) - 100) / 30.0) ** 2)
    unsure = sorted(choose_slices(200, 20, "a", uncertainty)[1])
    assert 100 in unsure
    assert min(np.diff(unsure)) >= 5


def test_scores_are_those_of_the_paper():
    assert [each.score for each in CATEGORIES] == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0])
