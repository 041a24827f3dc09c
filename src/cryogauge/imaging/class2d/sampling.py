"""Fourier transforms of images at any frequencies, not only those of the grid.

An image is divided by the transform of a short window, padded to twice its edge and transformed; its value at a
frequency is the sum of the terms around it, weighted by the window. The window is the exponential of a semicircle
(Barnett, Magland & af Klinteberg, SIAM J. Sci. Comput. 41, C479, 2019), five terms wide: values are right to about
1e-4 of the largest.

Frequencies are in cycles per edge of the image, ``(y, x)``; the phase origin is pixel ``n // 2`` of each axis, where
particle programs have the middle of a box.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

from cryogauge.imaging.transforms import rfft2

_WIDTH = 5  # terms of the padded transform that a value comes from, along each axis
_STEEPNESS = 2.3 * _WIDTH  # of the window, for a padding to twice the edge
_PADDING = 2


@dataclass(frozen=True)
class Taps:
    """Where values are taken from a padded transform and with which weights.

    Attributes
    ----------
    first
        int32 ``(point, 2)``: lowest row and column, counted on around the transform.
    weights
        float32 ``(point, 2, 5)`` along y and x.
    """

    first: NDArray[np.int32]
    weights: NDArray[np.float32]


def taps_at(frequency_y: NDArray[np.floating], frequency_x: NDArray[np.floating]) -> Taps:
    """Taps for points at frequencies in cycles per edge, each of shape ``(point,)``."""
    place = np.stack([frequency_y, frequency_x], axis=-1) * _PADDING
    first = np.ceil(place - _WIDTH / 2)
    away = place[..., None] - (first[..., None] + np.arange(_WIDTH))
    return Taps(first.astype(np.int32), _window(away).astype(np.float32))


def padded_spectra(images: NDArray[np.floating]) -> NDArray[np.complexfloating]:
    """Transforms that :func:`sample` reads, complex64 ``(image, 2 n, n + 1)``, of square images ``(image, n, n)``."""
    count, n, _ = images.shape
    padded = np.zeros((count, _PADDING * n, _PADDING * n), dtype=np.float32)
    gain = _correction(n)
    padded[:, :n, :n] = images * (gain[:, None] * gain[None, :])
    return rfft2(np.roll(padded, (-(n // 2), -(n // 2)), axis=(1, 2))).astype(np.complex64, copy=False)


def sample(spectra: NDArray[np.complexfloating], taps: Taps) -> NDArray[np.complex64]:
    """Values at the points of the taps, complex64 ``(image, point)``, from :func:`padded_spectra`."""
    values = np.empty((len(spectra), len(taps.first)), dtype=np.complex64)
    _gather(spectra, taps.first, taps.weights, values)
    return values


def _window(away: NDArray[np.floating]) -> NDArray[np.float64]:
    inside = np.maximum(1 - np.square(away / (_WIDTH / 2)), 0.0)
    return np.asarray(np.exp(_STEEPNESS * (np.sqrt(inside) - 1)), dtype=np.float64)


@lru_cache(maxsize=8)
def _correction(n: int) -> NDArray[np.float32]:
    """What each pixel along an axis is multiplied by: one over the window's transform there."""
    fine = np.linspace(-_WIDTH / 2, _WIDTH / 2, 513)
    pixel = np.arange(n) - n // 2
    waves = np.cos(2 * np.pi * np.outer(pixel, fine) / (_PADDING * n))
    return np.asarray(1 / np.trapezoid(waves * _window(fine), fine, axis=1), dtype=np.float32)


@njit(nogil=True, cache=True, fastmath={"contract"})
def _gather(spectra, first, weights, values):
    count, height, width = spectra.shape
    taps = weights.shape[2]
    for image in range(count):
        spectrum = spectra[image]
        for point in range(len(first)):
            real = np.float32(0.0)
            imaginary = np.float32(0.0)
            for i in range(taps):
                row = first[point, 0] + i
                for j in range(taps):
                    column = (first[point, 1] + j) % height
                    weight = weights[point, 0, i] * weights[point, 1, j]
                    if column >= width:
                        # the half that is not stored: the conjugate at the opposite frequency
                        term = spectrum[-row % height, height - column]
                        imaginary -= weight * term.imag
                    else:
                        term = spectrum[row % height, column]
                        imaginary += weight * term.imag
                    real += weight * term.real
            values[image, point] = complex(real, imaginary)
