"""Counts are exact, false labels are false, what is drawn for one pick is no other's business."""

from decimal import ROUND_HALF_UP, Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryogauge.records import BadInput, PickObject
from cryogauge.simulate.label_noise import CHANGES, LabelNoise, noisy_picks

AXES = ["x_A", "y_A", "z_A"]
OBJECTS = (PickObject("big", 1, 150.0), PickObject("small", 2, 60.0), PickObject("odd", 3, 90.0))
SHAPE_A = (900.0, 2000.0, 1600.0)  # z, y, x: each its own
ENDS = np.array(SHAPE_A[::-1])
rates = st.sampled_from([0.0, 0.05, 0.1, 0.25, 0.29, 0.5, 0.8])


def truth(counts, seed=0, shape=SHAPE_A):
    """Picks of ``{tomogram: {kind: number}}`` at random."""
    random = np.random.default_rng(seed)
    rows = [(name, kind) for name, kinds in counts.items() for kind, number in kinds.items() for _ in range(number)]
    table = pd.DataFrame(rows, columns=["tomogram", "object"])
    table[AXES] = random.random((len(table), 3)) * shape[::-1]
    table["score"] = random.random(len(table))
    table[["rot", "tilt", "psi"]] = random.random((len(table), 3)) * [360, 180, 360]
    return table


def shapes(table):
    return dict.fromkeys(set(table["tomogram"]), SHAPE_A)


def half_up(value):
    return int(value.quantize(Decimal(1), ROUND_HALF_UP))


@st.composite
def tables(draw):
    names = ["TS_0", "TS_1", "TS_2"][: draw(st.integers(1, 3))]
    counts = {name: {kind: draw(st.integers(0, 25)) for kind in ("big", "small", "odd")} for name in names}
    return truth({"TS": {"big": 1, "small": 1}, **counts}, draw(st.integers(0, 99)))


TABLE = truth({"TS_1": {"big": 40, "small": 90}, "TS_2": {"big": 25, "small": 60, "odd": 8}})


@settings(max_examples=25, deadline=None)
@given(tables(), rates, rates, rates, rates, st.sampled_from([0.0, 20.0]), st.integers(0, 2**40))
def test_counts_are_exact(table, miss, false, swap, kept, shift_A, seed):
    noise = LabelNoise(miss, false, shift_A, swap, {"big": kept})
    labels, removed = noisy_picks(table, noise, seed=seed, shapes_A=shapes(table), objects=OBJECTS)
    assert set(labels["change"]) <= set(CHANGES)
    for kind in set(table["object"]):
        count = int((table["object"] == kind).sum())
        dropped = half_up(count * (1 - Decimal(str(kept)))) if kind == "big" else 0
        missed = half_up((count - dropped) * Decimal(str(miss)))
        left = count - dropped - missed
        own, gone = labels[labels["true_object"] == kind], removed[removed["object"] == kind]
        assert gone["change"].value_counts().to_dict() == {
            what: number for what, number in (("dropped", dropped), ("missed", missed)) if number
        }
        assert len(own) == left
        assert (own["object"] != kind).sum() == (own["change"] == "swapped").sum() == half_up(left * Decimal(str(swap)))
        named = labels[labels["object"] == kind]
        wrong = int((named["change"] == "false").sum())
        true = len(named) - wrong
        assert wrong == half_up(true * Decimal(str(false)) / (1 - Decimal(str(false))))
    # each true pick is once in one of the tables
    rows = np.concatenate([labels["truth"][labels["truth"] >= 0], removed["truth"]])
    assert sorted(rows) == list(range(len(table)))


def test_halves_are_rounded_up_where_products_of_decimals_fall_short():
    labels, removed = noisy_picks(truth({"TS_1": {"big": 50}}), LabelNoise(0.29), seed=0)
    assert 0.29 * 50 < 14.5
    assert (len(removed), len(labels)) == (15, 35)


@settings(max_examples=12, deadline=None)
@given(tables(), st.integers(0, 2**31))
def test_false_labels_are_inside_and_far_from_every_true_particle(table, seed):
    noise = LabelNoise(miss_rate=0.5, false_rate=0.6)
    labels, _ = noisy_picks(table, noise, seed=seed, shapes_A=shapes(table), objects=OBJECTS)
    false = labels[labels["change"] == "false"]
    assert (false[AXES].to_numpy() >= 0).all()
    assert (false[AXES].to_numpy() <= ENDS).all()
    assert (false["truth"] == -1).all()
    for (tomogram, kind), group in false.groupby(["tomogram", "object"]):
        there = table[(table["tomogram"] == tomogram) & (table["object"] == kind)][AXES].to_numpy()
        radius = next(each.radius_A for each in OBJECTS if each.name == kind)
        apart = np.linalg.norm(group[AXES].to_numpy()[:, None] - there[None], axis=2)
        assert not len(there) or apart.min() > radius
        assert set(group["score"]) <= set(table[table["object"] == kind]["score"])


@settings(max_examples=10, deadline=None)
@given(tables(), st.integers(0, 2**31))
def test_without_noise_the_labels_are_the_picks(table, seed):
    labels, removed = noisy_picks(table, LabelNoise(), seed=seed)
    pd.testing.assert_frame_equal(labels[list(table.columns)], table, check_dtype=False)
    assert set(labels["change"]) == {"kept"}
    assert (labels["moved_A"] == 0).all()
    assert (labels["object"] == labels["true_object"]).all()
    assert removed.empty
    assert list(removed.columns) == [*table.columns, "change", "truth"]


def test_the_seed_decides_and_the_order_of_rows_does_not():
    noise = LabelNoise(0.2, 0.3, 15.0, 0.1, {"small": 0.5})
    given_ = {"shapes_A": shapes(TABLE), "objects": OBJECTS}
    one, again, other = (noisy_picks(TABLE, noise, seed=seed, **given_) for seed in (5, 5, 6))
    pd.testing.assert_frame_equal(one.labels, again.labels)
    pd.testing.assert_frame_equal(one.removed, again.removed)
    assert set(one.removed["truth"]) != set(other.removed["truth"])
    shuffled = TABLE.sample(frac=1, random_state=1)
    mixed = noisy_picks(shuffled, noise, seed=5, **given_)
    by = [*AXES, "object"]
    pd.testing.assert_frame_equal(
        one.labels.drop(columns=["truth", "score"]).sort_values(by, ignore_index=True),
        mixed.labels.drop(columns=["truth", "score"]).sort_values(by, ignore_index=True),
    )


def test_a_kind_is_treated_alike_whatever_other_kinds_there_are():
    noise = LabelNoise(0.25, 0.4, 10.0)
    alone = noisy_picks(TABLE[TABLE["object"] == "big"], noise, seed=3, shapes_A=shapes(TABLE), objects=OBJECTS)
    among = noisy_picks(TABLE, noise, seed=3, shapes_A=shapes(TABLE), objects=OBJECTS)
    of_kind = among.labels[among.labels["object"] == "big"].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone.labels.drop(columns="truth"), of_kind.drop(columns="truth"))


def test_a_tomogram_has_the_same_draws_whatever_others_there_are():
    """Another tomogram changes how many of this one's picks are taken, and no more."""
    noise = LabelNoise(0.3, 0.3, 10.0)
    only = TABLE[TABLE["tomogram"] == "TS_2"].reset_index(drop=True)
    alone, _ = noisy_picks(only, noise, seed=3, shapes_A=shapes(only), objects=OBJECTS)
    among, _ = noisy_picks(TABLE, noise, seed=3, shapes_A=shapes(TABLE), objects=OBJECTS)
    among = among[among["tomogram"] == "TS_2"]
    for kind in ("big", "small", "odd"):
        for change in ("shifted", "false"):
            mine, theirs = (
                {tuple(row) for row in each[(each["object"] == kind) & (each["change"] == change)][AXES].to_numpy()}
                for each in (alone, among)
            )
            assert mine
            assert mine <= theirs or theirs <= mine


def test_less_noise_is_a_part_of_more():
    given_ = {"seed": 8, "shapes_A": shapes(TABLE), "objects": OBJECTS}
    little, more = (noisy_picks(TABLE, LabelNoise(rate, rate), **given_) for rate in (0.1, 0.3))
    assert set(little.removed["truth"]) < set(more.removed["truth"])
    few, many = (
        {tuple(row) for row in made.labels[made.labels["change"] == "false"][AXES].to_numpy()}
        for made in (little, more)
    )
    assert few < many


def test_shifts_are_gaussian_along_each_axis_and_stay_inside():
    table = truth({"TS_1": {"small": 4000}})
    labels, _ = noisy_picks(table, LabelNoise(shift_A=12.0), seed=1, shapes_A={"TS_1": (1e6, 1e6, 1e6)})
    moved = labels[AXES].to_numpy() - table[AXES].to_numpy()
    inside = (table[AXES].to_numpy() > 60).all(axis=1)  # those at the edge are stopped there
    np.testing.assert_allclose(moved[inside].std(axis=0), 12.0, rtol=0.05)
    np.testing.assert_allclose(moved[inside].mean(axis=0), 0.0, atol=1.0)
    np.testing.assert_allclose(labels["moved_A"], np.linalg.norm(moved, axis=1))
    assert set(labels["change"]) == {"shifted"}
    labels, _ = noisy_picks(table, LabelNoise(shift_A=300.0), seed=1, shapes_A={"TS_1": SHAPE_A})
    assert (labels[AXES].to_numpy() >= 0).all()
    assert (labels[AXES].to_numpy() <= ENDS).all()
    beyond = table.assign(x_A=table["x_A"] + 5000.0)
    labels, _ = noisy_picks(beyond, LabelNoise(shift_A=1.0), seed=1, shapes_A={"TS_1": SHAPE_A})
    assert (labels["x_A"] > 4990).all()


def test_names_are_swapped_in_proportion_to_the_other_kinds():
    table = truth({"TS_1": {"big": 3000, "small": 900, "odd": 300}})
    labels, _ = noisy_picks(table, LabelNoise(swap_rate=0.5), seed=1)
    swapped = labels[(labels["true_object"] == "big") & (labels["change"] == "swapped")]
    assert len(swapped) == 1500
    assert (swapped["object"] == "small").mean() == pytest.approx(0.75, abs=0.04)
    assert (swapped[AXES].to_numpy() == table.loc[swapped["truth"], AXES].to_numpy()).all()


def test_a_kind_has_its_own_rates():
    noise = LabelNoise(0.1, kinds={"big": {"miss_rate": 0.6, "false_rate": 0.5}})
    labels, removed = noisy_picks(TABLE, noise, seed=0, shapes_A=shapes(TABLE), objects=OBJECTS)
    assert removed["object"].value_counts().to_dict() == {"big": 39, "small": 15, "odd": 1}
    assert labels["change"].value_counts().to_dict() == {"kept": 168, "false": 26}


def test_false_labels_go_by_volume_and_into_tomograms_without_picks():
    table = truth({"TS_1": {"big": 3000}})
    sizes = {"TS_1": (2e4, 2e4, 2e4), "empty": (2e4, 2e4, 6e4)}
    labels, _ = noisy_picks(table, LabelNoise(false_rate=0.5), seed=2, shapes_A=sizes, objects=OBJECTS)
    false = labels[labels["change"] == "false"]
    assert len(false) == 3000
    assert (false["tomogram"] == "empty").mean() == pytest.approx(0.75, abs=0.03)
    places = false[false["tomogram"] == "empty"][AXES].to_numpy() / [6e4, 2e4, 2e4]
    np.testing.assert_allclose(places.mean(axis=0), 0.5, atol=0.03)
    np.testing.assert_allclose(places.std(axis=0), 12**-0.5, atol=0.02)


def test_orientations_of_false_labels():
    labels, _ = noisy_picks(TABLE, LabelNoise(false_rate=0.9), seed=2, shapes_A=shapes(TABLE), objects=OBJECTS)
    false = labels[labels["change"] == "false"]
    assert np.cos(np.deg2rad(false["tilt"])).mean() == pytest.approx(0, abs=0.05)
    assert np.cos(np.deg2rad(false["tilt"])).std() == pytest.approx(3**-0.5, abs=0.03)
    unsure = TABLE.assign(psi=TABLE["psi"].where(TABLE.index > 0))
    labels, _ = noisy_picks(unsure, LabelNoise(false_rate=0.5), seed=2, shapes_A=shapes(TABLE), objects=OBJECTS)
    assert labels[labels["change"] == "false"]["rot"].isna().all()
    bare = TABLE.drop(columns=["rot", "tilt", "psi"])
    labels, _ = noisy_picks(bare, LabelNoise(false_rate=0.5), seed=2, shapes_A=shapes(TABLE), objects=OBJECTS)
    assert "rot" not in labels


def test_nothing_left():
    labels, removed = noisy_picks(TABLE, LabelNoise(1.0, 0.5), seed=0, shapes_A=shapes(TABLE), objects=OBJECTS)
    assert labels.empty
    assert len(removed) == len(TABLE)
    labels, removed = noisy_picks(TABLE[:0], LabelNoise(0.5, 0.5), seed=0)
    assert labels.empty
    assert removed.empty


@pytest.mark.parametrize(
    ("noise", "given_", "words"),
    [
        ({"miss_rate": 1.2}, {}, "the miss_rate is 1.2"),
        ({"miss_rate": float("nan")}, {}, "the miss_rate is nan"),
        ({"false_rate": 1.0}, {}, "the false_rate is 1"),
        ({"kinds": {"big": {"false_rate": 1.0}}}, {}, "the false_rate of big is 1"),
        ({"kinds": {"big": {"shift_A": 1.0}}}, {}, "big cannot have its own shift_A"),
        ({"keep": {"big": -0.1}}, {}, "the part of big to keep is -0.1"),
        ({"shift_A": -1.0}, {}, "cannot be moved by -1 Å"),
        ({"keep": {"ribosome": 0.5}}, {}, "no pick is called ribosome"),
        ({"false_rate": 0.5}, {}, "the size of TS_1 is unknown"),
        ({"false_rate": 0.5}, {"shapes_A": {"TS_1": SHAPE_A, "TS_2": (0, 9, 9)}}, "TS_2 has no volume"),
        ({"false_rate": 0.5}, {"shapes_A": {}, "objects": OBJECTS[1:]}, "the radius of big is unknown"),
        ({"false_rate": 0.5}, {"shapes_A": {"TS_1": (9, 9, 9), "TS_2": (9, 9, 9)}}, "has no room for"),
        ({}, {"seed": -1}, "a seed cannot be -1"),
        ({}, {"picks": TABLE.drop(columns="score")}, "lack score"),
        ({}, {"picks": TABLE.assign(x_A=np.nan)}, "no number"),
        ({"swap_rate": 0.1}, {"picks": TABLE[TABLE["object"] == "big"]}, "no other name to swap"),
    ],
)
def test_wrong_calls(noise, given_, words):
    table = truth({"TS_1": {"big": 40, "small": 90}, "TS_2": {"big": 25, "small": 60, "odd": 8}}, shape=(9.0, 9.0, 9.0))
    given_ = {"picks": table, "seed": 0, "objects": OBJECTS} | given_
    with pytest.raises(BadInput, match=words):
        noisy_picks(given_.pop("picks"), LabelNoise(**noise), **given_)
