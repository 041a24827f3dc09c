"""Weighted back-projection of aligned projections.

Geometry as in :mod:`cryogauge.imaging.projection`: the tilt axis runs along y through the centres ``(n − 1) / 2``, and
the voxel at ``(x, z)`` from the centre is seen at ``x' = x cos θ + z sin θ``.

The density is ``Σ_t [h_t ∗ p_t](x cos θ_t + z sin θ_t)``: each projection p is convolved along x' with a filter h that
makes up for low frequencies being measured by more images than high ones, then smeared back along its beam.
"""

from typing import Literal, get_args

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from cryogauge.imaging.fourier import low_pass
from cryogauge.imaging.threads import for_each
from cryogauge.imaging.transforms import fast_length, irfft, rfft
from cryogauge.records import BadInput

Filter = Literal["ramp", "exact", "sirt"]

_BLOCK_PX = 64  # rows along y handled together: wide enough for vector units, small enough for the cache
_OVERSAMPLING = 2  # of the filtered images, so that linear interpolation between samples costs little resolution
_EDGE_PX = 8  # columns averaged for the value with which a row continues beyond its end


def weighted_back_projection(
    images: NDArray[np.floating],
    tilts_deg: ArrayLike,
    shape: tuple[int, int, int],
    *,
    filter: Filter = "ramp",
    sirt_iterations: int = 8,
    low_pass_1_px: float | None = None,
) -> NDArray[np.float32]:
    """Reconstruct a volume from aligned projections.

    Parameters
    ----------
    images
        Projections with the tilt axis along y, shape ``(tilt, y, x)``. Line integrals in voxel units give densities
        on their own scale.
    tilts_deg
        Tilts in degrees, one an image, in any order; positive turns +z towards +x.
    shape
        Shape ``(z, y, x)`` of the volume. Its y must be that of the images; its x may differ.
    filter
        ``"ramp"``: amplitudes weighted by their frequency and by the angle an image stands for. ``"exact"``: by how
        many of the given tilts measure each frequency of an object as thick as the volume. ``"sirt"``: by what
        ``sirt_iterations`` of SIRT would leave of the ramp; smoother.
    sirt_iterations
        Iterations that ``"sirt"`` stands for.
    low_pass_1_px
        Frequency in cycles per pixel at which a Gaussian low-pass of the volume falls to half; none unless given.

    Returns
    -------
    Density, float32, shape ``(z, y, x)``. Voxels seen by no image are 0.

    Raises
    ------
    BadInput
        When shapes or tilts do not match, or the filter is unknown.
    """
    stack = np.asarray(images, dtype=np.float32)
    angles = np.deg2rad(np.atleast_1d(np.asarray(tilts_deg, dtype=np.float64)))
    _check(stack, angles, shape, filter)
    if low_pass_1_px is not None:
        stack = low_pass(stack, low_pass_1_px)
    count, ny, width = stack.shape
    padded = fast_length(2 * width)
    responses = filter_responses(angles, padded, thickness_px=shape[0], filter=filter, sirt_iterations=sirt_iterations)
    filtered = np.empty((count, _OVERSAMPLING * (width - 1) + 1, ny), dtype=np.float32)

    def fill(index: int) -> None:
        filtered[index] = _filter_image(stack[index], responses[index], padded)

    for_each(fill, range(count))
    volume = np.empty(shape, dtype=np.float32)

    def block(first: int) -> None:
        # A copy of its own: neighbouring samples share memory pages, which makes it three times as fast.
        rows = np.ascontiguousarray(filtered[:, :, first : first + _BLOCK_PX])
        _back_project_block(rows, first, np.cos(angles), np.sin(angles), _OVERSAMPLING, volume)

    for_each(block, range(0, ny, _BLOCK_PX))
    return volume


def _check(stack: NDArray[np.float32], angles: NDArray[np.float64], shape: tuple[int, int, int], filter: str) -> None:
    if filter not in get_args(Filter):
        raise BadInput(f"no reconstruction filter is called {filter!r}", f"one of: {', '.join(get_args(Filter))}")
    if stack.ndim != 3 or len(stack) != len(angles):
        raise BadInput(f"images of shape {stack.shape} do not go with {len(angles)} tilts", "give (tilt, y, x)")
    if shape[1] != stack.shape[1]:
        raise BadInput(f"a volume {shape[1]} voxels along y cannot come from images of {stack.shape[1]}")


def filter_responses(
    angles_rad: NDArray[np.float64],
    length: int,
    *,
    thickness_px: int,
    filter: Filter = "ramp",
    sirt_iterations: int = 8,
) -> NDArray[np.float32]:
    """Frequency responses of the back-projection filter.

    Parameters
    ----------
    angles_rad
        Tilts in radians, shape ``(tilt,)``.
    length
        Samples of a padded image row.
    thickness_px
        Thickness of the volume along z.
    filter, sirt_iterations
        As in :func:`weighted_back_projection`.

    Returns
    -------
    Responses of shape ``(tilt, length // 2 + 1)`` in the layout of ``scipy.fft.rfft``.

    Notes
    -----
    *ramp*: the transform of the band-limited kernel ``h(0) = 1/4``, ``h(odd n) = −1 / (π n)²`` (Kak & Slaney 1988,
    eq. 3.61), whose small positive value at zero frequency keeps a row's sum right, times the angle each image
    stands for: half the way to its neighbours.

    *exact*: a central section of an object D thick is a slab 1/D thick in Fourier space. At frequency f two sections an
    angle α apart share ``max(0, 1 − D f |sin α|)`` of it, and each is divided by the sum of what it shares with all,
    itself included (Harauz & van Heel, Optik 73, 146, 1986). For evenly spaced tilts this is the ramp up to the
    Crowther frequency ``1 / (D Δθ)`` and flat beyond.

    *sirt*: SIRT from nothing, in a geometry in which back-projecting projections multiplies by ``1 / |f|``, has after n
    iterations reached ``1 − (1 − α / |f|)ⁿ`` of the solution (as Zeng, Med. Phys. 39, 603, 2012). The step α is the
    lowest frequency a specimen of the volume's thickness holds, ``1 / D``, below which the solution is complete.
    """
    frequency = np.fft.rfftfreq(length)
    if filter == "exact":
        apart = np.abs(np.sin(angles_rad[:, None] - angles_rad[None, :]))
        shared = [np.maximum(0.0, 1.0 - thickness_px * np.outer(row, frequency)).sum(axis=0) for row in apart]
        return (1.0 / (thickness_px * np.stack(shared))).astype(np.float32)
    n = np.minimum(np.arange(length), length - np.arange(length))
    kernel = np.where(n % 2 == 1, -1.0 / (np.pi * np.maximum(n, 1)) ** 2, 0.0)
    kernel[0] = 0.25
    ramp = rfft(kernel).real
    if filter == "sirt":
        step = 1.0 / thickness_px
        ramp *= 1.0 - (1.0 - step / np.maximum(frequency, step)) ** sirt_iterations
    return np.outer(_angle_shares(angles_rad), ramp).astype(np.float32)


def _angle_shares(angles_rad: NDArray[np.float64]) -> NDArray[np.float64]:
    """Angle in radians each tilt stands for: half the way to either neighbour, the outermost reaching as far outward.

    A single image stands for the half circle.
    """
    if len(angles_rad) == 1:
        return np.array([np.pi])
    order = np.argsort(angles_rad)
    gaps = np.diff(angles_rad[order])
    shares = np.empty(len(angles_rad))
    shares[order] = 0.5 * (np.append(gaps[:1], gaps) + np.append(gaps, gaps[-1:]))
    return shares


def _filter_image(image: NDArray[np.float32], response: NDArray[np.float32], length: int) -> NDArray[np.float32]:
    """Filter the rows of one image ``(y, x)`` along x; returns ``(oversampled x, y)``.

    A row continues beyond its end by a smooth way back to its start, so that cutting the specimen at the edge of the
    field makes no bright rim, and rows that end in zeros are padded with zeros.
    """
    columns = np.ascontiguousarray(image.T)
    width = len(columns)
    right, left = columns[-_EDGE_PX:].mean(axis=0), columns[:_EDGE_PX].mean(axis=0)
    way = (np.arange(length - width, dtype=np.float32)[:, None] + 0.5) / (length - width)
    row = np.concatenate([columns, right + (left - right) * (0.5 - 0.5 * np.cos(np.pi * way))])
    spectrum = rfft(row) * response[:, None]
    if length % 2 == 0:
        spectrum[-1] *= 0.5  # the Nyquist term becomes a pair of terms in the longer transform
    fine = irfft(spectrum, _OVERSAMPLING * length)
    return fine[: _OVERSAMPLING * (width - 1) + 1] * np.float32(_OVERSAMPLING)


@njit(nogil=True, cache=True, fastmath={"contract"})
def _back_project_block(filtered, first, cosines, sines, oversampling, volume):
    """Rows of the volume from ``first`` along y, from the same rows of the filtered images ``(tilt, x, y)``.

    Every tilt is added to one column of voxels before the next is begun, so that sums stay in the cache.
    """
    count, samples, rows = filtered.shape
    nz, _, nx = volume.shape
    section = np.empty((nx, rows), dtype=np.float32)
    for z in range(nz):
        height = z - (nz - 1) / 2
        for x in range(nx):
            across = x - (nx - 1) / 2
            total = section[x]
            total[:] = 0.0
            for t in range(count):
                place = (across * cosines[t] + height * sines[t]) * oversampling + (samples - 1) / 2
                if place < 0.0 or place > samples - 1:
                    continue
                lower = min(int(place), samples - 2)
                share = np.float32(place - lower)
                here, next_ = filtered[t, lower], filtered[t, lower + 1]
                for y in range(rows):
                    total[y] += here[y] + share * (next_[y] - here[y])
        for y in range(rows):
            for x in range(nx):
                volume[z, first + y, x] = section[x, y]
