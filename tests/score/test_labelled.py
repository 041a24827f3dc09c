"""Labels become training material: whose word counts, what lies between, and inputs as inference makes them."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryogauge.io import write_mrc
from cryogauge.records import BadInput, Volume
from cryogauge.score.evidence import evidence, with_reference
from cryogauge.score.labelled import (
    LabelledTomogram,
    between,
    find_fair_labels,
    find_labels,
    labelled_tomograms,
    prepare,
    prepare_one,
    read_prepared,
    smoothed,
    split,
)
from cryogauge.score.network import CONTEXT
from cryogauge.score.quality import referred


def _table(**columns) -> pd.DataFrame:
    rows = len(columns["z"])
    known = {"tomogram": "a", "uri": "a.mrc", "pixel_size_A": 10.0, "annotator": "kim"}
    return pd.DataFrame({name: [value] * rows for name, value in known.items()} | columns)


def test_a_person_counts_once_however_often_they_looked():
    table = _table(z=[5, 5, 5, 7], score=[0.2, 0.4, 1.0, 0.6], annotator=["kim", "kim", "lee", "kim"])
    (one,) = labelled_tomograms(table)
    np.testing.assert_array_equal(one.z, [5, 7])
    np.testing.assert_allclose(one.score, [(0.3 + 1.0) / 2, 0.6])


def test_tomograms_are_told_apart_by_where_they_are():
    table = _table(z=[1, 1], score=[0.0, 1.0], uri=["first/a.mrc", "second/a.mrc"])
    assert [(t.uri, t.score[0]) for t in labelled_tomograms(table)] == [("first/a.mrc", 0.0), ("second/a.mrc", 1.0)]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (_table(z=[1], score=[0.2]).drop(columns="uri"), "no column uri"),
        (_table(z=[1], score=[0.2]).iloc[:0], "no labels"),
        (_table(z=[1, 2], score=[0.2, 1.5]), "row 2"),
        (_table(z=[-1], score=[0.2]), "row 1"),
        (_table(z=[1], score=[float("nan")]), "row 1"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(table, said):
    with pytest.raises(BadInput, match=said):
        labelled_tomograms(table)


@given(
    st.lists(st.integers(0, 300), min_size=1, max_size=30, unique=True),
    st.data(),
)
def test_smoothing_keeps_to_the_labels(z, data):
    score = data.draw(st.lists(st.floats(0, 1), min_size=len(z), max_size=len(z)))
    found = smoothed(np.sort(np.array(z)), np.array(score), 3.0)
    assert (found >= min(score) - 1e-9).all()
    assert (found <= max(score) + 1e-9).all()


def test_dense_labels_are_filtered_and_lone_ones_are_not():
    from scipy.ndimage import gaussian_filter1d

    score = np.random.default_rng(0).uniform(size=80)
    np.testing.assert_allclose(
        smoothed(np.arange(80), score, 3.0)[20:60], gaussian_filter1d(score, 3.0, truncate=8)[20:60], atol=1e-6
    )
    np.testing.assert_allclose(smoothed(np.array([0, 50]), np.array([0.2, 0.8]), 3.0), [0.2, 0.8])


def _labelled(z, score, uri="a.mrc") -> LabelledTomogram:
    return LabelledTomogram("a", uri, 10.0, np.array(z), np.array(score, dtype=float))


def test_slices_between_are_on_the_line():
    dense = between(_labelled([0, 9, 60, 90], [0.0, 0.9, 0.0, 0.2]), 100)
    np.testing.assert_array_equal(dense.z[:4], [0, 3, 6, 9])
    np.testing.assert_allclose(dense.score[:4], [0.0, 0.3, 0.6, 0.9])
    assert not ((dense.z > 9) & (dense.z < 60)).any(), "far apart and unlike: nobody knows what lies between"
    assert ((dense.z > 60) & (dense.z < 90)).any(), "far apart but alike"


@given(st.integers(3, 40), st.integers(0, 5), st.sampled_from([4, 7]))
def test_no_tomogram_stands_on_both_sides(count, seed, one_in):
    tomograms = [_labelled([0], [i / count], f"{i}.mrc") for i in range(count)]
    inside, out = split(tomograms, one_in, seed)
    assert sorted([*inside, *out]) == list(range(count))
    assert len(out) == max(1, count // one_in)


@pytest.fixture
def volume(tmp_path):
    rng = np.random.default_rng(1)
    data = rng.normal(size=(24, 48, 64)).astype(np.float32)
    data[8:16] += 2 * rng.normal(size=(48, 64)).astype(np.float32)
    write_mrc(tmp_path / "a.mrc", data, 10.0)
    return data, str(tmp_path / "a.mrc")


def test_inputs_are_those_of_inference(volume):
    data, uri = volume
    prepared = prepare_one(_labelled([1, 12, 23], [0.0, 0.6, 0.0], uri))
    to_grey, known = referred(Volume(data, 10.0))
    np.testing.assert_array_equal(prepared.known, known.astype(np.float32))
    place = int(np.flatnonzero(prepared.z == 12)[0])
    expected = np.stack([to_grey(data[12 + offset]) for offset in CONTEXT])
    np.testing.assert_array_equal(prepared.grey[prepared.index[place]], expected)
    assert with_reference(evidence(prepared.stack(place)), prepared.known).shape == (75, 3, 4)


def test_prepared_slices_stay_until_labels_change(volume, tmp_path):
    _, uri = volume
    said: list[str] = []
    first = prepare([_labelled([3, 12], [0.0, 0.6], uri)], tmp_path / "slices", say=said.append)
    assert prepare([_labelled([3, 12], [0.0, 0.6], uri)], tmp_path / "slices", say=said.append) == first
    assert len(said) == 1
    assert prepare([_labelled([3, 12], [0.0, 0.8], uri)], tmp_path / "slices", say=said.append) != first
    np.testing.assert_allclose(read_prepared(first[0]).score[[0, -1]], [0.0, 0.6])


def test_another_file_than_the_one_labelled_is_noticed(volume):
    with pytest.raises(BadInput, match="has only 24 slices"):
        prepare_one(_labelled([30], [0.4], volume[1]))


def test_slices_that_a_network_was_unsure_of_are_left_out_and_counted(tmp_path):
    row = {"tomogram": "a", "uri": "a.mrc", "pixel_size_A": 10.0, "annotator": "kim", "category": 3, "score": 0.6,
           "width_px": "", "repeat": 0, "seconds": 1.0, "labelled_at": "2026-01-31T12:00:00Z"}  # fmt: skip
    said = ["random", "unsure", "", "unsure", "random"]
    path = tmp_path / "labels.csv"
    pd.DataFrame([row | {"z": z, "chosen": chosen} for z, chosen in enumerate(said)]).to_csv(path, index=False)
    (one,), left_out = find_fair_labels(str(path))
    assert (one.z.tolist(), left_out) == ([0, 2, 4], 2)
    assert find_labels(str(path))[0].z.tolist() == [0, 1, 2, 3, 4]  # to learn from all
    pd.DataFrame([row | {"z": 1, "chosen": "unsure"}]).to_csv(path, index=False)
    with pytest.raises(BadInput, match=r"all labels in .* a network was unsure of"):
        find_fair_labels(str(path))


def test_a_folder_without_truths_is_refused(tmp_path):
    with pytest.raises(BadInput, match="no simulated data set"):
        find_labels(str(tmp_path))
