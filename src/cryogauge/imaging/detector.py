"""Electrons lost to inelastic scattering, and what the camera makes of those that arrive.

Cameras are described by three numbers from which follow, for a frequency f in cycles per *camera* pixel (Nyquist 1/2),

- the modulation transfer of the signal, ``MTF(f) = 1 / (1 + (1/m − 1)(2f)²)``, m being its value at Nyquist: the
  Lorentzian that the response to single electrons follows (Grob et al., Ultramicroscopy 133, 1, 2013);
- the same form for the amplitude of the noise, with its own value at Nyquist;
- the detective quantum efficiency ``DQE(f) = DQE(0) · MTF² / noise²``.

Binning by b, or cropping in Fourier space, maps frequency f of the image to f / b of the camera: a binned image sees
only the flat beginning of the curves.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cryogauge.imaging.dose import speed_squared
from cryogauge.imaging.transforms import frequency_radius, irfft2, rfft2
from cryogauge.records import BadInput

#: Mean free path of electrons in vitreous ice at 300 kV until they are lost to a filtered image, by an inelastic event
#: or past the objective aperture. By inelastic events alone it is the 3950 Å of Rice et al., J. Struct. Biol. 204, 38
#: (2018), which measure thickness by the filter's slit.
INELASTIC_MEAN_FREE_PATH_A = 3100.0


@dataclass(frozen=True)
class Detector:
    """A camera by its values at zero frequency and at its own Nyquist frequency.

    Attributes
    ----------
    mtf_nyquist
        Modulation transfer at Nyquist, above 0 and at most 1.
    noise_nyquist
        Amplitude of the noise at Nyquist relative to that at zero frequency, above 0 and at most 1.
    dqe_zero
        Detective quantum efficiency at zero frequency, above 0 and at most 1.
    """

    mtf_nyquist: float
    noise_nyquist: float
    dqe_zero: float

    def __post_init__(self) -> None:
        for name in ("mtf_nyquist", "noise_nyquist", "dqe_zero"):
            if not 0 < getattr(self, name) <= 1:
                raise BadInput(f"a detector with {name} = {getattr(self, name):g} cannot be", "give it within 0 to 1")


#: Typical of direct detectors at 300 kV, one that counts electrons and one that integrates their charge; models of
#: the kind, not fits to one camera (compare McMullan et al., Ultramicroscopy 147, 156, 2014).
COUNTING = Detector(mtf_nyquist=0.45, noise_nyquist=0.66, dqe_zero=0.85)
INTEGRATING = Detector(mtf_nyquist=0.30, noise_nyquist=0.45, dqe_zero=0.75)


def _lorentzian(frequency_1_px: ArrayLike, at_nyquist: float, binning: float) -> NDArray[np.float64]:
    if not binning > 0:
        raise BadInput(f"a binning of {binning:g} is not positive")
    camera = np.asarray(frequency_1_px, dtype=np.float64) / binning
    return 1.0 / (1.0 + (1.0 / at_nyquist - 1.0) * (2.0 * camera) ** 2)


def mtf(frequency_1_px: ArrayLike, detector: Detector = COUNTING, *, binning: float = 1.0) -> NDArray[np.float64]:
    """Modulation transfer at frequencies in cycles per pixel of an image binned ``binning``-fold."""
    return _lorentzian(frequency_1_px, detector.mtf_nyquist, binning)


def noise_transfer(
    frequency_1_px: ArrayLike, detector: Detector = COUNTING, *, binning: float = 1.0
) -> NDArray[np.float64]:
    """Amplitude of the noise relative to that at zero frequency; its square is the shape of the noise power."""
    return _lorentzian(frequency_1_px, detector.noise_nyquist, binning)


def detective_quantum_efficiency(
    frequency_1_px: ArrayLike, detector: Detector = COUNTING, *, binning: float = 1.0
) -> NDArray[np.float64]:
    """Share of the signal-to-noise power of the arriving electrons that the image keeps."""
    signal = mtf(frequency_1_px, detector, binning=binning)
    return detector.dqe_zero * (signal / noise_transfer(frequency_1_px, detector, binning=binning)) ** 2


def apply_mtf(image: NDArray[np.floating], binning: float = 1.0, detector: Detector = COUNTING) -> NDArray[np.float32]:
    """Blur an image by the camera's modulation transfer.

    Parameters
    ----------
    image
        Electrons per pixel, shape ``(y, x)``.
    binning
        Camera pixels along the edge of an image pixel.
    detector
        The camera.

    Returns
    -------
    float32 of the same shape and mean.
    """
    shape = (image.shape[0], image.shape[1])
    return _filtered(image, mtf(frequency_radius(shape), detector, binning=binning))


def detect(
    electrons: NDArray[np.floating], rng: np.random.Generator, binning: float = 1.0, detector: Detector = COUNTING
) -> NDArray[np.float32]:
    """Record an image: signal and noise each with the camera's own transfer, so that its DQE holds.

    Electrons are thinned by DQE(0), blurred by ``MTF / noise``, drawn from Poisson's distribution, and the drawn image
    filtered by the noise transfer.

    Parameters
    ----------
    electrons
        Expected electrons per image pixel, shape ``(y, x)``.
    rng
        Draws the noise.
    binning
        Camera pixels along the edge of an image pixel.
    detector
        The camera.

    Returns
    -------
    Counts scaled back to arriving electrons, float32 of the same shape.
    """
    shape = (electrons.shape[0], electrons.shape[1])
    frequency = frequency_radius(shape)
    noise = noise_transfer(frequency, detector, binning=binning)
    blurred = _filtered(electrons, mtf(frequency, detector, binning=binning) / noise)
    counts = rng.poisson(np.maximum(blurred, 0.0) * detector.dqe_zero)
    return _filtered(counts / detector.dqe_zero, noise)


def _filtered(image: NDArray[np.generic], gain: NDArray[np.float64]) -> NDArray[np.float32]:
    spectrum = rfft2(image.astype(np.float32)) * gain.astype(np.float32)
    return irfft2(spectrum, (image.shape[0], image.shape[1])).astype(np.float32, copy=False)


def inelastic_mean_free_path_A(voltage_kV: float = 300.0) -> float:
    """Mean free path in vitreous ice until an electron is lost to a filtered image (by inelastic scattering and, less,
    past the aperture), scaled from 300 kV by the square of the speed.
    """
    return INELASTIC_MEAN_FREE_PATH_A * speed_squared(voltage_kV) / speed_squared(300.0)


def zero_loss_fraction(path_A: ArrayLike, voltage_kV: float = 300.0) -> NDArray[np.float64]:
    """Share of the electrons that cross vitreous ice without losing energy.

    An energy filter's slit keeps these alone. Without one the rest arrive too, out of focus by chromatic aberration:
    a background that adds noise and hardly any contrast.

    Parameters
    ----------
    path_A
        Path through the specimen in Å, any shape: the thickness over the cosine of the tilt.
    voltage_kV
        Acceleration voltage.

    Returns
    -------
    ``exp(−path / mean free path)``, of the same shape.
    """
    return np.exp(-np.asarray(path_A, dtype=np.float64) / inelastic_mean_free_path_A(voltage_kV))
