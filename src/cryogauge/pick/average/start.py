"""How particles lie, found without a reference.

Particles turned at random average to a ball. Compared with it in all orientations, coarse detail alone, each comes to
lie so that it agrees a little better; what they have in common grows, as in random starts of single particles.
"""

from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation

from cryogauge.pick.average.align import Poses, Reference, search
from cryogauge.pick.average.particles import ParticleBoxes, mask_of, mean_map, shrunk, whitened
from cryogauge.pick.average.rotations import even_rotations
from cryogauge.pick.average.shells import last_shell
from cryogauge.pick.average.spectra import oversampled

#: Spacing of the rotations that are all tried, and of the shifts tried with them, in voxels of a coarser grid.
SPACING_DEG = 20.0
_SHIFT_PX = 1.4
#: Random starts and passes of each, passes of the best of them, and passes of that with finer detail.
_STARTS, _FIRST, _PASSES, _LAST = 3, 5, 4, 8
#: Finest detail looked at before those last passes and in them: parts of the radius, and no less than 40 Å. The second
#: is what the spacing resolves.
_DETAIL, _FINEST_A = (0.47, 0.35), 40.0


def from_nothing(boxes: ParticleBoxes, radius_A: float, reach_px: float, rng: np.random.Generator) -> Poses:
    """How the particles of a half lie, found without a reference, on a coarser grid of voxels."""
    first, last = (_radius_of(boxes, radius_A, detail) for detail in _DETAIL)
    edge = min(boxes.data.shape[1], 2 * int(np.ceil(1.4 * last)) + 1)
    step = boxes.data.shape[1] / edge  # old voxels in a new one
    small = shrunk(boxes, edge)
    particles, whitening = whitened(small)
    mask = mask_of(edge, radius_A / small.voxel_size_A)
    grid = even_rotations(SPACING_DEG)

    def improve(poses: Poses, radius: float, passes: int) -> Poses:
        seen = particles.within(radius)
        for _ in range(passes):
            reference = Reference(*oversampled(mean_map(small, poses) * mask), whitening[: len(seen.points)])
            turned = grid @ Rotation.random(rng=rng).as_matrix()
            poses = search(seen, reference, turned, small.offsets_px, reach_px / step, _SHIFT_PX)
        return poses

    starts = []
    for _ in range(_STARTS):
        turns = Rotation.random(len(boxes.data), rng=rng).as_matrix()
        starts.append(improve(Poses(turns, small.offsets_px, np.zeros(len(turns))), first, _FIRST))
    best = improve(max(starts, key=lambda poses: float(poses.scores.mean())), first, _PASSES)
    best = improve(best, last, _LAST)
    return replace(best, shifts_px=best.shifts_px * step)


def _radius_of(boxes: ParticleBoxes, radius_A: float, detail: float) -> float:
    """The frequency, in periods a box, of a detail that is a part of the particle's radius."""
    edge = boxes.data.shape[1]
    finest = max(detail * radius_A, _FINEST_A, 3.0 * boxes.voxel_size_A)
    return float(np.clip(edge * boxes.voxel_size_A / finest, 3.0, last_shell(edge)))
