"""What neighbouring slices have in common, octave by octave: the network is given it and need not find it.

Noise differs from slice to slice and structure does not, so that the mean product of two slices, band-passed, holds
the structure's power and that of each slice by itself the noise's too (Saxton & Baumeister 1982, of two images). A
convolutional network adds and clips; products it can only learn by heart, one case after another.
"""

from collections.abc import Callable

import numpy as np
from numba import njit

from cryogauge.score.grey import EMPTIEST, STEPS, reflected
from cryogauge.score.network import CHANNELS, CONTEXT, LAGS, OCTAVES, REFERENCES, TILE_PX

#: Slices that the emptiest are chosen from.
_LOOKED_AT = 24


def evidence(stack: np.ndarray) -> np.ndarray:
    """Mean products of the slices of a network's input.

    Parameters
    ----------
    stack
        float32 ``(slices, y, x)`` normal scores, at least five slices; y and x are multiples of 16.

    Returns
    -------
    numpy.ndarray
        float32 ``(CHANNELS, y / 16, x / 16)``: for the middle slice with itself, then for each of :data:`LAGS`, the
        mean product within the tile of the detail in each octave (Haar's: what halving the sampling loses).
    """
    out = np.empty((1 + len(LAGS), OCTAVES, stack.shape[1] // TILE_PX, stack.shape[2] // TILE_PX), dtype=np.float32)
    _mean_products(np.ascontiguousarray(stack, dtype=np.float32), np.array(LAGS), out)
    out[:, :-1] -= out[:, 1:]
    return out.reshape(CHANNELS, *out.shape[2:])


def reference(grey: Callable[[int], np.ndarray], count: int) -> np.ndarray:
    """Evidence of a volume's emptiest slices, and of its fullest.

    The first is what a slice of it looks like that shows nothing, the second tells whether there are such slices at
    all: a volume that the specimen fills has emptiest slices that are no emptier than the rest.

    Parameters
    ----------
    grey
        The slice at a z as int8 ``(y, x)`` steps of normal score; y and x are multiples of 16.
    count
        Slices of the volume.

    Returns
    -------
    numpy.ndarray
        float32 ``(REFERENCES * CHANNELS,)``: mean over the tiles of the emptiest, then of the fullest, of some slices
        spread over the volume.
    """
    reach = max(CONTEXT)
    # a stack that is mirrored at an end has slices in common with itself
    first, last = (reach, count - 1 - reach) if count > 2 * reach else (0, count - 1)
    places = np.unique(np.linspace(first, last, _LOOKED_AT).round().astype(int))
    found = np.array([mean_evidence(_stack(grey, int(z), count)) for z in places])
    detail = found.reshape(len(found), 1 + len(LAGS), OCTAVES)[:, 1, :-1].sum(axis=1)
    order, few = np.argsort(detail, kind="stable"), max(1, round(EMPTIEST * len(found)))
    return np.concatenate([found[order[:few]].mean(axis=0), found[order[-few:]].mean(axis=0)])


def mean_evidence(stack: np.ndarray) -> np.ndarray:
    """:func:`evidence` averaged over a stack's tiles, float32 ``(CHANNELS,)``."""
    return evidence(stack).mean(axis=(1, 2))


def with_reference(found: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """What the network is given: the evidence of each tile, and below it the reference's, the same everywhere."""
    everywhere = np.broadcast_to(reference[:, None, None], (len(reference), *found.shape[1:]))
    return np.concatenate([found, everywhere], dtype=np.float32)


def no_evidence(stack: np.ndarray) -> np.ndarray:
    """What the network is given with a single picture, which has neither neighbours nor a reference: zeros."""
    return np.zeros(
        ((1 + REFERENCES) * CHANNELS, stack.shape[1] // TILE_PX, stack.shape[2] // TILE_PX), dtype=np.float32
    )


def _stack(grey: Callable[[int], np.ndarray], z: int, count: int) -> np.ndarray:
    return np.stack([grey(int(k)) for k in reflected(z + np.array(CONTEXT), count)]).astype(np.float32) / STEPS


@njit(cache=True, nogil=True, fastmath=True)
def _mean_products(stack: np.ndarray, lags: np.ndarray, out: np.ndarray) -> None:
    """Mean products within each tile at full sampling, then halved again and again."""
    count = stack.shape[0]
    now = np.empty((count, TILE_PX * TILE_PX), np.float32)
    coarser = np.empty_like(now)
    for ty in range(out.shape[2]):
        for tx in range(out.shape[3]):
            for s in range(count):
                for y in range(TILE_PX):
                    for x in range(TILE_PX):
                        now[s, y * TILE_PX + x] = stack[s, ty * TILE_PX + y, tx * TILE_PX + x]
            edge = TILE_PX
            for octave in range(OCTAVES):
                pixels = edge * edge
                middle = now[count // 2]
                total = np.float32(0)
                for i in range(pixels):
                    total += middle[i] * middle[i]
                out[0, octave, ty, tx] = total / pixels
                for k in range(len(lags)):
                    total = np.float32(0)
                    for s in range(count - lags[k]):
                        one, other = now[s], now[s + lags[k]]
                        for i in range(pixels):
                            total += one[i] * other[i]
                    out[1 + k, octave, ty, tx] = total / (pixels * (count - lags[k]))
                if octave < OCTAVES - 1:
                    half = edge // 2
                    for s in range(count):
                        for y in range(half):
                            for x in range(half):
                                a = 2 * y * edge + 2 * x
                                four = now[s, a] + now[s, a + 1] + now[s, a + edge] + now[s, a + edge + 1]
                                coarser[s, y * half + x] = np.float32(0.25) * four
                    now, coarser = coarser, now
                    edge = half
