"""Connected bright regions at many thresholds, and those among them that are squares of one size."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from cryogauge.collect.targets.grey import labelled

_LEVELS = 24
_MIN_AREA_PX = 36
#: 12·√det(covariance)/area: 1 of every rectangle, 0.955 of a disc, 1.155 of a triangle.
_COMPACT = (0.93, 1.2)
_MIN_ASPECT = 0.55


@dataclass(frozen=True)
class Regions:
    """Connected regions, one row each.

    Attributes
    ----------
    xy
        Centroids (x, y) in pixels, shape ``(n, 2)``.
    area_px
        Pixels of each.
    compactness
        12·√det(covariance)/area: 1 of every rectangle, more of ragged shapes.
    aspect
        Short over long axis, 0–1.
    touches
        Whether it reaches the border of the image.
    label
        Its number in the labelled image.
    """

    xy: NDArray[np.float64]
    area_px: NDArray[np.float64]
    compactness: NDArray[np.float64]
    aspect: NDArray[np.float64]
    touches: NDArray[np.bool_]
    label: NDArray[np.int64]


def regions(mask: NDArray[np.bool_]) -> tuple[Regions, NDArray[np.int32]]:
    """Shapes of the connected regions of a mask (y, x) of at least a few pixels, and the labelled image."""
    labels = labelled(mask)
    count = int(labels.max())
    y, x = (places.astype(float) for places in np.nonzero(mask))
    at = labels[mask]
    area = np.bincount(at, minlength=count + 1).astype(float)
    keep = np.flatnonzero(area >= _MIN_AREA_PX)
    keep = keep[keep > 0]

    def mean(values: NDArray[np.floating]) -> NDArray[np.float64]:
        return np.bincount(at, weights=values, minlength=count + 1)[keep] / area[keep]

    cx, cy = mean(x), mean(y)
    xx, yy, xy = (
        mean(x * x) - cx**2,
        mean(y * y) - cy**2,
        mean(x * y) - cx * cy,
    )
    half, apart = (xx + yy) / 2, np.hypot((xx - yy) / 2, xy)
    border = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    found = Regions(
        xy=np.column_stack([cx, cy]),
        area_px=area[keep],
        compactness=12 * np.sqrt(np.maximum(xx * yy - xy * xy, 0)) / area[keep],
        aspect=np.sqrt(np.maximum(half - apart, 0) / np.maximum(half + apart, 1e-12)),
        touches=np.isin(keep, border),
        label=keep,
    )
    return found, labels


def square_centres(root: NDArray[np.floating]) -> tuple[NDArray[np.float64], float]:
    """Centres (x, y) of what looks like squares of one size at any of many thresholds, and their area.

    The size is the one whose squares cover most of the image at one threshold: holes within squares are as alike,
    and more, but smaller.

    Parameters
    ----------
    root
        Image (y, x) as :func:`cryogauge.collect.targets.grey.stable_root` leaves it, smoothed.

    Returns
    -------
    centres, area_px
        Shape ``(n, 2)`` in pixels, and the usual area in pixels; no centres and 0 when nothing looks like a square.
    """
    low, high = np.percentile(root, [1, 99.5])
    levels = [regions(root > t)[0] for t in np.linspace(low, high, _LEVELS + 2)[1:-1]]
    good = [(r.compactness > _COMPACT[0]) & (r.compactness < _COMPACT[1]) & (r.aspect > _MIN_ASPECT) for r in levels]
    whole = [g & ~r.touches for g, r in zip(good, levels, strict=True)]
    area = _usual_area([r.area_px[w] for r, w in zip(levels, whole, strict=True)])
    if area < root.size / 1000:  # a square or two, cut by the border of the image
        cut = _usual_area([r.area_px[g] for r, g in zip(levels, good, strict=True)])
        if cut > 0.05 * root.size:
            whole, area = good, cut
    if area == 0:
        return np.zeros((0, 2)), 0.0
    found = [
        (r.xy[k], abs(float(r.compactness[k]) - 1))
        for r, w in zip(levels, whole, strict=True)
        for k in np.flatnonzero(w & (r.area_px > 0.5 * area) & (r.area_px < 1.6 * area))
    ]
    return _one_each(found, 0.5 * np.sqrt(area)), area


def _usual_area(areas: list[NDArray[np.float64]]) -> float:
    """The area within a third of which the regions of one threshold cover most."""
    best, usual = 0.0, 0.0
    for one in areas:
        one = np.sort(one)
        ends = np.searchsorted(one, one * 1.5, side="right")
        total = np.concatenate([[0.0], np.cumsum(one)])
        covered = total[ends] - total[: len(one)]
        if len(one) and covered.max() > best:
            start = int(covered.argmax())
            best, usual = float(covered[start]), float(np.median(one[start : ends[start]]))
    return usual


def _one_each(found: list[tuple[NDArray[np.float64], float]], reach_px: float) -> NDArray[np.float64]:
    """Of the centres found at several thresholds, the one of the squarest region each."""
    xy = np.array([centre for centre, _ in found])
    tree, taken, chosen = KDTree(xy), np.zeros(len(xy), bool), []
    for k in np.argsort([off for _, off in found], kind="stable"):
        if not taken[k]:
            taken[tree.query_ball_point(xy[k], reach_px)] = True
            chosen.append(xy[k])
    return np.array(chosen)
