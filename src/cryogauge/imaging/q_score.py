"""Q-scores: how well a map resolves each atom of a model that is fitted to it.

G. Pintilie et al., Nature Methods 17 (2020) 328. The map about an atom, read on shells of growing radius at places that
are this atom's own, is correlated about the mean with a Gaussian of 0.6 Å. Adding to the Gaussian or scaling it, as the
paper does by the map's mean and deviation, leaves that correlation as it is, and is left out.
"""

from functools import cache

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.spatial import KDTree

from cryogauge.imaging.threads import for_each
from cryogauge.records import BadInput

#: Width of the reference, Å: the paper's, that of an atom at about 1.3 Å. Reports of the wwPDB and EMDB take 0.4.
SIGMA_A = 0.6
#: Radius of the outermost shell and steps between shells, Å.
REACH_A, STEP_A = 2.0, 0.1
#: Another atom takes a place for its own when it lies within this part of the shell's radius. The paper says nearer,
#: which would be 1; the authors' program, from which published scores come, takes nine tenths.
OWNERSHIP = 0.9
#: Places to find on each shell, and how many times two more are tried until as many are the atom's own.
_PLACES, _TRIES = 8, 96
#: Slopes (1/Å) and intercepts of the score that is expected at a resolution, for widths of the reference: lines fitted
#: by the authors to maps and models of the data bank.
_EXPECTED = {
    ("protein", 0.6): (-0.1775, 1.1192),
    ("nucleic", 0.6): (-0.1377, 0.9973),
    ("protein", 0.4): (-0.1866, 1.1242),
    ("nucleic", 0.4): (-0.1465, 0.9436),
}
_BLOCK = 2000


def expected_q(resolution_A: float, kind: str = "protein", sigma_A: float = SIGMA_A) -> float:
    """Mean score of well-fitted models in maps of a resolution.

    Parameters
    ----------
    resolution_A
        Of the map.
    kind
        ``protein`` or ``nucleic``; NaN for anything else.
    sigma_A
        Width of the reference; NaN for other than 0.6 and 0.4.
    """
    slope, intercept = _EXPECTED.get((kind, round(sigma_A, 3)), (np.nan, np.nan))
    return slope * resolution_A + intercept


def q_scores(
    density: NDArray[np.floating],
    voxel_size_A: float,
    positions_A: NDArray[np.floating],
    *,
    origin_A: tuple[float, float, float] = (0.0, 0.0, 0.0),
    sigma_A: float = SIGMA_A,
    ownership: float = OWNERSHIP,
) -> NDArray[np.float64]:
    """Q-score of every atom.

    Parameters
    ----------
    density
        The map ``(z, y, x)``, protein bright.
    voxel_size_A
        Edge of its voxel.
    positions_A
        Centres of all atoms but hydrogens, ``(n, 3)`` as x, y, z.
    origin_A
        Position x, y, z of the centre of voxel (0, 0, 0) in the atoms' frame.
    sigma_A
        Width of the reference.
    ownership
        See :data:`OWNERSHIP`.

    Returns
    -------
    numpy.ndarray
        float64 ``(n,)``, −1 to 1; NaN where the ball of 2 Å about an atom leaves the map, 0 where it is flat there.

    Raises
    ------
    BadInput
        When the map has not three axes of two voxels or more, or the positions not three columns.
    """
    if density.ndim != 3 or min(density.shape) < 2:
        raise BadInput(f"a map of shape {density.shape} holds no atoms", "give a volume (z, y, x)")
    places = np.asarray(positions_A, np.float64)
    if places.ndim != 2 or places.shape[1] != 3:
        raise BadInput(f"positions of shape {places.shape} are not of (n, 3)")
    data = np.ascontiguousarray(density, np.float32)
    radii = np.arange(1, round(REACH_A / STEP_A) + 1) * STEP_A
    reference = np.exp(-0.5 * (np.concatenate([[0.0], radii]) / sigma_A) ** 2)
    directions, starts = _spirals()
    relative = places - np.asarray(origin_A, np.float64)
    tree = KDTree(places)
    scores = np.full(len(places), np.nan)

    def block(first: int) -> None:
        chosen = slice(first, min(first + _BLOCK, len(places)))
        near = tree.query_ball_point(places[chosen], (1.0 + ownership) * REACH_A)
        ends = np.cumsum([len(each) for each in near])
        others = np.concatenate([np.asarray(each, np.int64) for each in near])
        _score_block(
            data, voxel_size_A, relative, chosen.start, ends, others, radii, reference, directions, starts, ownership,
            scores,
        )  # fmt: skip

    for_each(block, range(0, len(places), _BLOCK))
    return scores


@cache
def _spirals() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Places spread evenly over a unit sphere (a Fibonacci spiral), 8, 10, 12 … of them, and where each lot begins."""
    counts = _PLACES + 2 * np.arange(_TRIES)
    starts = np.concatenate([[0], np.cumsum(counts)])
    directions = np.empty((int(starts[-1]), 3))
    for first, count in zip(starts[:-1], counts, strict=True):
        step = np.arange(count) + 0.5
        z = 1.0 - 2.0 * step / count
        around = step * np.pi * (3.0 - np.sqrt(5.0))
        flat = np.sqrt(1.0 - z * z)
        directions[first : first + count] = np.stack([flat * np.cos(around), flat * np.sin(around), z], axis=1)
    return directions, starts


@njit(nogil=True, cache=True)
def _value_at(data, x, y, z):
    """Between the eight voxels about a place within the map, in voxels."""
    i, j, k = min(int(x), data.shape[2] - 2), min(int(y), data.shape[1] - 2), min(int(z), data.shape[0] - 2)
    a, b, c = x - i, y - j, z - k
    low = (data[k, j, i] * (1 - a) + data[k, j, i + 1] * a) * (1 - b) + (
        data[k, j + 1, i] * (1 - a) + data[k, j + 1, i + 1] * a
    ) * b
    high = (data[k + 1, j, i] * (1 - a) + data[k + 1, j, i + 1] * a) * (1 - b) + (
        data[k + 1, j + 1, i] * (1 - a) + data[k + 1, j + 1, i + 1] * a
    ) * b
    return low * (1 - c) + high * c


@njit(nogil=True, cache=True)
def _score_block(
    data, voxel, places, first, ends, others, radii, reference, directions, starts, ownership, scores,
):  # fmt: skip
    reach = radii[-1]
    for row in range(len(ends)):
        atom = first + row
        x0, y0, z0 = places[atom]
        inside = True
        for axis in range(3):
            edge = (data.shape[2 - axis] - 1) * voxel
            inside &= places[atom, axis] - reach >= 0.0 and places[atom, axis] + reach <= edge
        if not inside:
            continue
        neighbours = others[(0 if row == 0 else ends[row - 1]) : ends[row]]
        # Sums of counts, reference u, map v less its value at the centre, their squares and product. The centre counts
        # as a shell of eight places.
        centre = _value_at(data, x0 / voxel, y0 / voxel, z0 / voxel)
        n, su, suu = 8.0, 8.0 * reference[0], 8.0 * reference[0] ** 2
        sv, svv, suv = 0.0, 0.0, 0.0
        for shell in range(len(radii)):
            radius, u = radii[shell], reference[shell + 1]
            limit = (ownership * radius) ** 2
            for attempt in range(len(starts) - 1):
                count, v1, v2 = 0, 0.0, 0.0
                for place in range(starts[attempt], starts[attempt + 1]):
                    dx, dy, dz = directions[place] * radius
                    own = True
                    for other in neighbours:
                        if other == atom:
                            continue
                        ax, ay, az = x0 + dx - places[other, 0], y0 + dy - places[other, 1], z0 + dz - places[other, 2]
                        if ax * ax + ay * ay + az * az < limit:
                            own = False
                            break
                    if own:
                        value = _value_at(data, (x0 + dx) / voxel, (y0 + dy) / voxel, (z0 + dz) / voxel) - centre
                        count += 1
                        v1 += value
                        v2 += value * value
                if count >= 8 or attempt == len(starts) - 2:
                    n += count
                    su += count * u
                    suu += count * u * u
                    sv += v1
                    svv += v2
                    suv += u * v1
                    break
        spread_u, spread_v = suu - su * su / n, svv - sv * sv / n
        together = suv - su * sv / n
        flat = spread_v <= 1e-13 * n * centre * centre  # what single precision makes of one grey value
        scores[atom] = 0.0 if flat else together / np.sqrt(spread_u * spread_v)
