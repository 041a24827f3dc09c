import numpy as np
import pytest

from cryogauge.imaging import (
    Detector,
    apply_mtf,
    detect,
    detective_quantum_efficiency,
    inelastic_mean_free_path_A,
    mtf,
    radial_power,
    zero_loss_fraction,
)
from cryogauge.imaging.detector import COUNTING, INTEGRATING
from cryogauge.records import BadInput


@pytest.mark.parametrize("camera", [COUNTING, INTEGRATING])
def test_curves_pass_through_their_numbers(camera):
    assert mtf(0.0, camera) == 1.0
    assert mtf(0.5, camera) == pytest.approx(camera.mtf_nyquist)
    assert detective_quantum_efficiency(0.0, camera) == camera.dqe_zero
    frequency = np.linspace(0, 0.5, 40)
    assert np.all(np.diff(detective_quantum_efficiency(frequency, camera)) < 0)


def test_counting_beats_integrating():
    frequency = np.linspace(0, 0.5, 40)
    assert np.all(detective_quantum_efficiency(frequency) > detective_quantum_efficiency(frequency, INTEGRATING))


def test_a_binned_image_sees_the_flat_beginning():
    assert mtf(0.5, binning=4) == mtf(0.125)
    assert mtf(0.5, binning=4) > 0.9 > 0.5 > mtf(0.5)


def test_a_wave_falls_by_the_mtf():
    x = np.arange(64)
    wave = np.broadcast_to(10 + np.cos(2 * np.pi * 20 * x / 64), (64, 64))
    expected = 10 + mtf(20 / 64, binning=2) * np.cos(2 * np.pi * 20 * x / 64)
    np.testing.assert_allclose(apply_mtf(wave, binning=2), np.broadcast_to(expected, (64, 64)), atol=1e-4)


def test_recorded_signal_and_noise_have_the_camera_s_transfer():
    camera = Detector(mtf_nyquist=0.3, noise_nyquist=0.5, dqe_zero=0.6)
    dose, frequency = 40.0, 0.25
    x = np.arange(256)
    wave = 8 * np.cos(2 * np.pi * frequency * x)
    image = detect(np.broadcast_to(dose + wave, (256, 256)), np.random.default_rng(0), detector=camera)
    assert image.mean() == pytest.approx(dose, rel=0.005)
    found = 2 * np.mean(image * np.cos(2 * np.pi * frequency * x))
    assert found == pytest.approx(8 * mtf(frequency, camera), rel=0.05)
    flat = detect(np.full((256, 256), dose), np.random.default_rng(1), detector=camera)
    rings, power = radial_power(flat)
    expected = dose / 0.6 * (1 / (1 + (2 * rings) ** 2)) ** 2  # noise_nyquist 0.5: 1 / 0.5 − 1 = 1
    np.testing.assert_allclose(power[20:].reshape(-1, 1)[:100].mean(), expected[20:120].mean(), rtol=0.03)
    np.testing.assert_allclose(power[100:128].mean(), expected[100:128].mean(), rtol=0.03)


@pytest.mark.parametrize("value", [0.0, 1.2])
def test_detectors_that_cannot_be(value):
    with pytest.raises(BadInput, match="mtf_nyquist"):
        Detector(mtf_nyquist=value, noise_nyquist=0.5, dqe_zero=0.5)
    with pytest.raises(BadInput, match="binning"):
        mtf(0.1, binning=0)


def test_inelastic_losses():
    path = inelastic_mean_free_path_A(300)
    assert path == 3100.0
    np.testing.assert_allclose(zero_loss_fraction([0.0, path, 2 * path]), np.exp([0, -1, -2]))
    # twice the path at 60° tilt; slower electrons lose more
    assert zero_loss_fraction(2000 / np.cos(np.pi / 3)) == pytest.approx(zero_loss_fraction(2000) ** 2)
    assert zero_loss_fraction(2000, 200) < zero_loss_fraction(2000, 300)
