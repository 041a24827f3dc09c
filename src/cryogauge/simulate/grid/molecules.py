"""Particles in the ice of a grid: where each lies, and which way it faces."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial import KDTree
from scipy.spatial.transform import Rotation

from cryogauge.simulate.classes.assemble import made_complex
from cryogauge.simulate.classes.structure import Structure, structure_from_map
from cryogauge.simulate.classes.views import random_views
from cryogauge.simulate.grid.cells import lamella_nm, lamella_rows
from cryogauge.simulate.grid.film import places
from cryogauge.simulate.grid.layout import SimulatedGrid
from cryogauge.simulate.grid.quality import particle_diameter_nm, particles_per_um2, preferred_share
from cryogauge.simulate.grid.settings import GridSettings

#: Edge of the cells within which particles are drawn together.
_CELL_UM = 0.25
#: Particles at a surface of the ice come no closer than this share of their diameter.
_CLOSEST = 0.75
_PREFERRED_VIEWS, _SPREAD_DEG = 2, 8.0


@lru_cache(maxsize=8)
def structure_of(settings: GridSettings) -> Structure:
    """The particle of a grid: made up once and for all from its mass and point group, or a map's.

    Raises
    ------
    BadInput
        When the map cannot be read.
    """
    if settings.particle_map is not None:
        return structure_from_map(Path(settings.particle_map))
    rng = np.random.default_rng(0)
    return made_complex("made-up", settings.particle_kDa, settings.particle_symmetry, rng)


def grid_particles(grid: SimulatedGrid, bounds_um: tuple[float, float, float, float]) -> pd.DataFrame:
    """Particles of a part of a grid.

    Parameters
    ----------
    grid
        Whose.
    bounds_um
        Lowest and highest stage x, lowest and highest y; at most 10 µm wide and high.

    Returns
    -------
    pandas.DataFrame
        A row a particle: ``stage_x_um, stage_y_um``, ``sound`` (not spoilt by the air-water interface), ``preferred``,
        and the nine terms ``r00`` … ``r22`` of its rotation on z, y, x. The same particle has the same row whatever
        part it is asked for with.
    """
    low_x, high_x, low_y, high_y = bounds_um
    reach = 2e-3 * particle_diameter_nm(grid.settings)  # neighbours that decide whether one at the edge is kept
    columns = range(int(np.floor((low_x - reach) / _CELL_UM)), int(np.floor((high_x + reach) / _CELL_UM)) + 1)
    rows = range(int(np.floor((low_y - reach) / _CELL_UM)), int(np.floor((high_y + reach) / _CELL_UM)) + 1)
    drawn = [_drawn(grid, i, j) for j in rows for i in columns]
    table = np.concatenate(drawn) if drawn else np.zeros((0, 15))
    kept = _thinned(grid, table)
    x, y = kept[:, 0], kept[:, 1]
    kept = kept[(x >= low_x) & (x <= high_x) & (y >= low_y) & (y <= high_y)]
    frame = pd.DataFrame(
        {
            "stage_x_um": kept[:, 0],
            "stage_y_um": kept[:, 1],
            "sound": kept[:, 3] < grid.settings.sound,
            "preferred": kept[:, 4] > 0,
        }
    )
    terms = pd.Index([f"r{i}{j}" for i in range(3) for j in range(3)])
    return pd.concat([frame, pd.DataFrame(kept[:, 6:], columns=terms)], axis=1)


def _drawn(grid: SimulatedGrid, i: int, j: int) -> NDArray[np.float64]:
    """Particles of a cell: x, y, rank, soundness, preferred, surface, rotation."""
    settings = grid.settings
    rng = np.random.default_rng([grid.seed, 11, i % 2**32, j % 2**32])
    # as many as the densest ice could hold; those that the ice at their place does not are left out
    most_um2 = 3.0 * settings.particles_um2
    count = int(rng.poisson(most_um2 * _CELL_UM**2))
    x, y = (_CELL_UM * (k + rng.random(count)) for k in (i, j))
    lot, rank, spoilt, fate = rng.random((4, count))
    surface = rng.integers(0, 2, count)
    rotations = random_views(count, rng) if count else np.zeros((0, 3, 3))
    if not count:
        return np.zeros((0, 15))
    there = places(grid.ground, x, y)
    nm = np.where((there[:, 2] > 0) & (there[:, 4] == 0), there[:, 3], 0.0)
    wanted = particles_per_um2(nm, settings)
    for lamella in lamella_rows(grid.lamellae):
        if np.hypot(lamella[0] - _CELL_UM * i, lamella[1] - _CELL_UM * j) < lamella[2] + lamella[3]:
            wanted = np.where([lamella_nm(lamella, *place) > 0 for place in zip(x, y, strict=True)], most_um2, wanted)
    held = lot * most_um2 < wanted
    facing = fate < preferred_share(nm, settings)
    if facing.any():
        poles = random_views(_PREFERRED_VIEWS, np.random.default_rng([grid.seed, 12]))
        wobble = np.zeros((count, 3))
        wobble[:, 1:] = np.deg2rad(_SPREAD_DEG) * rng.standard_normal((count, 2))
        turn = np.zeros((count, 3))
        turn[:, 0] = rng.uniform(0, 2 * np.pi, count)
        aligned = Rotation.from_rotvec(turn) * Rotation.from_rotvec(wobble) * Rotation.from_matrix(poles[surface])
        rotations = np.where(facing[:, None, None], aligned.as_matrix(), rotations)
    table = np.column_stack([x, y, rank, spoilt, facing, surface, rotations.reshape(count, 9)]).astype(np.float64)
    return table[held]


def _thinned(grid: SimulatedGrid, table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Without those that a neighbour of lower rank on the same surface leaves no room for (Matérn's second process)."""
    if len(table) < 2:
        return table
    apart = _CLOSEST * 1e-3 * particle_diameter_nm(grid.settings)
    pairs = KDTree(table[:, :2]).query_pairs(apart, output_type="ndarray")
    pairs = pairs[table[pairs[:, 0], 5] == table[pairs[:, 1], 5]]
    rank = table[:, 2]
    lost = np.where(rank[pairs[:, 0]] > rank[pairs[:, 1]], pairs[:, 0], pairs[:, 1])
    keep = np.ones(len(table), dtype=bool)
    keep[lost] = False
    return table[keep]
