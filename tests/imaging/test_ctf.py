import numpy as np
import pytest

from cryogauge.imaging import ctf_1d, ctf_2d, electron_wavelength_A
from cryogauge.imaging.ctf import across_tilt
from cryogauge.records import BadInput


@pytest.mark.parametrize(("voltage", "wavelength"), [(100, 0.037014), (200, 0.025079), (300, 0.019687)])
def test_wavelengths_of_the_textbook(voltage, wavelength):
    assert electron_wavelength_A(voltage) == pytest.approx(wavelength, rel=5e-5)


def test_no_wavelength_without_voltage():
    with pytest.raises(BadInput, match="not positive"):
        electron_wavelength_A(0)


def test_zeros_lie_where_the_phase_is_a_whole_number_of_half_turns():
    defocus, cs, amplitude = 25_000.0, 2.7, 0.1
    wavelength = electron_wavelength_A(300)
    # π λ Δz f² − (π/2) Cs λ³ f⁴ + asin(A) = n π, solved for f²
    n = np.arange(1, 12)
    quadratic, linear = -0.5 * np.pi * cs * 1e7 * wavelength**3, np.pi * wavelength * defocus
    constant = np.arcsin(amplitude) - n * np.pi
    squared = (-linear + np.sqrt(linear**2 - 4 * quadratic * constant)) / (2 * quadratic)
    zeros = np.sqrt(squared)
    options = {"cs_mm": cs, "amplitude_contrast": amplitude}
    np.testing.assert_allclose(ctf_1d(zeros, defocus, **options), 0, atol=1e-9)
    # and the sign changes there, starting negative
    signs = np.sign(ctf_1d(np.concatenate([[zeros[0] / 2], (zeros[1:] + zeros[:-1]) / 2]), defocus, **options))
    np.testing.assert_array_equal(signs, -((-1.0) ** (n - 1)))


def test_underfocus_makes_protein_dark():
    frequency = np.linspace(0, 1 / 40, 20)
    assert np.all(ctf_1d(frequency, 30_000.0) < 0)
    assert ctf_1d(0.0, 30_000.0, amplitude_contrast=0.07) == pytest.approx(-0.07)
    assert np.any(ctf_1d(frequency, -30_000.0) > 0)


def test_a_phase_plate_of_a_quarter_turn_makes_a_cosine():
    frequency = np.linspace(0, 0.2, 50)
    shifted = ctf_1d(frequency, 10_000.0, amplitude_contrast=0.0, phase_shift_deg=90.0, cs_mm=0.0)
    expected = -np.cos(np.pi * electron_wavelength_A(300) * 10_000.0 * frequency**2)
    np.testing.assert_allclose(shifted, expected, atol=1e-12)


def test_envelope():
    frequency = np.linspace(0, 0.2, 50)
    ratio = ctf_1d(frequency, 10_000.0, b_factor_A2=80.0) / ctf_1d(frequency, 10_000.0)
    np.testing.assert_allclose(ratio, np.exp(-20.0 * frequency**2), rtol=1e-9)


@pytest.mark.parametrize("shape", [(32, 48), (33, 49)])
def test_image_layout_and_symmetry(shape):
    """Multiplying a real image's transform by it leaves the image real, and rows and columns are the 1-D curve."""
    transfer = ctf_2d(shape, 3.0, 20_000.0)
    assert transfer.dtype == np.float32
    assert transfer.shape == (shape[0], shape[1] // 2 + 1)
    np.testing.assert_allclose(transfer[0], ctf_1d(np.fft.rfftfreq(shape[1], 3.0), 20_000.0), atol=1e-5)
    np.testing.assert_allclose(transfer[:, 0], ctf_1d(np.fft.fftfreq(shape[0], 3.0), 20_000.0), atol=1e-5)


def test_astigmatism_has_its_largest_defocus_along_its_direction():
    options = {"astigmatism_A": 4000.0, "astigmatism_deg": 90.0}
    transfer = ctf_2d((64, 64), 3.0, 20_000.0, **options)
    np.testing.assert_allclose(transfer[1:32, 0], ctf_1d(np.fft.fftfreq(64, 3.0)[1:32], 22_000.0), atol=1e-5)
    np.testing.assert_allclose(transfer[0, 1:], ctf_1d(np.fft.rfftfreq(64, 3.0)[1:], 18_000.0), atol=1e-5)
    # 45° from +x towards +y: the term (k, k) is on its long axis, (−k, k) on its short one
    diagonal = ctf_2d((64, 64), 3.0, 20_000.0, astigmatism_A=4000.0, astigmatism_deg=45.0)
    k = np.arange(1, 20)
    frequency = np.hypot(k, k) / (64 * 3.0)
    np.testing.assert_allclose(diagonal[k, k], ctf_1d(frequency, 22_000.0), atol=1e-4)
    np.testing.assert_allclose(diagonal[-k, k], ctf_1d(frequency, 18_000.0), atol=1e-4)


@pytest.mark.parametrize("tilt_deg", [0.0, 8.0, -50.0])
def test_strips_have_the_defocus_of_their_place(tilt_deg):
    shape, pixel_A, defocus_A = (5, 240), 8.0, 20_000.0
    image = across_tilt(lambda own: np.full(shape, own, np.float32), shape, pixel_A, defocus_A, tilt_deg, strip_A=300.0)
    x_A = (np.arange(shape[1]) - (shape[1] - 1) / 2) * pixel_A
    expected = defocus_A - np.tan(np.deg2rad(tilt_deg)) * x_A  # what lies towards +x of a positive tilt is higher
    np.testing.assert_allclose(image, np.broadcast_to(expected, shape), rtol=1e-5)
