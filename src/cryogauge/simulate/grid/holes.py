"""Holes of a grid: where each is, what is in it, and what it is worth."""

import numpy as np
import pandas as pd
from numba import njit
from numpy.typing import NDArray
from scipy.spatial import KDTree

from cryogauge.simulate.grid.debris import debris_in
from cryogauge.simulate.grid.ground import (
    BROKEN,
    EMPTY,
    LACEY,
    SQUARE,
    Ground,
    depth_in_hole,
    depth_in_square,
    hole_centre,
    hole_ice_nm,
    is_crystalline,
    many_to_stage,
    square_at,
    torn_depth_um,
)
from cryogauge.simulate.grid.quality import (
    expected_quality,
    expected_resolution_A,
    particles_per_um2,
    preferred_share,
)
from cryogauge.simulate.grid.settings import SQUARE_KINDS, GridSettings

#: What a hole can be: as squares, and crystalline.
HOLE_KINDS = (*SQUARE_KINDS, "crystalline")
#: Share of a hole that debris covers from which it is called contaminated, and ice from which it is called thick.
_DIRTY_SHARE, _THICK_NM = 0.15, 200.0


def hole_table(
    settings: GridSettings, ground: Ground, tears: NDArray[np.float64], squares: pd.DataFrame, cells: pd.DataFrame
) -> pd.DataFrame:
    """One row a hole whose centre is in a square, and whose foil was there.

    Parameters
    ----------
    settings, ground, tears
        The grid.
    squares
        With ``square``, ``column``, ``row``.
    cells
        Under which a hole is thick.

    Returns
    -------
    pandas.DataFrame
        ``hole`` (its number), ``square``, ``lattice_i, lattice_j``, ``stage_x_um, stage_y_um``, ``diameter_um``,
        ``edge_um`` (from its rim to the nearest bar; negative for one that a bar cuts), ``kind`` (one of
        :data:`HOLE_KINDS`), ``thickness_nm`` of the ice in the middle, ``covered`` (share of it under debris),
        ``particles_um2``, ``preferred`` (share of particles in preferred views), ``resolution_A`` that an exposure's
        Thon rings reach (NaN where there is no ice), and ``quality``: the share of the particles that an exposure of
        it yields good, 0 to 1.
    """
    places = zip(squares["column"], squares["row"], strict=True)
    found = [_holes_of(ground, int(i), int(j)) for i, j in places]
    square = np.repeat(squares["square"].to_numpy(), [len(part) for part in found])
    values = np.concatenate([np.zeros((0, 8)), *found])
    stage = many_to_stage(ground, values[:, 2], values[:, 3])
    thickness, state, radius = values[:, 6], values[:, 7], values[:, 4]
    thickness = np.maximum(thickness, _under_cells(cells, stage, radius))
    covered = _covered(ground, settings.contamination, stage, radius)
    kind = np.zeros(len(values), dtype=np.int8)
    for name, which in (
        ("crystalline", state == 1),
        ("thick", thickness > _THICK_NM),
        ("contaminated", covered > _DIRTY_SHARE),
        ("dry", thickness == 0),
        ("cracked", _torn(tears, stage, radius)),
        ("broken", state == 2),
    ):  # the later the worse
        kind[which] = HOLE_KINDS.index(name)
    gone = np.isin(kind, [HOLE_KINDS.index(name) for name in ("broken", "cracked", "dry")])
    thickness = np.where(gone, 0.0, thickness)
    vitreous = np.isin(kind, [HOLE_KINDS.index(name) for name in ("intact", "contaminated", "thick")])
    particles = np.where(vitreous, particles_per_um2(thickness, settings), 0.0)
    quality = np.where(vitreous, expected_quality(thickness, settings), 0.0) * np.clip(1.0 - 2.0 * covered, 0.0, 1.0)
    return pd.DataFrame(
        {
            "hole": np.arange(len(values)),
            "square": square,
            "lattice_i": values[:, 0].astype(np.int64),
            "lattice_j": values[:, 1].astype(np.int64),
            "stage_x_um": stage[:, 0],
            "stage_y_um": stage[:, 1],
            "diameter_um": 2.0 * radius,
            "edge_um": values[:, 5],
            "kind": category_column(kind, HOLE_KINDS),
            "thickness_nm": thickness,
            "covered": covered,
            "particles_um2": particles,
            "preferred": np.where(particles > 0, preferred_share(thickness, settings), 0.0),
            "resolution_A": np.where(gone, np.nan, expected_resolution_A(thickness, settings)),
            "quality": quality,
        }
    )


@njit(nogil=True, cache=True)
def _holes_of(g, si, sj):
    """Holes with their centre in a square: i, j, u, v, radius, edge, ice, crystalline or foil missing (2)."""
    reach = int(np.ceil(1.6 * g.half_um / g.hole_pitch_um)) + 2
    cu, cv = si * g.pitch_um, sj * g.pitch_um
    p, q = g.foil_cos * cu + g.foil_sin * cv, g.foil_cos * cv - g.foil_sin * cu
    slant = 0.0 if g.lattice == SQUARE else 0.5
    rise = g.hole_pitch_um * (1.0 if g.lattice == SQUARE else 0.8660254037844386)
    middle_j = int(np.round(q / rise))
    out = np.empty(((2 * reach + 1) * (2 * reach + 1), 8))
    count = 0
    kind = g.kind[sj - g.first, si - g.first]
    if kind == EMPTY:
        return out[:0]
    for j in range(middle_j - reach, middle_j + reach + 1):
        middle_i = int(np.round(p / g.hole_pitch_um - slant * j))
        for i in range(middle_i - reach, middle_i + reach + 1):
            u, v = hole_centre(g, i, j)
            a, b, _ = square_at(g, u, v)
            if a != si or b != sj:
                continue
            depth = depth_in_square(g, u, v, si, sj)
            if depth <= 0.0:
                continue
            radius = depth_in_hole(g, u, v, i, j, u, v) if g.lattice == LACEY else g.hole_radius_um
            if radius <= 0.0:
                continue
            out[count, 0], out[count, 1], out[count, 2], out[count, 3] = i, j, u, v
            out[count, 4], out[count, 5] = radius, depth - radius
            out[count, 6] = hole_ice_nm(g, i, j, u, v, si, sj)
            out[count, 7] = 1.0 if is_crystalline(g, i, j, si, sj) else 0.0
            if kind == BROKEN and torn_depth_um(g, u, v) < depth + radius:
                out[count, 7] = 2.0
            count += 1
    return out[:count]


def _covered(
    ground: Ground, amount: float, stage_um: NDArray[np.float64], radius_um: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Share of each hole that debris larger than 0.1 µm lies over, as if pieces were round and apart."""
    covered = np.zeros(len(stage_um))
    if not len(stage_um) or amount == 0:
        return covered
    reach = ground.radius_um + 20.0
    debris = debris_in(ground, amount, (-reach, reach, -reach, reach), 0.1)
    largest = float(radius_um.max())
    near = KDTree(stage_um).query_ball_point(debris[:, :2], debris[:, 2] + largest)
    piece = np.repeat(np.arange(len(debris)), [len(found) for found in near])
    hole = np.array([k for found in near for k in found], dtype=np.intp)
    apart = np.hypot(*(stage_um[hole] - debris[piece, :2]).T)
    size, own = debris[piece, 2], radius_um[hole]
    overlap = np.clip((size + own - apart) / (2.0 * np.minimum(size, own)), 0.0, 1.0)
    np.add.at(covered, hole, overlap * (np.minimum(size, own) / own) ** 2)
    return np.minimum(covered, 1.0)


def _under_cells(
    cells: pd.DataFrame, stage_um: NDArray[np.float64], radius_um: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Thickness of the cell that each hole lies under, 0 for those under none."""
    nm = np.zeros(len(stage_um))
    if len(cells) and len(stage_um):
        near = KDTree(stage_um).query_ball_point(cells[["stage_x_um", "stage_y_um"]].to_numpy(), cells["radius_um"])
        for thickness, found in zip(cells["thickness_nm"], near, strict=True):
            nm[found] = thickness
    return nm


def _torn(
    tears: NDArray[np.float64], stage_um: NDArray[np.float64], radius_um: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Whether a tear runs into each hole."""
    torn = np.zeros(len(stage_um), dtype=bool)
    if len(tears) and len(stage_um):
        middle = 0.5 * (tears[:, :2] + tears[:, 2:4])
        half = 0.5 * np.hypot(*(tears[:, 2:4] - tears[:, :2]).T) + tears[:, 4:].max(axis=1)
        largest = float(radius_um.max())
        for piece, near in enumerate(KDTree(stage_um).query_ball_point(middle, half + largest)):
            for hole in near:
                (ax, ay, bx, by, wa, wb), (x, y) = tears[piece], stage_um[hole]
                length = (bx - ax) ** 2 + (by - ay) ** 2
                t = min(1.0, max(0.0, ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length))
                away = np.hypot(x - ax - t * (bx - ax), y - ay - t * (by - ay))
                torn[hole] |= away < radius_um[hole] + wa + t * (wb - wa)
    return torn


def category_column(codes: NDArray[np.integer], names: tuple[str, ...]) -> pd.api.extensions.ExtensionArray:
    """Codes as a column of names."""
    return pd.Categorical.from_codes(codes.tolist(), dtype=pd.CategoricalDtype(list(names)))
