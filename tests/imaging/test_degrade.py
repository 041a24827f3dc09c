import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryogauge.imaging import (
    add_noise,
    add_spots,
    blur,
    clip_mad,
    match_histogram,
    periodic_part,
    randomise_phases,
    widen_wedge,
)
from cryogauge.records import BadInput


def volume(shape=(20, 36, 40), seed=0):
    return (3 + 2 * np.random.default_rng(seed).standard_normal(shape)).astype(np.float32)


@pytest.mark.parametrize(
    "change",
    [
        lambda v: add_noise(v, 1.0, 0),
        lambda v: blur(v, 1.0),
        lambda v: widen_wedge(v, 40),
        clip_mad,
        add_spots,
        lambda v: match_histogram(v, v**2),
        lambda v: np.stack([randomise_phases(s, 0) for s in v]),
    ],
)
@pytest.mark.parametrize("dtype", [np.float32, np.int8, np.float64])
def test_nothing_is_altered_in_place_and_float32_comes_back(change, dtype):
    given_ = volume().astype(dtype)
    kept = given_.copy()
    result = change(given_)
    np.testing.assert_array_equal(given_, kept)
    assert result.dtype == np.float32
    assert result.shape == given_.shape


def test_noise_is_as_strong_as_asked_and_repeats_with_its_seed():
    v = volume((30, 60, 60))
    added = add_noise(v, 2.0, seed=1) - v
    assert added.std() / v.std() == pytest.approx(2.0, rel=0.02)
    assert abs(np.corrcoef(added.ravel(), v.ravel())[0, 1]) < 0.02
    np.testing.assert_array_equal(add_noise(v, 2.0, seed=1), add_noise(v, 2.0, seed=1))
    assert not np.array_equal(add_noise(v, 2.0, seed=1), add_noise(v, 2.0, seed=2))


def test_blur_is_a_gaussian_in_three_dimensions():
    point = np.zeros((31, 31, 31), np.float32)
    point[15, 15, 15] = 1
    z, y, x = np.mgrid[:31, :31, :31] - 15
    expected = np.exp(-(z**2 + y**2 + x**2) / (2 * 2.0**2)) / (2 * np.pi * 4) ** 1.5
    np.testing.assert_allclose(blur(point, 2.0), expected, atol=1e-5)


@pytest.mark.parametrize("half_range", [30, 50])
def test_wedge_takes_what_lies_outside_and_nothing_else(half_range):
    v = volume((24, 40, 32))
    before, after = np.fft.fftn(v), np.fft.fftn(widen_wedge(v, half_range))
    kz, kx = np.fft.fftfreq(24)[:, None, None], np.fft.fftfreq(32)[None, None, :]
    direction = np.rad2deg(np.arctan2(np.abs(kz), np.abs(kx))) + np.zeros(v.shape)
    scale = np.abs(before).max()
    np.testing.assert_allclose(after[direction > half_range + 1e-6] / scale, 0, atol=1e-6)
    inside = (direction < half_range - 1e-6) & (np.abs(kx) < 0.5) & (np.abs(kz) < 0.5)
    np.testing.assert_allclose(after[inside] / scale, before[inside] / scale, atol=1e-6)
    assert widen_wedge(v, half_range).mean() == pytest.approx(v.mean(), rel=1e-5)


def test_clipping():
    v = volume((40, 50, 50))
    v[0, 0, :20] = 1000
    clipped = clip_mad(v, 3.0)
    assert clipped.min() == pytest.approx(3 - 6, abs=0.1)  # the median and three of the Gaussian's deviations
    assert clipped.max() == pytest.approx(3 + 6, abs=0.1)
    inside = (v > clipped.min()) & (v < clipped.max())
    np.testing.assert_array_equal(clipped[inside], v[inside])
    mostly_flat = np.zeros(100, np.float32)
    mostly_flat[:10] = 5
    np.testing.assert_array_equal(clip_mad(mostly_flat), mostly_flat)


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("shape", [(60, 100, 100), (600, 600)])
def test_spots_cover_their_share(sign, shape):
    v = volume(shape)
    spotted = add_spots(v, 0.0003, sign, seed=3)
    changed = spotted != v
    assert changed.mean() == pytest.approx(0.0003, rel=0.15)
    np.testing.assert_allclose(spotted[changed], v.mean() + sign * 10 * v.std(), rtol=1e-4)


@given(seed=st.integers(0, 1000), ties=st.booleans())
def test_a_matched_histogram_keeps_the_order(seed, ties):
    rng = np.random.default_rng(seed)
    v = rng.standard_normal(500) ** 3
    if ties:
        v = np.round(v, 1)
    reference = rng.gamma(2.0, size=800)
    matched = match_histogram(v, reference)
    order = np.argsort(v, kind="stable")
    assert np.all(np.diff(matched[order]) >= 0)
    same = np.diff(v[order]) == 0
    assert np.all(np.diff(matched[order])[same] == 0)
    assert matched.min() >= reference.min() - 1e-5
    assert matched.max() <= reference.max() + 1e-5


def test_a_matched_histogram_is_the_reference_s():
    reference = np.random.default_rng(1).gamma(2.0, size=40_000)
    matched = match_histogram(volume((30, 30, 30)), reference)
    levels = np.linspace(0.01, 0.99, 50)
    np.testing.assert_allclose(np.quantile(matched, levels), np.quantile(reference, levels), rtol=0.02)


@pytest.mark.parametrize("shape", [(64, 64), (63, 48)])
def test_random_phases_keep_amplitudes_and_destroy_structure(shape):
    y, x = np.mgrid[: shape[0], : shape[1]]
    image = np.exp(-((y - 30) ** 2 + (x - 20) ** 2) / 50) + 0.01 * x
    changed = randomise_phases(image, 5)
    amplitudes = np.abs(np.fft.fft2(periodic_part(image)))
    np.testing.assert_allclose(np.abs(np.fft.fft2(changed)), amplitudes, atol=1e-4 * amplitudes.max())
    assert changed.mean() == pytest.approx(image.mean(), rel=1e-4)
    correlations = [np.corrcoef(randomise_phases(image, s).ravel(), image.ravel())[0, 1] for s in range(40)]
    assert abs(np.mean(correlations)) < 0.15
    np.testing.assert_array_equal(changed, randomise_phases(image, 5))


def test_phases_are_uniform():
    image = np.zeros((64, 64))
    image[3, 5] = 1.0  # all amplitudes equal
    phases = np.angle(np.fft.fft2(randomise_phases(image, 1)))[1:32, 1:64].ravel()
    counts = np.histogram(phases, 8, (-np.pi, np.pi))[0]
    assert np.sum((counts - counts.mean()) ** 2) / counts.mean() < 24.3  # χ² of 7 degrees of freedom, p = 0.001


def test_what_cannot_be_degraded():
    with pytest.raises(BadInput, match="three axes"):
        widen_wedge(np.ones((8, 8)), 40)
    with pytest.raises(BadInput, match="no wedge to widen"):
        widen_wedge(np.ones((8, 8, 8)), 90)
    with pytest.raises(BadInput, match="two axes"):
        randomise_phases(np.ones((8, 8, 8)), 0)
