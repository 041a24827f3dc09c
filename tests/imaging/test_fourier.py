import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryogauge.imaging import (
    fourier_bin,
    fourier_ring_correlation,
    low_pass,
    periodic_part,
    radial_power,
    ring_index,
)
from cryogauge.records import BadInput

SHAPES = [(64, 64), (63, 65), (48, 80)]


def noise(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def wave(shape, ky, kx, phase=0.0):
    y, x = np.mgrid[: shape[0], : shape[1]]
    return np.cos(2 * np.pi * (ky * y / shape[0] + kx * x / shape[1]) + phase)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_wave_lies_in_its_ring(shape):
    spectrum = np.abs(np.fft.rfft2(wave(shape, 0, 9)))
    n = min(shape)
    assert ring_index(shape)[np.unravel_index(spectrum.argmax(), spectrum.shape)] == round(9 / shape[1] * n)
    _, power = radial_power(wave(shape, 0, 9))
    assert power.argmax() == round(9 / shape[1] * n)


@pytest.mark.parametrize("shape", SHAPES)
def test_ring_correlation_agrees_with_the_whole_transform(shape):
    """Slow and plain: both halves of the plane, ring by ring."""
    a = noise(shape)
    b = a + noise(shape, 1)
    fa, fb = np.fft.fft2(a), np.fft.fft2(b)
    radius = np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.fftfreq(shape[1])[None, :]) * min(shape)
    frequency, correlation = fourier_ring_correlation(a, b)
    for ring in range(min(shape) // 2 + 1):
        inside = np.rint(radius) == ring
        cross = np.sum(fa[inside] * fb[inside].conj()).real
        expected = cross / np.sqrt(np.sum(np.abs(fa[inside]) ** 2) * np.sum(np.abs(fb[inside]) ** 2))
        assert correlation[ring] == pytest.approx(expected, abs=1e-9)
        assert frequency[ring] == ring / min(shape)


def test_identical_images_correlate_fully_and_noise_not_at_all():
    a, b = noise((128, 128)), noise((128, 128), 1)
    np.testing.assert_allclose(fourier_ring_correlation(a, -3 * a)[1], -1.0)
    _, correlation = fourier_ring_correlation(a, b)
    spread = 1 / np.sqrt(2 * np.bincount(ring_index((128, 128)).ravel())[: len(correlation)])
    assert np.all(np.abs(correlation[1:]) < 4.5 * spread[1:])
    assert np.std(correlation[10:] / spread[10:]) == pytest.approx(1.0, abs=0.3)


def test_an_empty_ring_counts_as_no_correlation():
    image = wave((32, 32), 0, 4)
    image = image - image.mean()
    correlation = fourier_ring_correlation(np.zeros((32, 32)), image)[1]
    np.testing.assert_array_equal(correlation, 0.0)


@pytest.mark.parametrize("shape", SHAPES)
def test_white_noise_has_its_variance_in_every_ring(shape):
    powers = np.mean([radial_power(5 + 3 * noise(shape, seed))[1] for seed in range(60)], axis=0)
    np.testing.assert_allclose(powers[4:], 9.0, rtol=0.15)
    assert powers[4:].mean() == pytest.approx(9.0, rel=0.02)


def test_low_pass_halves_amplitudes_at_its_frequency():
    image = wave((80, 80), 6, 8)  # 10/80 = 0.125 cycles per pixel
    np.testing.assert_allclose(low_pass(image, 0.125), image / 2, atol=1e-5)
    stack = np.stack([image, image + 1])
    np.testing.assert_allclose(low_pass(stack, 0.125)[1], image / 2 + 1, atol=1e-5)


@given(
    factor=st.sampled_from([1.5, 2, 3, 4]), ky=st.integers(-5, 5), kx=st.integers(0, 5), phase=st.floats(0, 2 * np.pi)
)
def test_binning_keeps_waves_and_the_mean(factor, ky, kx, phase):
    image = 7 + wave((48, 72), ky, kx, phase)
    small = fourier_bin(image, factor)
    assert small.shape == (round(48 / factor), round(72 / factor))
    np.testing.assert_allclose(small, 7 + wave(small.shape, ky, kx, phase), atol=1e-4)


def test_binning_lets_nothing_alias():
    np.testing.assert_allclose(fourier_bin(wave((48, 48), 0, 20), 2), 0, atol=1e-5)
    assert fourier_bin(np.ones((3, 48, 48)), 2).shape == (3, 24, 24)
    image = noise((48, 47)).astype(np.float32)
    np.testing.assert_array_equal(fourier_bin(image, 1), image)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_periodic_part_has_no_cross(shape):
    y, x = np.mgrid[: shape[0], : shape[1]]
    ramp = 0.1 * x - 0.05 * y
    part = periodic_part(ramp + noise(shape))
    assert part.mean() == pytest.approx((ramp + noise(shape)).mean())
    cross = np.abs(np.fft.rfft2(part))[0, 2:20].mean()
    assert cross < 0.2 * np.abs(np.fft.rfft2(ramp + noise(shape)))[0, 2:20].mean()
    assert cross == pytest.approx(np.abs(np.fft.rfft2(noise(shape)))[0, 2:20].mean(), rel=0.5)
    np.testing.assert_allclose(periodic_part(wave(shape, 0, 1) * 0 + 3), 3)


def test_what_has_no_rings():
    with pytest.raises(BadInput, match="ring by ring"):
        fourier_ring_correlation(np.ones((8, 8)), np.ones((8, 9)))
    with pytest.raises(BadInput, match="two axes"):
        radial_power(np.ones((4, 8, 8)))
    with pytest.raises(BadInput, match="lets nothing"):
        low_pass(np.ones((8, 8)), 0)
    for factor in (0.5, 20):
        with pytest.raises(BadInput, match="cannot be binned"):
            fourier_bin(np.ones((8, 8)), factor)
