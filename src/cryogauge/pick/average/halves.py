"""Two halves of the particles, each aligned against its own average alone, and the average of both.

What the halves agree on is then not something that one reference put into both (R. Henderson et al., Structure 20
(2012) 205; S. H. W. Scheres & S. Chen, Nat. Methods 9 (2012) 853). Without angles to begin with, each half starts from
particles turned at random; then the second half's map is turned to lie as the first's, and what that alone makes them
agree on is taken off.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from cryogauge.pick.average.align import Poses, Reference, refine
from cryogauge.pick.average.match import MATCHED_AT, in_one_frame, what_matching_makes
from cryogauge.pick.average.particles import ParticleBoxes, is_dark, mask_of, mean_map, whitened
from cryogauge.pick.average.shells import CRITERION, ShellCorrelation, compare_halves, last_shell
from cryogauge.pick.average.spectra import box_of, half_sphere, oversampled, shells_of, terms
from cryogauge.pick.average.start import from_nothing
from cryogauge.records import BadInput

#: Steps of each later pass, degrees and voxels.
_STEPS = (((10.0, 1.0), (5.0, 0.5)), ((5.0, 0.5), (2.5, 0.25)), ((2.5, 0.25), (1.25, 0.125)))
#: How far from its pick a particle may lie, as a part of its radius, and at least in voxels.
_REACH, _LEAST_REACH_PX = 0.4, 2.0
#: Least weight of a shell that is compared at all.
_LEAST_WEIGHT = 0.05


@dataclass(frozen=True)
class Halves:
    """What came of the two halves.

    Attributes
    ----------
    average
        float32 ``(z, y, x)``, protein bright, filtered by what the halves agree on.
    halves
        The two half averages as they are.
    correlation
        Of the halves.
    half
        0 or 1: which half each particle is in, ``(n,)``.
    poses
        How each lies.
    dark
        Whether protein was dark.
    """

    average: NDArray[np.float32]
    halves: tuple[NDArray[np.float32], NDArray[np.float32]]
    correlation: ShellCorrelation
    half: NDArray[np.intp]
    poses: Poses
    dark: bool


def average_halves(
    boxes: ParticleBoxes, radius_A: float, *, turns: NDArray[np.floating] | None = None, seed: int = 0
) -> Halves:
    """Align particles in two halves and average them.

    Parameters
    ----------
    boxes
        The particles; at least one whole one for each half.
    radius_A
        Of the particle.
    turns
        ``(n, 3, 3)`` of vectors (z, y, x) from the map's frame to the tomogram's, to begin with; found from nothing
        without, and then the map lies in a frame of its own.
    seed
        Seeds which particles are in which half, and random starts.

    Raises
    ------
    BadInput
        When all picks are so near to one another that they may be of one particle.
    """
    rng = np.random.default_rng(seed)
    edge = boxes.data.shape[1]
    radius_px = radius_A / boxes.voxel_size_A
    mask = mask_of(edge, radius_px)
    dark = is_dark(boxes.data, radius_px)
    boxes = replace(boxes, data=-boxes.data) if dark else boxes
    half = split_halves(boxes, radius_A, rng)
    members = [np.flatnonzero(half == side) for side in (0, 1)]
    parts = [boxes.of(rows) for rows in members]
    if not all(part.whole.any() for part in parts):
        raise BadInput(
            f"the {len(half)} particles cannot be parted into two halves: picks nearer to one another than the radius "
            f"of {radius_A:g} Å count as of one particle",
            "give more picks, or a smaller radius",
        )
    particles, whitening = whitened(boxes)
    sides = [particles.of(rows) for rows in members]
    reach_px = max(_REACH * radius_px, _LEAST_REACH_PX)
    if turns is None:
        poses = [from_nothing(part, radius_A, reach_px, rng) for part in parts]
        poses[1] = in_one_frame(parts, poses, particles.within(MATCHED_AT), mask)
    else:
        poses = [Poses(np.asarray(turns, float)[rows], boxes.offsets_px[rows], np.zeros(len(rows))) for rows in members]
    for steps in _STEPS:
        means = [mean_map(part, pose) for part, pose in zip(parts, poses, strict=True)]
        weight, radius = _weight(compare_halves(*means, mask, boxes.voxel_size_A))
        seen = [side.within(radius) for side in sides]
        gain = (weight[shells_of(seen[0].points)] * whitening[: len(seen[0].points)]).astype(np.float32)
        poses = [
            refine(side, Reference(*oversampled(mean * mask), gain), pose, part.offsets_px, reach_px, steps)
            for side, mean, pose, part in zip(seen, means, poses, parts, strict=True)
        ]
    if turns is None:
        poses[1] = in_one_frame(parts, poses, particles.within(radius), mask)
    first, second = (mean_map(part, pose) for part, pose in zip(parts, poses, strict=True))
    matched = None if turns is not None else what_matching_makes(first, second, particles.within(radius), mask, rng)
    correlation = compare_halves(first, second, mask, boxes.voxel_size_A, matched=matched)
    joined = _joined(members, poses)
    return Halves(_filtered(mean_map(boxes, joined), correlation), (first, second), correlation, half, joined, dark)


def split_halves(boxes: ParticleBoxes, radius_A: float, rng: np.random.Generator) -> NDArray[np.intp]:
    """Which half each particle is in, 0 or 1, at random.

    Picks of a tomogram nearer to one another than the radius may be of the same particle, whose noise both halves would
    then hold: they go into the same half.
    """
    clump = np.zeros(len(boxes.data), dtype=np.intp)
    found = 0
    for series in np.unique(boxes.series):
        rows = np.flatnonzero(boxes.series == series)
        pairs = KDTree(boxes.places_A[rows]).query_pairs(radius_A, output_type="ndarray")
        near = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(rows), len(rows)))
        count, labels = connected_components(near, directed=False)
        clump[rows] = found + labels
        found += count
    size = np.bincount(clump, minlength=found)
    whole = np.bincount(clump, boxes.whole, found)
    side = np.zeros(found, dtype=np.intp)
    held = np.zeros((2, 2))
    mixed = rng.permutation(found)
    for each in mixed[np.argsort(-size[mixed], kind="stable")]:
        side[each] = 0 if tuple(held[0]) <= tuple(held[1]) else 1
        held[side[each]] += whole[each], size[each]
    return side[clump]


def _weight(correlation: ShellCorrelation) -> tuple[NDArray[np.float64], float]:
    """Weight of each shell of a half average, and the radius beyond which nothing is compared.

    A half average whose correlation with the other is c holds c of signal in its power, which is its Wiener filter.
    """
    below = np.flatnonzero(correlation.corrected < CRITERION)
    last = int(below[0]) + 1 if len(below) else len(correlation.corrected) - 1
    last = min(max(last, 4), len(correlation.corrected) - 1)
    return np.clip(correlation.corrected, _LEAST_WEIGHT, 1.0), float(last)


def _filtered(average: NDArray[np.float32], correlation: ShellCorrelation) -> NDArray[np.float32]:
    """Weighted by √(2 c / (1 + c)) of the halves' correlation c up to the resolution (Rosenthal & Henderson, 2003)."""
    edge = len(average)
    points = half_sphere(last_shell(edge) + 0.49)
    below = np.flatnonzero(correlation.corrected[1:] < CRITERION)
    last = int(below[0]) + 1 if len(below) else len(correlation.corrected)
    c = np.clip(correlation.corrected, 0.0, 1.0)
    gain = np.sqrt(2.0 * c / (1.0 + c))
    gain[max(last, 3) :] = 0.0
    return box_of(terms(average, points) * gain[shells_of(points)].astype(np.float32), points, edge)


def _joined(members: list[NDArray[np.intp]], poses: list[Poses]) -> Poses:
    """The poses of both halves in the particles' order."""
    order = np.argsort(np.concatenate(members))
    return Poses(
        np.concatenate([pose.turns for pose in poses])[order],
        np.concatenate([pose.shifts_px for pose in poses])[order],
        np.concatenate([pose.scores for pose in poses])[order],
    )
