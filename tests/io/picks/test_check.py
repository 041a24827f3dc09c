"""Picks that cannot be right are refused; odd ones are told."""

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryogauge.io.picks import read_picks_as, write_picks_as
from cryogauge.io.picks.check import check_inside
from cryogauge.io.picks.frame import Frame
from cryogauge.records import BadInput
from tests.io.picks.makers import lines_of

SHAPE, VOXEL_A = (184, 630, 630), 10.012
GIVEN = {"shape": SHAPE, "voxel_size_A": VOXEL_A}


def _picks(voxels):
    places = np.asarray(voxels, dtype=float)
    table = pd.DataFrame(places * VOXEL_A, columns=["x_A", "y_A", "z_A"])
    return table.assign(tomogram="TS_1", object="ribosome", score=np.nan)


def _random(count, seed=0):
    return np.random.default_rng(seed).uniform(0, np.array(SHAPE[::-1]) - 1, (count, 3))


def test_voxels_taken_for_angstrom(tmp_path):
    path = tmp_path / "picks.csv"
    for count in (2, 5, 300):
        write_picks_as(path, _picks(_random(count) / VOXEL_A), "kaggle")
        with pytest.raises(BadInput, match="look like voxels taken for Å") as raised:
            read_picks_as(path, **GIVEN)
        assert "multiply them by the voxel size of 10.012 Å" in raised.value.hint
        assert len(read_picks_as(path)) == count


def test_angstrom_taken_for_voxels(tmp_path):
    path, _ = write_picks_as(tmp_path / "picks.tbl", _picks(_random(20)), "dynamo", voxel_size_A=1.0)
    with pytest.raises(BadInput, match="look like Å taken for voxels"):
        read_picks_as(path, **GIVEN)
    with pytest.raises(BadInput, match="look like Å taken for voxels"):
        write_picks_as(tmp_path / "b.tbl", _picks(_random(20) * VOXEL_A), "dynamo", **GIVEN)


def test_some_or_most_outside(tmp_path, caplog):
    table = _picks([[0, 0, 0], [629, 629, 183], [-0.4, 629.4, 183.4], [-3, 5, 5]])
    (path,) = write_picks_as(tmp_path / "picks.csv", table, "kaggle")
    with caplog.at_level(logging.WARNING, "cryogauge.io"):
        read_picks_as(path, **GIVEN)
    assert "1 of 4 picks lie outside the tomogram of 6308 × 6308 × 1842 Å (x, y, z), the first is pick 4" in lines_of(
        caplog
    )
    with pytest.raises(BadInput, match="picks lie outside the tomogram") as raised:
        write_picks_as(path, _picks(_random(9)[:, ::-1] * [10, 1, 1]), "kaggle", **GIVEN)
    assert "order of the axes" in raised.value.hint


@pytest.mark.parametrize(("place", "inside"), [(-0.49, True), (-0.51, False), (629.49, True), (629.51, False)])
def test_a_tomogram_ends_half_a_voxel_from_its_last_centres(place, inside, caplog):
    with caplog.at_level(logging.WARNING, "cryogauge.io"):
        check_inside(_picks([[place, 5, 5], [300, 300, 90]]), Path("picks"), Frame(VOXEL_A, SHAPE))
    assert ("1 of 2 picks lie outside" in lines_of(caplog)) is not inside


@given(st.integers(1, 30), st.integers(0, 2**31))
def test_good_picks_pass(count, seed):
    check_inside(_picks(_random(count, seed)), Path("picks"), Frame(VOXEL_A, SHAPE))


def test_a_few_in_one_corner_are_believed():
    check_inside(_picks([[1, 2, 3], [3, 4, 5], [20, 20, 9]]), Path("picks"), Frame(VOXEL_A, SHAPE))


def test_no_numbers_and_duplicates(tmp_path, caplog):
    table = _picks(_random(3))
    table.loc[1, "y_A"] = np.nan
    with pytest.raises(BadInput, match="1 of 3 picks have a position or angle that is no number, the first is pick 2"):
        write_picks_as(tmp_path / "a.csv", table, "kaggle")
    table = _picks(_random(3))
    (path,) = write_picks_as(tmp_path / "a.csv", pd.concat([table, table[:2]]), "cryogauge")
    with caplog.at_level(logging.WARNING, "cryogauge.io"):
        assert len(read_picks_as(path)) == 5
    assert "2 of 5 picks repeat an earlier one exactly; they are kept" in lines_of(caplog)
    with pytest.raises(BadInput, match="name no object"):
        write_picks_as(tmp_path / "a.csv", table.assign(object=" "), "kaggle")
