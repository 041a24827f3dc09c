"""Defocus of an image from the rings of its power spectrum, and how well they fit.

The rings of small tiles are averaged over the image and over all directions, brought to one height by what surrounds
them, and compared with the squared contrast transfer at every defocus of a range (as CTFFIND does in two dimensions;
Rohou & Grigorieff, J. Struct. Biol. 192, 216, 2015). Astigmatism is not fitted: this is to judge an image, not to
correct it. :mod:`cryogauge.imaging.ctf_astigmatic` fits that too.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from cryogauge.imaging.ctf import ctf_1d
from cryogauge.imaging.fourier import radial_power

_TILE_PX = 512
_COARSEST_A, _FINEST_PX = 40.0, 2.6  # what is compared: from 1/40 Å to a little below Nyquist
_GRID = 1.01  # step of the search, a factor
_WINDOW = 12  # rings over which agreement is taken to be of one resolution
#: Correlation within a running window from which rings agree with the fitted transfer.
AGREES = 0.5
_FOUND = 0.5  # noise alone reaches 0.45 over so wide a range of trials


@dataclass(frozen=True)
class CtfFit:
    """Defocus of an image.

    Attributes
    ----------
    defocus_A
        Underfocus; NaN where the rings do not tell.
    correlation
        Of the rings with the fitted transfer, −1 to 1.
    resolution_A
        To which rings agree with it; infinite where they do nowhere.
    """

    defocus_A: float
    correlation: float
    resolution_A: float


def fit_defocus(
    image: NDArray[np.floating],
    pixel_size_A: float,
    *,
    lowest_A: float = 3_000.0,
    highest_A: float = 150_000.0,
    voltage_kV: float = 300.0,
    cs_mm: float = 2.7,
    amplitude_contrast: float = 0.07,
) -> CtfFit:
    """Find the underfocus that explains the rings of an image's power spectrum.

    Parameters
    ----------
    image
        ``(y, x)``, not binned so far that its rings are gone.
    pixel_size_A
        Edge of its pixel.
    lowest_A, highest_A
        Range of the search.
    voltage_kV, cs_mm, amplitude_contrast
        As in :func:`cryogauge.imaging.ctf_1d`.

    Returns
    -------
    CtfFit
        Of the image's middle; across a tilted image the defocus changes and washes out fine rings.
    """
    frequency_1_px, power = _tile_power(image)
    frequency = frequency_1_px / pixel_size_A
    seen = (frequency >= 1 / _COARSEST_A) & (frequency_1_px <= 1 / _FINEST_PX)
    if seen.sum() < 3 * _WINDOW:
        return CtfFit(math.nan, 0.0, math.inf)
    rings = flattened(gaussian_filter1d(np.log(np.maximum(power[seen], 1e-30)), 1.0))
    frequency = frequency[seen]
    count = int(math.log(highest_A / lowest_A) / math.log(_GRID)) + 1
    trials = lowest_A * _GRID ** np.arange(count)
    expected = np.square(
        ctf_1d(frequency[None, :], trials[:, None], voltage_kV=voltage_kV, cs_mm=cs_mm,
               amplitude_contrast=amplitude_contrast)
    )  # fmt: skip
    agreement = np.array([_correlation(rings, flattened(np.log(one + 0.05))) for one in expected])
    best = int(np.argmax(agreement))
    local = local_agreement(rings, flattened(np.log(expected[best] + 0.05)))
    if agreement[best] < _FOUND:
        return CtfFit(math.nan, float(agreement[best]), math.inf)
    start = int(np.argmax(local))
    bad = np.flatnonzero(local[start:] < AGREES)
    last = start + int(bad[0]) - 1 if len(bad) else len(frequency) - 1
    resolution = 1 / float(frequency[last]) if local[start] >= AGREES else math.inf
    return CtfFit(float(trials[best]), float(agreement[best]), resolution)


def _tile_power(image: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean power in rings of half-overlapping tiles, each faded out at its edges."""
    ny, nx = image.shape
    edge = min(_TILE_PX, ny, nx)
    window = np.hanning(edge)[:, None] * np.hanning(edge)[None, :]
    total, frequency, tiles = np.zeros(0), np.zeros(0), 0
    for y in range(0, ny - edge + 1, edge // 2):
        for x in range(0, nx - edge + 1, edge // 2):
            tile = np.asarray(image[y : y + edge, x : x + edge], dtype=np.float64)
            frequency, power = radial_power((tile - tile.mean()) * window)
            total = power if not tiles else total + power
            tiles += 1
    return frequency, total / max(tiles, 1)


def flattened(rings: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rings about zero and of one height: less a running mean, over a running deviation."""
    around = rings - gaussian_filter1d(rings, max(len(rings) / 20, 3.0), mode="nearest")
    height = np.sqrt(gaussian_filter1d(np.square(around), len(rings) / 4, mode="nearest"))
    return around / np.maximum(height, 1e-6)


def _correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    return float(np.corrcoef(a, b)[0, 1])


def local_agreement(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Correlation within a running window."""

    def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return gaussian_filter1d(values, _WINDOW / 2, mode="nearest")

    return mean(a * b) / np.sqrt(np.maximum(mean(a * a) * mean(b * b), 1e-12))
