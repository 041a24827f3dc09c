import math

import numpy as np
import pytest

from cryogauge.imaging.ctf import ctf_2d
from cryogauge.imaging.ctf_astigmatic import fit_astigmatic, tile_power
from cryogauge.records import BadInput

PIXEL_A = 1.4


def image(defocus_A, astigmatism_A=0.0, angle_deg=0.0, signal=1.0, size=1024, seed=0, **lens):
    """White objects seen through the transfer, in white noise."""
    rng = np.random.default_rng(seed)
    transfer = ctf_2d(
        (size, size), PIXEL_A, defocus_A, astigmatism_A=astigmatism_A, astigmatism_deg=angle_deg, b_factor_A2=60, **lens
    )
    seen = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((size, size))) * transfer) * signal
    return (seen + rng.standard_normal((size, size))).astype(np.float32)


@pytest.mark.parametrize(
    ("defocus_A", "astigmatism_A", "angle_deg"), [(9_000, 700, 35), (18_000, 1_500, 120), (32_000, 1_000, 170)]
)
def test_defocus_astigmatism_and_its_direction_are_found(defocus_A, astigmatism_A, angle_deg):
    found = fit_astigmatic(tile_power(image(defocus_A, astigmatism_A, angle_deg), PIXEL_A))
    assert found.defocus_A == pytest.approx(defocus_A, rel=0.01)
    assert found.astigmatism_A == pytest.approx(astigmatism_A, abs=150)
    assert abs((found.astigmatism_deg - angle_deg + 90) % 180 - 90) < 8
    assert found.resolution_A < 6


def test_a_round_lens_has_little_astigmatism():
    found = fit_astigmatic(tile_power(image(15_000), PIXEL_A))
    assert found.astigmatism_A < 150


def test_the_voltage_matters():
    seen = tile_power(image(15_000, voltage_kV=200.0), PIXEL_A)
    assert fit_astigmatic(seen, voltage_kV=200.0).defocus_A == pytest.approx(15_000, rel=0.01)
    assert fit_astigmatic(seen, voltage_kV=300.0).defocus_A == pytest.approx(15_000 * 0.02508 / 0.01969, rel=0.05)


@pytest.mark.parametrize("seed", range(2))
def test_noise_has_no_defocus(seed):
    found = fit_astigmatic(tile_power(image(15_000, signal=0.0, seed=seed), PIXEL_A))
    assert math.isnan(found.defocus_A)
    assert math.isinf(found.resolution_A)


def test_more_signal_agrees_further():
    strong, weak = (fit_astigmatic(tile_power(image(15_000, signal=s), PIXEL_A)).resolution_A for s in (2.0, 0.4))
    assert strong < weak


def test_white_noise_has_a_flat_spectrum_of_its_variance():
    noise = np.random.default_rng(1).normal(100, 3, (700, 800)).astype(np.float32)
    power = tile_power(noise, 3.0)
    window = np.square(np.hanning(power.edge_px)).sum() ** 2
    assert power.power[5:, 5:].mean() == pytest.approx(9 * window, rel=0.03)


def test_tiles_on_a_grid_bar_are_left_out():
    seen = image(15_000, size=1300)
    dark = seen + 100.0
    dark[:, :300] = 2.0
    assert tile_power(dark, PIXEL_A).tiles < tile_power(seen + 100.0, PIXEL_A).tiles
    assert fit_astigmatic(tile_power(dark, PIXEL_A)).defocus_A == pytest.approx(15_000, rel=0.02)


def test_an_image_too_small_is_refused():
    with pytest.raises(BadInput, match="power spectrum"):
        tile_power(np.zeros((50, 200), dtype=np.float32), 1.0)


def test_a_coarse_pixel_tells_nothing():
    assert math.isnan(fit_astigmatic(tile_power(np.random.default_rng(0).random((128, 128)), 14.0)).defocus_A)
