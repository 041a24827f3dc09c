import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryogauge.records import BadInput
from cryogauge.score.dose.plan import WHOLE, Subset, halvings, make_plan, parts


def test_152_fractions_halve_as_the_paper_says():
    lengths = {len(subset.path): set() for subset in halvings(5)}
    for subset in halvings(5):
        lengths[len(subset.path)].add(len(subset.fractions(152)))
    assert lengths == {1: {76}, 2: {38}, 3: {19}, 4: {9, 10}, 5: {4, 5}}


def test_even_places_are_the_first_third_and_so_on():
    assert Subset("halves", "e").fractions(7).tolist() == [0, 2, 4, 6]
    assert Subset("halves", "o").fractions(7).tolist() == [1, 3, 5]
    assert Subset("halves", "eo").fractions(7).tolist() == [2, 6]


@given(count=st.integers(40, 400), depth=st.integers(1, 5))
def test_the_halves_of_one_level_share_nothing_and_leave_nothing_out(count, depth):
    for level in range(1, depth + 1):
        taken = np.concatenate([s.fractions(count) for s in halvings(depth) if len(s.path) == level])
        assert sorted(taken.tolist()) == list(range(count))


@given(count=st.integers(10, 400), share=st.floats(0.1, 1.0))
def test_even_parts_are_spread_and_cumulative_ones_come_first(count, share):
    spread, first = Subset("even", share=share).fractions(count), Subset("cumulative", share=share).fractions(count)
    assert len(spread) == len(first) == round(share * count)
    assert len(set(spread.tolist())) == len(spread)
    assert first.tolist() == list(range(len(first)))
    gaps = np.diff(spread)
    assert not len(gaps) or gaps.max() - gaps.min() <= 1
    # the middle of the chosen ones is the middle of the exposure
    assert abs(spread.mean() - (count - 1) / 2) <= 1.0


@given(counts=st.lists(st.integers(33, 60), min_size=1, max_size=4), depth=st.integers(1, 5))
def test_groups_add_up_to_every_subset(counts, depth):
    subsets = [WHOLE, *halvings(depth), *parts("even", [30.0, 60.0], 100.0), *parts("cumulative", [25.0], 100.0)]
    plan = make_plan(subsets, counts)
    assert plan.members.shape == (len(subsets), plan.groups)
    for k, subset in enumerate(subsets):
        for tilt, count in enumerate(counts):
            chosen = np.flatnonzero(plan.members[k][plan.atoms[tilt]])
            np.testing.assert_array_equal(chosen, subset.fractions(count))
            assert plan.counts[k, tilt] == len(chosen)


def test_halvings_alone_need_one_group_a_leaf():
    assert make_plan([WHOLE, *halvings(5)], [152] * 3).groups == 32


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: halvings(0), "0 halvings"),
        (lambda: Subset("halves", "ooo").fractions(4), "4 dose fractions are too few"),
        (lambda: Subset("even", share=0.01).fractions(20), "too few for even 0.0100"),
        (lambda: parts("even", [500.0], 400.0), "500 e⁻/Å² cannot be had of 400"),
        (lambda: parts("even", [50.0], float("nan")), "not known"),
    ],
)
def test_what_cannot_be_had(make, says):
    with pytest.raises(BadInput, match=says):
        make()
