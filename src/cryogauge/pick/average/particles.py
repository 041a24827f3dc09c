"""Particles as boxes: made alike in every shell, with fewer voxels, and their average."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cryogauge.pick.average.align import Particles, Poses
from cryogauge.pick.average.mean import mean_of
from cryogauge.pick.average.shells import last_shell, soft_sphere
from cryogauge.pick.average.spectra import box_of, half_sphere, shells_of, terms
from cryogauge.pick.average.wedge import measured

#: The mask: wider than the particle by this factor, and soft over this part of its radius, at least in voxels.
_MARGIN, _SOFT, _LEAST_SOFT_PX = 1.1, 0.3, 2.0


@dataclass(frozen=True)
class ParticleBoxes:
    """Particles of one kind, cut from any number of tomograms.

    Attributes
    ----------
    data
        float32 ``(n, z, y, x)`` of odd edges, protein bright or dark.
    offsets_px
        ``(n, 3)`` place z, y, x of each pick against the middle of its box.
    whole
        bool ``(n,)``: those that are averaged; the others are aligned alone.
    series
        Which tomogram each is of, ``(n,)``.
    places_A
        ``(n, 3)`` in the tomogram.
    tilt_ranges_deg
        Of each tomogram.
    voxel_size_A
        Of all.
    """

    data: NDArray[np.float32]
    offsets_px: NDArray[np.float64]
    whole: NDArray[np.bool_]
    series: NDArray[np.intp]
    places_A: NDArray[np.float64]
    tilt_ranges_deg: tuple[tuple[float, float], ...]
    voxel_size_A: float

    def of(self, rows: NDArray[np.intp]) -> "ParticleBoxes":
        """Some of the particles."""
        return replace(
            self, data=self.data[rows], offsets_px=self.offsets_px[rows], whole=self.whole[rows],
            series=self.series[rows], places_A=self.places_A[rows],
        )  # fmt: skip


def mask_of(edge_px: int, radius_px: float) -> NDArray[np.float32]:
    """The soft ball under which averages are compared; no wider than the box."""
    soft = max(_SOFT * radius_px, _LEAST_SOFT_PX)
    return soft_sphere(edge_px, min(_MARGIN * radius_px, edge_px / 2 - soft), soft)


def is_dark(data: NDArray[np.float32], radius_px: float) -> bool:
    """Whether the middle of the boxes is darker than what lies around it."""
    mean = data.mean(axis=0, dtype=np.float64)
    inner = soft_sphere(len(mean), 0.8 * radius_px, 1.0) > 0.5
    outer = ~(soft_sphere(len(mean), 1.1 * radius_px, 1.0) > 0.5)
    return bool(mean[inner].mean() < mean[outer].mean())


def whitened(boxes: ParticleBoxes) -> tuple[Particles, NDArray[np.float32]]:
    """Particles with the same power in every shell, and the factor of each frequency that made it so.

    Nearly all of a particle's power is noise: whitened, a correlation weighs each term by how well it is known.
    """
    edge = boxes.data.shape[1]
    points = half_sphere(last_shell(edge) + 0.49)
    there = np.stack([measured(points, tilt_range) for tilt_range in boxes.tilt_ranges_deg])
    values = np.empty((len(boxes.data), len(points)), dtype=np.complex64)
    shells = shells_of(points)
    power, count = np.zeros(shells[-1] + 1), np.zeros(shells[-1] + 1)
    for row, box in enumerate(boxes.data):
        seen = there[boxes.series[row]]
        values[row] = terms(box, points) * seen
        power += np.bincount(shells, np.abs(values[row]) ** 2)
        count += np.bincount(shells, seen)
    factor = (1.0 / np.sqrt(np.maximum(power / np.maximum(count, 1), 1e-20)))[shells].astype(np.float32)
    values *= factor
    return Particles(values, there, boxes.series, points, edge), factor


def shrunk(boxes: ParticleBoxes, edge_px: int) -> ParticleBoxes:
    """The same boxes with fewer voxels, by leaving out their highest frequencies."""
    ratio = boxes.data.shape[1] / edge_px
    points = half_sphere(last_shell(edge_px) + 0.49)
    data = np.stack([box_of(terms(box, points), points, edge_px) for box in boxes.data])
    return replace(boxes, data=data, offsets_px=boxes.offsets_px / ratio, voxel_size_A=boxes.voxel_size_A * ratio)


def mean_map(boxes: ParticleBoxes, poses: Poses) -> NDArray[np.float32]:
    """Average of those that are whole."""
    rows = np.flatnonzero(boxes.whole)
    lying = Poses(poses.turns[rows], poses.shifts_px[rows], poses.scores[rows])
    return mean_of(boxes.data[rows], lying, boxes.series[rows], boxes.tilt_ranges_deg)
