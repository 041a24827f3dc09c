import numpy as np
import pytest

from cryogauge.imaging.class2d.sampling import padded_spectra, sample, taps_at


@pytest.mark.parametrize("n", [32, 33])
def test_values_are_those_of_the_plain_sum_at_any_frequency(n):
    rng = np.random.default_rng(n)
    images = rng.standard_normal((2, n, n)).astype(np.float32)
    frequency = rng.uniform(-n / 2, n / 2, (500, 2))
    pixel = np.arange(n) - n // 2
    waves = np.exp(
        -2j * np.pi * (frequency[:, 0, None, None] * pixel[:, None] + frequency[:, 1, None, None] * pixel) / n
    )
    expected = np.einsum("iyx,pyx->ip", images, waves)
    found = sample(padded_spectra(images), taps_at(frequency[:, 0], frequency[:, 1]))
    assert np.abs(found - expected).max() < 5e-4 * np.abs(expected).max()
