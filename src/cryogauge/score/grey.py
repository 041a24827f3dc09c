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
from scipy.special import ndtr

from cryogauge.io.lazy import forget

#: Normal scores are clipped here; 16 steps a unit would do, int8 gives 30.
LIMIT = 4.0
#: int8 steps per unit of normal score.
STEPS = 127.0 / LIMIT
#: The part of the slices that counts as emptiest.
EMPTIEST = 1.0 / 8.0
#: Evenly spaced bins that narrow the search for a value's threshold.
_BINS = 4096


@dataclass(frozen=True)
class GreyMap:
    """An order-preserving map from a volume's grey values to normal scores in int8 steps.

    Attributes
    ----------
    thresholds
        float32 ``(254,)``, ascending: the grey values at which the score goes up by a step. They are values of the
        sample itself, so that whatever keeps the order of the grey values moves them along.
    """

    thresholds: np.ndarray

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """int8 array of the image's shape; values that are not finite become 0."""
        flat = np.ascontiguousarray(image, dtype=np.float32)
        out = np.zeros(flat.shape, dtype=np.int8)
        finite = self.thresholds[np.isfinite(self.thresholds)]
        if not len(finite):
            return out
        low = np.float32(finite[0])
        scale = np.float32(_BINS / max(float(finite[-1]) - float(low), 1e-30))
        edges = low + np.arange(_BINS + 1, dtype=np.float32) / scale
        first = np.searchsorted(self.thresholds, edges, side="right").astype(np.int32)
        _levels(flat.ravel(), out.ravel(), self.thresholds, first, low, scale)
        return out


@njit(cache=True, nogil=True)
def _levels(
    values: np.ndarray, out: np.ndarray, thresholds: np.ndarray, first: np.ndarray, low: np.float32, scale: np.float32
) -> None:
    """How many thresholds each value has reached, less 127; ``first`` narrows the search by evenly spaced bins."""
    bins = len(first) - 1
    count = len(thresholds)
    for i in range(len(values)):
        value = values[i]
        if not np.isfinite(value):
            out[i] = 0
            continue
        position = (value - low) * scale
        if position <= 0:
            k = first[0]
        elif position >= bins:
            k = first[bins]
        else:
            k, end = first[int(position)], first[int(position) + 1]
            while k < end:
                middle = (k + end) >> 1
                if value >= thresholds[middle]:
                    k = middle + 1
                else:
                    end = middle
        # rounding in the bins can be off by one threshold
        while k < count and value >= thresholds[k]:
            k += 1
        while k > 0 and value < thresholds[k - 1]:
            k -= 1
        out[i] = k - 127


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
    sampled = np.empty((len(z), len(where)), dtype=np.float32)
    for row, k in zip(sampled, z, strict=True):
        row[:] = np.asarray(volume[k]).ravel()[where]
        forget(volume)
    return sampled


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
    count = max(2, round(EMPTIEST * len(slices)))
    emptiest = np.argsort(spread, kind="stable")[:count]
    return _from_samples(np.sort(_finite(slices[emptiest])), everything), spread


def _finite(values: np.ndarray) -> np.ndarray:
    flat = np.asarray(values, dtype=np.float32).ravel()
    good = np.isfinite(flat)
    return flat if good.all() else flat[good]


def _from_samples(reference: np.ndarray, everything: np.ndarray) -> GreyMap:
    """Thresholds of the normal scores of the mean of two rank distributions, both samples given sorted."""
    if not len(everything) or everything[0] == everything[-1]:
        return GreyMap(np.full(254, np.inf, dtype=np.float32))
    samples = [everything] if reference is everything else [reference, everything]
    values = everything if reference is everything else np.sort(np.concatenate(samples))
    rank = np.zeros(len(values))
    for sample in samples:
        # ties share the middle of their ranks
        both = np.searchsorted(sample, values, "left") + np.searchsorted(sample, values, "right")
        rank += both / (2 * len(samples) * len(sample))
    wanted = ndtr((np.arange(-126, 128) - 0.5) / STEPS)
    at = np.searchsorted(rank, wanted, side="left")
    thresholds = values[np.minimum(at, len(values) - 1)].astype(np.float32)
    thresholds[at == len(values)] = np.inf
    return GreyMap(thresholds)
