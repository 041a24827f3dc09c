"""Lattices in the plane, square and hexagonal, from points of which some are missing and some are false."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

Kind = Literal["square", "hexagonal"]
_TURN_DEG: dict[Kind, float] = {"square": 90.0, "hexagonal": 60.0}
#: Steps to the nearest sites of each kind, one of every opposite pair.
_STEPS: dict[Kind, NDArray[np.float64]] = {
    "square": np.array([[1.0, 0.0], [0.0, 1.0]]),
    "hexagonal": np.array([[1.0, 0.0], [0.0, 1.0], [1.0, -1.0]]),
}
#: A step counts when it ends within this part of the pitch of where it should.
_TOLERANCE = 0.17
_NEIGHBOURS = 8
_CANDIDATES = 16


@dataclass(frozen=True)
class Lattice:
    """Sites ``origin + i·a + j·b`` (plus a slow bend) for whole numbers i and j.

    Attributes
    ----------
    kind
        ``square`` or ``hexagonal``: which it is nearest to. ``a`` and ``b`` are as measured, so that a tilted or
        stretched lattice keeps its own.
    coefficients
        Shape ``(terms, 2)``: x and y in pixels as polynomials of (i, j), terms ``1, i, j`` and, where there were
        points enough, ``i², ij, j²``.
    """

    kind: Kind
    coefficients: NDArray[np.float64]

    @property
    def origin(self) -> NDArray[np.float64]:
        """Position (x, y) of site (0, 0) in pixels."""
        return self.coefficients[0]

    @property
    def a(self) -> NDArray[np.float64]:
        """First basis vector (x, y) in pixels."""
        return self.coefficients[1]

    @property
    def b(self) -> NDArray[np.float64]:
        """Second basis vector (x, y) in pixels."""
        return self.coefficients[2]

    @property
    def pitch_px(self) -> float:
        """Distance between neighbouring sites in pixels: the geometric mean along ``a`` and ``b``."""
        return float(np.sqrt(np.linalg.norm(self.a) * np.linalg.norm(self.b)))

    @property
    def angle_deg(self) -> float:
        """Rotation of the rows against the x axis (towards +y), in [0, 90) of a square, [0, 60) of a hexagonal one."""
        turn = _TURN_DEG[self.kind]
        vectors = self.coefficients[1:3]
        order = np.exp(1j * np.deg2rad(360 / turn) * np.rad2deg(np.arctan2(vectors[:, 1], vectors[:, 0]))).sum()
        return float(np.rad2deg(np.angle(order)) * turn / 360 % turn)

    def at(self, index: NDArray[np.floating] | NDArray[np.integer]) -> NDArray[np.float64]:
        """Positions (x, y) in pixels of sites (i, j), both of shape ``(n, 2)``."""
        return _terms(np.asarray(index, float), len(self.coefficients)) @ self.coefficients

    def sites(self, shape: tuple[int, int]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Indices (i, j) and positions (x, y) of all sites within an image of this shape (y, x)."""
        ny, nx = shape
        corners = np.array([[0, 0], [nx, 0], [0, ny], [nx, ny]], float) - self.origin
        reach = np.linalg.solve(self.coefficients[1:3].T, corners.T).T
        low, high = np.floor(reach.min(0)) - 2, np.ceil(reach.max(0)) + 2
        i, j = np.meshgrid(np.arange(low[0], high[0] + 1), np.arange(low[1], high[1] + 1), indexing="ij")
        index = np.column_stack([i.ravel(), j.ravel()]).astype(np.int64)
        xy = self.at(index)
        inside = (xy >= -0.5).all(1) & (xy <= np.array([nx, ny]) - 0.5).all(1)
        return index[inside], xy[inside]

    def scaled(self, factor: float, offset: float = 0.0) -> "Lattice":
        """The lattice in pixels ``factor`` times smaller, each position ``p`` becoming ``p·factor + offset``."""
        coefficients = self.coefficients * factor
        coefficients[0] += offset
        return Lattice(self.kind, coefficients)


def fit_lattice(
    points: NDArray[np.floating], *, kinds: tuple[Kind, ...] = ("square", "hexagonal"), min_pitch_px: float = 0.0
) -> tuple[Lattice, NDArray[np.int64], NDArray[np.bool_]] | None:
    """The lattice that most of the points lie on.

    The steps from each point to its nearest others vote for the basis: a right basis makes its own shortest steps
    frequent and every other step a whole number of them. Indices then spread from neighbour to neighbour, so that a
    bend of the whole does not matter, and least squares settle the rest.

    Parameters
    ----------
    points
        Shape ``(n, 2)``, (x, y) in pixels.
    kinds
        What may be found.
    min_pitch_px
        Shortest pitch in pixels.

    Returns
    -------
    lattice, index, on_lattice
        The lattice, and for each point its site (i, j) and whether it lies there; ``None`` when fewer than three
        points not in a row, or less than a third of all, agree.
    """
    points = np.asarray(points, np.float64)
    if len(points) < 3:
        return None
    steps, starts, ends = _steps(points)
    long_enough = np.linalg.norm(steps, axis=1) >= min_pitch_px
    best: tuple[float, Kind, NDArray[np.float64]] | None = None
    for kind, basis in _bases(steps[long_enough], kinds):
        score = _score(steps, basis, kind, len(points))
        if best is None or score > best[0] * 1.02:
            best = (score, kind, basis)
    if best is None:
        return None
    _, kind, basis = best
    index, known = _spread(len(points), steps, starts, ends, basis)
    return _settle(points, index, known, kind)


def _steps(points: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Steps from each point to its nearest others, both ways."""
    count = min(_NEIGHBOURS, len(points) - 1)
    near: Any = KDTree(points).query(points, count + 1)[1]
    starts, ends = np.repeat(np.arange(len(points)), count), near[:, 1:].ravel()
    pairs = np.unique(np.concatenate([np.column_stack([starts, ends]), np.column_stack([ends, starts])]), axis=0)
    return points[pairs[:, 1]] - points[pairs[:, 0]], pairs[:, 0], pairs[:, 1]


def _bases(steps: NDArray[np.float64], kinds: tuple[Kind, ...]) -> list[tuple[Kind, NDArray[np.float64]]]:
    """Pairs of frequent steps that stand to each other as the kind wants, shortest first."""
    if len(steps) < 2:
        return []
    tree, lengths = KDTree(steps), np.linalg.norm(steps, axis=1)
    votes = np.array(tree.query_ball_point(steps, 0.6 * _TOLERANCE * lengths, return_length=True))
    frequent: list[NDArray[np.float64]] = []
    left = votes / (1 + 1e-3 * lengths / lengths.max())  # of equal ones the shortest first
    while len(frequent) < _CANDIDATES and left.max() > 0:
        k = int(left.argmax())
        frequent.append(steps[tree.query_ball_point(steps[k], 0.6 * _TOLERANCE * lengths[k])].mean(0))
        left[np.linalg.norm(steps - steps[k], axis=1) < _TOLERANCE * lengths] = 0
    frequent.sort(key=lambda step: float(np.linalg.norm(step)))
    found = []
    for a in frequent:
        for kind in kinds:
            turn = np.deg2rad(_TURN_DEG[kind])
            wanted = np.array([a[0] * np.cos(turn) - a[1] * np.sin(turn), a[0] * np.sin(turn) + a[1] * np.cos(turn)])
            distance, at = tree.query(wanted)
            if distance < 0.25 * np.linalg.norm(a):
                near = tree.query_ball_point(steps[at], _TOLERANCE * float(np.linalg.norm(a)))
                found.append((kind, np.array([a, steps[near].mean(0)])))
    return found


def _score(steps: NDArray[np.float64], basis: NDArray[np.float64], kind: Kind, count: int) -> float:
    """How many of the shortest steps there could be are there, times how many of all steps are whole."""
    index = steps @ np.linalg.inv(basis)
    whole = _is_whole(index)
    shortest = _STEPS[kind]
    rounded = np.round(index)
    unit = sum(((rounded == step * sign).all(1) & whole).sum() for step in shortest for sign in (1, -1))
    return float(unit / (2 * len(shortest) * count) * whole.mean())


def _is_whole(index: NDArray[np.float64]) -> NDArray[np.bool_]:
    rounded = np.round(index)
    return ((index - rounded) ** 2).sum(1) ** 0.5 < _TOLERANCE


def _spread(
    count: int,
    steps: NDArray[np.float64],
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    basis: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Indices of the largest set of points that hang together by whole steps."""
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import breadth_first_order, connected_components

    index = steps @ np.linalg.inv(basis)
    rounded = np.round(index).astype(np.int64)
    links = _is_whole(index) & (np.abs(rounded).sum(1) > 0) & (np.abs(rounded).max(1) <= 1)
    graph = csr_matrix((np.arange(1, links.sum() + 1), (starts[links], ends[links])), shape=(count, count))
    _, group = connected_components(graph, directed=False)
    largest = np.bincount(group).argmax()
    members = np.flatnonzero(group == largest)
    degree = np.bincount(starts[links], minlength=count)
    seed = int(members[degree[members].argmax()])
    order, before = breadth_first_order(graph, seed, directed=False)
    step_of = {(int(s), int(e)): r for s, e, r in zip(starts[links], ends[links], rounded[links], strict=True)}
    result = np.zeros((count, 2), np.int64)
    for k in order[1:]:
        result[k] = result[before[k]] + step_of[int(before[k]), int(k)]
    known = np.zeros(count, bool)
    known[order] = True
    return result, known


def _settle(
    points: NDArray[np.float64], index: NDArray[np.int64], known: NDArray[np.bool_], kind: Kind
) -> tuple[Lattice, NDArray[np.int64], NDArray[np.bool_]] | None:
    """Least squares, with what lies off thrown out and what lies on taken in."""
    on = known
    lattice = Lattice(kind, np.zeros((3, 2)))
    for _ in range(4):
        if on.sum() < 3 or np.linalg.matrix_rank(_terms(index[on].astype(float), 3)) < 3:
            return None
        coefficients = bend(index[on], points[on])
        lattice = Lattice(kind, coefficients)
        free = np.round((points - lattice.origin) @ np.linalg.inv(coefficients[1:3])).astype(np.int64)
        for _ in range(2):  # the bend moves far sites by less than a pitch
            free += np.round((points - lattice.at(free)) @ np.linalg.inv(coefficients[1:3])).astype(np.int64)
        index = np.where(known[:, None], index, free)
        off = np.linalg.norm(points - lattice.at(index), axis=1)
        on = off < _TOLERANCE * lattice.pitch_px
        on &= _first_at_each(index, off)
    if on.sum() < 3 or on.mean() < 1 / 3:
        return None
    return lattice, index, on


def _first_at_each(index: NDArray[np.int64], off: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Of several points at one site, the nearest alone."""
    order = np.argsort(off, kind="stable")
    _, first = np.unique(index[order], axis=0, return_index=True)
    chosen = np.zeros(len(index), bool)
    chosen[order[first]] = True
    return chosen


def between_sites(lattice: Lattice) -> NDArray[np.float64]:
    """Step (i, j) from a site to the middle between sites: where no hole can be."""
    return np.array([0.5, 0.5]) if lattice.kind == "square" else np.array([1 / 3, 1 / 3])


def bend(index: NDArray[np.int64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Coefficients of :class:`Lattice` by least squares: straight, or bent where twenty points or more say how.

    Parameters
    ----------
    index, points
        Sites (i, j) and their measured positions (x, y) in pixels, shape ``(n, 2)``.
    """
    spans = np.ptp(index, axis=0).min() >= 3
    terms = _terms(index.astype(float), 6 if len(index) >= 20 and spans else 3)
    return np.asarray(np.linalg.lstsq(terms, points, rcond=None)[0], np.float64)


def _terms(index: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    i, j = index[:, 0], index[:, 1]
    return np.column_stack([np.ones(len(index)), i, j, i * i, i * j, j * j][:count])
