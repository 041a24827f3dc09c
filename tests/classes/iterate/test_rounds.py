"""Who goes where: no particle is lost or doubled, whatever the grades."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryogauge.classes.iterate.plan import make_plan
from cryogauge.classes.iterate.rounds import batches, pool, split_round
from cryogauge.records import BadInput

_GRADES = st.one_of(st.floats(0.5, 5.5), st.sampled_from([2.5, 3.5, 4.5, float("nan")]))


@st.composite
def _classified(draw):
    ids = np.array(draw(st.lists(st.integers(0, 2**64 - 1), min_size=0, max_size=60, unique=True)), np.uint64)
    classes = np.array([draw(st.integers(-1, 6)) for _ in ids], int)
    return ids, classes, dict(enumerate(draw(st.lists(_GRADES, min_size=7, max_size=7))))


_ANY = (_classified(), st.floats(0, 1), st.integers(0, 99))


def _plan(set_aside, seed):
    return make_plan(1000, 64, 100.0, set_aside=set_aside, seed=seed)


@given(*_ANY)
def test_every_particle_has_one_fate(classified, set_aside, seed):
    ids, classes, grades = classified
    plan = _plan(set_aside, seed)
    split = split_round(ids, classes, grades, plan, 1)
    together = np.concatenate([split.set_aside, split.going_on, split.dropped])
    assert np.array_equal(np.sort(together), np.sort(ids))
    grade = dict(zip(ids.tolist(), (grades.get(int(kind), np.nan) for kind in classes), strict=True))
    assert all(grade[each] <= 2.5 for each in split.set_aside.tolist())
    assert sorted(split.dropped.tolist()) == sorted(each for each in grade if grade[each] >= 4.5)
    good = sum(value <= 2.5 for value in grade.values())
    assert len(split.set_aside) == round(set_aside * good)


@given(*_ANY, st.randoms(use_true_random=False))
def test_the_seed_decides_and_the_order_does_not(classified, set_aside, seed, random):
    ids, classes, grades = classified
    order = list(range(len(ids)))
    random.shuffle(order)
    plan = _plan(set_aside, seed)
    one, two = split_round(ids, classes, grades, plan, 1), split_round(ids[order], classes[order], grades, plan, 1)
    assert all(np.array_equal(getattr(one, name), getattr(two, name)) for name in one.counts)


def test_rounds_and_seeds_draw_differently():
    ids, classes, grades = np.arange(200), np.zeros(200, int), {0: 1.0}
    drawn = [
        tuple(split_round(ids, classes, grades, _plan(0.7, seed), number).set_aside)
        for seed, number in [(0, 1), (0, 2), (1, 1)]
    ]
    assert len(set(drawn)) == 3
    assert all(len(each) == 140 for each in drawn)


@given(_classified())
def test_batches_hold_one_another_and_what_is_good_enough(classified):
    ids, classes, grades = classified
    chosen = batches(ids, classes, grades, _plan(0.7, 0))
    sets = [set(each.tolist()) for each in chosen.values()]
    assert list(chosen) == [2.5, 3.5, 4.5]
    assert sets[0] <= sets[1] <= sets[2]
    for cutoff, each in zip(chosen, sets, strict=True):
        for number, kind in zip(ids.tolist(), classes.tolist(), strict=True):
            grade = grades.get(kind, np.nan)
            assert (number in each) == (grade <= cutoff and grade < 4.5)


@given(st.lists(st.integers(0, 50), unique=True), st.integers(0, 50))
def test_a_pool_is_the_sum_of_disjoint_parts(numbers, cut):
    parts = [np.array(numbers[:cut], int), np.array(numbers[cut:], int)]
    assert pool(parts).tolist() == sorted(numbers)
    if numbers:
        with pytest.raises(BadInput, match="two parts"):
            pool([*parts, np.array(numbers[:1])])


def test_a_particle_twice_or_without_a_class_is_refused():
    plan = _plan(0.7, 0)
    with pytest.raises(BadInput, match="twice"):
        split_round(np.array([1, 1]), np.array([0, 0]), {0: 1.0}, plan, 1)
    with pytest.raises(BadInput, match="classes of 1"):
        batches(np.array([1, 2]), np.array([0]), {0: 1.0}, plan)
