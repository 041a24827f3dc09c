"""Fourier terms of small boxes: at the points of a half sphere, and between the points of an oversampled transform.

A box has N voxels to an edge and its middle at voxel N // 2, which is (N − 1) / 2 of odd edges. A frequency is counted
in periods a box, ``(z, y, x)``; of the two that a real box makes alike only one is kept.
"""

import numpy as np
import scipy.fft
from numba import njit
from numpy.typing import NDArray

from cryogauge.imaging.transforms import fast_length

#: How finely a transform is sampled that is read between its points (as in S. H. W. Scheres, J. Struct. Biol. 180
#: (2012) 519, section 2.3).
_PADDING = 2.0


def half_sphere(radius: float) -> NDArray[np.int32]:
    """Frequencies within a radius but zero, one of each pair of opposite ones, by rising radius: ``(n, 3)``."""
    reach = int(np.floor(radius))
    axis = np.arange(-reach, reach + 1)
    grid = np.stack(np.meshgrid(axis, axis, np.arange(reach + 1), indexing="ij"), axis=-1).reshape(-1, 3)
    z, y, x = grid.T
    kept = (x > 0) | ((x == 0) & ((y > 0) | ((y == 0) & (z > 0))))
    square = (grid**2).sum(axis=1)
    kept &= square <= radius**2
    order = np.argsort(square[kept], kind="stable")
    return grid[kept][order].astype(np.int32)


def shells_of(points: NDArray[np.int32]) -> NDArray[np.intp]:
    """Shell of each frequency ``(n, 3)``: its radius, rounded."""
    return np.rint(np.sqrt((points.astype(np.float64) ** 2).sum(axis=1))).astype(np.intp)


def terms(box: NDArray[np.floating], points: NDArray[np.int32]) -> NDArray[np.complex64]:
    """Fourier terms of a box ``(z, y, x)`` about its middle at some frequencies, complex64 ``(n,)``."""
    spectrum = np.asarray(scipy.fft.rfftn(scipy.fft.ifftshift(box.astype(np.float32, copy=False))))
    z, y, x = points.T
    return spectrum[z, y, x].astype(np.complex64)  # negative indices count from the end, as the transform does


def box_of(values: NDArray[np.complexfloating], points: NDArray[np.int32], edge_px: int) -> NDArray[np.float32]:
    """The box ``(z, y, x)`` that has these terms and no others: the inverse of :func:`terms`."""
    spectrum = np.zeros((edge_px, edge_px, edge_px // 2 + 1), dtype=np.complex64)
    z, y, x = points.T
    spectrum[z, y, x] = values
    flat = x == 0
    spectrum[-z[flat], -y[flat], 0] = np.conj(values[flat])
    box = np.asarray(scipy.fft.irfftn(spectrum, s=(edge_px,) * 3))
    return scipy.fft.fftshift(box).astype(np.float32)


def oversampled(box: NDArray[np.floating]) -> tuple[NDArray[np.complex64], float]:
    """Transform of a box, fine enough to be read between its points by :func:`sample`.

    Linear interpolation multiplies the box by the kernel's own transform, which is divided out beforehand.

    Returns
    -------
    spectrum
        complex64 ``(m, m, m // 2 + 1)``.
    scale
        Points of it in one period a box.
    """
    edge = box.shape[0]
    wide = fast_length(int(np.ceil(_PADDING * edge)))
    wide += wide % 2
    fall = np.sinc((np.arange(edge) - edge // 2) / wide) ** 2
    padded = np.zeros((wide,) * 3, dtype=np.float32)
    first = wide // 2 - edge // 2
    inner = slice(first, first + edge)
    padded[inner, inner, inner] = box / (fall[:, None, None] * fall[None, :, None] * fall[None, None, :])
    spectrum = np.asarray(scipy.fft.rfftn(scipy.fft.ifftshift(padded)))
    return spectrum.astype(np.complex64, copy=False), wide / edge


def sample(
    spectrum: NDArray[np.complex64], scale: float, points: NDArray[np.int32], turns: NDArray[np.floating]
) -> NDArray[np.complex64]:
    """Terms of an oversampled transform at turned frequencies.

    Parameters
    ----------
    spectrum, scale
        From :func:`oversampled`.
    points
        ``(n, 3)`` frequencies in periods a box.
    turns
        ``(m, 3, 3)`` matrices of vectors (z, y, x); each frequency k is read at ``turn @ k``.

    Returns
    -------
    complex64 ``(m, n)``; 0 beyond the transform's edge.
    """
    out = np.empty((len(turns), len(points)), dtype=np.complex64)
    _sample(spectrum, points, (scale * np.asarray(turns, dtype=np.float64)).astype(np.float32), out)
    return out


@njit(cache=True, nogil=True)
def _sample(spectrum, points, turns, out):
    size, last = spectrum.shape[0], spectrum.shape[2] - 1
    for j in range(len(turns)):
        t = turns[j]
        for i in range(len(points)):
            kz, ky, kx = np.float32(points[i, 0]), np.float32(points[i, 1]), np.float32(points[i, 2])
            z = t[0, 0] * kz + t[0, 1] * ky + t[0, 2] * kx
            y = t[1, 0] * kz + t[1, 1] * ky + t[1, 2] * kx
            x = t[2, 0] * kz + t[2, 1] * ky + t[2, 2] * kx
            opposite = x < 0
            if opposite:
                z, y, x = -z, -y, -x
            a, b, c = int(np.floor(z)), int(np.floor(y)), int(x)
            if c >= last or a < -last or b < -last or a >= last or b >= last:
                out[j, i] = 0
                continue
            fz, fy, fx = z - np.float32(a), y - np.float32(b), x - np.float32(c)
            a1, b1 = a + 1, b + 1
            if a < 0:
                a += size
            if a1 < 0:
                a1 += size
            if b < 0:
                b += size
            if b1 < 0:
                b1 += size
            one = np.float32(1)
            value = (one - fz) * (
                (one - fy) * ((one - fx) * spectrum[a, b, c] + fx * spectrum[a, b, c + 1])
                + fy * ((one - fx) * spectrum[a, b1, c] + fx * spectrum[a, b1, c + 1])
            ) + fz * (
                (one - fy) * ((one - fx) * spectrum[a1, b, c] + fx * spectrum[a1, b, c + 1])
                + fy * ((one - fx) * spectrum[a1, b1, c] + fx * spectrum[a1, b1, c + 1])
            )
            out[j, i] = np.conj(value) if opposite else value
