import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryogauge.imaging import project
from cryogauge.records import BadInput

TILTS = (0.0, 12.5, 45.0, -60.0)


def blob(shape, x, z, sigma, sigma_z=None):
    """A Gaussian at (x, z) from the centre, the same along y."""
    zz, _, xx = (axis - (n - 1) / 2 for axis, n in zip(np.ogrid[tuple(map(slice, shape))], shape, strict=True))
    gauss = np.exp(-((xx - x) ** 2) / (2 * sigma**2) - (zz - z) ** 2 / (2 * (sigma_z or sigma) ** 2))
    return np.broadcast_to(gauss, shape).astype(np.float32)


def test_untilted_projection_is_the_sum_over_z():
    volume = np.random.default_rng(0).standard_normal((16, 20, 33)).astype(np.float32)
    np.testing.assert_allclose(project(volume, 0)[0], volume.sum(axis=0), atol=1e-4)


@given(tilt=st.floats(-89, 89))
def test_every_voxel_gives_its_whole_mass(tilt):
    volume = np.random.default_rng(1).random((9, 2, 11)).astype(np.float32)
    image = project(volume, tilt, width_px=40, periodic=False)
    np.testing.assert_allclose(image.sum(axis=2)[0], volume.sum(axis=(0, 2)), rtol=1e-5)


@pytest.mark.parametrize("tilt", TILTS)
def test_a_slab_is_as_thick_as_the_beam_finds_it(tilt):
    image = project(np.ones((20, 3, 48), np.float32), tilt)
    np.testing.assert_allclose(image, 20 / np.cos(np.deg2rad(tilt)), rtol=2e-3)


@given(tilt=st.floats(-70, 70), x=st.floats(-8, 8), z=st.floats(-6, 6))
def test_positive_tilt_turns_z_towards_x(tilt, x, z):
    image = project(blob((25, 1, 31), x, z, 1.5), tilt, width_px=63, periodic=False)[0, 0]
    found = np.sum(image * (np.arange(63) - 31)) / image.sum()
    source = blob((25, 1, 31), x, z, 1.5)[:, 0]  # its own centroid: the blob may be cut by the volume's edge
    own_x = np.sum(source * (np.arange(31) - 15)) / source.sum()
    own_z = np.sum(source * (np.arange(25)[:, None] - 12)) / source.sum()
    angle = np.deg2rad(tilt)
    assert found == pytest.approx(own_x * np.cos(angle) + own_z * np.sin(angle), abs=2e-3)


@pytest.mark.parametrize("tilt", [12.5, 30.0, -45.0, 60.0])
def test_profile_of_a_gaussian(tilt):
    """Closed form; cubic voxels and square pixels widen it by the variance of their edges, 1/12 + 1/12."""
    sigma, sigma_z = 3.0, 5.0
    image = project(blob((64, 2, 64), 6, -4, sigma, sigma_z), tilt, periodic=False)[0]
    c, s = np.cos(np.deg2rad(tilt)), np.sin(np.deg2rad(tilt))
    variance = (sigma * c) ** 2 + (sigma_z * s) ** 2 + 1 / 6
    centre = 31.5 + 6 * c - 4 * s
    expected = np.exp(-((np.arange(64) - centre) ** 2) / (2 * variance))
    expected *= 2 * np.pi * sigma * sigma_z / np.sqrt(2 * np.pi * variance)
    np.testing.assert_allclose(image[0], expected, atol=2e-3 * expected.max())
    np.testing.assert_array_equal(image[0], image[1])


@pytest.mark.parametrize("tilt", TILTS)
def test_fourier_slice_theorem(tilt):
    """A projection's transform is the volume's, evaluated directly along the tilted line, times the footprint's."""
    rng = np.random.default_rng(2)
    source = np.zeros((24, 1, 30))
    source[4:20, 0, 5:25] = rng.random((16, 20))
    width = 64
    image = project(source.astype(np.float32), tilt, width_px=width, periodic=False)[0, 0]
    c, s = np.cos(np.deg2rad(tilt)), np.sin(np.deg2rad(tilt))
    x, z = np.arange(30) - 14.5, np.arange(24)[:, None] - 11.5
    frequency = np.arange(7) / width
    line = np.array([np.sum(source[:, 0] * np.exp(-2j * np.pi * f * (x * c + z * s))) for f in frequency])
    if tilt:  # untilted, voxels fall exactly on pixels and nothing is blurred
        line = line * np.sinc(frequency) * np.sinc(frequency * c) * np.sinc(frequency * s)
    own = np.array([np.sum(image * np.exp(-2j * np.pi * f * (np.arange(width) - 31.5))) for f in frequency])
    np.testing.assert_allclose(own, line, atol=5e-3 * abs(line[0]))


def test_a_periodic_specimen_is_one_beside_its_copies():
    volume = np.random.default_rng(3).random((10, 2, 24)).astype(np.float32)
    tiled = np.tile(volume, (1, 1, 5))
    once = project(volume, TILTS)
    many = project(tiled, TILTS, width_px=24, periodic=False)
    np.testing.assert_allclose(once, many, atol=2e-3 * once.max())


def test_rows_do_not_mix_and_threads_do_not_matter(monkeypatch):
    volume = np.random.default_rng(4).random((6, 70, 9)).astype(np.float32)  # more rows than one block
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    images = project(volume, TILTS)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    np.testing.assert_array_equal(images, project(volume, TILTS))
    np.testing.assert_array_equal(images[:, 69:], project(volume[:, 69:], TILTS))


def test_what_cannot_be_projected():
    with pytest.raises(BadInput, match="three axes"):
        project(np.ones((4, 4), np.float32), 0)
    with pytest.raises(BadInput, match="edge on"):
        project(np.ones((4, 4, 4), np.float32), 90)
