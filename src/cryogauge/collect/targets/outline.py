"""The outline of one square, by its own film against the bars around it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from cryogauge.collect.targets.grey import labelled

#: Film must stand out of the bars by this many times their spread.
_VISIBLE = 5.0


@dataclass(frozen=True)
class Outline:
    """A square as it was cut out of the image.

    Attributes
    ----------
    corner
        Row and column of the first pixel of ``mask``.
    mask
        What belongs to the square, holes and dark specks within it included, shape (y, x).
    contrast
        Grey value of its film near the edges over that of the bars around it, 0–1 of the image's range.
    """

    corner: tuple[int, int]
    mask: NDArray[np.bool_]
    contrast: float

    @property
    def area_px(self) -> float:
        """Pixels of the square."""
        return float(self.mask.sum())

    def points(self) -> NDArray[np.float64]:
        """Positions (x, y) of its pixels in the image."""
        y, x = np.nonzero(self.mask)
        return np.column_stack([x + self.corner[1], y + self.corner[0]]).astype(float)

    def values(self, image: NDArray[np.floating]) -> NDArray[np.floating]:
        """Grey values of its pixels in the image, of the order of :meth:`points`."""
        y, x = self.corner
        return image[y : y + self.mask.shape[0], x : x + self.mask.shape[1]][self.mask]

    def touches(self, shape: tuple[int, int]) -> bool:
        """Whether it reaches the border of an image of this shape (y, x)."""
        y, x = np.nonzero(self.mask)
        y, x = y + self.corner[0], x + self.corner[1]
        return bool(y.min() == 0 or x.min() == 0 or y.max() == shape[0] - 1 or x.max() == shape[1] - 1)


def outline_at(
    root: NDArray[np.floating],
    centre: NDArray[np.float64],
    side_px: float,
    pitch_px: float,
    rotation_deg: float,
) -> Outline | None:
    """Cut out the square about a centre.

    The threshold lies midway between the bars, as seen on the lines halfway to the neighbours, and the film, as seen
    in a frame within the square: a centre of thick ice or a tear does not move it.

    Parameters
    ----------
    root
        Image (y, x) as :func:`cryogauge.collect.targets.grey.stable_root` leaves it, smoothed.
    centre
        (x, y) in pixels.
    side_px, pitch_px
        Usual edge of a square and distance of neighbours in pixels.
    rotation_deg
        Rotation of the squares.

    Returns
    -------
    Outline or None
        ``None`` where nothing stands out of the bars.
    """
    half = int(np.ceil(0.75 * pitch_px))
    y0, x0 = max(int(centre[1]) - half, 0), max(int(centre[0]) - half, 0)
    patch = root[y0 : int(centre[1]) + half + 1, x0 : int(centre[0]) + half + 1]
    if min(patch.shape) < 3:
        return None
    y, x = np.mgrid[: patch.shape[0], : patch.shape[1]]
    dy, dx = y + y0 - centre[1], x + x0 - centre[0]
    turn = np.deg2rad(rotation_deg)
    u, v = dx * np.cos(turn) + dy * np.sin(turn), -dx * np.sin(turn) + dy * np.cos(turn)
    reach = np.maximum(np.abs(u), np.abs(v))
    bar = patch[np.abs(reach - pitch_px / 2) < max(0.12 * (pitch_px - side_px), 0.8)]
    frame = patch[(reach < 0.42 * side_px) & (reach > 0.2 * side_px)]
    if bar.size < 8 or frame.size < 8:
        return None
    bar_level = float(np.percentile(bar, 25))
    spread = float(np.percentile(bar, 25) - np.percentile(bar, 5)) / 0.97 + 1e-4
    film_level = float(np.percentile(frame, 65))
    if film_level - bar_level < _VISIBLE * spread:
        return None
    midway = np.sqrt((bar_level**2 + film_level**2) / 2)  # of the grey values: a blurred edge keeps its place
    bright = (patch > midway) & (reach < 0.5 * pitch_px)
    labels = labelled(bright)
    inside = np.bincount(labels[reach < 0.45 * side_px], minlength=1)
    inside[0] = 0
    if inside.max() < 0.1 * side_px**2:
        return None
    whole: Any = ndimage.binary_fill_holes(labels == inside.argmax())
    mask: Any = ndimage.binary_opening(whole, iterations=max(1, round(0.03 * side_px)))
    return Outline((y0, x0), np.asarray(mask), film_level**2 - bar_level**2) if mask.any() else None


def corners(points: NDArray[np.float64], rotation_deg: float) -> NDArray[np.float64]:
    """The four corners (x, y) of the rectangle about a square's pixels, all squares turned alike.

    Parameters
    ----------
    points
        Positions (x, y) of the square's pixels, shape ``(n, 2)``.
    rotation_deg
        Rotation of the rectangle's edges.

    Returns
    -------
    ndarray
        Shape ``(4, 2)``, in turn about the square. Rags of the outline do not widen it: its edges come from where the
        inner 96 % of the pixels end, which of an even square lie 96 % apart.
    """
    turn = np.deg2rad(rotation_deg)
    axes = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    low, high = np.percentile(points @ axes.T, [2, 98], axis=0)
    wider = 0.02 / 0.96 * (high - low) + 0.5
    (u0, v0), (u1, v1) = low - wider, high + wider
    return np.array([[u0, v0], [u1, v0], [u1, v1], [u0, v1]]) @ axes
