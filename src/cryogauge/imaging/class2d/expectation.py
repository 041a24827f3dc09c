"""How likely each particle is in each class at each pose, and what the classes' sums gain by it.

A particle x is a class average r, turned by α after a shift t, times the particle's contrast transfer, and white noise
of variance σ² on each Fourier ring. So, but for what does not depend on class and pose,

``ln P(k, α, t) = Σ_q w(q) / σ²(q) · (Σ_m [t r_k](q, m)* exp(i m α) [c x](q, m) − ½ c²(q) |r_k(q)|²)``.

The shift is made before the turn, on the averages, so that particles are transformed once; all turns come from one
transform along m.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from cryogauge.imaging.class2d.polar import Rings

SHIFTS_WIDE = 2.3  # radius of the searched shifts in steps: 21 of them


@dataclass(frozen=True)
class Templates:
    """Class averages at all shifts, as expectation compares with them.

    Attributes
    ----------
    waves
        complex64 ``(wave, ring, class · shift)``: conjugate and weighted by quadrature over noise.
    energy
        float32 ``(class, ring)``: half the weighted power of each average, for the last term.
    power
        float32 ``(class, ring)``: unweighted.
    weight
        float32 ``(ring,)``: quadrature over noise.
    shifts_px
        Shape ``(shift, 2)``: y, x.
    phases
        Their factors, ``(shift, ring, half the points)``.
    """

    waves: NDArray[np.complex64]
    energy: NDArray[np.float32]
    power: NDArray[np.float32]
    weight: NDArray[np.float32]
    shifts_px: NDArray[np.float64]
    phases: NDArray[np.complex64]


@dataclass(frozen=True)
class Sums:
    """What maximisation divides, for each half of the particles.

    Attributes
    ----------
    total
        complex64 ``(half, class, ring, wave)``: transfer times particle, laid on the class.
    weight
        float64 ``(half, class, ring)``: squared transfer.
    members
        float64 ``(half, class)``.
    """

    total: NDArray[np.complex64]
    weight: NDArray[np.float64]
    members: NDArray[np.float64]

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(self.total + other.total, self.weight + other.weight, self.members + other.members)


@dataclass(frozen=True)
class Poses:
    """The likeliest pose of each particle of a batch.

    Attributes
    ----------
    assignment, angle_rad, shift_px
        Class, turn of the average, and its shift ``(particle, 2)`` (y, x) before the turn.
    score
        Correlation with the class average there.
    certainty
        Probability of that class.
    likelihood
        Logarithm of the probability summed over all poses, against that of noise alone.
    """

    assignment: NDArray[np.int64]
    angle_rad: NDArray[np.float64]
    shift_px: NDArray[np.float64]
    score: NDArray[np.float64]
    certainty: NDArray[np.float64]
    likelihood: NDArray[np.float64]

    @staticmethod
    def joined(parts: Sequence["Poses"]) -> "Poses":
        """Batches as one."""
        return Poses(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Poses)))


def shift_grid(step_px: float, largest_px: float) -> NDArray[np.float64]:
    """Shifts ``(shift, 2)`` on a square grid within a circle; no shift comes first."""
    reach = min(largest_px, SHIFTS_WIDE * step_px)
    steps = int(reach / step_px + 1e-9)
    y, x = np.mgrid[-steps : steps + 1, -steps : steps + 1].reshape(2, -1) * step_px
    within = np.hypot(y, x) <= reach + 1e-9
    grid = np.stack([y[within], x[within]], axis=1)
    return grid[np.argsort(np.hypot(*grid.T), kind="stable")]


def make_templates(
    averages: NDArray[np.complexfloating],
    rings: Rings,
    used: int,
    noise: NDArray[np.floating],
    shifts_px: NDArray[np.float64],
) -> Templates:
    """Averages ``(class, ring, wave)`` ready for comparison on the first ``used`` rings.

    ``noise`` is the variance of a pixel by ring.
    """
    weight = (rings.quadrature / noise).astype(np.float32)
    weight[used:] = 0.0
    phases = rings.shifts(shifts_px)
    shifted = rings.to_waves(rings.from_waves(averages)[:, None] * phases[None])
    flat = shifted.reshape(-1, rings.count, rings.waves)[:, :used]
    waves = np.ascontiguousarray((flat * weight[None, :used, None]).conj().transpose(2, 1, 0))
    power = rings.power(averages)
    return Templates(waves, (0.5 * weight * power).astype(np.float32), power, weight, shifts_px, phases)


def expect(
    particles: NDArray[np.complex64],
    transfer: NDArray[np.float32],
    halves: NDArray[np.int64],
    templates: Templates,
    rings: Rings,
) -> tuple[Poses, Sums]:
    """Compare a batch of particles with all templates.

    Parameters
    ----------
    particles
        Waves ``(particle, ring, wave)``, times transfer, shifted to where the particle was last found.
    transfer
        Mean squared transfer by ring ``(particle, ring)``.
    halves
        0 or 1 of each particle.
    templates, rings
        What with.
    """
    used, shifts = templates.waves.shape[1], len(templates.shifts_px)
    classes, count = len(templates.energy), len(particles)
    by_wave = np.ascontiguousarray(particles[:, :used].transpose(2, 0, 1))
    fit = rings.over_turns(np.matmul(by_wave, templates.waves)).reshape(rings.points, count, classes, shifts)
    energy = transfer @ templates.energy.T
    log = np.asarray(fit - energy[None, :, :, None], dtype=np.float32)
    top = log.max(axis=(0, 2, 3))
    chance = np.exp(log - top[None, :, None, None])
    whole = chance.sum(axis=(0, 2, 3))
    chance /= whole[None, :, None, None]
    poses = _likeliest(log, fit, chance, energy, templates, particles, rings)
    likelihood = top + np.log(whole / (rings.points * shifts * classes))
    return (
        Poses(*poses, likelihood=likelihood.astype(np.float64)),
        _sums(particles, transfer, halves, chance, templates, rings),
    )


def _likeliest(
    log: NDArray[np.float32],
    fit: NDArray[np.float32],
    chance: NDArray[np.float32],
    energy: NDArray[np.float32],
    templates: Templates,
    particles: NDArray[np.complex64],
    rings: Rings,
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    count = len(particles)
    rows = np.arange(count)
    by_class = chance.sum(axis=(0, 3))
    assignment = by_class.argmax(axis=1)
    own = log[:, rows, assignment]  # (turn, particle, shift)
    turn, shift = np.unravel_index(own.transpose(1, 0, 2).reshape(count, -1).argmax(axis=1), (len(own), own.shape[2]))
    here = own[turn, rows, shift]
    before, after = own[turn - 1, rows, shift], own[(turn + 1) % len(own), rows, shift]
    bend = before - 2 * here + after
    between = np.where(bend < 0, 0.5 * (before - after) / np.where(bend < 0, bend, 1), 0.0)
    angle = 2 * np.pi * (turn + between) / rings.points
    power = rings.power(particles) @ templates.weight
    scale = np.sqrt(np.maximum(power * 2 * energy[rows, assignment], 1e-12))
    score = fit[turn, rows, assignment, shift] / scale
    return (
        assignment.astype(np.int64),
        angle.astype(np.float64),
        templates.shifts_px[shift],
        score.astype(np.float64),
        by_class[rows, assignment].astype(np.float64),
    )


def _sums(
    particles: NDArray[np.complex64],
    transfer: NDArray[np.float32],
    halves: NDArray[np.int64],
    chance: NDArray[np.float32],
    templates: Templates,
    rings: Rings,
) -> Sums:
    _, count, classes, shifts = chance.shape
    by_class = chance.sum(axis=(0, 3)).astype(np.float64)
    spread = rings.waves_of_turns(chance.reshape(rings.points, count, -1))
    by_wave = np.ascontiguousarray(particles.transpose(2, 0, 1))
    total = np.empty((2, classes, rings.count, rings.waves), dtype=np.complex64)
    weight, members = np.empty((2, classes, rings.count)), np.empty((2, classes))
    for half in (0, 1):
        inside = halves == half
        laid = np.matmul(spread[:, inside].transpose(0, 2, 1), by_wave[:, inside])  # (wave, class · shift, ring)
        values = rings.from_waves(laid.transpose(1, 2, 0)).reshape(classes, shifts, rings.count, -1)
        total[half] = rings.to_waves((values * templates.phases.conj()[None]).sum(axis=1))
        weight[half] = by_class[inside].T @ transfer[inside]
        members[half] = by_class[inside].sum(axis=0)
    return Sums(total, weight, members)
