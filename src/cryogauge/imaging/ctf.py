"""Contrast transfer of a weak phase object.

``CTF(f) = −sin(χ(f) + φ + arcsin A) · exp(−B f² / 4)`` with ``χ(f) = π λ Δz f² − (π / 2) Cs λ³ f⁴``, where the
underfocus Δz is positive, A is the amplitude contrast and φ the phase shift of a phase plate.

Sign: at low frequencies an underfocused image has a negative CTF, so protein, which holds more potential than ice,
comes out dark. The image is ``1 + 2 · F⁻¹[CTF · F[phase]]`` for a phase shift of the beam in radians.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cryogauge.records import BadInput

_REST_ENERGY_keV = 510.998_95
_HC_keV_A = 12.398_419_84  # Planck's constant times the speed of light


def electron_wavelength_A(voltage_kV: float) -> float:
    """Relativistic wavelength of electrons in Å: 0.0197 at 300 kV, 0.0251 at 200 kV.

    Raises
    ------
    BadInput
        When the voltage is not positive.
    """
    if not voltage_kV > 0:
        raise BadInput(f"an acceleration voltage of {voltage_kV:g} kV is not positive", "usual are 200 and 300")
    return float(_HC_keV_A / np.sqrt(voltage_kV * (voltage_kV + 2 * _REST_ENERGY_keV)))


def ctf_1d(
    frequency_1_A: ArrayLike,
    defocus_A: ArrayLike,
    *,
    voltage_kV: float = 300.0,
    cs_mm: float = 2.7,
    amplitude_contrast: float = 0.07,
    phase_shift_deg: float = 0.0,
    b_factor_A2: float = 0.0,
) -> NDArray[np.float64]:
    """Contrast transfer at given spatial frequencies.

    Parameters
    ----------
    frequency_1_A
        Spatial frequencies in 1/Å, any shape.
    defocus_A
        Underfocus in Å (positive: under), one value or one for each frequency.
    voltage_kV, cs_mm
        Acceleration voltage and spherical aberration.
    amplitude_contrast
        Share of amplitude contrast, 0 to 1.
    phase_shift_deg
        Phase shift of a phase plate.
    b_factor_A2
        Envelope: amplitudes fall as ``exp(−B f² / 4)``.

    Returns
    -------
    CTF of the frequencies' shape, between −1 and 1.
    """
    wavelength_A = electron_wavelength_A(voltage_kV)
    squared = np.square(np.asarray(frequency_1_A, dtype=np.float64))
    aberration = np.pi * wavelength_A * squared * np.asarray(defocus_A, dtype=np.float64)
    aberration -= 0.5 * np.pi * cs_mm * 1e7 * wavelength_A**3 * squared**2
    constant = np.deg2rad(phase_shift_deg) + np.arcsin(amplitude_contrast)
    return -np.sin(aberration + constant) * np.exp(-0.25 * b_factor_A2 * squared)


def ctf_2d(
    shape: tuple[int, int],
    pixel_size_A: float,
    defocus_A: float,
    *,
    astigmatism_A: float = 0.0,
    astigmatism_deg: float = 0.0,
    voltage_kV: float = 300.0,
    cs_mm: float = 2.7,
    amplitude_contrast: float = 0.07,
    phase_shift_deg: float = 0.0,
    b_factor_A2: float = 0.0,
) -> NDArray[np.float32]:
    """Contrast transfer of an image in the layout of ``np.fft.rfft2``.

    Parameters
    ----------
    shape
        Shape ``(y, x)`` of the image.
    pixel_size_A
        Edge of the pixel in Å.
    defocus_A
        Mean underfocus in Å.
    astigmatism_A, astigmatism_deg
        Largest minus smallest underfocus, and the direction of the largest, counter-clockwise from +x towards +y.
    voltage_kV, cs_mm, amplitude_contrast, phase_shift_deg, b_factor_A2
        As in :func:`ctf_1d`.

    Returns
    -------
    float32 of shape ``(y, x // 2 + 1)``.
    """
    fy = np.fft.fftfreq(shape[0], pixel_size_A)[:, None]
    fx = np.fft.rfftfreq(shape[1], pixel_size_A)[None, :]
    direction = np.arctan2(fy, fx) - np.deg2rad(astigmatism_deg)
    return ctf_1d(
        np.hypot(fy, fx),
        defocus_A + 0.5 * astigmatism_A * np.cos(2 * direction),
        voltage_kV=voltage_kV,
        cs_mm=cs_mm,
        amplitude_contrast=amplitude_contrast,
        phase_shift_deg=phase_shift_deg,
        b_factor_A2=b_factor_A2,
    ).astype(np.float32)


def across_tilt(
    at: Callable[[float], NDArray[np.float32]],
    shape: tuple[int, int],
    pixel_size_A: float,
    defocus_A: float,
    tilt_deg: float,
    strip_A: float,
) -> NDArray[np.float32]:
    """Image of a specimen tilted about y: strips along the tilt axis, blended linearly, have their own defocus.

    Parameters
    ----------
    at
        The image ``(y, x)`` at one underfocus in Å.
    shape
        Its shape.
    pixel_size_A
        Edge of its pixel.
    defocus_A
        Underfocus in its middle; smaller towards +x for a positive tilt.
    tilt_deg
        Tilt of the specimen.
    strip_A
        By how much the underfocus changes over a strip, at most nine of them.
    """
    lean = np.tan(np.deg2rad(tilt_deg))
    count = int(min(9, np.ceil(abs(lean) * shape[1] * pixel_size_A / strip_A) + 1))
    x = (np.arange(shape[1]) - (shape[1] - 1) / 2) / (shape[1] / 2)
    image = np.zeros(shape, dtype=np.float32)
    for node in np.linspace(-1, 1, count):
        weight = np.clip(1.0 - np.abs(x - node) * (count - 1) / 2, 0.0, 1.0).astype(np.float32)
        image += weight * at(defocus_A - lean * node * shape[1] / 2 * pixel_size_A)
    return image
