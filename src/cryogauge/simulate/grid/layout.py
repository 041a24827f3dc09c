"""A grid: its squares and holes, what they are and what they are worth."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cryogauge.records import BadInput
from cryogauge.simulate.grid.cells import make_cells, make_lamellae
from cryogauge.simulate.grid.debris import make_tears
from cryogauge.simulate.grid.ground import HEXAGONAL, LACEY, NO_SQUARE, SQUARE, THICK, Ground, many_to_stage
from cryogauge.simulate.grid.holes import category_column, hole_table
from cryogauge.simulate.grid.settings import GRID_RADIUS_UM, SQUARE_KINDS, GridSettings, HolePattern, parse_pattern

_LATTICES = {"square": SQUARE, "hexagonal": HEXAGONAL, "lacey": LACEY}
#: Thickness of ice in squares called thick, over the usual.
_THICK_NM = (350.0, 900.0)
#: Share of squares with a lens of thicker ice in their middle, and its thickness.
_POOLS, _POOL_NM = 0.3, 130.0
_STRAY_CRYSTALS, _CRYSTAL_SQUARE = 0.01, 0.9


@dataclass(frozen=True)
class SimulatedGrid:
    """A grid that is known down to its particles, and rendered where it is looked at.

    Attributes
    ----------
    settings, seed
        What it was made from.
    pattern
        The foil's holes.
    ground
        What kernels need of it.
    angle_deg
        Direction of the rows of squares, counter-clockwise from +x to +y.
    hole_angle_deg
        Direction of the rows of holes likewise.
    """

    settings: GridSettings
    seed: int
    pattern: HolePattern
    ground: Ground = field(repr=False)
    angle_deg: float
    hole_angle_deg: float

    @cached_property
    def squares(self) -> pd.DataFrame:
        """One row a square.

        ``square`` (its number), ``column, row`` (place on the mesh), ``stage_x_um, stage_y_um``, ``width_um`` of the
        opening, ``angle_deg``, ``corner0_x_um, corner0_y_um`` … ``corner3_y_um`` (as if corners were sharp), ``whole``
        (not cut by the rim), ``height_um``, ``kind``, ``thickness_nm`` (median of its holes; that of the sheet where it
        has none), ``crystalline`` (share of holes), ``holes`` (that lie in it whole), ``good_holes`` (of quality 0.5 or
        more) and ``quality`` (mean of its holes).
        """
        table = self._outlines
        whole = self.holes[self.holes["edge_um"] > 0]
        by = whole.groupby("square", observed=True)
        count = by.size().reindex(table["square"], fill_value=0)
        quality = by["quality"].mean().reindex(table["square"], fill_value=0.0)
        good = (whole["quality"] >= 0.5).groupby(whole["square"]).sum().reindex(table["square"], fill_value=0)
        thickness = by["thickness_nm"].median().reindex(table["square"]).to_numpy()
        sheet = self.ground.ice_nm[self._cells]
        return table.assign(
            thickness_nm=np.where(np.isfinite(thickness), thickness, np.maximum(sheet, 0.0)),
            crystalline=self.ground.crystalline[self._cells],
            holes=count.to_numpy(),
            good_holes=good.to_numpy(),
            quality=quality.to_numpy(),
        )

    @property
    def _cells(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        rows, columns = np.nonzero(self.ground.kind != NO_SQUARE)
        return rows, columns

    @cached_property
    def _outlines(self) -> pd.DataFrame:
        g = self.ground
        rows, columns = self._cells
        j, i = rows + g.first, columns + g.first
        centres = many_to_stage(g, i * g.pitch_um, j * g.pitch_um)
        table = pd.DataFrame(
            {
                "square": np.arange(len(i)),
                "column": i,
                "row": j,
                "stage_x_um": centres[:, 0],
                "stage_y_um": centres[:, 1],
                "width_um": 2.0 * g.half_um,
                "angle_deg": self.angle_deg,
            }
        )
        for k, (a, b) in enumerate([(-1, -1), (1, -1), (1, 1), (-1, 1)]):
            corner = many_to_stage(g, i * g.pitch_um + a * g.half_um, j * g.pitch_um + b * g.half_um)
            table[f"corner{k}_x_um"], table[f"corner{k}_y_um"] = corner[:, 0], corner[:, 1]
        reach = (np.hypot(i, j)) * g.pitch_um + np.sqrt(2.0) * g.half_um
        kinds = category_column(g.kind[rows, columns], SQUARE_KINDS)
        return table.assign(
            whole=reach < g.radius_um, height_um=self.height_um(centres[:, 0], centres[:, 1]), kind=kinds
        )

    @cached_property
    def tears(self) -> NDArray[np.float64]:
        """Tears of cracked squares; see :func:`cryogauge.simulate.grid.debris.make_tears`."""
        return make_tears(self.ground)

    @cached_property
    def holes(self) -> pd.DataFrame:
        """One row a hole whose centre is in a square; see :func:`cryogauge.simulate.grid.holes.hole_table`."""
        return hole_table(self.settings, self.ground, self.tears, self._outlines, self.cells)

    @cached_property
    def cells(self) -> pd.DataFrame:
        """One row a cell; see :func:`cryogauge.simulate.grid.cells.make_cells`."""
        return make_cells(self.settings, self.ground, self._outlines)

    @cached_property
    def lamellae(self) -> pd.DataFrame:
        """One row a lamella; see :func:`cryogauge.simulate.grid.cells.make_lamellae`."""
        return make_lamellae(self.settings, self.ground, self._outlines, self.cells)

    @cached_property
    def quality(self) -> float:
        """What a target taken blindly is worth: the mean quality of the lamellae where that is the specimen, otherwise
        of all whole holes, those of lost squares included.
        """
        if self.settings.specimen == "lamellae":
            return float(self.lamellae["quality"].mean()) if len(self.lamellae) else 0.0
        whole = self.holes["edge_um"] > 0
        return float(self.holes.loc[whole, "quality"].mean()) if whole.any() else 0.0

    def height_um(self, x_um: NDArray[np.floating], y_um: NDArray[np.floating]) -> NDArray[np.float64]:
        """Height of the foil along the beam at places on the stage: the grid is bent by some ten µm."""
        rng = np.random.default_rng([self.seed, 3])
        slope, bow, saddle = rng.normal(0, 6, 2), rng.normal(0, 10), rng.normal(0, 6, 2)
        x, y = np.asarray(x_um, dtype=np.float64) / GRID_RADIUS_UM, np.asarray(y_um, dtype=np.float64) / GRID_RADIUS_UM
        return slope[0] * x + slope[1] * y + bow * (x**2 + y**2) + saddle[0] * (x**2 - y**2) + saddle[1] * x * y


def make_grid(settings: GridSettings | None = None, seed: int = 0) -> SimulatedGrid:
    """Make a grid.

    Parameters
    ----------
    settings
        What it is like.
    seed
        The same settings and seed give the same grid, at every magnification.

    Raises
    ------
    BadInput
        When the seed is negative.
    """
    if seed < 0:
        raise BadInput(f"a seed of {seed} is negative", "give 0 or more")
    settings = settings or GridSettings()
    rng = np.random.default_rng([seed, 1])
    angle = float(rng.uniform(-45, 45)) if settings.rotation_deg is None else settings.rotation_deg
    turn = float(rng.uniform(-45, 45)) if settings.foil_rotation_deg is None else settings.foil_rotation_deg
    pitch = settings.mesh_pitch_um
    bar = float(rng.uniform(0.26, 0.38)) * pitch if settings.bar_um is None else settings.bar_um
    pattern = parse_pattern(settings.pattern)
    half = 0.5 * (pitch - bar)
    reach = int(np.ceil(GRID_RADIUS_UM / pitch)) + 1
    j, i = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    exists = np.hypot(i, j) * pitch < GRID_RADIUS_UM + 0.35 * pitch
    slow = _slow_field(i * pitch / GRID_RADIUS_UM, j * pitch / GRID_RADIUS_UM, rng)
    kind = np.where(exists, _kinds(settings, slow, rng), NO_SQUARE).astype(np.int8)
    ice = settings.ice_nm + settings.ice_gradient_nm * slow + settings.ice_square_nm * rng.standard_normal(i.shape)
    thick = kind == THICK
    ice[thick] = rng.uniform(*_THICK_NM, thick.sum())
    pools = rng.random(i.shape) < _POOLS
    pool_nm = np.where(pools, _POOL_NM * np.exp(0.6 * rng.standard_normal(i.shape)), 0.0)
    crystal = np.where(rng.random(i.shape) < settings.crystalline, _CRYSTAL_SQUARE, _STRAY_CRYSTALS)
    ground = Ground(
        seed=seed,
        radius_um=GRID_RADIUS_UM,
        cos=float(np.cos(np.deg2rad(angle))),
        sin=float(np.sin(np.deg2rad(angle))),
        waves=_waves(settings.warp_um, rng),
        pitch_um=pitch,
        half_um=half,
        corner_um=float(rng.uniform(0.08, 0.35)) * half,
        foil_cos=float(np.cos(np.deg2rad(turn))),
        foil_sin=float(np.sin(np.deg2rad(turn))),
        lattice=_LATTICES[pattern.lattice],
        hole_radius_um=pattern.hole_um / 2,
        hole_pitch_um=pattern.pitch_um,
        foil_nm=settings.foil_thickness_nm,
        first=-reach,
        kind=kind,
        ice_nm=ice,
        pool_nm=pool_nm,
        pool_u_um=rng.normal(0, 0.18 * half, i.shape),
        pool_v_um=rng.normal(0, 0.18 * half, i.shape),
        pool_radius_um=rng.uniform(0.2, 0.55, i.shape) * half,
        crystalline=crystal,
        ripple_nm=0.35 * settings.ice_square_nm,
        hole_sd_nm=settings.ice_hole_nm,
        meniscus_nm=settings.meniscus_nm,
        edge_nm=settings.edge_nm,
    )
    return SimulatedGrid(settings, seed, pattern, ground, angle, angle + turn)


def _slow_field(x: NDArray[np.float64], y: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """A field of variance about 1 that changes over the radius of the grid."""
    field_ = np.zeros_like(x)
    for _ in range(4):
        kx, ky = rng.normal(0, 1.6, 2)
        field_ += np.sqrt(0.5) * np.cos(kx * x + ky * y + rng.uniform(0, 2 * np.pi))
    return field_


def _waves(warp_um: float, rng: np.random.Generator) -> NDArray[np.float64]:
    waves = np.empty((4, 5))
    for k in range(4):
        heading, length = rng.uniform(0, 2 * np.pi), rng.uniform(900, 2500)
        amplitude = warp_um * np.sqrt(2.0) / 2.0
        aim = rng.uniform(0, 2 * np.pi)
        waves[k] = (
            2 * np.pi / length * np.cos(heading),
            2 * np.pi / length * np.sin(heading),
            rng.uniform(0, 2 * np.pi),
            amplitude * np.cos(aim),
            amplitude * np.sin(aim),
        )
    return waves


def _kinds(settings: GridSettings, slow: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.intp]:
    """A kind for each square, by the shares: thick squares are rather where the ice is thick, dry where it is thin."""
    lean = {"thick": 1.2, "dry": -1.2}
    draw = rng.random(slow.shape)
    kind = np.zeros(slow.shape, dtype=np.intp)
    below = np.zeros_like(slow)
    for code, name in enumerate(SQUARE_KINDS[1:], 1):
        weight = np.exp(lean.get(name, 0.0) * slow)
        above = below + getattr(settings, name) * weight / weight.mean()
        kind[(draw >= below) & (draw < above)] = code
        below = above
    return kind
