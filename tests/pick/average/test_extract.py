import numpy as np
import pandas as pd
import pytest

from cryogauge.io import open_volume
from cryogauge.io.lazy import LazyArray
from cryogauge.io.picks import read_picks_as
from cryogauge.pick.average import cut_boxes, write_boxes
from cryogauge.records import BadInput, Volume

RNG = np.random.default_rng(0)
DATA = RNG.normal(5.0, 3.0, (20, 30, 40)).astype(np.float32)


def test_a_box_is_what_lies_around_its_pick():
    boxes = cut_boxes(Volume(DATA, 10.0), np.array([[10.3, 14.8, 20.0]]), 9, radius_px=3.0)
    cut = DATA[6:15, 11:20, 16:25]
    assert np.allclose(boxes.data[0], (cut - cut.mean()) / cut.std(), atol=1e-5)
    assert np.allclose(boxes.offsets_px, [[0.3, -0.2, 0.0]])
    assert boxes.whole.all()


@pytest.mark.parametrize("edge", [8, 9])
def test_the_middle_of_a_box_is_at_half_its_edge(edge):
    data = np.zeros((20, 20, 20), np.float32)
    data[10, 11, 12] = 1.0
    boxes = cut_boxes(Volume(data, 10.0), np.array([[10.0, 11.0, 12.0]]), edge, radius_px=3.0)
    assert np.unravel_index(boxes.data[0].argmax(), (edge,) * 3) == (edge // 2,) * 3


def test_nothing_but_the_boxes_is_read():
    read = []

    def take(z, y, x):
        read.append((z.stop - z.start) * (y.stop - y.start) * (x.stop - x.start))
        return DATA[z, y, x]

    lazy = LazyArray(DATA.shape, DATA.dtype, take)
    cut_boxes(Volume(lazy, 10.0), np.array([[10.0, 10.0, 10.0], [9.0, 20.0, 30.0]]), 7, radius_px=3.0)
    assert read == [343, 343]


def test_at_the_border_a_box_is_filled_with_its_mean_and_outside_there_is_none():
    places = np.array([[1.0, 15.0, 20.0], [10.0, 15.0, 36.0], [-3.0, 10.0, 10.0], [10.0, 31.0, 10.0]])
    boxes = cut_boxes(Volume(DATA, 10.0), places, 9, radius_px=3.0)
    assert boxes.outside == 2
    assert list(boxes.rows) == [0, 1]
    assert list(boxes.whole) == [False, True]
    assert not boxes.data[0, :3].any()
    assert abs(float(boxes.data[0].mean())) < 1e-4


def test_where_there_is_nothing_there_is_no_box():
    data = DATA.copy()
    data[:, :15] = 1.0
    data[5, 25, 30] = np.nan
    places = np.array([[10.0, 7.0, 10.0], [6.0, 24.0, 30.0], [10.0, 22.0, 10.0]])
    boxes = cut_boxes(Volume(data, 10.0), places, 7, radius_px=3.0)
    assert boxes.flat == 2
    assert list(boxes.rows) == [2]


def test_a_box_larger_than_the_tomogram_is_refused():
    with pytest.raises(BadInput, match="larger than"):
        cut_boxes(Volume(DATA, 10.0), np.zeros((1, 3)), 21, radius_px=3.0)


def test_files_of_boxes_say_where_they_are_from(tmp_path):
    picks = pd.DataFrame(
        {
            "tomogram": ["T1", "T1", "T2"], "object": "ribosome",
            "x_A": [203.0, 5.0, 151.0], "y_A": [148.0, 150.0, 120.0],
            "z_A": [103.0, 100.0, 99.0], "score": 1.0, "rot": [10.0, 0.0, -30.0], "tilt": [20.0, 0.0, 40.0],
            "psi": [30.0, 0.0, 50.0],
        }
    )  # fmt: skip
    volumes = {"T1": Volume(DATA, 10.0), "T2": Volume(DATA + 1, 10.0)}
    path = write_boxes(tmp_path / "boxes", volumes, picks, 8, radius_px=3.0, invert=True)
    again = read_picks_as(path)  # the second pick is cut by the border
    columns = ["x_A", "y_A", "z_A", "rot", "tilt", "psi"]
    assert np.allclose(again[columns], picks.loc[[0, 2], columns])
    assert list(again["tomogram"]) == ["T1", "T2"]
    assert list(again["object"]) == ["ribosome"] * 2
    written = open_volume(path.parent / "T1_000001.mrc")
    assert written.voxel_size_A == pytest.approx(10.0)
    cut = DATA[6:14, 11:19, 16:24]
    assert np.allclose(written.data, -(cut - cut.mean()) / cut.std(), atol=1e-4)
