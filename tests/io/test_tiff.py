"""TIFF stacks as tifffile and, by its conventions, ImageJ write them."""

import numpy as np
import pytest
import tifffile

from cryogauge.io import open_volume
from cryogauge.io.lazy import LazyArray
from cryogauge.records import BadInput

DATA = np.random.default_rng(5).integers(0, 60000, (6, 20, 30)).astype(np.uint16)


def imagej(path, unit, spacing, resolution, **options):
    tifffile.imwrite(
        path, DATA, imagej=True, metadata={"spacing": spacing, "unit": unit}, resolution=(resolution,) * 2, **options
    )
    return path


@pytest.mark.parametrize(
    ("unit", "per_A"), [("nm", 0.1), ("angstrom", 1), ("um", 1e-4), ("micron", 1e-4), ("\\u00B5m", 1e-4)]
)
def test_imagej_units(tmp_path, unit, per_A):
    path = imagej(tmp_path / "t.tif", unit, 10.52 * per_A, 1 / (10.52 * per_A))
    volume = open_volume(path)
    assert volume.voxel_size_A == pytest.approx(10.52, rel=1e-4)
    assert isinstance(volume.data, np.memmap)
    assert np.array_equal(volume.data, DATA)


@pytest.mark.parametrize(
    "options",
    [
        {"compression": "zlib", "predictor": True},
        {"tile": (16, 16)},
        {"byteorder": ">"},
        {"bigtiff": True},
        {"rowsperstrip": 7},
        {"contiguous": False},
    ],
)
def test_layouts(tmp_path, options):
    tifffile.imwrite(tmp_path / "t.tif", DATA, resolution=(1e8 / 13.5,) * 2, resolutionunit="CENTIMETER", **options)
    volume = open_volume(tmp_path / "t.tif")
    assert volume.voxel_size_A == pytest.approx(13.5, rel=1e-5)
    assert np.array_equal(volume.data, DATA)
    assert np.array_equal(volume.slice(4), DATA[4])


def test_pages_written_one_by_one_are_read_one_by_one(tmp_path, monkeypatch):
    with tifffile.TiffWriter(tmp_path / "t.tif") as file:
        for image in DATA:
            file.write(image, compression="zlib", contiguous=False, metadata=None)
    volume = open_volume(tmp_path / "t.tif", pixel_size_A=8.0)
    assert isinstance(volume.data, LazyArray)
    decoded = []
    plain = tifffile.TiffPage.asarray
    monkeypatch.setattr(
        tifffile.TiffPage, "asarray", lambda self, *a, **k: decoded.append(self.index) or plain(self, *a, **k)
    )
    assert np.array_equal(volume.data[2:4, 5:9, 1], DATA[2:4, 5:9, 1])
    assert len(decoded) <= 2


def test_a_printers_resolution_is_no_voxel_size(tmp_path):
    tifffile.imwrite(tmp_path / "t.tif", DATA, resolution=(72, 72), resolutionunit="INCH")
    with pytest.raises(BadInput, match="cannot be") as caught:
        open_volume(tmp_path / "t.tif")
    assert "--pixel-size" in caught.value.hint
    tifffile.imwrite(tmp_path / "u.tif", DATA)
    with pytest.raises(BadInput, match="does not say"):
        open_volume(tmp_path / "u.tif")


@pytest.mark.parametrize("data", [DATA[0], np.zeros((20, 30, 3), np.uint8)])
def test_pictures_want_slices(tmp_path, data):
    tifffile.imwrite(tmp_path / "t.tif", data)
    with pytest.raises(BadInput) as caught:
        open_volume(tmp_path / "t.tif", pixel_size_A=8.0)
    assert "--slices" in caught.value.hint


def test_what_is_no_volume(tmp_path):
    tifffile.imwrite(tmp_path / "four.tif", np.zeros((2, 5, 20, 30), np.float32), photometric="minisblack")
    with pytest.raises(BadInput, match="not one volume"):
        open_volume(tmp_path / "four.tif", pixel_size_A=8.0)
    tifffile.imwrite(tmp_path / "t.tif", DATA)
    whole = (tmp_path / "t.tif").read_bytes()
    for damaged in (whole[:-4000], whole[:100], whole[:3], b"II*\0\0\0\0\0", b"text " * 99):
        (tmp_path / "t.tif").write_bytes(damaged)
        with pytest.raises(BadInput):
            open_volume(tmp_path / "t.tif", pixel_size_A=8.0)


@pytest.mark.parametrize(("unit", "per_A"), [(None, 1e-4), ("nm", 0.1), ("Å", 1.0)])
def test_ome_sizes(tmp_path, unit, per_A):
    """As OME-XML says it; without a unit the schema means micrometres."""
    sizes: dict[str, object] = {f"PhysicalSize{axis}": 13.2 * per_A for axis in "XYZ"}
    sizes |= {f"PhysicalSize{axis}Unit": unit for axis in "XYZ"} if unit else {}
    path = tmp_path / "t.ome.tif"
    tifffile.imwrite(path, DATA, ome=True, metadata={"axes": "ZYX", **sizes})
    volume = open_volume(path)
    assert volume.voxel_size_A == pytest.approx(13.2)
    np.testing.assert_array_equal(volume.data[:], DATA)


def test_ome_without_sizes_asks_for_them(tmp_path):
    path = tmp_path / "t.ome.tif"
    tifffile.imwrite(path, DATA, ome=True, metadata={"axes": "ZYX"})
    with pytest.raises(BadInput, match="does not say its voxel size"):
        open_volume(path)
