"""Random numbers that belong to places: the same place has the same ones, however it is come to.

A number is a hash of a seed, a stream and two integers, so that nothing needs to be kept of a grid of millions of
places, and any part of it can be made alone.
"""

import numpy as np
from numba import njit

_SHIFTS = (np.uint64(30), np.uint64(27), np.uint64(31))
_FACTORS = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
_STEP = np.uint64(0x9E3779B97F4A7C15)
_TO_UNIT = 2.0**-53
#: Makes the variance of gradient noise 1.
_GRADIENT_SCALE = 5.66


@njit(nogil=True, cache=True, inline="always")
def _stirred(h):
    """The finaliser of SplitMix64 (Steele, Lea & Flood, OOPSLA 2014)."""
    h = (h ^ (h >> _SHIFTS[0])) * _FACTORS[0]
    h = (h ^ (h >> _SHIFTS[1])) * _FACTORS[1]
    return h ^ (h >> _SHIFTS[2])


@njit(nogil=True, cache=True)
def hashed(seed, stream, a, b):
    """64 random bits of a place ``(a, b)``, as uint64."""
    h = _stirred(np.uint64(seed) + np.uint64(stream) * _STEP)
    h = _stirred(h + np.uint64(a) * _STEP)
    return _stirred(h + np.uint64(b) * _STEP)


@njit(nogil=True, cache=True)
def unit(seed, stream, a, b):
    """Uniform in 0 to 1."""
    return (hashed(seed, stream, a, b) >> np.uint64(11)) * _TO_UNIT


@njit(nogil=True, cache=True)
def normal(seed, stream, a, b):
    """Of mean 0 and variance 1, normally distributed."""
    radius = np.sqrt(-2.0 * np.log(1.0 - unit(seed, stream, a, b)))
    return radius * np.cos(2.0 * np.pi * unit(seed, stream + 7919, a, b))


@njit(nogil=True, cache=True)
def gradient_noise(seed, stream, x, y):
    """Smooth noise of variance 1 that changes over lengths of about 1 (Perlin, SIGGRAPH 2002)."""
    i, j = int(np.floor(x)), int(np.floor(y))
    fx, fy = x - i, y - j
    sx = fx * fx * fx * (fx * (6.0 * fx - 15.0) + 10.0)
    sy = fy * fy * fy * (fy * (6.0 * fy - 15.0) + 10.0)
    low = _slope(seed, stream, i, j, fx, fy)
    low += sx * (_slope(seed, stream, i + 1, j, fx - 1.0, fy) - low)
    high = _slope(seed, stream, i, j + 1, fx, fy - 1.0)
    high += sx * (_slope(seed, stream, i + 1, j + 1, fx - 1.0, fy - 1.0) - high)
    return _GRADIENT_SCALE * (low + sy * (high - low))


@njit(nogil=True, cache=True, inline="always")
def _slope(seed, stream, i, j, fx, fy):
    h = hashed(seed, stream, i, j)
    gx = np.float64(h & np.uint64(0xFFFF)) / 32767.5 - 1.0
    gy = np.float64((h >> np.uint64(16)) & np.uint64(0xFFFF)) / 32767.5 - 1.0
    return gx * fx + gy * fy


@njit(nogil=True, cache=True)
def white_noise(seed, stream, row, column, image):
    """Fill an image ``(y, x)`` with white noise of variance 1 of the places from ``(row, column)`` on."""
    for y in range(image.shape[0]):
        for x in range(image.shape[1]):
            h = hashed(seed, stream, row + y, column + x)
            total = np.int64(0)
            for _ in range(4):
                total += np.int64(h & np.uint64(0xFFFF))
                h >>= np.uint64(16)
            # four uniform numbers: nearly normal, which is all that a texture needs
            image[y, x] = (total - 131070.0) / 37837.2
