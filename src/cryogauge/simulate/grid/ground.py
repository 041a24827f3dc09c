"""Where things are on a grid, and how thick the ice is there, for kernels.

Three frames, all in µm. *Stage*: x to the right and y along the rows of an image, growing with the row's number.
*Mesh*: turned and warped so that square ``(i, j)`` has its centre at ``(i, j) · pitch``. *Foil*: the mesh frame turned
so that the rows of holes run along x.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from cryogauge.simulate.grid.noise import gradient_noise, hashed, normal, unit

#: Codes of lattices and of squares' kinds within kernels; the latter are places in ``SQUARE_KINDS``.
SQUARE, HEXAGONAL, LACEY = 0, 1, 2
INTACT, BROKEN, DRY, THICK, EMPTY, CRACKED, CONTAMINATED = range(7)
NO_SQUARE = -1
#: Ice thinner than this ruptures while it is plunged: the hole is dry.
THINNEST_ICE_NM = 8.0
#: Depth to which ice is thicker next to the bars.
_EDGE_DEPTH_UM = 5.0
_SWELL, _RIPPLE, _TEAR, _BAR, _SITE, _HOLE_ICE, _HOLE_FACE, _CRYSTAL = range(101, 109)


class Ground(NamedTuple):
    """What the kernels know of a grid."""

    seed: int
    radius_um: float
    cos: float
    sin: float
    waves: NDArray[np.float64]  # (wave, 5): kx, ky, phase, x and y amplitude
    pitch_um: float
    half_um: float  # of the opening of a square
    corner_um: float
    foil_cos: float
    foil_sin: float
    lattice: int
    hole_radius_um: float
    hole_pitch_um: float
    foil_nm: float
    first: int  # index along either axis of the squares' arrays' first element
    kind: NDArray[np.int8]  # (j, i)
    ice_nm: NDArray[np.float64]
    pool_nm: NDArray[np.float64]  # of the lens of thicker ice that some squares have
    pool_u_um: NDArray[np.float64]
    pool_v_um: NDArray[np.float64]
    pool_radius_um: NDArray[np.float64]
    crystalline: NDArray[np.float64]  # share of holes
    ripple_nm: float
    hole_sd_nm: float
    meniscus_nm: float
    edge_nm: float


@njit(nogil=True, cache=True)
def to_mesh(g, x, y):
    """Mesh coordinates of a place on the stage."""
    wx, wy = x, y
    for k in range(g.waves.shape[0]):
        s = np.sin(g.waves[k, 0] * x + g.waves[k, 1] * y + g.waves[k, 2])
        wx += g.waves[k, 3] * s
        wy += g.waves[k, 4] * s
    return g.cos * wx + g.sin * wy, g.cos * wy - g.sin * wx


@njit(nogil=True, cache=True)
def to_stage(g, u, v):
    """Stage coordinates of a place on the mesh: the fixed point of undoing the warp, whose slope is below 0.01."""
    px, py = g.cos * u - g.sin * v, g.sin * u + g.cos * v
    x, y = px, py
    for _ in range(6):
        dx, dy = 0.0, 0.0
        for k in range(g.waves.shape[0]):
            s = np.sin(g.waves[k, 0] * x + g.waves[k, 1] * y + g.waves[k, 2])
            dx += g.waves[k, 3] * s
            dy += g.waves[k, 4] * s
        x, y = px - dx, py - dy
    return x, y


@njit(nogil=True, cache=True)
def square_at(g, u, v):
    """Indices ``(i, j)`` of the square whose cell a place on the mesh is in, and its kind; −1 beyond the grid."""
    i, j = int(np.floor(u / g.pitch_um + 0.5)), int(np.floor(v / g.pitch_um + 0.5))
    row, column = j - g.first, i - g.first
    if row < 0 or column < 0 or row >= g.kind.shape[0] or column >= g.kind.shape[1]:
        return i, j, NO_SQUARE
    return i, j, int(g.kind[row, column])


@njit(nogil=True, cache=True)
def depth_in_square(g, u, v, i, j):
    """Distance in µm from the bars, negative on them; the openings have round corners and not quite even edges."""
    flat = g.half_um - g.corner_um
    qu, qv = abs(u - i * g.pitch_um) - flat, abs(v - j * g.pitch_um) - flat
    outside = np.hypot(max(qu, 0.0), max(qv, 0.0)) + min(max(qu, qv), 0.0) - g.corner_um
    depth = -outside
    if abs(depth) < 3.0:
        depth += 0.12 * gradient_noise(g.seed, _BAR, u / 7.0, v / 7.0)
    rim = g.radius_um - np.hypot(u, v)
    return min(depth, rim)


@njit(nogil=True, cache=True)
def hole_at(g, u, v):
    """The hole whose cell a place is in: its indices, and the centre's place on the mesh."""
    p, q = g.foil_cos * u + g.foil_sin * v, g.foil_cos * v - g.foil_sin * u
    if g.lattice == SQUARE:
        i, j = int(np.floor(p / g.hole_pitch_um + 0.5)), int(np.floor(q / g.hole_pitch_um + 0.5))
    else:
        rise = g.hole_pitch_um * 0.8660254037844386
        first = int(np.floor(q / rise))
        best, i, j = np.inf, 0, 0
        for row in range(first - 1, first + 3):
            column = int(np.floor((p / g.hole_pitch_um) - 0.5 * row + 0.5))
            for near in range(column - 1, column + 2):
                if abs(p - (near + 0.5 * row) * g.hole_pitch_um) > 1.3 * g.hole_pitch_um:
                    continue
                a, b = site(g, near, row)
                distance = (p - a) ** 2 + (q - b) ** 2
                if distance < best:
                    best, i, j = distance, near, row
    cu, cv = hole_centre(g, i, j)
    return i, j, cu, cv


@njit(nogil=True, cache=True)
def site(g, i, j):
    """Foil coordinates of hole ``(i, j)``."""
    if g.lattice == SQUARE:
        return i * g.hole_pitch_um, j * g.hole_pitch_um
    p, q = (i + 0.5 * j) * g.hole_pitch_um, j * g.hole_pitch_um * 0.8660254037844386
    if g.lattice == LACEY:
        h = hashed(g.seed, _SITE, i, j)
        p += 0.8 * g.hole_pitch_um * (np.float64(h >> np.uint64(32)) * 2.0**-32 - 0.5)
        q += 0.8 * g.hole_pitch_um * (np.float64(h & np.uint64(0xFFFFFFFF)) * 2.0**-32 - 0.5)
    return p, q


@njit(nogil=True, cache=True)
def hole_centre(g, i, j):
    """Mesh coordinates of the centre of hole ``(i, j)``."""
    p, q = site(g, i, j)
    return g.foil_cos * p - g.foil_sin * q, g.foil_sin * p + g.foil_cos * q


@njit(nogil=True, cache=True)
def depth_in_hole(g, u, v, i, j, cu, cv):
    """Distance in µm from the foil towards the middle of a hole, negative on the foil."""
    if g.lattice != LACEY:
        return g.hole_radius_um - np.hypot(u - cu, v - cv)
    # the strands of lacey foil run where two cells meet, and are thicker at the knots
    own = np.hypot(u - cu, v - cv)
    other, far = np.inf, (1.75 * g.hole_pitch_um) ** 2
    p, q = g.foil_cos * u + g.foil_sin * v, g.foil_cos * v - g.foil_sin * u
    for b in range(j - 2, j + 3):
        for a in range(i - 2, i + 3):
            if a == i and b == j:
                continue
            # on no jittered lattice does a cell so far away come close
            away_p, away_q = (a + 0.5 * b) * g.hole_pitch_um - p, b * g.hole_pitch_um * 0.8660254037844386 - q
            if away_p * away_p + away_q * away_q > far:
                continue
            nu, nv = hole_centre(g, a, b)
            # to the line halfway between the two centres
            apart = np.hypot(nu - cu, nv - cv)
            there = ((nu - u) ** 2 + (nv - v) ** 2 - own**2) / (2.0 * apart)
            other = min(other, there)
    strand = 0.12 + 0.25 * unit(g.seed, _HOLE_FACE, i, j)
    return other - strand - 0.06 * gradient_noise(g.seed, _BAR, u / 0.8, v / 0.8)


@njit(nogil=True, cache=True)
def sheet_nm(g, u, v, i, j, depth_um):
    """Thickness of the ice at a place of square ``(i, j)`` as it would be without holes."""
    row, column = j - g.first, i - g.first
    kind = g.kind[row, column]
    if kind in (DRY, EMPTY):
        return 0.0
    nm = g.ice_nm[row, column]
    swell = gradient_noise(g.seed, _SWELL, u / 14.0, v / 14.0)
    ripple = gradient_noise(g.seed, _RIPPLE, u / 4.5, v / 4.5)
    nm += g.ripple_nm * (swell + 0.5 * ripple) * (6.0 if kind == THICK else 1.0)
    if g.pool_nm[row, column] > 0.0:
        away = np.hypot(u - i * g.pitch_um - g.pool_u_um[row, column], v - j * g.pitch_um - g.pool_v_um[row, column])
        lens = away / g.pool_radius_um[row, column] + 0.12 * swell
        nm += g.pool_nm[row, column] * np.exp(-(lens**4))
    return nm + g.edge_nm * np.exp(-max(depth_um, 0.0) / _EDGE_DEPTH_UM)


@njit(nogil=True, cache=True)
def hole_ice_nm(g, i, j, cu, cv, si, sj):
    """Thickness in the middle of hole ``(i, j)`` of square ``(si, sj)``; 0 where it is dry."""
    nm = sheet_nm(g, cu, cv, si, sj, depth_in_square(g, cu, cv, si, sj))
    if nm <= 0.0:
        return 0.0
    nm += g.hole_sd_nm * normal(g.seed, _HOLE_ICE, i, j)
    return nm if nm >= THINNEST_ICE_NM else 0.0


@njit(nogil=True, cache=True)
def is_crystalline(g, i, j, si, sj):
    """Whether the ice of hole ``(i, j)`` of square ``(si, sj)`` is crystalline."""
    return unit(g.seed, _CRYSTAL, i, j) < g.crystalline[sj - g.first, si - g.first]


@njit(nogil=True, cache=True)
def torn_depth_um(g, u, v):
    """How far from the bars foil still hangs in a broken square; negative where nothing is left."""
    return 2.5 + 5.0 * gradient_noise(g.seed, _TEAR, u / 11.0, v / 11.0) + 0.4 * gradient_noise(
        g.seed, _TEAR + 50, u / 1.1, v / 1.1
    )  # fmt: skip


@njit(nogil=True, cache=True)
def many_to_stage(g, u, v):
    """Stage coordinates ``(n, 2)`` of places on the mesh."""
    out = np.empty((len(u), 2))
    for k in range(len(u)):
        out[k, 0], out[k, 1] = to_stage(g, u[k], v[k])
    return out
