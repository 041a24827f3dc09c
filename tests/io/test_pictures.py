"""Single pictures of every kind."""

import math

import numpy as np
import pytest
import tifffile
from PIL import Image

from cryogauge.io import read_picture, write_mrc
from cryogauge.io.voxel import ABSURD_GRID_A
from cryogauge.records import BadInput

GREY = np.random.default_rng(8).integers(0, 256, (24, 32)).astype(np.uint8)
COLOUR = np.random.default_rng(9).integers(0, 256, (24, 32, 3)).astype(np.uint8)
LUMINANCE = COLOUR @ np.array([0.299, 0.587, 0.114])


@pytest.mark.parametrize(("mode", "suffix"), [("L", ".png"), ("I;16", ".png"), ("L", ".PNG"), ("P", ".png")])
def test_grey_png(tmp_path, mode, suffix):
    picture = GREY.astype(np.uint16) * 200 if mode == "I;16" else GREY
    image = Image.fromarray(picture)
    (image.convert("P") if mode == "P" else image).save(tmp_path / f"t{suffix}")
    data, size = read_picture(tmp_path / f"t{suffix}")
    assert data.dtype == np.float32
    assert np.allclose(data, picture, atol=1e-3)
    assert math.isnan(size)
    assert read_picture(tmp_path / f"t{suffix}", 13.5)[1] == 13.5


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_colours_become_luminance(tmp_path, mode):
    Image.fromarray(COLOUR).convert(mode).save(tmp_path / "t.png")
    assert np.allclose(read_picture(tmp_path / "t.png")[0], LUMINANCE, atol=1e-3)


def test_jpeg(tmp_path):
    smooth = np.add.outer(np.arange(64), np.arange(64)).astype(np.uint8)
    Image.fromarray(smooth).save(tmp_path / "t.jpg", quality=95)
    assert np.abs(read_picture(tmp_path / "t.jpg")[0] - smooth).max() < 4


def test_tiff(tmp_path):
    tifffile.imwrite(tmp_path / "t.tif", GREY, resolution=(1e8 / 8.0,) * 2, resolutionunit="CENTIMETER")
    data, size = read_picture(tmp_path / "t.tif")
    assert np.array_equal(data, GREY)
    assert size == pytest.approx(8.0)
    tifffile.imwrite(tmp_path / "rgb.tif", COLOUR, resolution=(72, 72), resolutionunit="INCH")
    data, size = read_picture(tmp_path / "rgb.tif")
    assert np.allclose(data, LUMINANCE, atol=1e-3)
    assert math.isnan(size)
    planes = np.moveaxis(COLOUR, 2, 0)
    tifffile.imwrite(tmp_path / "planes.tif", planes, photometric="rgb", planarconfig="separate")
    assert np.allclose(read_picture(tmp_path / "planes.tif")[0], LUMINANCE, atol=1e-3)


def test_grey_tiff_with_transparency(tmp_path):
    pair = np.stack([GREY, 255 - GREY], axis=2)
    tifffile.imwrite(
        tmp_path / "t.tif", pair, photometric="minisblack", planarconfig="contig", extrasamples=["unassalpha"]
    )
    assert np.array_equal(read_picture(tmp_path / "t.tif")[0], GREY)


def test_a_page_with_depth_is_several_pictures(tmp_path):
    tifffile.imwrite(tmp_path / "t.tif", np.zeros((16, 32, 32), np.uint8), volumetric=True, photometric="minisblack")
    with pytest.raises(BadInput, match="16 pictures"):
        read_picture(tmp_path / "t.tif")


@pytest.mark.parametrize("width", [3, 40])
def test_mrc(tmp_path, width):
    """Three columns are no colours."""
    data = np.arange(24 * width, dtype=np.float32).reshape(1, 24, width)
    write_mrc(tmp_path / "t.mrc", data, 4.4)
    picture, size = read_picture(tmp_path / "t.mrc")
    assert np.array_equal(picture, data[0])
    assert size == pytest.approx(4.4)


def test_what_is_no_single_picture(tmp_path):
    write_mrc(tmp_path / "three.mrc", np.zeros((3, 8, 8), np.float32), 4.4)
    tifffile.imwrite(tmp_path / "three.tif", np.zeros((4, 8, 9), np.uint8), photometric="minisblack")
    for name in ("three.mrc", "three.tif"):
        with pytest.raises(BadInput, match="pictures") as caught:
            read_picture(tmp_path / name)
        assert "a file of one" in caught.value.hint
    with pytest.raises(BadInput, match="is a folder, not a picture"):
        read_picture(tmp_path)
    (tmp_path / "t.png").write_text("no picture")
    (tmp_path / "t.gif").write_text("no picture")
    Image.fromarray(GREY).save(tmp_path / "cut.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "cut.png").read_bytes()[:200])
    for name in ("t.png", "t.gif", "cut.png", "nothing.png"):
        with pytest.raises(BadInput):
            read_picture(tmp_path / name)


def test_only_pictures_of_grids_have_pixels_of_an_atlas(tmp_path):
    write_mrc(tmp_path / "atlas.mrc", np.zeros((1, 8, 9), np.float32), 2400.0)
    assert np.isnan(read_picture(tmp_path / "atlas.mrc")[1])
    assert read_picture(tmp_path / "atlas.mrc", absurd_A=ABSURD_GRID_A)[1] == pytest.approx(2400.0)
    with pytest.raises(BadInput, match="cannot be"):
        read_picture(tmp_path / "atlas.mrc", 2400.0)
    with pytest.raises(BadInput, match="cannot be"):
        read_picture(tmp_path / "atlas.mrc", 2e5, absurd_A=ABSURD_GRID_A)
