"""Projection of a volume along a tilted beam: line integrals through the voxels, averaged over each pixel.

Geometry. The tilt axis runs along y through the centre ``(n − 1) / 2`` of every axis. A positive tilt turns +z
towards +x: a voxel at ``(x, z)`` from the centre lands at ``x' = x cos θ + z sin θ``.

A voxel is a cube. Its shadow along x' is the box of its edge along x, ``cos θ`` wide, convolved with that of its edge
along z, ``sin θ`` wide; a pixel integrates over its own width of 1. The three boxes together give the weights used
here (a separable footprint, as in Long, Fessler & Balter, IEEE Trans. Med. Imaging 29, 1839, 2010). At any tilt each
voxel gives its whole mass to the image, and a uniform slab projects to a uniform image, neither of which linear
interpolation achieves.
"""

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from cryogauge.imaging.threads import for_each
from cryogauge.records import BadInput

_BLOCK_PX = 64  # rows along y handled together: wide enough for vector units, small enough for the cache
_TABLE_STEPS = 2048  # positions within a pixel at which the footprint is tabulated


def project(
    volume: NDArray[np.floating], tilts_deg: ArrayLike, *, width_px: int | None = None, periodic: bool = True
) -> NDArray[np.float32]:
    """Project a volume at every tilt.

    Parameters
    ----------
    volume
        Density, shape ``(z, y, x)``.
    tilts_deg
        Tilts in degrees; positive turns +z towards +x.
    width_px
        Width of the images; that of the volume unless given.
    periodic
        Let the specimen repeat along x. A tilted view of a lamella or cell shows specimen from beyond the field of
        the untilted view; repeating fills it, without it high tilts run dark at their edges.

    Returns
    -------
    Line integrals in voxel units (times the voxel size in Å they are integrals over Å), float32, shape
    ``(tilt, y, x)``.

    Raises
    ------
    BadInput
        When the volume is not three-dimensional, or a periodic specimen is seen edge on.
    """
    density = np.asarray(volume, dtype=np.float32)
    if density.ndim != 3:
        raise BadInput(f"a volume has three axes (z, y, x), not {density.ndim}")
    angles = np.deg2rad(np.atleast_1d(np.asarray(tilts_deg, dtype=np.float64)))
    if periodic and np.any(np.cos(angles) < 0.05):
        raise BadInput("a specimen that repeats along x cannot be seen edge on", "keep tilts within ±87 degrees")
    _, ny, nx = density.shape
    images = np.zeros((len(angles), ny, nx if width_px is None else width_px), dtype=np.float32)
    tables = np.stack([_footprint_table(angle) for angle in angles])

    def block(first: int) -> None:
        last = min(first + _BLOCK_PX, ny)
        _project_block(density, first, last, np.cos(angles), np.sin(angles), tables, periodic, images)

    for_each(block, range(0, ny, _BLOCK_PX))
    return images


def _footprint_table(angle_rad: float) -> NDArray[np.float32]:
    """Shares ``(step, 3)`` of the pixels left of, at and right of a voxel's shadow, by its place within the pixel.

    Step k stands for a shadow centred k / steps − 1/2 from the pixel's centre.
    """
    place = np.arange(_TABLE_STEPS + 1) / _TABLE_STEPS - 0.5
    distance = np.array([-1.0, 0.0, 1.0]) - place[:, None]
    return _three_boxes(distance, abs(np.cos(angle_rad)), abs(np.sin(angle_rad))).astype(np.float32)


def _three_boxes(distance: NDArray[np.float64], first: float, second: float) -> NDArray[np.float64]:
    """Boxes of width 1, ``first`` and ``second``, each of unit area, convolved: a spline of second degree.

    Written as sums of truncated squares; a box of no width is given one too small to matter.
    """
    widths = (1.0, max(first, 1e-6), max(second, 1e-6))
    value = np.zeros_like(distance)
    for signs in np.ndindex(2, 2, 2):
        corner = sum((0.5 - sign) * width for sign, width in zip(signs, widths, strict=True))
        value += (-1.0) ** sum(signs) * np.maximum(distance + corner, 0.0) ** 2
    return value / (2.0 * widths[0] * widths[1] * widths[2])


@njit(nogil=True, cache=True, fastmath={"contract"})
def _project_block(volume, first, last, cosines, sines, tables, periodic, images):
    """Rows ``first`` to ``last`` along y of every image.

    The rows are held y innermost: weights depend on x and z only, so the innermost loop runs over y and vectorises.
    """
    nz, _, nx = volume.shape
    width = images.shape[2]
    rows = last - first
    block = np.empty((nz, nx, rows), dtype=np.float32)
    for z in range(nz):
        for y in range(rows):
            for x in range(nx):
                block[z, x, y] = volume[z, first + y, x]
    steps = tables.shape[1] - 1
    margin = 2  # columns beyond either edge, which catch the parts of shadows that fall outside
    for t in range(len(cosines)):
        cosine, sine = cosines[t], sines[t]
        shadow = np.zeros((width + 2 * margin, rows), dtype=np.float32)
        for z in range(nz):
            start = (width - 1) / 2 - (nx - 1) / 2 * cosine + (z - (nz - 1) / 2) * sine
            left, right = 0, nx - 1
            if periodic:
                left = int(np.floor((-1.5 - start) / cosine))
                right = int(np.ceil((width + 0.5 - start) / cosine))
            for x in range(left, right + 1):
                place = start + x * cosine
                pixel = int(np.floor(place + 0.5))
                if pixel < -1 or pixel > width:
                    continue
                shares = tables[t, int((place - pixel + 0.5) * steps + 0.5)]
                density = block[z, x % nx]
                before, at, after = shadow[pixel + 1], shadow[pixel + 2], shadow[pixel + 3]
                for y in range(rows):
                    before[y] += shares[0] * density[y]
                    at[y] += shares[1] * density[y]
                    after[y] += shares[2] * density[y]
        for y in range(rows):
            for x in range(width):
                images[t, first + y, x] = shadow[x + margin, y]
