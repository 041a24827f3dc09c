import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from cryogauge.imaging import filter_responses, project, weighted_back_projection, widen_wedge
from cryogauge.records import BadInput

SHAPE = (48, 6, 64)
FULL_RANGE = np.arange(-90.0, 90.0, 2.0)


def phantom(shape=SHAPE):
    """Balls, dense and light, within the part of the volume that every tilt sees."""
    rng = np.random.default_rng(5)
    z, y, x = (axis - (n - 1) / 2 for axis, n in zip(np.ogrid[tuple(map(slice, shape))], shape, strict=True))
    volume = np.zeros(shape)
    for _ in range(12):
        angle, radius = rng.uniform(0, 2 * np.pi), rng.uniform(0, 14)
        centre = radius * np.sin(angle), radius * np.cos(angle)
        distance = np.sqrt((z - centre[0]) ** 2 + 0 * y + (x - centre[1]) ** 2)
        volume += rng.uniform(0.3, 1.0) * (distance < rng.uniform(2, 5))
    return gaussian_filter(volume, 0.7).astype(np.float32)


def correlation(a, b):
    return np.corrcoef(a.ravel(), b.ravel())[0, 1]


@pytest.mark.parametrize(("filter", "least"), [("ramp", 0.995), ("exact", 0.985), ("sirt", 0.95)])
def test_full_range_gives_the_phantom_back(filter, least):
    truth = phantom()
    images = project(truth, FULL_RANGE, periodic=False)
    found = weighted_back_projection(images, FULL_RANGE, SHAPE, filter=filter, sirt_iterations=30)
    assert found.dtype == np.float32
    assert correlation(found, truth) > least


def test_the_ramp_keeps_the_scale_of_densities():
    """A Gaussian has a closed form: only interpolation, 1/6 px² of variance, may lower its peak."""
    sigma = 4.0
    z, x = np.arange(48)[:, None, None] - 23.5, np.arange(64) - 31.5
    truth = np.exp(-((z + 3) ** 2 + (x - 5) ** 2) / (2 * sigma**2)) * np.ones(SHAPE)
    images = project(truth, FULL_RANGE, periodic=False)
    found = weighted_back_projection(images, FULL_RANGE, SHAPE)
    expected = truth ** (sigma**2 / (sigma**2 + 1 / 6)) * sigma**2 / (sigma**2 + 1 / 6)
    np.testing.assert_allclose(found[8:40, :, 16:48], expected[8:40, :, 16:48], atol=0.02)


def test_agrees_with_scikit_image():
    transform = pytest.importorskip("skimage.transform", reason="scikit-image is not installed")
    truth = phantom((65, 1, 65))
    images = project(truth, FULL_RANGE, periodic=False)
    ours = weighted_back_projection(images, FULL_RANGE, truth.shape)[:, 0]
    theirs = transform.iradon(images[:, 0].T, FULL_RANGE, filter_name="ramp")[::-1]  # its rows run downwards
    inside = np.hypot(*(np.mgrid[:65, :65] - 32)) < 28
    assert correlation(ours[inside], theirs[inside]) > 0.999
    assert np.std(ours[inside] - theirs[inside]) < 0.02 * truth.max()


def test_a_limited_range_gives_what_its_wedge_leaves():
    truth = np.zeros((64, 2, 64), np.float32)
    truth[12:52, :, 12:52] = phantom((40, 2, 40))
    tilts = np.arange(-60.0, 61.0, 1.0)
    found = weighted_back_projection(project(truth, tilts, periodic=False), tilts, truth.shape)
    left = widen_wedge(truth, 60)
    middle = np.s_[12:52, :, 12:52]
    assert correlation(found[middle], left[middle]) > 0.97
    assert correlation(found[middle], left[middle]) > correlation(found[middle], truth[middle]) + 0.02


def test_the_order_of_tilts_and_the_number_of_threads_do_not_matter(monkeypatch):
    tilts = np.arange(-60.0, 61.0, 6.0)
    images = np.random.default_rng(0).standard_normal((len(tilts), 70, 24)).astype(np.float32)
    order = np.random.default_rng(1).permutation(len(tilts))
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    a = weighted_back_projection(images, tilts, (8, 70, 24))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    np.testing.assert_array_equal(a, weighted_back_projection(images, tilts, (8, 70, 24)))
    b = weighted_back_projection(images[order], tilts[order], (8, 70, 24))
    np.testing.assert_allclose(a, b, atol=1e-5)


def test_low_pass_blurs_in_all_directions():
    truth = np.zeros((48, 32, 64), np.float32)
    truth[20:28, 12:20, 28:36] = 1.0
    images = project(truth, FULL_RANGE, periodic=False)
    cutoff = 0.1
    plain = weighted_back_projection(images, FULL_RANGE, truth.shape)
    found = weighted_back_projection(images, FULL_RANGE, truth.shape, low_pass_1_px=cutoff)
    blurred = gaussian_filter(plain, np.sqrt(np.log(2) / 2) / (np.pi * cutoff), truncate=6)
    np.testing.assert_allclose(found[8:40, :, 12:52], blurred[8:40, :, 12:52], atol=0.01)


def test_voxels_no_image_sees_are_empty():
    images = np.random.default_rng(0).standard_normal((3, 2, 16)).astype(np.float32)
    volume = weighted_back_projection(images, [-10, 0, 10], (4, 2, 32))
    assert np.all(volume[:, :, :7] == 0)
    assert np.all(volume[:, :, 10:22] != 0)


def test_exact_filter_is_the_ramp_up_to_the_crowther_frequency_and_flat_beyond():
    step, thickness = np.deg2rad(2.0), 40
    frequency = np.fft.rfftfreq(1024)
    crowther = 1 / (thickness * np.sin(step))
    exact = filter_responses(np.deg2rad(FULL_RANGE), 1024, thickness_px=thickness, filter="exact")[45]
    beyond = frequency > crowther
    np.testing.assert_allclose(exact[beyond], 1 / thickness, rtol=1e-5)
    # linear overlaps of evenly spaced slabs are the ramp exactly at whole fractions of that frequency
    for k in (2, 3, 5):
        f = crowther / k
        assert np.interp(f, frequency, exact) == pytest.approx(f * step, rel=0.01)


def test_sirt_filter_grows_from_flat_to_the_ramp():
    angles, thickness = np.deg2rad(FULL_RANGE), 50
    frequency = np.fft.rfftfreq(512)
    ramp = filter_responses(angles, 512, thickness_px=thickness)
    once = filter_responses(angles, 512, thickness_px=thickness, filter="sirt", sirt_iterations=1)
    often = filter_responses(angles, 512, thickness_px=thickness, filter="sirt", sirt_iterations=5000)
    above = frequency > 1 / thickness
    np.testing.assert_allclose(
        once[:, above], np.deg2rad(2.0) / thickness, rtol=1e-3
    )  # one back-projection, unweighted
    np.testing.assert_allclose(often, ramp, rtol=1e-3, atol=1e-9)


def test_a_missing_tilt_is_made_up_for_by_its_neighbours():
    tilts = np.deg2rad([-6.0, -3.0, 0.0, 6.0, 9.0])
    response = filter_responses(tilts, 64, thickness_px=10)
    np.testing.assert_allclose(response[:, -1] / response[0, -1], [1, 1, 1.5, 1.5, 1], rtol=1e-5)
    alone = filter_responses(tilts[:1], 64, thickness_px=10)
    np.testing.assert_allclose(alone[0] / response[0], np.pi / np.deg2rad(3.0), rtol=1e-5)


@pytest.mark.parametrize(
    ("images", "tilts", "shape", "options", "says"),
    [
        (np.ones((3, 4, 8)), [0, 1], (4, 4, 8), {}, "do not go with 2 tilts"),
        (np.ones((2, 4, 8)), [0, 1], (4, 5, 8), {}, "5 voxels along y"),
        (np.ones((2, 4, 8)), [0, 1], (4, 4, 8), {"filter": "hann"}, "hann"),
        (np.ones((2, 4, 8)), [0, 1], (4, 4, 8), {"low_pass_1_px": 0.0}, "lets nothing through"),
    ],
)
def test_what_cannot_be_reconstructed(images, tilts, shape, options, says):
    with pytest.raises(BadInput, match=says):
        weighted_back_projection(images, tilts, shape, **options)
