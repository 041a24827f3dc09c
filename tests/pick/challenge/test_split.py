import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from cryogauge.pick.challenge import Rules, count_particles, read_split, split_tomograms, write_split
from cryogauge.pick.challenge.split import SUBSETS, _worst_difference, bins_of_like_counts
from cryogauge.records import BadInput

KINDS = list("abcdef")


def _counts(number=120, seed=0):
    """Six kinds that go together in some tomograms more than in others."""
    rng = np.random.default_rng(seed)
    crowded = np.exp(rng.normal(0, 0.5, (number, 1)))
    values = rng.poisson(crowded * [40, 8, 10, 35, 12, 6])
    return pd.DataFrame(values, index=[f"TS_{i}" for i in range(number)], columns=KINDS)


@given(st.integers(12, 80), st.integers(1, 5), st.floats(0.1, 0.9), st.integers(1, 12), st.integers(0, 99))
def test_every_tomogram_is_in_one_subset_of_the_right_size(number, train, public, bins, seed):
    split = split_tomograms(_counts(number, seed), train=train, public=public, bins=bins, draws=3, seed=seed)
    sizes = split.table["subset"].value_counts()
    assert split.table["tomogram"].is_unique
    assert len(split.table) == number
    assert sizes["train"] == train
    assert sizes["public"] == round((number - train) * public)
    per_bin = split.table["bin"].value_counts()
    assert len(per_bin) == bins
    assert per_bin.max() - per_bin.min() <= max(1, int(np.ceil(np.log2(bins))))
    assert split.kinds == tuple(KINDS)


def test_each_subset_takes_its_share_of_each_bin():
    split = split_tomograms(_counts(247), draws=1)
    table = pd.crosstab(split.table["bin"], split.table["subset"])
    assert table["train"].max() <= 1
    share = table["public"] / (table["public"] + table["private"])
    assert share.between(0.1, 0.45).all()


def test_like_tomograms_share_a_bin():
    counts = _counts(240).to_numpy(float)
    bins = bins_of_like_counts(counts, 16)
    within = np.mean([counts[bins == b].std(axis=0) / counts.std(axis=0) for b in range(16)])
    rng = np.random.default_rng(0)
    chance = np.mean([counts[rng.permutation(bins) == b].std(axis=0) / counts.std(axis=0) for b in range(16)])
    assert within < 0.75 * chance


def test_bins_part_every_kind():
    values = np.random.default_rng(0).poisson(20, (400, 3)).astype(float)  # kinds that know nothing of each other
    bins = bins_of_like_counts(values, 8)
    within = np.mean([values[bins == b].std(axis=0) for b in range(8)], axis=0)
    assert (within < 0.8 * values.std(axis=0)).all()


def test_the_subsets_are_more_alike_than_by_chance():
    counts = _counts(247)
    values = counts.to_numpy(float)
    number = {name: place for place, name in enumerate(SUBSETS)}
    subset = split_tomograms(counts).table["subset"].map(number).to_numpy()
    chosen = _worst_difference(values, subset)
    rng = np.random.default_rng(1)
    by_chance = [_worst_difference(values, rng.permutation(subset)) for _ in range(200)]
    assert chosen < np.quantile(by_chance, 0.02)


def test_the_tests_are_those_of_scipy():
    split = split_tomograms(_counts())
    row = split.tests.iloc[4]
    parts = [split.table.loc[split.table["subset"] == row[side], row["object"]] for side in ("first", "second")]
    wanted = ks_2samp(*parts)
    assert (row["statistic"], row["p_value"]) == (wanted.statistic, wanted.pvalue)
    n, m = (len(part) for part in parts)
    pair = split.table["subset"].isin([row["first"], row["second"]])
    assert len(split.tests) == 18
    assert pair.sum() == n + m


def test_the_same_seed_divides_alike_and_another_does_not():
    tables = [split_tomograms(_counts(), seed=seed).table for seed in (1, 1, 2)]
    assert tables[0].equals(tables[1])
    assert not tables[0].equals(tables[2])


@pytest.mark.parametrize("wrong", [{"train": 120}, {"public": 0.0}, {"public": 1.0}, {"bins": 121}, {"draws": 0}])
def test_what_cannot_be_divided_is_refused(wrong):
    with pytest.raises(BadInput) as caught:
        split_tomograms(_counts(), **wrong)
    assert caught.value.hint


def test_counting_knows_tomograms_without_particles(challenge):
    truth, _ = challenge
    counts = count_particles(truth, Rules().names, ["TS_001", "empty", "TS_000"])
    assert counts.index.tolist() == ["TS_001", "empty", "TS_000"]
    assert counts.loc["empty"].sum() == 0
    assert counts.loc["TS_000", "ribosome"] == ((truth["tomogram"] == "TS_000") & (truth["object"] == "ribosome")).sum()
    assert count_particles(truth, Rules().names).to_numpy().sum() == len(truth)


def test_written_and_read_again(tmp_path):
    split = split_tomograms(_counts())
    write_split(tmp_path / "split.csv", split)
    assert read_split(tmp_path / "split.csv") == dict(zip(split.table["tomogram"], split.table["subset"], strict=True))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "cannot be read"),
        ("", "no table"),
        ("tomogram,set\nTS_1,train\n", "lacks the column"),
        ("tomogram,subset\nTS_1,train\nTS_1,public\n", "names TS_1 twice"),
        ("tomogram,subset\nTS_1,test\n", "unknown subset 'test'"),
    ],
)
def test_a_split_that_cannot_be_used_is_refused(tmp_path, text, message):
    path = tmp_path / "split.csv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(BadInput, match=message):
        read_split(path)
