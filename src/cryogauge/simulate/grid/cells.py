"""Cells on the foil of a grid, and lamellae milled into them."""

import numpy as np
import pandas as pd
from numba import njit
from numpy.typing import NDArray

from cryogauge.simulate.grid.film import Film
from cryogauge.simulate.grid.ground import CONTAMINATED, CRACKED, INTACT, THICK, Ground, many_to_stage
from cryogauge.simulate.grid.noise import gradient_noise
from cryogauge.simulate.grid.settings import GridSettings
from cryogauge.simulate.grid.view import View

_CELLS_A_SQUARE, _RADIUS_UM, _FLATNESS = 2.0, 6.5, 0.3
#: Share of the suited squares in which there was time to mill, and of lamellae that break.
_MILLED, _BROKEN = 0.12, 0.12
_USUAL_NM = 150.0
#: Lengths of what is milled before and behind a lamella, of it all; of the platinum at its front; of the slots beside
#: it that take up stress.
_FRONT, _BACK, _PLATINUM_UM, _SLOT_UM, _SLOT_GAP_UM = 0.28, 0.12, 0.6, 0.5, 1.6
#: Potential of cell over that of ice, and what platinum takes of the beam per nm of its height, as ice.
_CELL_V, _PLATINUM = 4.6, 12.0
_STREAM = 700


def make_cells(settings: GridSettings, ground: Ground, squares: pd.DataFrame) -> pd.DataFrame:
    """Cells of a grid, none where its specimen are particles.

    Returns
    -------
    pandas.DataFrame
        ``cell``, ``square``, ``stage_x_um, stage_y_um``, ``radius_um``, ``thickness_nm`` in the middle.
    """
    rng = np.random.default_rng([ground.seed, 16])
    count = np.zeros(len(squares), dtype=np.intp)
    if settings.specimen != "particles":
        kinds = ground.kind[squares["row"] - ground.first, squares["column"] - ground.first]
        holds = np.isin(kinds, [INTACT, CRACKED, CONTAMINATED, THICK])
        count = np.where(holds, rng.poisson(_CELLS_A_SQUARE, len(squares)), 0)
    which = np.repeat(np.arange(len(squares)), count)
    radius = np.clip(_RADIUS_UM * np.exp(0.3 * rng.standard_normal(len(which))), 2.5, 14.0)
    place = 0.8 * ground.half_um * rng.uniform(-1, 1, (2, len(which)))
    u = squares["column"].to_numpy()[which] * ground.pitch_um + place[0]
    v = squares["row"].to_numpy()[which] * ground.pitch_um + place[1]
    stage = many_to_stage(ground, u, v)
    return pd.DataFrame(
        {
            "cell": np.arange(len(which)),
            "square": squares["square"].to_numpy()[which],
            "stage_x_um": stage[:, 0],
            "stage_y_um": stage[:, 1],
            "radius_um": radius,
            "thickness_nm": 2e3 * _FLATNESS * radius,
        }
    )


def make_lamellae(settings: GridSettings, ground: Ground, squares: pd.DataFrame, cells: pd.DataFrame) -> pd.DataFrame:
    """Lamellae of a grid: at most one a square, in a cell large enough that lies well inside an intact square.

    Returns
    -------
    pandas.DataFrame
        ``lamella``, ``cell``, ``square``, ``stage_x_um, stage_y_um`` of the middle of the milled window, its
        ``width_um`` and ``length_um``, ``angle_deg`` (direction of the beam that milled it, counter-clockwise from +x
        to +y), ``thickness_nm`` in the middle, ``wedge_nm_um`` (by which it grows along that direction), ``kind``
        (``intact`` or ``broken``) and ``quality``: 1 for one of 120 nm and less, falling as electrons are lost.
    """
    rng = np.random.default_rng([ground.seed, 17])
    chosen = cells.iloc[:0]
    if settings.specimen == "lamellae":
        home = squares.set_index("square").loc[cells["square"]]
        away = np.hypot(
            cells["stage_x_um"].to_numpy() - home["stage_x_um"].to_numpy(),
            cells["stage_y_um"].to_numpy() - home["stage_y_um"].to_numpy(),
        )
        suited = (cells["radius_um"] > 5.5) & (away < 0.55 * ground.half_um) & (home["kind"] == "intact").to_numpy()
        first = cells[suited].drop_duplicates("square")
        chosen = first[rng.random(len(first)) < _MILLED]
    count = len(chosen)
    direction = rng.uniform(-90, 90)
    thickness = np.clip(_USUAL_NM * np.exp(0.35 * rng.standard_normal(count)), 70.0, 500.0)
    intact = rng.random(count) >= _BROKEN
    return pd.DataFrame(
        {
            "lamella": np.arange(count),
            "cell": chosen["cell"].to_numpy(),
            "square": chosen["square"].to_numpy(),
            "stage_x_um": chosen["stage_x_um"].to_numpy(),
            "stage_y_um": chosen["stage_y_um"].to_numpy(),
            "width_um": rng.uniform(8.0, 13.0, count),
            "length_um": rng.uniform(1.6, 2.2, count) * chosen["radius_um"].to_numpy(),
            "angle_deg": direction + 1.5 * rng.standard_normal(count),
            "thickness_nm": thickness,
            "wedge_nm_um": rng.uniform(0, 8, count),
            "kind": np.where(intact, "intact", "broken"),
            "quality": np.where(intact, np.exp(-np.maximum(thickness - 120.0, 0.0) / 130.0), 0.0),
        }
    )


def add_cells(film: Film, cells: pd.DataFrame, lamellae: pd.DataFrame, view: View, path_nm: float) -> None:
    """Put cells on a film and mill the lamellae, in place."""
    low_x, high_x, low_y, high_y = view.bounds_um
    reach = 22.0
    longer = np.float32(1.0 / np.cos(np.deg2rad(view.tilt_deg)))
    x, y = cells["stage_x_um"], cells["stage_y_um"]
    near = cells[(x > low_x - reach) & (x < high_x + reach) & (y > low_y - reach) & (y < high_y + reach)]
    if not len(near):
        return
    columns = ["stage_x_um", "stage_y_um", "radius_um", "thickness_nm", "cell"]
    _domes(near[columns].to_numpy(np.float64), *view.corner_um, *view.step_um, film.cell_nm)
    film.cell_nm[:] *= longer
    film.transmission[:] *= np.exp(-film.cell_nm / np.float32(path_nm))
    film.potential_V_nm[:] += film.cell_nm * np.float32(_CELL_V)
    milled = lamellae[lamellae["cell"].isin(near["cell"])]
    if len(milled):
        layers = np.stack([film.transmission, film.potential_V_nm, film.ice_nm, film.foil_nm, film.cell_nm])
        _mill(lamella_rows(milled), *view.corner_um, *view.step_um, longer, path_nm, layers)
        for layer, new in zip(
            (film.transmission, film.potential_V_nm, film.ice_nm, film.foil_nm, film.cell_nm), layers, strict=True
        ):
            layer[:] = new


def lamella_rows(lamellae: pd.DataFrame) -> NDArray[np.float64]:
    """What kernels need of lamellae, ``(n, 10)``."""
    angle = np.deg2rad(lamellae["angle_deg"].to_numpy(np.float64))
    names = ["stage_x_um", "stage_y_um", "width_um", "length_um", "thickness_nm", "wedge_nm_um", "lamella"]
    broken = (lamellae["kind"] == "broken").to_numpy(np.float64)
    return np.column_stack([lamellae[names].to_numpy(np.float64), np.cos(angle), np.sin(angle), broken]).astype(
        np.float64
    )


@njit(nogil=True, cache=True)
def _domes(cells, x0, y0, dx, dy, nm):
    ny, nx = nm.shape
    for k in range(cells.shape[0]):
        cx, cy, radius, height, own = cells[k]
        reach = 1.4 * radius
        for row in range(max(0, int((cy - reach - y0) / dy)), min(ny, int((cy + reach - y0) / dy) + 2)):
            for column in range(max(0, int((cx - reach - x0) / dx)), min(nx, int((cx + reach - x0) / dx) + 2)):
                px, py = x0 + column * dx - cx, y0 + row * dy - cy
                away = np.hypot(px, py) / radius
                away *= 1.0 + 0.08 * gradient_noise(int(own), _STREAM, px / radius + 7.3, py / radius + 2.1)
                if away < 1.0:
                    nm[row, column] = max(nm[row, column], height * np.sqrt(1.0 - away * away))


@njit(nogil=True, cache=True)
def lamella_nm(lamella, x, y):
    """Thickness of a lamella at a place; 0 in what was milled away around it, −1 outside."""
    cx, cy, width, length, thickness, wedge, own, cos, sin, broken = lamella
    a, b = cos * (x - cx) + sin * (y - cy), cos * (y - cy) - sin * (x - cx)
    ragged = 0.08 * gradient_noise(int(own), _STREAM + 1, a / 1.5, b / 1.5)
    side = abs(b) - 0.5 * width + ragged
    if abs(a) > 0.5 * length + ragged:
        return -1.0
    if side > 0.0:
        slot = _SLOT_GAP_UM < side < _SLOT_GAP_UM + _SLOT_UM and abs(a) < 0.3 * length
        return 0.0 if slot else -1.0
    front, back = (_FRONT - 0.5) * length + 0.5 * ragged, (0.5 - _BACK) * length + 0.5 * ragged
    if a < front or a > back:
        return 0.0
    if broken > 0.0 and b > 0.15 * width * gradient_noise(int(own), _STREAM + 2, a / 2.0, 0.5) - 0.1 * width:
        return 0.0
    streak = gradient_noise(int(own), _STREAM + 3, b / 0.35, a / 12.0)
    nm = thickness + wedge * a + 0.07 * thickness * streak
    if a < front + _PLATINUM_UM:
        nm += _PLATINUM * thickness * (1.0 - (a - front) / _PLATINUM_UM)
    return max(nm, 20.0)


@njit(nogil=True, cache=True)
def _mill(lamellae, x0, y0, dx, dy, longer, path_nm, layers):
    ny, nx = layers.shape[1:]
    for k in range(lamellae.shape[0]):
        cx, cy, own = lamellae[k, 0], lamellae[k, 1], lamellae[k, 6]
        reach = 0.75 * (lamellae[k, 2] + lamellae[k, 3]) + 3.0
        for row in range(max(0, int((cy - reach - y0) / dy)), min(ny, int((cy + reach - y0) / dy) + 2)):
            for column in range(max(0, int((cx - reach - x0) / dx)), min(nx, int((cx + reach - x0) / dx) + 2)):
                x, y = x0 + column * dx, y0 + row * dy
                nm = lamella_nm(lamellae[k], x, y)
                if nm < 0.0:
                    continue
                if nm > 0.0:
                    nm *= longer * (1.0 + inside_cell(int(own), x - cx, y - cy))
                layers[0, row, column] = np.exp(-nm / path_nm)
                layers[1, row, column] = nm * _CELL_V
                layers[2, row, column] = 0.0
                layers[3, row, column] = 0.0
                layers[4, row, column] = nm


@njit(nogil=True, cache=True)
def inside_cell(own, x, y):
    """Density of what is in a cell at a place over the mean, minus 1: compartments, granules, grain."""
    shape = gradient_noise(own, _STREAM + 4, x / 1.1, y / 1.1) + 0.4 * gradient_noise(
        own, _STREAM + 5, x / 0.3, y / 0.3
    )
    bodies = 0.12 if shape > 0.9 else (-0.08 if shape < -1.0 else 0.0)
    granules = gradient_noise(own, _STREAM + 6, x / 0.12, y / 0.12)
    return bodies + 0.03 * gradient_noise(own, _STREAM + 7, x / 0.05, y / 0.05) + (0.25 if granules > 2.0 else 0.0)


@njit(nogil=True, cache=True)
def membranes_V_nm(cell_nm, own, x0, y0, dx, dy, out):
    """Add the projected potential of membranes, V nm: outlines of the compartments and of small vesicles."""
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            if cell_nm[row, column] <= 0.0 or cell_nm[row, column] > 600.0:
                continue
            x, y = x0 + column * dx, y0 + row * dy
            for scale, level, stream in ((1.1, 0.9, 4), (0.22, 1.5, 8)):
                here = gradient_noise(own, _STREAM + stream, x / scale, y / scale)
                if abs(here - level) > 0.25:
                    continue
                step = 0.002
                gx = (gradient_noise(own, _STREAM + stream, (x + step) / scale, y / scale) - here) / step
                gy = (gradient_noise(own, _STREAM + stream, x / scale, (y + step) / scale) - here) / step
                away = 1e3 * abs(here - level) / max(np.hypot(gx, gy), 1e-3)  # nm
                leaflets = np.exp(-0.5 * ((away - 2.0) / 0.9) ** 2)
                out[row, column] += np.float32(0.25 * min(cell_nm[row, column], 100.0) * leaflets)
