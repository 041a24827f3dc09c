"""Bars and dirt in an image of holes, and how far each hole is from them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from cryogauge.collect.targets.grey import labelled, smooth

#: Dark things are told from noise by this many spreads of the foil.
_DISTINCT = 6.0
#: A dark region of this many cells of the lattice is a bar, a smaller one is dirt.
_BAR_CELLS = 1.5


@dataclass(frozen=True)
class Surroundings:
    """What lies about the holes.

    Attributes
    ----------
    bars
        Where bars, folds or what else is large and dark lies, shape (y, x).
    dirt
        Where something small and dark lies.
    """

    bars: NDArray[np.bool_]
    dirt: NDArray[np.bool_]

    def bar_distance_px(self, xy: NDArray[np.floating]) -> NDArray[np.float64]:
        """Distance from places (x, y), shape ``(n, 2)``, to the nearest bar in pixels; infinite where there is none."""
        if not self.bars.any():
            return np.full(len(xy), np.inf)
        distance = np.asarray(ndimage.distance_transform_edt(~self.bars))
        y, x = (np.clip(np.round(xy[:, k]).astype(int), 0, self.bars.shape[1 - k] - 1) for k in (1, 0))
        return distance[y, x]


def look_around(
    image: NDArray[np.floating], rings: NDArray[np.floating], noise: float, radius_px: float, pitch_px: float
) -> Surroundings:
    """Find bars and dirt.

    Parameters
    ----------
    image
        Grey values of shape (y, x).
    rings
        Grey value of the foil about each hole.
    noise
        Standard deviation of a pixel.
    radius_px, pitch_px
        Of the holes.
    """
    width = max(1.0, radius_px / 6)
    soft = smooth(image, width)
    usual = np.sort(rings)[len(rings) // 4 :]  # the rest may lie at bars
    foil = float(np.median(usual))
    spread = np.hypot(1.4826 * np.median(np.abs(usual - foil)), noise / (2 * np.sqrt(np.pi) * width))
    darkest = float(np.percentile(soft, 0.5))
    none = np.zeros(image.shape, bool)
    if foil - darkest < _DISTINCT * spread:
        return Surroundings(none, none)
    dark = soft < (foil + darkest) / 2
    labels = labelled(dark)
    area = np.bincount(labels.ravel())
    large = area > _BAR_CELLS * pitch_px**2
    border = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    large[border] |= area[border] > 0.4 * pitch_px**2
    large[0] = False
    bars = large[labels]
    return Surroundings(bars, dark & ~bars)
