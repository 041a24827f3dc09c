"""Grey values as ranks, referred to the volume's own empty slices.

What the numbers in a tomogram mean differs from program to program, and a network given them learns histograms:
heavy tails for good data, bell curves for noise, both accidents of the training set. Here a grey value is replaced
by the normal score of its rank, so that any order-preserving change of the grey scale leaves the network's input
as it was. The ranks are taken half among the volume's emptiest slices and half among all of it: the first sets
the scale by the noise, the second keeps strong contrast from running into the end of the scale.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from scipy.special import ndtri

#: Normal scores are clipped here; 16 steps a unit would do, int8 gives 30.
LIMIT = 4.0
#: int8 steps per unit of normal score.
STEPS = 127.0 / LIMIT
#: The part of the slices that counts as emptiest.
EMPTIEST = 1.0 / 8.0
_BINS = 16384


@dataclass(frozen=True)
class GreyMap:
    """An order-preserving map from a volume's grey values to normal scores in int8 steps.

    Attributes
    ----------
    low, high
        Grey values at the ends of the table; what lies beyond maps to its ends.
    table
        int8 normal scores times :data:`STEPS` at evenly spaced grey values.
    """

    low: float
    high: float
    table: np.ndarray

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """int8 array of the image's shape; values that are not finite become 0."""
        flat = np.ascontiguousarray(image, dtype=np.float32)
        out = np.empty(flat.shape, dtype=np.int8)
        scale = (len(self.table) - 1) / max(self.high - self.low, 1e-30)
        _look_up(flat.ravel(), out.ravel(), self.table, np.float32(self.low), np.float32(scale))
        return out


@njit(cache=True, nogil=True)
def _look_up(values: np.ndarray, out: np.ndarray, table: np.ndarray, low: np.float32, scale: np.float32) -> None:
    last = len(table) - 1
    for i in range(len(values)):
        position = (values[i] - low) * scale
        if position != position:
            out[i] = 0
        elif position <= 0:
            out[i] = table[0]
        elif position >= last:
            out[i] = table[last]
        else:
            out[i] = table[int(position + np.float32(0.5))]


def reflected(index: np.ndarray, count: int) -> np.ndarray:
    """Indices beyond either end folded back inside."""
    if count == 1:
        return np.zeros_like(index)
    period = 2 * (count - 1)
    folded = np.abs(index) % period
    return np.minimum(folded, period - folded)


def sample_pixels(volume: Any, rng: np.random.Generator, *, slices: int = 64, pixels: int = 16_384) -> np.ndarray:
    """float32 ``(slices, pixels)`` of a volume, for fitting its grey map; slices evenly spaced."""
    z = np.unique(np.linspace(0, len(volume) - 1, slices).round().astype(int))
    flat = int(volume.shape[1]) * int(volume.shape[2])
    where = np.sort(rng.integers(0, flat, min(pixels, flat)))
    return np.stack([np.asarray(volume[k], dtype=np.float32).ravel()[where] for k in z])


def fit_slice(values: np.ndarray) -> GreyMap:
    """The map of a single picture: ranks among its own values."""
    sample = np.sort(_finite(values))
    return _from_samples(sample, sample)


def fit_volume(slices: np.ndarray) -> tuple[GreyMap, np.ndarray]:
    """The map of a volume, from slices spread over it.

    Parameters
    ----------
    slices
        float32 ``(n, pixels)``: a sample of the pixels of n slices.

    Returns
    -------
    GreyMap
        To be applied to every slice.
    numpy.ndarray
        Spread of each sampled slice (median absolute deviation of its normal scores among the whole volume):
        the emptiest have the least.
    """
    everything = np.sort(_finite(slices))
    whole = _from_samples(everything, everything)
    scores = whole(slices).astype(np.float32)
    middle = np.median(scores, axis=1, keepdims=True)
    spread = np.median(np.abs(scores - middle), axis=1) / STEPS
    count = max(2, int(round(EMPTIEST * len(slices))))
    emptiest = np.argsort(spread, kind="stable")[:count]
    return _from_samples(np.sort(_finite(slices[emptiest])), everything), spread


def _finite(values: np.ndarray) -> np.ndarray:
    flat = np.asarray(values, dtype=np.float32).ravel()
    good = np.isfinite(flat)
    return flat if good.all() else flat[good]


def _from_samples(reference: np.ndarray, everything: np.ndarray) -> GreyMap:
    """Table of normal scores of the mean of two rank distributions, both given sorted."""
    if not len(everything) or everything[0] == everything[-1]:
        return GreyMap(0.0, 1.0, np.zeros(_BINS, dtype=np.int8))
    # the table spans all but the last ten-thousandth at either end: a few hot pixels must not set its step
    low, high = (float(v) for v in np.quantile(everything, (1e-4, 1 - 1e-4)))
    if not high > low:
        low, high = float(everything[0]), float(everything[-1])
    grid = np.linspace(low, high, _BINS).astype(np.float32)
    half = 0.5 * (grid[1] - grid[0])
    rank = np.zeros(_BINS)
    for sample in (reference, everything):
        # the middle of a tie's ranks, and of those that fall into the table's bin
        below = np.searchsorted(sample, grid - half, side="left")
        above = np.searchsorted(sample, grid + half, side="right")
        rank += 0.25 * (below + above) / len(sample)
    normal = np.clip(ndtri(np.clip(rank, 1e-6, 1 - 1e-6)), -LIMIT, LIMIT)
    return GreyMap(low, high, np.round(normal * STEPS).astype(np.int8))
