"""Drift of the specimen during an exposure: whole-frame registration.

Single frames of a tilt image hold less than an electron a pixel. They are added up in a few groups along time; each
group is registered to the sum of the others; and a smooth path of the specimen is fitted to what is found, so that
noise in one group moves nothing by itself.
"""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from cryogauge.imaging.correlation import best_shift
from cryogauge.imaging.fourier import fourier_bin
from cryogauge.imaging.transforms import irfft2, rfft2

_GROUPS = 8  # along time: enough for a path of third degree, few enough to hold dose
_DEGREE = 3
_ROUNDS = 4
_LONGEST_PX = 1024  # edge to which frames are binned for registration
_LOW, _HIGH = 0.01, 0.2  # pass band, cycles per binned pixel: above gradients, below noise
_LARGEST = 0.1  # part of the edge that the specimen may move


def register_frames(frames: NDArray[np.number], gain: NDArray[np.floating] | None = None) -> NDArray[np.float64]:
    """Drift of each frame against their mean place.

    Parameters
    ----------
    frames
        Array-like of shape ``(frame, y, x)``, read a frame at a time.
    gain
        ``(y, x)``, multiplied in before anything else.

    Returns
    -------
    Displacement (y, x) of the content of each frame in pixels of the frames, shape ``(frame, 2)``. Its mean is 0, so
    that an alignment found for the sum stays true. All zero for a single frame.
    """
    count, ny, nx = frames.shape
    if count < 2:
        return np.zeros((count, 2))
    groups = min(_GROUPS, count)
    edges = np.linspace(0, count, groups + 1).round().astype(int)
    factor = max(max(ny, nx) / _LONGEST_PX, 1.0)
    spectra, times = [], []
    for first, last in pairwise(edges):
        total = np.zeros((ny, nx), dtype=np.float32)
        for k in range(first, last):
            total += frames[k]
        if gain is not None:
            total *= gain
        spectra.append(rfft2(fourier_bin(total, factor)))
        times.append((first + last - 1) / 2)
    binned = (2 * round(ny / factor / 2), 2 * round(nx / factor / 2)) if factor > 1 else (ny, nx)
    path = _register_groups(np.stack(spectra), binned, np.array(times))
    time = np.arange(count, dtype=float)
    fitted = _smooth(np.array(times), path, time)
    return (fitted - fitted.mean(axis=0)) * np.array([ny / binned[0], nx / binned[1]])


def _register_groups(
    spectra: NDArray[np.complexfloating], shape: tuple[int, int], times: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Displacement ``(group, 2)`` of each group in binned pixels, against the sum of the others, over some rounds."""
    fy = np.fft.fftfreq(shape[0])[:, None]
    fx = np.fft.rfftfreq(shape[1])[None, :]
    radius = np.hypot(fy, fx)
    band = np.exp(-((radius / _HIGH) ** 2)) - np.exp(-((radius / _LOW) ** 2))
    filtered = spectra * band
    found = np.zeros((len(spectra), 2))
    for _ in range(_ROUNDS):
        undone = filtered * np.exp(2j * np.pi * (fy * found[:, 0, None, None] + fx * found[:, 1, None, None]))
        total = undone.sum(axis=0)
        step = np.array([best_shift(irfft2((total - own).conj() * own, shape), _LARGEST) for own in undone])
        # each was compared with the others, whose mean moves against it
        moved = _smooth(times, found + step * (len(step) - 1) / len(step), times)
        moved -= moved.mean(axis=0)
        if np.abs(moved - found).max() < 0.02:
            return moved
        found = moved
    return found


def _smooth(times: NDArray[np.float64], values: NDArray[np.float64], at: NDArray[np.float64]) -> NDArray[np.float64]:
    """A polynomial path through ``values (group, 2)``, at other times."""
    degree = min(_DEGREE, len(times) - 1)
    middle, span = times.mean(), max(float(np.ptp(times)), 1.0)
    path = np.polynomial.polynomial.polyfit((times - middle) / span, values, degree)
    return np.polynomial.polynomial.polyval((at - middle) / span, path).T
