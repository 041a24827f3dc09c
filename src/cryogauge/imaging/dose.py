"""Radiation damage: how amplitudes fall with exposure, after Grant & Grigorieff, eLife 4, e06980 (2015).

At 300 kV the amplitude at frequency f has fallen to 1/√e after the critical exposure
``Nc(f) = 0.24499 f^−1.6649 + 2.8141`` electrons per Å², so that after N it is ``exp(−N / (2 Nc))``.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cryogauge.imaging.transforms import frequency_radius, irfft2, rfft2
from cryogauge.records import BadInput

_REST_ENERGY_keV = 510.998_95


def critical_exposure_e_A2(frequency_1_A: ArrayLike, voltage_kV: float = 300.0) -> NDArray[np.float64]:
    """Exposure after which the amplitude at a frequency has fallen to 1/√e.

    Parameters
    ----------
    frequency_1_A
        Spatial frequencies in 1/Å, any shape; infinite at zero frequency.
    voltage_kV
        Acceleration voltage. The published fit is for 300 kV; others are scaled by the square of the electrons' speed,
        to which energy loss per path is inversely proportional (0.80 at 200 kV, as the authors use).

    Returns
    -------
    Critical exposure in electrons per Å², of the frequencies' shape.
    """
    frequency = np.asarray(frequency_1_A, dtype=np.float64)
    with np.errstate(divide="ignore"):
        critical = 0.24499 * frequency**-1.6649 + 2.8141
    return critical * (speed_squared(voltage_kV) / speed_squared(300.0))


def speed_squared(voltage_kV: float) -> float:
    """Square of the electrons' speed over that of light."""
    return 1.0 - (1.0 + voltage_kV / _REST_ENERGY_keV) ** -2


def exposure_attenuation(
    shape: tuple[int, int],
    pixel_size_A: float,
    prior_dose_e_A2: float,
    dose_after_e_A2: float,
    voltage_kV: float = 300.0,
) -> NDArray[np.float32]:
    """What is left of the amplitudes of an undamaged specimen, averaged over the image's own exposure.

    Parameters
    ----------
    shape
        Shape ``(y, x)`` of the image.
    pixel_size_A
        Edge of the pixel in Å.
    prior_dose_e_A2, dose_after_e_A2
        Exposure the specimen had received when the image began and when it ended, in electrons per Å²; equal for the
        attenuation at one moment.
    voltage_kV
        Acceleration voltage.

    Returns
    -------
    Factors between 0 and 1 in the layout of ``scipy.fft.rfft2``, float32 of shape ``(y, x // 2 + 1)``.

    Raises
    ------
    BadInput
        When an exposure is negative or ends before it begins.
    """
    if not 0 <= prior_dose_e_A2 <= dose_after_e_A2:
        raise BadInput(
            f"an exposure cannot begin at {prior_dose_e_A2:g} and end at {dose_after_e_A2:g} e/Å²",
            "give the accumulated exposure before and after the image",
        )
    frequency = frequency_radius(shape, pixel_size_A)
    decay = 0.5 / critical_exposure_e_A2(frequency, voltage_kV)  # per e/Å²; zero at zero frequency
    span = decay * (dose_after_e_A2 - prior_dose_e_A2)
    # Mean of exp(−u) over 0..span; its limit is 1 where nothing decays.
    mean = np.divide(-np.expm1(-span), span, out=np.ones_like(span), where=span > 0)
    return (np.exp(-decay * prior_dose_e_A2) * mean).astype(np.float32)


def exposure_filter(
    images: NDArray[np.floating],
    pixel_size_A: float,
    prior_dose_e_A2: ArrayLike,
    dose_after_e_A2: ArrayLike,
    voltage_kV: float = 300.0,
) -> NDArray[np.float32]:
    """Weight the images of one specimen by what damage has left in each, frequency by frequency.

    The weights are the attenuations over their root mean square among the images: those are the weights that give
    the best signal-to-noise ratio when the images are added or back-projected, and white noise of equal strength in
    all images stays white in the sum (Grant & Grigorieff 2015).

    Parameters
    ----------
    images
        Shape ``(image, y, x)``.
    pixel_size_A
        Edge of the pixel in Å.
    prior_dose_e_A2, dose_after_e_A2
        Accumulated exposure before and after each image, one value an image.
    voltage_kV
        Acceleration voltage.

    Returns
    -------
    Weighted images, float32, of the same shape.

    Raises
    ------
    BadInput
        When there is not one exposure an image, or one is impossible.
    """
    stack = np.asarray(images, dtype=np.float32)
    prior, after = np.atleast_1d(prior_dose_e_A2).astype(float), np.atleast_1d(dose_after_e_A2).astype(float)
    if not len(stack) == len(prior) == len(after):
        raise BadInput(f"{len(stack)} images but {len(prior)} and {len(after)} exposures")
    shape = (stack.shape[1], stack.shape[2])
    weights = np.stack(
        [
            exposure_attenuation(shape, pixel_size_A, start, end, voltage_kV)
            for start, end in zip(prior, after, strict=True)
        ]
    )
    # The smallest float guards frequencies at which every image has been destroyed.
    weights /= np.maximum(np.sqrt(np.mean(weights**2, axis=0)), np.finfo(np.float32).tiny)
    return irfft2(rfft2(stack) * weights, shape).astype(np.float32, copy=False)
