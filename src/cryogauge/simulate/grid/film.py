"""What the beam meets at every pixel of a view: bars, foil, ice, and how much of it comes through."""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from cryogauge.simulate.grid.ground import (
    BROKEN,
    EMPTY,
    NO_SQUARE,
    Ground,
    depth_in_hole,
    depth_in_square,
    hole_at,
    hole_ice_nm,
    is_crystalline,
    sheet_nm,
    square_at,
    to_mesh,
    torn_depth_um,
)
from cryogauge.simulate.grid.scattering import MATERIALS
from cryogauge.simulate.grid.view import View

#: Share of the electrons that reaches the camera through the bars, by scattering about them.
BAR_LEAK = 0.004
#: Distance over which bars, which stand high above the foil, fade in.
_BAR_EDGE_UM = 0.6


@dataclass(frozen=True)
class Film:
    """What lies at each pixel of a view, float32 ``(y, x)`` each.

    Attributes
    ----------
    transmission
        Share of the electrons that come through, averaged over the pixel.
    potential_V_nm
        Projected mean inner potential.
    ice_nm, foil_nm
        Thicknesses along the beam, averaged over the pixel.
    crystalline
        Share of the pixel whose ice is crystalline.
    cell_nm
        Thickness of cells along the beam.
    """

    transmission: NDArray[np.float32]
    potential_V_nm: NDArray[np.float32]
    ice_nm: NDArray[np.float32]
    foil_nm: NDArray[np.float32]
    crystalline: NDArray[np.float32]
    cell_nm: NDArray[np.float32]


def render_film(ground: Ground, foil: str, view: View, ice_path_nm: float, foil_path_nm: float) -> Film:
    """The film at every pixel of a view, ice and foil letting 1/e of the electrons through after these paths."""
    out = np.zeros((6, *view.shape_px), dtype=np.float32)
    _film(
        ground,
        *view.corner_um,
        *view.step_um,
        1.0 / np.cos(np.deg2rad(view.tilt_deg)),
        ice_path_nm,
        foil_path_nm,
        MATERIALS["ice"].potential_V,
        MATERIALS[foil].potential_V,
        out,
    )
    return Film(*out)


def enlarged(film: Film, times: int, shape_px: tuple[int, int]) -> Film:
    """A film drawn with pixels ``times`` as large about the same middle, interpolated linearly."""
    layers = (film.transmission, film.potential_V_nm, film.ice_nm, film.foil_nm, film.crystalline, film.cell_nm)
    return Film(*(_interpolated(layer, times, np.empty(shape_px, dtype=np.float32)) for layer in layers))


@njit(nogil=True, cache=True)
def _interpolated(coarse, times, out):
    for y in range(out.shape[0]):
        cy = (y - 0.5 * (out.shape[0] - 1)) / times + 0.5 * (coarse.shape[0] - 1)
        j = min(max(int(np.floor(cy)), 0), coarse.shape[0] - 2)
        fy = np.float32(min(max(cy - j, 0.0), 1.0))
        for x in range(out.shape[1]):
            cx = (x - 0.5 * (out.shape[1] - 1)) / times + 0.5 * (coarse.shape[1] - 1)
            i = min(max(int(np.floor(cx)), 0), coarse.shape[1] - 2)
            fx = np.float32(min(max(cx - i, 0.0), 1.0))
            low = coarse[j, i] + fx * (coarse[j, i + 1] - coarse[j, i])
            high = coarse[j + 1, i] + fx * (coarse[j + 1, i + 1] - coarse[j + 1, i])
            out[y, x] = low + fy * (high - low)
    return out


@njit(nogil=True, cache=True)
def _share(depth_um, soft_um):
    """Share of a pixel that is inside an edge a distance away."""
    return min(1.0, max(0.0, 0.5 + depth_um / soft_um))


@njit(nogil=True, cache=True)
def _film(g, x0, y0, dx, dy, longer, ice_path, foil_path, ice_V, foil_V, out):
    soft = max(abs(dx), abs(dy), 0.004)
    filling = np.pi * (g.hole_radius_um / g.hole_pitch_um) ** 2 * (1.0 if g.lattice == 0 else 1.1547)
    # where pixels are larger than holes, they see the mean of foil and holes
    blend = min(1.0, max(0.0, 2.0 * soft / g.hole_pitch_um - 1.0))
    last_i, last_j, middle, crystals = -(2**40), 0, 0.0, False
    for y in range(out.shape[1]):
        for x in range(out.shape[2]):
            u, v = to_mesh(g, x0 + x * dx, y0 + y * dy)
            si, sj, kind = square_at(g, u, v)
            depth = -1e3 if kind == NO_SQUARE else depth_in_square(g, u, v, si, sj)
            opening = _share(depth, max(soft, _BAR_EDGE_UM))
            if opening <= 0.0:
                out[0, y, x] = BAR_LEAK
                continue
            foil_there, curl = 1.0, 0.0
            if kind == EMPTY:
                foil_there = 0.0
            elif kind == BROKEN:
                left = torn_depth_um(g, u, v) - depth
                foil_there = _share(left, max(soft, 0.02))
                if 0.0 < left < 1.6:
                    curl = 1.0 - left / 1.6
            through, volts, ice, foil, crystal = 1.0, 0.0, 0.0, 0.0, 0.0
            if foil_there > 0.0:
                i, j, cu, cv = hole_at(g, u, v)
                inside = depth_in_hole(g, u, v, i, j, cu, cv)
                hole = _share(inside, soft)
                if g.lattice != 2:
                    hole += blend * (filling - hole)
                sheet = sheet_nm(g, u, v, si, sj, depth)
                on_foil = sheet + 0.5 * g.meniscus_nm if sheet > 0.0 else 0.0
                own_foil = g.foil_nm * (1.0 + 6.0 * curl)
                in_hole = 0.0
                if hole > 0.0:
                    if i != last_i or j != last_j:  # neighbours are mostly of one hole
                        last_i, last_j = i, j
                        middle = hole_ice_nm(g, i, j, cu, cv, si, sj)
                        crystals = is_crystalline(g, i, j, si, sj)
                    if middle > 0.0:
                        rim = min(1.0, max(0.0, 1.0 - inside / g.hole_radius_um))
                        in_hole = middle + g.meniscus_nm * rim * rim
                        if crystals:
                            crystal = hole * foil_there
                hole_through = np.exp(-longer * in_hole / ice_path)
                foil_through = np.exp(-longer * (on_foil / ice_path + own_foil / foil_path))
                inner = hole * hole_through + (1.0 - hole) * foil_through
                through = foil_there * inner + 1.0 - foil_there
                ice = foil_there * longer * (hole * in_hole + (1.0 - hole) * on_foil)
                foil = foil_there * longer * (1.0 - hole) * own_foil
                volts = ice * ice_V + foil * foil_V
            out[0, y, x] = opening * through + (1.0 - opening) * BAR_LEAK
            out[1, y, x] = volts
            out[2, y, x] = ice
            out[3, y, x] = foil
            out[4, y, x] = crystal


@njit(nogil=True, cache=True)
def places(g, x, y):
    """What is at places of the stage, ``(n, 6)``.

    Number of the square's column and row; distance from the foil into the hole (negative on foil and bars, in which
    case nothing else is in a hole); thickness of the ice there; 1 where it is crystalline; 1 on a bar, 2 where foil is
    missing.
    """
    out = np.zeros((len(x), 6))
    for k in range(len(x)):
        u, v = to_mesh(g, x[k], y[k])
        si, sj, kind = square_at(g, u, v)
        out[k, 0], out[k, 1], out[k, 2] = si, sj, -1.0
        depth = -1.0 if kind == NO_SQUARE else depth_in_square(g, u, v, si, sj)
        if depth <= 0.0:
            out[k, 5] = 1.0
            continue
        if kind == EMPTY or (kind == BROKEN and torn_depth_um(g, u, v) < depth):
            out[k, 5] = 2.0
            continue
        i, j, cu, cv = hole_at(g, u, v)
        inside = depth_in_hole(g, u, v, i, j, cu, cv)
        out[k, 2] = inside
        if inside > 0.0:
            middle = hole_ice_nm(g, i, j, cu, cv, si, sj)
            if middle > 0.0:
                rim = min(1.0, max(0.0, 1.0 - inside / g.hole_radius_um))
                out[k, 3] = middle + g.meniscus_nm * rim * rim
                out[k, 4] = 1.0 if is_crystalline(g, i, j, si, sj) else 0.0
        else:
            out[k, 3] = sheet_nm(g, u, v, si, sj, depth)
    return out
