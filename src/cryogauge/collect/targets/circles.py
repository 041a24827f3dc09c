"""Discs of any size, brighter or darker than what surrounds them."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft, ndimage

from cryogauge.collect.targets.grey import block_means

#: Disc, and the ring it is compared with, in radii.
_INSIDE, _RING = 0.9, (1.1, 1.45)
#: Below this many pixels of disc or ring within the image there is no answer.
_LEAST_SEEN = 0.3
_STEP = 1.18
#: Part of a disc's mean step at its edge that it has to every side.
_ROUND = 0.4
#: Directions in which a disc's edge is looked at.
SIDES = 12
_WORKED_PX = 6.0
#: Smallest radius tried, in pixels.
_SMALLEST_PX = 3.0 / _STEP**2


@dataclass(frozen=True)
class Response:
    """How much each place looks like the centre of a disc of one radius.

    Attributes
    ----------
    map
        Shape (y, x): correlation of the grey values with disc against ring, −1 (a dark disc) to 1 (a bright one).
    radius_px
        Radius in pixels of the image searched.
    binning
        Pixels of that image in one of ``map`` along an edge.
    """

    map: NDArray[np.float32]
    radius_px: float
    binning: int

    def to_image(self, xy: NDArray[np.floating]) -> NDArray[np.float64]:
        """Positions (x, y) in the map as positions in the image."""
        return np.asarray(xy, np.float64) * self.binning + (self.binning - 1) / 2

    def to_map(self, xy: NDArray[np.floating]) -> NDArray[np.float64]:
        """Positions (x, y) in the image as positions in the map."""
        return (np.asarray(xy, float) - (self.binning - 1) / 2) / self.binning


def radii(shape: tuple[int, int]) -> NDArray[np.float64]:
    """Radii in pixels worth trying in an image of this shape, small to large."""
    count = int(np.log(min(shape) / 2.2 / _SMALLEST_PX) / np.log(_STEP)) + 1
    return np.asarray(_SMALLEST_PX * _STEP ** np.arange(max(count, 1)), np.float64)


def disc_response(image: NDArray[np.floating], radius_px: float, worked_px: float = _WORKED_PX) -> Response:
    """Correlate each place with a disc against the ring about it.

    The mean of the disc minus that of the ring, over the spread of both: the point-biserial correlation, blind to
    brightness and contrast. Large discs are sought in a picture of fewer pixels. Near the border only what lies in the
    image counts.

    Parameters
    ----------
    image
        Grey values of shape (y, x).
    radius_px
        Radius of the disc in pixels.
    worked_px
        Radius in pixels that it keeps at least in the picture of fewer pixels.
    """
    binning = max(1, int(radius_px / worked_px))
    small = block_means(image, binning)
    return Response(_biserial(small - small.mean(), radius_px / binning), radius_px, binning)


def _biserial(image: NDArray[np.float32], radius: float) -> NDArray[np.float32]:
    size, disc, ring, seen_disc, seen_ring = _kernels(image.shape, round(radius, 3))
    ny, nx = image.shape

    def sums(values: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        spectrum: Any = fft.rfft2(values, size)
        both: list[Any] = [fft.irfft2(spectrum * kernel, size) for kernel in (disc, ring)]
        return both[0][:ny, :nx], both[1][:ny, :nx]

    inside, around = sums(image)
    inside2, around2 = sums(image * image)
    count = seen_disc + seen_ring
    mean = (inside + around) / count
    spread = np.sqrt(np.maximum((inside2 + around2) / count - mean * mean, 1e-12 + 1e-6 * image.var()))
    share = np.sqrt(seen_disc * seen_ring) / count
    return np.asarray((inside / seen_disc - around / seen_ring) / spread * share, np.float32)


@lru_cache(maxsize=4)
def _kernels(shape: tuple[int, ...], radius: float) -> tuple:
    reach = int(np.ceil(_RING[1] * radius))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    r = np.hypot(y, x) / radius
    soft = 0.5 / radius  # half a pixel: a disc of few pixels keeps its area
    disc = np.clip((_INSIDE + soft - r) / (2 * soft), 0, 1)
    ring = np.clip((_RING[1] + soft - r) / (2 * soft), 0, 1) * np.clip((r - _RING[0] + soft) / (2 * soft), 0, 1)
    size: Any = tuple(fft.next_fast_len(n + 2 * reach, real=True) for n in shape)
    spectra, seen = [], []
    ones: Any = fft.rfft2(np.ones(shape, np.float32), size)
    for kernel in (disc, ring):
        padded = np.zeros(size, np.float32)
        padded[: 2 * reach + 1, : 2 * reach + 1] = kernel
        spectrum: Any = fft.rfft2(np.roll(padded, (-reach, -reach), axis=(0, 1)))
        spectra.append(spectrum)
        count: Any = fft.irfft2(ones * spectrum, size)
        seen.append(np.maximum(count[: shape[0], : shape[1]], _LEAST_SEEN * kernel.sum()).astype(np.float32))
    return size, spectra[0], spectra[1], seen[0], seen[1]


def peaks(response: Response, sign: int, least: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centres of discs: tops of the response that no higher one is near.

    Parameters
    ----------
    response
        As :func:`disc_response` gives it.
    sign
        1 for bright discs, −1 for dark ones.
    least
        Correlation that a top must have.

    Returns
    -------
    xy, height
        Positions (x, y) in pixels of the image, between pixels by a parabola, shape ``(n, 2)``, and their correlations,
        highest first.
    """
    values = response.map * sign
    reach = max(3, 2 * round(response.radius_px / response.binning) - 1)
    top = (ndimage.maximum_filter(values, size=reach) == values) & (values > least)
    y, x = np.nonzero(top)
    order = np.argsort(-values[y, x], kind="stable")
    y, x = y[order], x[order]
    return response.to_image(between_pixels(values, y, x)), values[y, x].astype(float)


def between_pixels(values: NDArray[np.floating], y: NDArray[np.integer], x: NDArray[np.integer]) -> NDArray[np.float64]:
    """Tops (x, y) of the parabolas through pixels and their neighbours along each axis; at the border the pixel."""
    ny, nx = values.shape
    result = np.column_stack([x, y]).astype(float)
    for axis, (dy, dx) in enumerate(((0, 1), (1, 0))):
        ok = (y >= dy) & (y < ny - dy) & (x >= dx) & (x < nx - dx)
        before, here, after = (values[y[ok] + k * dy, x[ok] + k * dx].astype(float) for k in (-1, 0, 1))
        curve = before - 2 * here + after
        shift = np.divide(0.5 * (before - after), curve, out=np.zeros_like(curve), where=curve < -1e-12)
        result[ok, axis] += np.clip(shift, -0.5, 0.5)
    return result


def round_ones(image: NDArray[np.floating], xy: NDArray[np.floating], radius_px: float, sign: int) -> NDArray[np.bool_]:
    """Which discs have their edge all around, where the image shows it.

    A tear, a crack or a bar may be as bright as a disc and as wide, but has no edge to some sides.

    Parameters
    ----------
    image
        Grey values of shape (y, x).
    xy
        Centres (x, y) in pixels, shape ``(n, 2)``.
    radius_px
        Radius in pixels.
    sign
        1 for bright discs, −1 for dark ones.

    Returns
    -------
    bool ``(n,)``
    """
    step = steps_around(image, xy, radius_px, sign)
    seen = np.isfinite(step)
    mean = np.where(seen, step, 0.0).sum(1) / np.maximum(seen.sum(1), 1)
    least = np.where(seen, step, np.inf).min(1, initial=np.inf)
    return (seen.sum(1) >= 6) & (mean > 0) & (least > _ROUND * mean)


def steps_around(
    image: NDArray[np.floating], xy: NDArray[np.floating], radius_px: float, sign: ArrayLike
) -> NDArray[np.float64]:
    """By how much discs differ from what is beside them, in each of twelve directions.

    Parameters
    ----------
    image, xy, radius_px
        As for :func:`round_ones`.
    sign
        1 for bright discs, −1 for dark ones: one for all, or one each.

    Returns
    -------
    float64 ``(n, 12)``, grey values; NaN where the image does not show it.
    """
    turn = np.linspace(0, 2 * np.pi, 8 * SIDES, endpoint=False)
    steps = np.zeros((len(xy), turn.size))
    for r, way in ((0.8, 1), (0.87, 1), (1.13, -1), (1.2, -1)):
        y, x = (xy[:, k, None] + r * radius_px * f(turn) for k, f in ((1, np.sin), (0, np.cos)))
        steps += 0.5 * way * ndimage.map_coordinates(image, [y, x], order=1, mode="constant", cval=np.nan)
    sides = np.broadcast_to(np.asarray(sign, float), len(xy))[:, None, None] * steps.reshape(len(xy), SIDES, 8)
    seen = np.isfinite(sides).sum(2)
    return np.where(seen >= 4, np.nansum(sides, axis=2) / np.maximum(seen, 1), np.nan)
