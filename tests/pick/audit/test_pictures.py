import io

import numpy as np
import pytest
from PIL import Image

from cryogauge.io import open_volume, write_mrc
from cryogauge.io.lazy import LazyArray
from cryogauge.pick.audit.pictures import AROUND, SectionPictures, contrast, sections
from cryogauge.records import Volume


@pytest.fixture
def tomogram(tmp_path):
    """A tomogram whose voxel at (z, y, x) is 10000 z + 100 y + x."""
    z, y, x = np.indices((30, 40, 50))
    path = tmp_path / "t.mrc"
    write_mrc(path, (10000 * z + 100 * y + x).astype(np.float32), 10.0)
    return path


def test_axes_point_as_their_names_say(tomogram):
    xy, xz, zy = sections(open_volume(tomogram), (12, 15, 20), 8)
    assert xy.shape == (17, 17)
    assert xy[8, 8] == xz[8, 8] == zy[8, 8] == 121520
    assert np.all(np.diff(xy, axis=1) == 1)
    assert np.all(np.diff(xy, axis=0) == 100)
    assert np.all(np.diff(xz, axis=1) == 1)
    assert np.all(np.diff(xz, axis=0) == 10000)
    assert np.all(np.diff(zy, axis=1) == 10000)
    assert np.all(np.diff(zy, axis=0) == 100)


def test_a_section_is_a_mean_and_ends_where_the_tomogram_does(tomogram):
    data = np.asarray(open_volume(tomogram).data)
    xy, xz, zy = sections(open_volume(tomogram), (1, 15, 48), 8)
    assert np.allclose(xy[:, :10], data[0:4, 7:24, 40:50].mean(axis=0))
    assert np.isnan(xy[:, 10:]).all()
    assert np.isnan(xz[:7]).all()
    assert np.isnan(zy[:, :7]).all()
    assert np.isfinite(xz[7:, :10]).all()
    assert np.isnan(sections(open_volume(tomogram), (1, 15, 1000), 8)).all()


def test_contrast_is_that_of_the_tomogram_not_of_the_picture(tomogram):
    pictures = SectionPictures()
    shown = [np.asarray(Image.open(io.BytesIO(pictures.png(str(tomogram), (z, 15, 25), 8)))) for z in (5, 15, 25)]
    assert shown[0].shape == (51, 17, 2)
    assert [np.median(each[:17, :, 0]) for each in shown] == sorted({np.median(each[:17, :, 0]) for each in shown})
    edge = np.asarray(Image.open(io.BytesIO(pictures.png(str(tomogram), (5, 15, 48), 8))))
    assert (edge[:17, 10:, 1] == 0).all()
    assert (edge[:17, :10, 1] == 255).all()
    assert contrast(Volume(np.full((8, 8, 8), 3.0), 10.0)) == (3.0, 4.0)


def test_no_more_is_read_than_the_sections_need():
    asked = []

    def read(*box):
        asked.append(tuple(each.stop - each.start for each in box))
        return np.zeros([each.stop - each.start for each in box], np.float32)

    volume = Volume(LazyArray((300, 1000, 1000), np.dtype("f4"), read), 10.0)
    sections(volume, (150, 500, 500), 20)
    thick = 2 * AROUND + 1
    assert asked == [(thick, 41, 41), (41, thick, 41), (41, 41, thick)]
