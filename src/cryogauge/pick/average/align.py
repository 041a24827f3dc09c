"""Finding how each particle lies: its rotation and place against a reference, as far as its tomogram measured both.

The measure is the correlation of the Fourier terms that the tilt series measured, of particle and turned reference
alike (F. Förster et al., J. Struct. Biol. 161 (2008) 276, equation 2): what the missing wedge took is missing from
both. It is computed for many rotations and shifts at once as a product of matrices.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cryogauge.imaging.threads import for_each, thread_count
from cryogauge.pick.average.rotations import ball, neighbours
from cryogauge.pick.average.spectra import sample

_CHUNK = 4000  # shifted particles that are compared at once, to bound memory


@dataclass(frozen=True)
class Particles:
    """Particles as their Fourier terms.

    Attributes
    ----------
    values
        complex64 ``(n, points)``, whitened and 0 where the tilt series measured nothing.
    measured
        bool ``(tilt series, points)``.
    series
        Which of those each particle is of, ``(n,)``.
    points
        ``(points, 3)`` frequencies in periods a box, by rising radius.
    edge_px
        Edge of the box.
    """

    values: NDArray[np.complex64]
    measured: NDArray[np.bool_]
    series: NDArray[np.intp]
    points: NDArray[np.int32]
    edge_px: int

    def within(self, radius: float) -> "Particles":
        """The same at the frequencies of a radius alone."""
        count = int(np.searchsorted((self.points**2).sum(axis=1), radius**2, side="right"))
        return replace(
            self, values=self.values[:, :count], measured=self.measured[:, :count], points=self.points[:count]
        )

    def of(self, rows: NDArray[np.intp]) -> "Particles":
        """Some of the particles."""
        return replace(self, values=self.values[rows], series=self.series[rows])


@dataclass(frozen=True)
class Reference:
    """What particles are compared with.

    Attributes
    ----------
    spectrum, scale
        Oversampled transform of the map, see :func:`~cryogauge.pick.average.spectra.oversampled`.
    gain
        Factor of each of the particles' frequencies, ``(points,)``: the filter, whitened as the particles are.
    """

    spectrum: NDArray[np.complex64]
    scale: float
    gain: NDArray[np.float32]

    def turned(self, points: NDArray[np.int32], turns: NDArray[np.floating]) -> NDArray[np.complex64]:
        """Its terms as it lies when turned by each of ``(m, 3, 3)``, ``(m, points)``."""
        found = sample(self.spectrum, self.scale, points, np.swapaxes(turns, 1, 2))
        return found * self.gain[: len(points)]


@dataclass(frozen=True)
class Poses:
    """How particles lie.

    Attributes
    ----------
    turns
        ``(n, 3, 3)``: turn vectors (z, y, x) of the map into the tomogram's.
    shifts_px
        ``(n, 3)`` place z, y, x against the middle voxel of the box.
    scores
        ``(n,)`` correlation with the reference, −1 to 1.
    """

    turns: NDArray[np.float64]
    shifts_px: NDArray[np.float64]
    scores: NDArray[np.float64]


def search(
    particles: Particles,
    reference: Reference,
    turns: NDArray[np.float64],
    starts_px: NDArray[np.float64],
    reach_px: float,
    spacing_px: float,
) -> Poses:
    """The best of given rotations and of a lattice of shifts, for each particle.

    Parameters
    ----------
    particles, reference
        At the same frequencies.
    turns
        ``(m, 3, 3)`` rotations to try.
    starts_px
        ``(n, 3)`` places about which is searched.
    reach_px, spacing_px
        How far, and how finely.
    """
    terms = reference.turned(particles.points, turns)
    power = np.sqrt((np.abs(terms) ** 2) @ particles.measured.T.astype(np.float32)) + 1e-12  # (turn, series)
    flat = _real(terms)
    lattice = ball(reach_px, spacing_px)
    waves = _waves(particles, lattice)
    n = len(particles.values)
    best, where = np.zeros(n), np.zeros((n, 2), dtype=np.intp)

    def compare(rows: NDArray[np.intp]) -> None:
        moved = particles.values[rows] * _waves(particles, starts_px[rows])
        both = (moved[:, None] * waves[None]).reshape(-1, moved.shape[1])
        found = (_real(both) @ flat.T).reshape(len(rows), len(lattice), len(turns))
        found /= power[:, particles.series[rows]].T[:, None, :]
        found = found.reshape(len(rows), -1)
        top = found.argmax(axis=1)
        best[rows] = found[np.arange(len(rows)), top]
        where[rows] = np.stack(np.divmod(top, len(turns)), axis=1)

    size = max(1, _CHUNK // len(lattice))
    for_each(compare, [np.arange(first, min(first + size, n)) for first in range(0, n, size)])
    strength = np.linalg.norm(particles.values, axis=1) + 1e-12
    return Poses(turns[where[:, 1]], starts_px + lattice[where[:, 0]], best / strength)


def refine(
    particles: Particles,
    reference: Reference,
    poses: Poses,
    starts_px: NDArray[np.float64],
    reach_px: float,
    steps: tuple[tuple[float, float], ...],
) -> Poses:
    """Better poses near those given: steps in all directions at once, taken as long as they help, then smaller ones.

    Parameters
    ----------
    particles, reference, starts_px, reach_px
        As of :func:`search`.
    poses
        Where to begin.
    steps
        Degrees and voxels of each round.
    """
    turns, shifts = poses.turns.copy(), poses.shifts_px.copy()
    scores = np.zeros(len(turns))
    strength = np.linalg.norm(particles.values, axis=1) + 1e-12

    def climb(row: int) -> None:
        values = particles.values[row]
        there = particles.measured[particles.series[row]]
        for step_deg, step_px in steps:
            around, lattice = neighbours(step_deg), ball(1.75 * step_px, step_px)
            for _ in range(3):
                tried = around @ turns[row]
                terms = reference.turned(particles.points, tried) * there
                places = shifts[row] + lattice
                moved = values * _waves(particles, places)
                found = (_real(moved) @ _real(terms).T) / (np.linalg.norm(terms, axis=1) + 1e-12)
                away = np.linalg.norm(places - starts_px[row], axis=1)  # the first place is where it is
                found[away > max(reach_px, away[0]) + 1e-3] = -np.inf
                place, turn = np.unravel_index(int(found.argmax()), found.shape)
                scores[row] = found[place, turn] / strength[row]
                turns[row], shifts[row] = tried[turn], places[place]
                if place == 0 and turn == len(around) // 2:
                    break

    def climb_all(rows: NDArray[np.intp]) -> None:
        for row in rows:
            climb(int(row))

    for_each(climb_all, np.array_split(np.arange(len(turns)), 4 * thread_count()))
    return Poses(turns, shifts, scores)


def _waves(particles: Particles, shifts_px: NDArray[np.floating]) -> NDArray[np.complex64]:
    """What undoes shifts ``(m, 3)``: ``(m, points)``."""
    phase = (2.0 * np.pi / particles.edge_px) * (shifts_px @ particles.points.T.astype(np.float64))
    return np.exp(1j * phase.astype(np.float32)).astype(np.complex64)


def _real(values: NDArray[np.complex64]) -> NDArray[np.float32]:
    """Complex numbers as twice as many real ones: the product of two such rows is the real part of a · b*."""
    return np.ascontiguousarray(values).view(np.float32)
