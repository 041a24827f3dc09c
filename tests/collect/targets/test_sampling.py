"""Choices among targets."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryogauge.collect.targets.sampling import STRATEGIES, choose, equal_groups, natural_groups
from cryogauge.records import BadInput


def table(count=60, seed=0):
    rng = np.random.default_rng(seed)
    brightness = np.repeat([10.0, 20.0, 40.0], count // 3) + rng.normal(0, 0.5, count)
    places = rng.uniform(0, 1000, (count, 2))
    return pd.DataFrame(
        {"score": rng.uniform(0.1, 1, count), "x_px": places[:, 0], "y_px": places[:, 1], "brightness": brightness}
    )


@given(st.sampled_from(STRATEGIES), st.integers(1, 30), st.integers(0, 5))
def test_nothing_is_chosen_twice_nor_without_a_reason(strategy, count, seed):
    chosen = choose(table(seed=seed).assign(hole=range(60)), strategy, count, groups=3, seed=seed)
    assert chosen["hole"].is_unique
    assert len(chosen) == (min(count, 20) * 3 if strategy == "groups" else count)
    assert chosen["chosen_because"].str.len().min() > 5
    again = choose(table(seed=seed).assign(hole=range(60)), strategy, count, groups=3, seed=seed)
    assert again["hole"].tolist() == chosen["hole"].tolist()


def test_the_best_are_the_best_and_a_spread_is_wider():
    every = table()
    best = choose(every, "best", 6)
    assert best["score"].tolist() == sorted(every["score"], reverse=True)[:6]

    def nearest(chosen):
        xy = chosen[["x_px", "y_px"]].to_numpy()
        apart = np.linalg.norm(xy[:, None] - xy[None], axis=2)
        return apart[apart > 0].min()

    assert nearest(choose(every, "spread", 6)) > 1.5 * nearest(best)


def test_neighbours_are_the_nearest_to_one_that_chance_takes():
    every = table()
    xy = every[["x_px", "y_px"]].to_numpy()
    first = set()
    for seed in range(40):
        chosen = choose(every, "together", 5, seed=seed)
        away = np.linalg.norm(xy - chosen[["x_px", "y_px"]].to_numpy()[0], axis=1)
        assert chosen["x_px"].tolist() == every["x_px"].to_numpy()[np.argsort(away)[:5]].tolist()
        first.add(chosen["x_px"].iloc[0])
    assert len(first) > 20, "every place has its chance"


def test_every_cluster_has_its_turn():
    chosen = choose(table(), "clusters", 9, groups=3)
    assert chosen["group"].value_counts().to_dict() == {0: 3, 1: 3, 2: 3}
    assert chosen["chosen_because"].iloc[0].startswith("at random from cluster")
    other = choose(table(), "clusters", 9, groups=3, seed=1)
    assert other["x_px"].tolist() != chosen["x_px"].tolist()


def test_what_scores_nothing_is_never_chosen():
    every = table().assign(score=0.0)
    every.loc[3, "score"] = 0.5
    assert choose(every, "best", 5)["score"].tolist() == [0.5]
    assert len(choose(every.assign(score=0.0), "spread", 5)) == 0
    assert len(choose(every, "best", 5, least_score=0.6)) == 0


@given(st.lists(st.floats(0, 100), min_size=4, max_size=9), st.integers(2, 3))
def test_natural_groups_have_the_least_spread_of_all_partitions(values, groups):
    values = np.sort(np.array(values))

    def spread(labels):
        return sum(((values[labels == g] - values[labels == g].mean()) ** 2).sum() for g in np.unique(labels))

    ours = spread(natural_groups(values, groups))
    for cuts in np.ndindex(*[len(values)] * (groups - 1)):
        labels = np.searchsorted(np.sort(cuts), np.arange(len(values)), side="right")
        assert ours <= spread(labels) + 1e-6 * (1 + spread(labels))


@given(st.lists(st.floats(0, 100), min_size=1, max_size=40), st.integers(1, 6))
def test_equal_groups_are_of_equal_number_and_in_order(values, groups):
    made = equal_groups(np.array(values), groups)
    counts = np.bincount(made)
    assert counts.max() - counts.min() <= 1
    assert (np.diff(made[np.argsort(values, kind="stable")]) >= 0).all()


@pytest.mark.parametrize(
    ("strategy", "count", "by"),
    [("none", 3, "brightness"), ("best", 0, "brightness"), ("groups", 3, "colour"), ("groups", 3, "kind")],
)
def test_a_choice_that_cannot_be_made_is_refused(strategy, count, by):
    with pytest.raises(BadInput):
        choose(table().assign(kind="whole"), strategy, count, by=by)


@pytest.mark.parametrize("strategy", ["clusters", "groups"])
def test_nothing_is_grouped_by_what_is_not_known(strategy):
    with pytest.raises(BadInput, match="nothing is known of 'ice_nm'"):
        choose(table().assign(ice_nm=np.nan), strategy, 3, by="ice_nm")
    known = table().assign(ice_nm=np.nan)
    known.loc[known.index[:4], "ice_nm"] = 30.0
    assert len(choose(known, strategy, 3, by="ice_nm"))
