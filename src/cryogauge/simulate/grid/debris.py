"""What does not belong on a grid: ice crystals, ethane, dust, and the tears of a cracked foil.

Debris is drawn cell by cell of the mesh, so that a view makes only what lies in it. Its places are on the stage.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from cryogauge.simulate.grid.film import Film, places
from cryogauge.simulate.grid.ground import CONTAMINATED, CRACKED, Ground, depth_in_square, to_mesh, to_stage
from cryogauge.simulate.grid.noise import gradient_noise
from cryogauge.simulate.grid.view import View

#: Kinds of debris: crystals with flat faces, round frost, drops of ethane, dust.
CRYSTAL, FROST, ETHANE, DUST = range(4)
#: Pieces in a cell of the usual grid: of those over 0.1 µm in coarse cells, of smaller frost in fine ones.
_COARSE_UM, _COARSE = 20.0, {CRYSTAL: 0.9, ETHANE: 0.012, DUST: 0.008}
_FINE_UM, _FINE = 1.0, 0.5
#: How much dirtier the squares called contaminated are.
_DIRTY = 30.0
_FINEST_UM = 0.01
#: Frost is drawn where pieces of this radius matter; elsewhere it is far smaller than a pixel.
_FROST_SEEN_UM = 0.015


def debris_in(
    ground: Ground, amount: float, bounds_um: tuple[float, float, float, float], smallest_um: float
) -> NDArray[np.float64]:
    """Debris that touches a part of a grid.

    Parameters
    ----------
    ground
        The grid.
    amount
        Over what is usual.
    bounds_um
        Lowest and highest stage x, lowest and highest y.
    smallest_um
        Radius of the smallest piece that matters.

    Returns
    -------
    ``(n, 6)``: stage x and y, radius in µm, kind, thickness in nm at its middle, and a number of its own.
    """
    parts = [_cells(ground, amount, bounds_um, _COARSE_UM, 13, fine=False)]
    if smallest_um < _FROST_SEEN_UM:
        parts.append(_cells(ground, amount, bounds_um, _FINE_UM, 14, fine=True))
    found = np.concatenate(parts)
    found = found[found[:, 2] >= smallest_um]
    there = places(ground, found[:, 0], found[:, 1])
    # nothing lies where there is neither ice nor foil
    dry_hole = (there[:, 2] > 0) & (there[:, 3] == 0)
    return found[(there[:, 5] == 0) & ~dry_hole]


def _cells(
    ground: Ground,
    amount: float,
    bounds_um: tuple[float, float, float, float],
    cell_um: float,
    stream: int,
    *,
    fine: bool,
) -> NDArray[np.float64]:
    reach = 0.15 if fine else 12.0
    low_x, high_x, low_y, high_y = bounds_um
    parts = [np.zeros((0, 6))]
    for j in range(int(np.floor((low_y - reach) / cell_um)), int(np.floor((high_y + reach) / cell_um)) + 1):
        for i in range(int(np.floor((low_x - reach) / cell_um)), int(np.floor((high_x + reach) / cell_um)) + 1):
            rate = amount * _dirt(ground, (i + 0.5) * cell_um, (j + 0.5) * cell_um)
            if rate > 0:
                rng = np.random.default_rng([ground.seed, stream, i % 2**32, j % 2**32])
                parts.append(_frost(rate, i, j, rng) if fine else _coarse(rate, i, j, rng))
    found = np.concatenate(parts)
    x, y, r = found[:, 0], found[:, 1], 1.5 * found[:, 2]
    return found[(x > low_x - r) & (x < high_x + r) & (y > low_y - r) & (y < high_y + r)]


def _dirt(ground: Ground, x_um: float, y_um: float) -> float:
    """How dirty a place is, over the usual."""
    u, v = to_mesh(ground, x_um, y_um)
    row, column = (int(np.floor(w / ground.pitch_um + 0.5)) - ground.first for w in (v, u))
    if not (0 <= row < ground.kind.shape[0] and 0 <= column < ground.kind.shape[1]):
        return 0.0
    return _DIRTY if ground.kind[row, column] == CONTAMINATED else 1.0


def _coarse(rate: float, i: int, j: int, rng: np.random.Generator) -> NDArray[np.float64]:
    count = [int(rng.poisson(rate * usual)) if kind == CRYSTAL else int(rng.poisson(min(rate, 3.0) * usual))
             for kind, usual in _COARSE.items()]  # fmt: skip
    kinds = np.repeat(list(_COARSE), count)
    total = len(kinds)
    x, y = (_COARSE_UM * (k + rng.random(total)) for k in (i, j))
    size = rng.random(total)
    # many small crystals and few large ones
    radius = np.where(kinds == CRYSTAL, 0.1 * (1.0 - size * (1.0 - 0.07**1.6)) ** (-1.0 / 1.6), 1.5 + 5.0 * size**2)
    thick = np.where(kinds == CRYSTAL, 900.0 * radius, np.where(kinds == ETHANE, 500.0, 4000.0))
    return np.column_stack([x, y, radius, kinds, thick, rng.integers(0, 2**31, total)])


def _frost(rate: float, i: int, j: int, rng: np.random.Generator) -> NDArray[np.float64]:
    count = int(rng.poisson(rate * _FINE))
    x, y = (_FINE_UM * (k + rng.random(count)) for k in (i, j))
    radius = np.clip(0.018 * np.exp(0.45 * rng.standard_normal(count)), _FINEST_UM, 0.1)
    # a ball crosses its diameter; frost is not quite round and piles up
    return np.column_stack([x, y, radius, np.full(count, float(FROST)), 1600.0 * radius, rng.integers(0, 2**31, count)])


def add_debris(film: Film, debris: NDArray[np.float64], view: View, ice_path_nm: float, ice_V: float) -> None:
    """Put debris on a film, in place."""
    if len(debris):
        extra = np.zeros(view.shape_px, dtype=np.float32)
        _pieces(debris, *view.corner_um, *view.step_um, extra)
        extra *= np.float32(1.0 / np.cos(np.deg2rad(view.tilt_deg)))
        film.transmission[:] *= np.exp(-extra / np.float32(ice_path_nm))
        film.potential_V_nm[:] += extra * np.float32(ice_V)


@njit(nogil=True, cache=True)
def _pieces(debris, x0, y0, dx, dy, extra):
    ny, nx = extra.shape
    soft = max(dx, dy)
    for k in range(debris.shape[0]):
        cx, cy, radius, kind, thick, own = debris[k]
        reach = 1.5 * radius + soft
        left, right = max(0, int(np.ceil((cx - reach - x0) / dx))), min(nx, int((cx + reach - x0) / dx) + 1)
        top, bottom = max(0, int(np.ceil((cy - reach - y0) / dy))), min(ny, int((cy + reach - y0) / dy) + 1)
        seed = int(own)
        turn, faces = 6.2831853 * (seed % 1000) / 1000.0, 5 + seed % 3
        small = min(1.0, (radius / (0.6 * soft)) ** 2)  # share of a pixel that a smaller piece covers
        wide = max(radius, 0.6 * soft)
        for row in range(top, bottom):
            for column in range(left, right):
                px, py = x0 + column * dx - cx, y0 + row * dy - cy
                away = np.hypot(px, py) / wide
                if kind == 0.0:
                    angle = np.arctan2(py, px) - turn
                    away *= 1.0 + 0.2 * np.cos(2.0 * angle)  # longer one way
                    side = 6.2831853 / faces
                    away *= np.cos(angle - side * np.floor(angle / side + 0.5))
                    height = min(1.0, 2.5 * (1.0 - away)) * 0.8 + 0.2
                elif kind == 3.0:
                    away *= 1.0 + 0.3 * gradient_noise(seed, 1, 1.3 * px / radius + 3.7, 1.3 * py / radius + 8.2)
                    away *= 1.0 + 0.12 * gradient_noise(seed, 2, 5.0 * px / radius, 5.0 * py / radius)
                    height = 1.0
                elif kind == 1.0:
                    away *= 1.0 + 0.12 * gradient_noise(seed, 1, px / radius + 3.7, py / radius + 8.2)
                    height = np.sqrt(max(0.0, 1.0 - away * away))
                else:
                    height = max(0.0, 1.0 - away**2) ** 0.7
                cover = min(1.0, max(0.0, 0.5 + (1.0 - away) * wide / soft))
                extra[row, column] += np.float32(thick * height * cover * small)


def make_tears(ground: Ground) -> NDArray[np.float64]:
    """Tears in the foil of cracked squares: ``(n, 6)`` straight pieces, x and y of either end and half the width there,
    in µm on the stage.
    """
    pieces = [np.zeros((0, 6))]
    for row, column in np.argwhere(ground.kind == CRACKED):
        i, j = int(column) + ground.first, int(row) + ground.first
        rng = np.random.default_rng([ground.seed, 15, i % 2**32, j % 2**32])
        for _ in range(int(rng.integers(1, 4))):
            pieces.append(_tear(ground, i, j, rng))
    return np.concatenate(pieces)


def _tear(ground: Ground, i: int, j: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """One tear, from a bar inwards until it meets another or stops."""
    half, step = ground.half_um, 1.5
    along, heading = rng.uniform(-0.8, 0.8) * half, rng.normal(0, 0.5)
    turned = np.pi / 2 * rng.integers(0, 4)
    c, s = np.cos(turned), np.sin(turned)
    place = np.array([along, -half])
    points, widths = [], []
    most = rng.uniform(0.5, 2.2) * half
    width = rng.uniform(0.1, 0.7)
    way = 0.0
    while way < most:
        u, v = c * place[0] - s * place[1] + i * ground.pitch_um, s * place[0] + c * place[1] + j * ground.pitch_um
        if way > 3 * step and depth_in_square(ground, u, v, i, j) < 0.3:
            break
        points.append(to_stage(ground, u, v))
        widths.append(width * rng.uniform(0.5, 1.5) * np.sqrt(max(0.0, 1.0 - way / most)))
        heading = 0.9 * heading + 0.35 * rng.standard_normal()
        place = place + step * np.array([np.sin(heading), np.cos(heading)])
        way += step
    xy, w = np.array(points), np.array(widths)
    return np.column_stack([xy[:-1], w[:-1], xy[1:], w[1:]])[:, [0, 1, 3, 4, 2, 5]]


def tear_film(film: Film, tears: NDArray[np.float64], view: View) -> None:
    """Open tears in a film, in place: what is left lets all electrons through."""
    low_x, high_x, low_y, high_y = view.bounds_um
    x, y = tears[:, [0, 2]], tears[:, [1, 3]]
    near = (x.max(1) > low_x - 2) & (x.min(1) < high_x + 2) & (y.max(1) > low_y - 2) & (y.min(1) < high_y + 2)
    if not near.any():
        return
    left = np.ones(view.shape_px, dtype=np.float32)
    _open(tears[near], *view.corner_um, *view.step_um, left)
    film.transmission[:] = film.transmission * left + (1.0 - left)
    for layer in (film.potential_V_nm, film.ice_nm, film.foil_nm, film.crystalline, film.cell_nm):
        layer[:] *= left


@njit(nogil=True, cache=True)
def _open(tears, x0, y0, dx, dy, left):
    ny, nx = left.shape
    soft = max(dx, dy, 0.01)
    for k in range(tears.shape[0]):
        ax, ay, bx, by, wa, wb = tears[k]
        reach = max(wa, wb) + soft
        first, last = max(0, int((min(ax, bx) - reach - x0) / dx)), min(nx, int((max(ax, bx) + reach - x0) / dx) + 2)
        top, bottom = max(0, int((min(ay, by) - reach - y0) / dy)), min(ny, int((max(ay, by) + reach - y0) / dy) + 2)
        length = (bx - ax) ** 2 + (by - ay) ** 2
        for row in range(top, bottom):
            for column in range(first, last):
                px, py = x0 + column * dx - ax, y0 + row * dy - ay
                t = min(1.0, max(0.0, (px * (bx - ax) + py * (by - ay)) / length))
                away = np.hypot(px - t * (bx - ax), py - t * (by - ay))
                width = wa + t * (wb - wa)
                width *= 1.0 + 0.15 * gradient_noise(77, 1, (x0 + column * dx) / 1.1, (y0 + row * dy) / 1.1)
                cover = min(1.0, max(0.0, 0.5 + (width - away) / soft))
                left[row, column] = min(left[row, column], np.float32(1.0 - cover))
