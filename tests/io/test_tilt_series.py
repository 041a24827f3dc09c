"""Tilt series round the files that other programs read."""

import mdocfile
import mrcfile
import numpy as np
import pandas as pd
import pytest
import scipy.ndimage
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cryogauge.io import open_volume, read_tilt_series, write_tilt_series
from cryogauge.records import TILT_COLUMNS, BadInput, TiltSeries


def series(images=None, **columns):
    images = np.random.default_rng(1).normal(size=(3, 16, 20)).astype(np.float32) if images is None else images
    table = {
        "tilt_deg": [0.01, 3.02, -2.99],
        "dose_e_A2": [3.1, 3.1, 3.2],
        "prior_dose_e_A2": [0.0, 3.1, 6.2],
        "axis_deg": [85.3, 85.3, 85.31],
        "shift_x_A": [0.0, 12.5, -30.25],
        "shift_y_A": [4.0, -7.5, 0.125],
        "defocus_A": [30000.0, 31234.5, -500.0],
    } | columns
    return TiltSeries(images, 3.42, pd.DataFrame(table), "test")


def test_round_trip(tmp_path):
    written = series()
    paths = write_tilt_series(tmp_path / "new" / "folder", "TS_01", written)
    assert sorted(path.name for path in (tmp_path / "new" / "folder").iterdir()) == sorted(
        path.name for path in paths.values()
    )
    assert {path.name for path in paths.values()} == {
        "TS_01.mrc",
        "TS_01.mrc.mdoc",
        "TS_01.rawtlt",
        "TS_01.tlt",
        "TS_01.xf",
    }
    for source in (paths["mrc"], tmp_path / "new" / "folder"):
        read = read_tilt_series(source)
        assert np.array_equal(read.images, written.images)
        assert isinstance(read.images, np.memmap)
        assert read.pixel_size_A == 3.42
        for name in ("tilt_deg", "dose_e_A2", "prior_dose_e_A2"):
            assert list(read.table[name]) == list(written.table[name])
        assert np.allclose(read.table[list(TILT_COLUMNS)], written.table[list(TILT_COLUMNS)], rtol=1e-12, atol=1e-7)
        assert read.alignment == str(paths["xf"])
        assert list(read.table["image"]) == ["1", "2", "3"]
        assert read.used.all()


ANY = st.floats(-1e4, 1e4, allow_subnormal=False)
ROW = st.fixed_dictionaries({name: st.floats(-180, 180) if name == "axis_deg" else ANY for name in TILT_COLUMNS})


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(st.lists(ROW, min_size=2, max_size=5))
def test_any_numbers_round_trip(tmp_path, rows):
    table = pd.DataFrame(rows)
    write_tilt_series(tmp_path, "t", TiltSeries(np.zeros((len(rows), 4, 6), np.float32), 10.0, table))
    read = read_tilt_series(tmp_path / "t.mrc").table
    for name in ("tilt_deg", "dose_e_A2", "prior_dose_e_A2"):
        assert list(read[name]) == list(table[name])
    assert np.allclose(read["defocus_A"], table["defocus_A"], rtol=1e-14, atol=1e-300)
    turned = (read["axis_deg"] - table["axis_deg"] + 180) % 360 - 180
    assert np.allclose(turned, 0, rtol=0, atol=1e-7)
    assert np.allclose(read[["shift_x_A", "shift_y_A"]], table[["shift_x_A", "shift_y_A"]], rtol=1e-8, atol=1e-5)


def test_mdocfile_and_mrcfile_read_it(tmp_path):
    paths = write_tilt_series(tmp_path, "TS_01", series())
    mdoc = mdocfile.read(paths["mdoc"])
    assert list(mdoc["ZValue"]) == [0, 1, 2]
    assert list(mdoc["TiltAngle"]) == [0.01, 3.02, -2.99]
    assert list(mdoc["Defocus"]) == pytest.approx([-3.0, -3.12345, 0.05])  # µm, negative for underfocus
    assert list(mdoc["RotationAngle"]) == pytest.approx([175.3, 175.3, 175.31])  # as SerialEM: axis + 90
    assert set(mdoc["PixelSpacing"]) == {3.42}
    assert any("Tilt axis angle = 85.3" in title for title in mdoc["titles"].iloc[0])
    with mrcfile.open(paths["mrc"]) as file:
        assert file.is_image_stack()
        assert file.voxel_size.x == pytest.approx(3.42)
    assert open_volume(paths["mrc"]).voxel_size_A == pytest.approx(3.42)
    assert np.allclose(np.loadtxt(paths["tlt"]), [0.01, 3.02, -2.99])
    assert np.loadtxt(paths["xf"]).shape == (3, 6)


def test_what_no_file_says_is_unknown_or_nominal(tmp_path):
    paths = write_tilt_series(tmp_path, "t", series())
    paths["xf"].unlink()
    unaligned = read_tilt_series(paths["mrc"])
    assert unaligned.alignment == ""
    assert not unaligned.table[["shift_x_A", "shift_y_A"]].to_numpy().any()
    assert list(unaligned.table["axis_deg"]) == pytest.approx([85.3, 85.3, 85.31])
    paths = write_tilt_series(tmp_path, "t", series())
    paths["mdoc"].unlink()
    bare = read_tilt_series(paths["mrc"])
    assert bare.table[["dose_e_A2", "prior_dose_e_A2", "defocus_A"]].isna().all(axis=None)
    assert np.allclose(bare.table["axis_deg"], series().table["axis_deg"])
    paths["xf"].unlink()
    with pytest.raises(BadInput, match="no file says the tilt axis"):
        read_tilt_series(paths["mrc"])
    paths["tlt"].unlink(), paths["rawtlt"].unlink()
    with pytest.raises(BadInput, match="nothing beside it that says its tilts"):
        read_tilt_series(paths["mrc"])


def test_the_transform_puts_the_axis_upright_and_the_shift_back(tmp_path):
    """A line along the tilt axis through the shifted centre must stand upright in the middle after ``.xf``."""
    axis_deg, shift_px, size = 30.0, np.array([6.0, -4.0]), 65  # counter-clockwise from +y; (x, y)
    direction = np.array([-np.sin(np.deg2rad(axis_deg)), np.cos(np.deg2rad(axis_deg))])
    centre = (size - 1) / 2
    points = centre + shift_px + np.linspace(-20, 20, 161)[:, None] * direction
    image = np.zeros((size, size), np.float32)
    image[np.rint(points[:, 1]).astype(int), np.rint(points[:, 0]).astype(int)] = 1
    one = {"axis_deg": [axis_deg], "shift_x_A": [60.0], "shift_y_A": [-40.0]}
    others = {name: [0.0] for name in TILT_COLUMNS if name not in one}
    table = pd.DataFrame(one | others)
    paths = write_tilt_series(tmp_path, "t", TiltSeries(image[None], 10.0, table))
    a11, a12, a21, a22, dx, dy = np.loadtxt(paths["xf"])
    # out = A (in − c) + d + c, so in = A⁻¹ (out − c − d) + c; scipy wants it for (y, x)
    inverse = np.linalg.inv([[a11, a12], [a21, a22]])
    swap = np.array([[0, 1], [1, 0]])
    matrix = swap @ inverse @ swap
    offset = swap @ (np.array([centre, centre]) - inverse @ np.array([centre + dx, centre + dy]))
    aligned = scipy.ndimage.affine_transform(image, matrix, offset, order=1)
    mass = aligned.sum(axis=0)
    assert mass[31:34].sum() > 0.95 * mass.sum()
    assert aligned[12:53, 31:34].sum() > 0.95 * aligned.sum()


@pytest.mark.parametrize("kind", ["i2", "u2", "f2", "i1"])
def test_types_are_kept(tmp_path, kind):
    images = np.random.default_rng(2).integers(0, 100, (3, 8, 9)).astype(kind)
    write_tilt_series(tmp_path, "t", series(images))
    read = read_tilt_series(tmp_path).images
    assert read.dtype == kind
    assert np.array_equal(read, images)


def test_what_is_missing_or_damaged(tmp_path):
    with pytest.raises(BadInput, match="does not exist"):
        read_tilt_series(tmp_path / "t.mrc")
    with pytest.raises(BadInput, match="no tilt series lies in"):
        read_tilt_series(tmp_path)
    paths = write_tilt_series(tmp_path, "t", series())
    for kind, content, words in [
        ("xf", "1 2 3\n", "table"),
        ("xf", "a b c d e f\n", "no table"),
        ("xf", "-1 0 0 1 0 0\n" * 3, "mirrors"),
        ("xf", "1.1 0 0 1 0 0\n" * 3, "stretches images by 10%"),
        ("xf", "1 0 0 nan 0 0\n" * 3, "mirrors or flattens"),
        ("tlt", "0\n1\n", "2 angles for 3 images"),
        ("tlt", "0\nb\n2\n", "no list of angles"),
        ("mdoc", "PixelSpacing = 3.42\n", "no .mdoc"),
        ("mdoc", "PixelSpacing = 3.42\n\n[ZValue = 0]\nTiltAngle = steep\n", "TiltAngle is no number"),
    ]:
        kept = paths[kind].read_text()
        paths[kind].unlink() if content is None else paths[kind].write_text(content)
        with pytest.raises(BadInput, match=words):
            read_tilt_series(paths["mrc"])
        paths[kind].write_text(kept)
    lines = paths["mdoc"].read_text().split("[ZValue = 2]")[0]
    paths["mdoc"].write_text(lines)
    with pytest.raises(BadInput, match=r"3 images, its \.mdoc 2"):
        read_tilt_series(paths["mrc"])
    write_tilt_series(tmp_path, "u", series())
    with pytest.raises(BadInput, match="2 tilt series"):
        read_tilt_series(tmp_path)
    with pytest.raises(BadInput, match="is a file"):
        write_tilt_series(paths["mrc"], "t", series())
