"""Turning one map to lie as another does, and what that alone makes them agree on."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from cryogauge.pick.average.align import Particles, Poses, Reference, refine, search
from cryogauge.pick.average.mean import mean_of
from cryogauge.pick.average.particles import ParticleBoxes, mean_map
from cryogauge.pick.average.rotations import even_rotations
from cryogauge.pick.average.shells import random_phases, shell_correlation
from cryogauge.pick.average.spectra import oversampled, terms
from cryogauge.pick.average.start import SPACING_DEG

#: Frequency, in periods a box, up to which all orientations are compared; then the steps, degrees and voxels.
MATCHED_AT = 8.0
_STEPS = ((10.0, 1.0), (5.0, 0.5), (2.5, 0.25), (1.25, 0.125))
#: How far one may lie from the other, as a part of the edge.
_REACH = 1 / 6
#: Maps of random phases that are matched, and tilts that measured everything.
_RANDOM, _ALL_TILTS = 4, (-89.999, 89.999)


def in_one_frame(parts: list[ParticleBoxes], poses: list[Poses], like: Particles, mask: NDArray[np.float32]) -> Poses:
    """The second half's poses against the first half's map, to which its own is turned."""
    first, second = (mean_map(part, pose) * mask for part, pose in zip(parts, poses, strict=True))
    found = _matched(first, second, like)
    turned = poses[1].turns
    return Poses(turned @ found.turns[0], poses[1].shifts_px + turned @ found.shifts_px[0], poses[1].scores)


def _matched(first: NDArray[np.float32], second: NDArray[np.float32], like: Particles) -> Poses:
    """How a map lies against another, at the frequencies of some particles."""
    one = replace(
        like,
        values=terms(second, like.points)[None],
        measured=np.ones((1, len(like.points)), dtype=bool),
        series=np.zeros(1, dtype=np.intp),
    )
    reference = Reference(*oversampled(first), np.ones(len(like.points), dtype=np.float32))
    start, reach = np.zeros((1, 3)), _REACH * len(first)
    coarse = one.within(MATCHED_AT)
    found = search(coarse, reference, even_rotations(SPACING_DEG), start, reach, 1.5)
    return refine(one, reference, found, start, reach, _STEPS)


def what_matching_makes(
    first: NDArray[np.float32],
    second: NDArray[np.float32],
    like: Particles,
    mask: NDArray[np.float32],
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Masked correlation by shell of a map and another of random phases that was matched to it, a mean over some.

    The best of thousands of orientations of a map agrees with another even where both are noise: less so the larger
    the particle.
    """
    curves = []
    for _ in range(_RANDOM):
        shuffled = random_phases(second, 1, rng)
        pose = _matched(first * mask, shuffled * mask, like)
        back = mean_of(shuffled[None], pose, np.zeros(1, dtype=np.intp), (_ALL_TILTS,))
        curves.append(shell_correlation(first * mask, back * mask))
    return np.clip(np.mean(curves, axis=0), 0.0, 1.0)
