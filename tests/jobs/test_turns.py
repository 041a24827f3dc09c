"""In which order people are shown what they judge."""

from hypothesis import given
from hypothesis import strategies as st

from cryogauge.jobs.turns import REPEAT_DISTANCE, showing_order


@given(st.lists(st.integers(1, 60), min_size=1, max_size=6), st.text(max_size=4))
def test_each_once_and_some_again_later(sizes, key):
    groups = {i * 100 + j: str(i) for i, size in enumerate(sizes) for j in range(size)}
    order = showing_order(groups, {}, key)
    assert order == showing_order(groups, {}, key)
    assert sorted(each.item for each in order if not each.repeat) == sorted(groups)
    first = {each.item: place for place, each in enumerate(order) if not each.repeat}
    again = [(place, each.item) for place, each in enumerate(order) if each.repeat]
    assert len({item for _, item in again}) == len(again)
    assert all(place - first[item] > REPEAT_DISTANCE - 1 for place, item in again)
    if len(groups) > 2 * REPEAT_DISTANCE:
        assert len(again) == round(0.05 * len(groups))


def test_every_beginning_is_even_over_the_groups():
    groups = {i * 100 + j: str(i) for i in range(5) for j in range(40)}
    order = [each for each in showing_order(groups, {}, "a") if not each.repeat]
    for end in range(5, 200, 5):
        assert [sum(groups[each.item] == str(i) for each in order[:end]) for i in range(5)] == [end // 5] * 5


def test_people_have_orders_of_their_own():
    groups = dict.fromkeys(range(50), "a")
    assert showing_order(groups, {}, "0 ada") != showing_order(groups, {}, "0 ben")
    assert showing_order(groups, {}, "0 ada") != showing_order(groups, {}, "1 ada")


def test_half_of_what_comes_next_is_what_the_model_is_least_sure_of():
    groups = dict.fromkeys(range(100), "a")
    uncertainty = {each: each / 100 for each in range(50)}
    order = [each.item for each in showing_order(groups, uncertainty, "a") if not each.repeat]
    unsure = [each for each in order if each in uncertainty]
    assert unsure == sorted(uncertainty, reverse=True)
    for end in range(2, 100, 2):
        assert sum(each in uncertainty for each in order[:end]) == end // 2
    assert len({order[i] in uncertainty for i in range(0, 40, 2)}) == 2  # which of the two comes first tells nothing
