"""From what a network says of every voxel to picks."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from scipy import ndimage
from scipy.spatial import KDTree
from skimage.segmentation import watershed

from cryogauge.records import BadInput

Method = Literal["peaks", "components", "watershed", "dbscan"]
_DBSCAN_POINTS = 5


@dataclass(frozen=True)
class Picking:
    """How picks are found in a map.

    Attributes
    ----------
    method
        ``peaks``: the highest voxels, at least ``separation`` apart. ``components``: centres of connected voxels that a
        kind wins. ``watershed``: the same, cut where two touch. ``dbscan``: clusters of such voxels by density, within
        a voxel of each other and with five a neighbourhood, which cuts thin bridges.
    separation
        Two picks of a kind are not nearer than this times its radius; the better one stays.
    smallest
        Clusters are dropped whose largest dimension is below this part of the particle's: two thirds in the CZII
        challenge (its methods, "Generating ground truth").
    threshold
        Peaks below this are not kept at all; the rest keep their height as score.
    """

    method: Method = "peaks"
    separation: float = 1.0
    smallest: float = 2.0 / 3.0
    threshold: float = 0.05

    def __post_init__(self) -> None:
        if self.method not in get_args(Method):
            raise BadInput(f"picks are not found by {self.method!r}", f"one of: {', '.join(get_args(Method))}")


def find_peaks(
    heat: np.ndarray, radius_px: float, *, separation: float = 1.0, threshold: float = 0.05
) -> tuple[np.ndarray, np.ndarray]:
    """The highest points of a map of one kind.

    Parameters
    ----------
    heat
        float ``(z, y, x)``, 0–1.
    radius_px
        Radius of the particle in voxels of the map.
    separation, threshold
        As of :class:`Picking`.

    Returns
    -------
    centres, scores
        float64 ``(n, 3)`` as z, y, x in voxels, refined by a parabola along each axis; heights, the highest first.
    """
    heat = np.asarray(heat, dtype=np.float32)
    highest = (heat == ndimage.maximum_filter(heat, 3, mode="constant")) & (heat >= threshold)
    # voxels of a plateau, which saturation makes, are one peak: that nearest to its middle
    plateaus = _connected(highest, ndimage.generate_binary_structure(3, 3))
    every = np.argwhere(highest)
    of = plateaus[highest]
    middles = np.stack([np.bincount(of, every[:, axis]) for axis in range(3)], 1)[of] / np.bincount(of)[of, None]
    order = np.lexsort((((every - middles) ** 2).sum(1), of))
    places = every[order[np.flatnonzero(np.diff(of[order], prepend=0))]]
    scores = heat[tuple(places.T)].astype(float)
    kept = thinned(places.astype(float), scores, max(separation * radius_px, 1.0))
    places, scores = places[kept], scores[kept]
    centres = places.astype(float)
    for axis in range(3):
        step = np.eye(3, dtype=int)[axis]
        inside = (places[:, axis] > 0) & (places[:, axis] < heat.shape[axis] - 1)
        here = places[inside]
        before, after = heat[tuple((here - step).T)].astype(float), heat[tuple((here + step).T)].astype(float)
        bend = before - 2 * scores[inside] + after
        shift = np.where(bend < -1e-9, 0.5 * (before - after) / np.where(bend < -1e-9, bend, 1.0), 0.0)
        centres[inside, axis] += np.clip(shift, -0.5, 0.5)
    return centres, scores


def thinned(places: np.ndarray, scores: np.ndarray, distance: float) -> np.ndarray:
    """Which of ``(n, 3)`` places stay when of two nearer than ``distance`` the better one does, best first."""
    order = np.argsort(-scores, kind="stable")
    if not len(order):
        return order
    near = KDTree(places).query_ball_point(places, distance * (1 - 1e-9))
    gone = np.zeros(len(places), dtype=bool)
    kept = []
    for i in order:
        if not gone[i]:
            kept.append(i)
            gone[near[i]] = True
    return np.array(kept, dtype=int)


def find_clusters(
    winner: np.ndarray, probability: np.ndarray, radius_px: float, picking: Picking
) -> tuple[np.ndarray, np.ndarray]:
    """Centres of gravity of the voxels that one kind wins.

    Parameters
    ----------
    winner
        bool ``(z, y, x)``: where the kind is the likeliest.
    probability
        float of the same shape: its probability.
    radius_px
        Radius of the particle in voxels.
    picking
        Method and size rule.

    Returns
    -------
    centres, scores
        float64 ``(n, 3)`` as z, y, x in voxels; the mean probability of a cluster times the part of the particle's
        diameter that it reaches, 1 at most, the highest first.
    """
    labels = _clusters(winner, radius_px, picking.method)
    count = int(labels.max())
    if not count:
        return np.empty((0, 3)), np.empty(0)
    index = np.arange(1, count + 1)
    boxes = ndimage.find_objects(labels, count)
    reach = np.array([max(side.stop - side.start for side in box) for box in boxes]) / (2 * radius_px)
    centres = np.array(ndimage.center_of_mass(winner, labels, index)).reshape(-1, 3)
    mean = ndimage.mean(probability, labels, index)
    scores = np.asarray(mean, dtype=float) * np.minimum(reach, 1.0)
    large = np.flatnonzero(reach >= picking.smallest)
    kept = large[thinned(centres[large], scores[large], max(picking.separation * radius_px, 1.0))]
    return centres[kept], scores[kept]


def _clusters(winner: np.ndarray, radius_px: float, method: Method) -> np.ndarray:
    """int32 labels ``(z, y, x)`` of clusters from 1."""
    if method == "watershed":
        distance = ndimage.distance_transform_edt(winner)
        assert isinstance(distance, np.ndarray)
        centres, _ = find_peaks(distance, radius_px, threshold=0.5)
        markers = np.zeros(winner.shape, dtype=np.int32)
        for label, place in enumerate(np.round(centres).astype(int), start=1):
            markers[tuple(place)] = label
        return watershed(-distance, markers, mask=winner)
    if method == "components":
        return _connected(winner)
    # DBSCAN with a reach of one voxel and five points: on a grid the neighbours can be counted
    near = ndimage.generate_binary_structure(3, 1)
    around = ndimage.convolve(winner.astype(np.uint8), near.astype(np.uint8), mode="constant")
    core = winner & (around >= _DBSCAN_POINTS)
    labels = _connected(core)
    beside = ndimage.grey_dilation(labels, footprint=near, mode="constant")
    return np.where(winner & ~core, beside, labels)


def _connected(mask: np.ndarray, near: np.ndarray | None = None) -> np.ndarray:
    out = np.zeros(mask.shape, dtype=np.int32)
    ndimage.label(mask, near, output=out)
    return out
