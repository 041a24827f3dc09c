"""Smooth random fields, the raw material of bent membranes, uneven surfaces and amorphous films."""

import numpy as np
import scipy.fft

from cryogauge.imaging.threads import thread_count


def smooth_field(shape: tuple[int, ...], correlation_px: float, rng: np.random.Generator) -> np.ndarray:
    """A periodic Gaussian random field of unit variance.

    Parameters
    ----------
    shape
        Any number of axes, in voxels.
    correlation_px
        Standard deviation of the Gaussian kernel that white noise is smoothed with, in voxels.
    rng
        Source of randomness.

    Returns
    -------
    numpy.ndarray
        float32 of ``shape``, mean 0, standard deviation 1.
    """
    # Smoothing makes neighbours alike, so the field is made coarse and interpolated in Fourier space.
    coarse = tuple(min(n, max(4, int(np.ceil(n / max(correlation_px / 2.0, 1.0))))) for n in shape)
    noise = rng.standard_normal(coarse).astype(np.float32)
    spectrum = np.asarray(scipy.fft.fftn(noise, workers=thread_count()))
    for axis, (few, many) in enumerate(zip(coarse, shape, strict=True)):
        frequency = np.fft.fftfreq(few) * few / many
        kernel = np.exp(-2.0 * (np.pi * correlation_px * frequency) ** 2).astype(np.float32)
        spectrum *= kernel.reshape([-1 if a == axis else 1 for a in range(len(shape))])
    spectrum.flat[0] = 0.0
    field = _fourier_enlarge(spectrum, shape)
    return field / max(float(field.std()), 1e-12)


def _fourier_enlarge(spectrum: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Real field on a finer grid from the spectrum of a coarse one, one axis at a time."""
    for axis, many in enumerate(shape):
        few = spectrum.shape[axis]
        if few == many:
            continue
        half = (few + 1) // 2
        padded = list(spectrum.shape)
        padded[axis] = many
        larger = np.zeros(padded, dtype=spectrum.dtype)
        low = [slice(None)] * spectrum.ndim
        low[axis] = slice(0, half)
        larger[tuple(low)] = spectrum[tuple(low)]
        high = [slice(None)] * spectrum.ndim
        high[axis] = slice(few - (few // 2), few)
        target = [slice(None)] * spectrum.ndim
        target[axis] = slice(many - few // 2, many)
        larger[tuple(target)] = spectrum[tuple(high)]
        spectrum = larger
    return np.real(np.asarray(scipy.fft.ifftn(spectrum, workers=thread_count()))).astype(np.float32)
