import math

import numpy as np
import pytest

from cryogauge.imaging.ctf import ctf_2d
from cryogauge.imaging.ctf_fit import fit_defocus


def image(defocus_A, pixel_A, signal, size=768, seed=0):
    """White objects seen through the transfer, in white noise."""
    rng = np.random.default_rng(seed)
    spectrum = np.fft.rfft2(rng.standard_normal((size, size))) * ctf_2d(
        (size, size), pixel_A, defocus_A, b_factor_A2=60
    )
    return np.fft.irfft2(spectrum) * signal + rng.standard_normal((size, size))


@pytest.mark.parametrize(
    ("defocus_A", "pixel_A"), [(8_000, 1.5), (20_000, 1.5), (20_000, 3.0), (40_000, 3.0), (80_000, 3.0)]
)
def test_defocus_is_found_to_two_per_cent(defocus_A, pixel_A):
    found = fit_defocus(image(defocus_A, pixel_A, 1.0), pixel_A)
    assert found.defocus_A == pytest.approx(defocus_A, rel=0.02)
    assert found.correlation > 0.6
    assert found.resolution_A < 40


def test_a_narrow_search_finds_weak_rings():
    weak = image(30_000, 2.5, 0.4)
    found = fit_defocus(weak, 2.5, lowest_A=15_000, highest_A=50_000)
    assert found.defocus_A == pytest.approx(30_000, rel=0.03)


@pytest.mark.parametrize("seed", range(6))
def test_noise_has_no_defocus(seed):
    found = fit_defocus(image(30_000, 2.0, 0.0, seed=seed), 2.0)
    assert math.isnan(found.defocus_A)
    assert math.isinf(found.resolution_A)


def test_more_signal_agrees_further():
    near, far = (fit_defocus(image(20_000, 2.0, s), 2.0).resolution_A for s in (2.0, 0.4))
    assert near < far


def test_tiny_images_tell_nothing():
    assert math.isnan(fit_defocus(np.random.default_rng(0).random((48, 48)), 8.0).defocus_A)
