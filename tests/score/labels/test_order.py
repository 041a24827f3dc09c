"""Which slices, in which order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryogauge.score.labels.categories import CATEGORIES, category_of_width
from cryogauge.score.labels.order import REPEAT_DISTANCE, choose_slices, showing_order


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


@given(st.lists(st.integers(1, 60), min_size=1, max_size=6), st.text(max_size=4))
def test_each_slice_once_and_some_again_later(sizes, key):
    groups = {i * 100 + j: str(i) for i, size in enumerate(sizes) for j in range(size)}
    order = showing_order(groups, {}, key)
    assert order == showing_order(groups, {}, key)
    assert sorted(each.slice_id for each in order if not each.repeat) == sorted(groups)
    first = {each.slice_id: place for place, each in enumerate(order) if not each.repeat}
    again = [(place, each.slice_id) for place, each in enumerate(order) if each.repeat]
    assert len({slice_id for _, slice_id in again}) == len(again)
    assert all(place - first[slice_id] > REPEAT_DISTANCE - 1 for place, slice_id in again)
    if len(groups) > 2 * REPEAT_DISTANCE:
        assert len(again) == round(0.05 * len(groups))


def test_every_beginning_is_even_over_the_tomograms():
    groups = {i * 100 + j: str(i) for i in range(5) for j in range(40)}
    order = [each for each in showing_order(groups, {}, "a") if not each.repeat]
    for end in range(5, 200, 5):
        assert [sum(groups[each.slice_id] == str(i) for each in order[:end]) for i in range(5)] == [end // 5] * 5


def test_people_have_orders_of_their_own():
    groups = dict.fromkeys(range(50), "a")
    assert showing_order(groups, {}, "0 ada") != showing_order(groups, {}, "0 ben")
    assert showing_order(groups, {}, "0 ada") != showing_order(groups, {}, "1 ada")


def test_half_of_what_comes_next_is_what_the_model_is_least_sure_of():
    groups = dict.fromkeys(range(100), "a")
    uncertainty = {each: each / 100 for each in range(50)}
    order = [each.slice_id for each in showing_order(groups, uncertainty, "a") if not each.repeat]
    unsure = [each for each in order if each in uncertainty]
    assert unsure == sorted(uncertainty, reverse=True)
    for end in range(2, 100, 2):
        assert sum(each in uncertainty for each in order[:end]) == end // 2
    assert len({order[i] in uncertainty for i in range(0, 40, 2)}) == 2  # which of the two comes first tells nothing


@pytest.mark.parametrize(
    ("width_px", "number"),
    [(0.2, 5), (1.49, 5), (1.5, 4), (2.4, 4), (2.5, 3), (3.49, 3), (3.5, 2), (5.49, 2), (5.5, 1), (6, 1), (80, 1)],
)
def test_category_of_width(width_px, number):
    assert category_of_width(width_px) == number


def test_scores_are_those_of_the_paper():
    assert [each.score for each in CATEGORIES] == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    for wrong in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="no width"):
            category_of_width(wrong)
