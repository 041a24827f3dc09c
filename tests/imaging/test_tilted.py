import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryogauge.imaging import align_images, as_contrast, project, reconstruct
from cryogauge.imaging.tilted import Aligner
from cryogauge.records import TILT_COLUMNS, BadInput, TiltSeries

TILTS = np.arange(-60.0, 61.0, 3.0)


def series(images, pixel_size_A=2.0, **columns):
    table = pd.DataFrame({name: np.zeros(len(images)) for name in TILT_COLUMNS})
    return TiltSeries(images, pixel_size_A, table.assign(**columns))


def centroid(image):
    y, x = np.indices(image.shape)
    return np.array([np.sum(x * image), np.sum(y * image)]) / image.sum() - (np.array(image.shape[::-1]) - 1) / 2


@given(axis=st.floats(-180, 180), sx=st.floats(-12, 12), sy=st.floats(-12, 12), x=st.floats(-6, 6), y=st.floats(-6, 6),
       magnification=st.floats(0.9, 1.1))  # fmt: skip
def test_alignment_brings_every_point_back(axis, sx, sy, x, y, magnification):
    """The point (x, y) of the specimen was shrunk, turned counter-clockwise (+x to +y), then shifted."""
    angle = np.deg2rad(axis)
    seen_x = (x * np.cos(angle) - y * np.sin(angle)) / magnification + sx / 2.0
    seen_y = (x * np.sin(angle) + y * np.cos(angle)) / magnification + sy / 2.0
    yy, xx = np.indices((50, 56)) - np.array([24.5, 27.5]).reshape(2, 1, 1)
    image = np.exp(-((xx - seen_x) ** 2 + (yy - seen_y) ** 2) / 8)
    one = series(image[None], axis_deg=axis, shift_x_A=sx, shift_y_A=sy, magnification=magnification)
    aligned = align_images(one, (50, 56))[0]
    background = np.median(aligned)
    np.testing.assert_allclose(centroid(np.where(aligned > background + 0.02, aligned, 0.0)), [x, y], atol=0.05)


def test_aligned_images_without_misalignment_are_the_same_and_may_be_reshaped():
    image = np.random.default_rng(0).standard_normal((12, 20)).astype(np.float32)
    np.testing.assert_allclose(align_images(series(image[None]))[0], image, atol=1e-5)
    quarter = align_images(series(image[None], axis_deg=90.0))[0]
    # what pointed along −x, counter-clockwise from +y, now points along +y
    np.testing.assert_allclose(quarter, image[:, ::-1].T, atol=1e-5)


@given(x=st.floats(-12, 12), y=st.floats(-12, 12), axis=st.sampled_from([0.0, 37.0, 180.0]))
def test_binning_moves_nothing(x, y, axis):
    angle = np.deg2rad(axis)
    seen_x, seen_y = x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle)
    yy, xx = np.indices((96, 96)) - 47.5
    image = np.exp(-((xx - seen_x) ** 2 + (yy - seen_y) ** 2) / (2 * 5.0**2))
    binned = align_images(series(image[None], axis_deg=axis), voxel_size_A=8.0)[0]
    assert binned.shape == (24, 24)
    np.testing.assert_allclose(centroid(np.where(binned > 0.02, binned, 0.0)) * 4.0, [x, y], atol=0.2)


def ball(shape, centre, radius=3.0):
    """A ball about (z, y, x) from the centre of the volume."""
    axes = np.ogrid[tuple(map(slice, shape))]
    away = [axis - (n - 1) / 2 - c for axis, n, c in zip(axes, shape, centre, strict=True)]
    return np.exp(-(away[0] ** 2 + away[1] ** 2 + away[2] ** 2) / (2 * (radius / 2) ** 2)).astype(np.float32)


def brightest(volume):
    return np.array(np.unravel_index(np.argmax(volume), volume.shape)) - (np.array(volume.shape) - 1) / 2


def test_a_ball_is_found_where_it_is_at_any_binning():
    shape, centre = (40, 48, 64), (8.0, -10.0, 14.0)
    images = 100.0 - project(ball(shape, centre, radius=6.0), TILTS, periodic=False)
    recorded = series(images, tilt_deg=TILTS)
    for voxel in (2.0, 4.0):
        volume = reconstruct(recorded, voxel, thickness_nm=8.0)
        assert volume.voxel_size_A == pytest.approx(voxel)
        assert volume.shape == (round(80 / voxel), 48 * 2 // voxel, 64 * 2 // voxel)
        np.testing.assert_allclose(brightest(-volume.data) * voxel / 2.0, centre, atol=1.1)


def test_images_that_are_not_used_leave_no_trace():
    shape = (24, 24, 32)
    images = 50.0 - project(ball(shape, (2.0, 3.0, -4.0)), TILTS, periodic=False)
    spoiled = images.copy()
    spoiled[5] = np.random.default_rng(0).random(spoiled[5].shape) * 1e6
    used = np.arange(len(TILTS)) != 5
    left_out = reconstruct(series(spoiled, tilt_deg=TILTS, used=used), thickness_nm=4.0)
    without = reconstruct(series(images[used], tilt_deg=TILTS[used]), thickness_nm=4.0)
    np.testing.assert_array_equal(left_out.data, without.data)


@pytest.mark.parametrize("turn", [-12.0, 20.0])
def test_the_turn_about_x_is_undone(turn):
    """A specimen turned about x and then tilted comes out as it was before."""
    alpha = np.deg2rad(turn)
    z, y, x = 5.0, -9.0, 6.0
    before_tilting = (y * np.sin(alpha) + z * np.cos(alpha), y * np.cos(alpha) - z * np.sin(alpha), x)
    images = 60.0 - project(ball((48, 48, 48), before_tilting), TILTS, periodic=False)
    volume = reconstruct(series(images, tilt_deg=TILTS, xtilt_deg=turn), thickness_nm=9.6)
    np.testing.assert_allclose(brightest(-volume.data), (z, y, x), atol=1.1)


def test_a_turned_volume_is_filled_to_its_corners():
    """The slab lies aslant within what the tilts see; none of it is made up."""
    rng = np.random.default_rng(0)
    images = (100.0 + rng.standard_normal((len(TILTS), 120, 48))).astype(np.float32)
    volume = reconstruct(series(images, tilt_deg=TILTS, xtilt_deg=15.0), thickness_nm=4.0).data
    assert volume.shape == (20, 120, 48)
    inner = volume[:, 20:-20]
    assert (np.abs(np.diff(inner, axis=1)) < 1e-9).mean() < 0.01


def test_contrast_is_relative_to_the_mean_of_counts_and_to_the_spread_of_normalised_images():
    rng = np.random.default_rng(1)
    counts = 200.0 + rng.standard_normal((1, 16, 16))
    np.testing.assert_allclose(as_contrast(counts * 7)[0], counts[0] / counts.mean() - 1, atol=1e-5)
    assert as_contrast(rng.standard_normal((1, 64, 64)) * 30)[0].std() == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize(
    ("columns", "voxel", "says"),
    [
        ({}, 1.0, "smaller than the pixel"),
        ({}, 40.0, "leaves images of"),
        ({"used": [True] * 2 + [False] * 39}, None, "2 images to use"),
        ({"xtilt_deg": np.linspace(0, 3, 41)}, None, "goes from 0° to 3°"),
    ],
)
def test_what_cannot_be_reconstructed(columns, voxel, says):
    recorded = series(np.ones((41, 24, 32), dtype=np.float32), tilt_deg=TILTS, **columns)
    with pytest.raises(BadInput, match=says):
        reconstruct(recorded, voxel, thickness_nm=5.0)


def test_the_voxel_is_what_even_edges_make_of_it():
    aligner = Aligner(series(np.ones((1, 101, 51))), 5.0)
    assert aligner.shape == (40, 20)
    assert aligner.pixel_size_A == pytest.approx(2.0 * 101 / 40)
