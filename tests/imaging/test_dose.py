import numpy as np
import pytest

from cryogauge.imaging import critical_exposure_e_A2, exposure_attenuation, exposure_filter
from cryogauge.records import BadInput


def test_critical_exposures_of_the_paper():
    """0.24499 f^−1.6649 + 2.8141 by hand at 10 and 4 Å; at 200 kV the paper scales by 0.8."""
    np.testing.assert_allclose(critical_exposure_e_A2([0.1, 0.25]), [14.139, 5.277], atol=2e-3)
    assert critical_exposure_e_A2(0.1, 200) / critical_exposure_e_A2(0.1, 300) == pytest.approx(0.8, abs=0.005)
    assert np.isinf(critical_exposure_e_A2(0.0))


def test_after_the_critical_exposure_amplitudes_are_down_by_root_e():
    frequency = 8 / (64 * 2.0)
    critical = float(critical_exposure_e_A2(frequency))
    attenuation = exposure_attenuation((64, 64), 2.0, critical, critical)
    assert attenuation[0, 8] == pytest.approx(np.exp(-0.5), rel=1e-5)
    assert attenuation[0, 0] == 1.0
    assert attenuation.shape == (64, 33)


def test_an_exposure_is_the_mean_of_its_moments():
    moments = np.linspace(30, 50, 4001)
    middle = (moments[1:] + moments[:-1]) / 2
    mean = np.mean([exposure_attenuation((8, 8), 4.0, m, m).astype(float) for m in middle], axis=0)
    np.testing.assert_allclose(exposure_attenuation((8, 8), 4.0, 30, 50), mean, rtol=1e-5)


def test_filter_favours_early_images_at_high_frequency_and_leaves_white_noise_white():
    rng = np.random.default_rng(0)
    count = 8
    after = np.arange(1, count + 1) * 10.0
    noise = rng.standard_normal((count, 128, 128)).astype(np.float32)
    filtered = exposure_filter(noise, 2.0, after - 10.0, after)
    assert filtered.dtype == np.float32
    total = np.abs(np.fft.rfft2(filtered.sum(axis=0))[1:40, 1:40]) ** 2 / 128**2
    assert total.mean() == pytest.approx(count, rel=0.1)
    low, high = np.s_[:, 1:3, 1:3], np.s_[:, 50:60, 50:60]
    power = np.abs(np.fft.rfft2(filtered)) ** 2 / np.abs(np.fft.rfft2(noise)) ** 2
    assert np.ptp(power[low].mean(axis=(1, 2))) < 0.3
    assert power[high].mean(axis=(1, 2))[0] > 5
    assert power[high].mean(axis=(1, 2))[-1] < 0.01
    np.testing.assert_allclose(filtered.mean(axis=(1, 2)), noise.mean(axis=(1, 2)), atol=1e-5)


def test_impossible_exposures():
    with pytest.raises(BadInput, match="begin at 5 and end at 3"):
        exposure_attenuation((8, 8), 4.0, 5, 3)
    with pytest.raises(BadInput, match="2 images but 1"):
        exposure_filter(np.ones((2, 8, 8)), 4.0, [0], [1])
