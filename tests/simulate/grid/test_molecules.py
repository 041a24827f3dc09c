import numpy as np
import pandas as pd
import pytest
from scipy.spatial import KDTree

from cryogauge.simulate.grid import GridSettings, grid_particles, make_grid
from cryogauge.simulate.grid.quality import particle_diameter_nm

CLEAN = {"contamination": 0.0, "meniscus_nm": 0.0}


@pytest.fixture(scope="module")
def grid():
    return make_grid(GridSettings(mesh=100, pattern="R2/10", **CLEAN), seed=3)


def hole(grid, low_nm, high_nm, kind="intact"):
    holes = grid.holes
    return holes[(holes["kind"] == kind) & holes["thickness_nm"].between(low_nm, high_nm)].iloc[0]


def around(place, half_um):
    x, y = place["stage_x_um"], place["stage_y_um"]
    return (x - half_um, x + half_um, y - half_um, y + half_um)


def test_particles_are_the_same_whatever_part_is_asked_for(grid):
    place = hole(grid, 30, 60)
    whole, part = grid_particles(grid, around(place, 0.5)), grid_particles(grid, around(place, 0.2))
    low_x, high_x, low_y, high_y = around(place, 0.2)
    inside = whole["stage_x_um"].between(low_x, high_x) & whole["stage_y_um"].between(low_y, high_y)
    assert len(part) > 20
    pd.testing.assert_frame_equal(whole[inside].reset_index(drop=True), part)


def test_there_are_as_many_as_the_ice_holds_and_none_on_foil(grid):
    place = hole(grid, 35, 50)
    found = grid_particles(grid, around(place, 0.5))
    assert 0.6 * place["particles_um2"] < len(found) < 1.15 * place["particles_um2"]
    beside = place.copy()
    beside["stage_x_um"] += 3.0
    assert grid_particles(grid, around(beside, 0.5)).empty
    assert grid_particles(grid, around(hole(grid, 0, 200, "crystalline"), 0.4)).empty


def test_particles_on_one_surface_keep_apart():
    crowded = make_grid(
        GridSettings(mesh=100, pattern="R2/10", particles_um2=6000.0, particle_kDa=2000.0, **CLEAN), seed=3
    )
    found = grid_particles(crowded, around(hole(crowded, 40, 80), 0.3))
    distance, _ = KDTree(found[["stage_x_um", "stage_y_um"]].to_numpy()).query(found[["stage_x_um", "stage_y_um"]], k=3)
    # three cannot all be within reach of one another: there are two surfaces
    assert np.mean(distance[:, 2] < 0.3e-3 * particle_diameter_nm(crowded.settings)) < 0.02
    assert len(found) < 0.8 * 6000 * 0.36


def test_thin_ice_aligns_particles_and_rotations_are_rotations():
    grids = make_grid(
        GridSettings(mesh=100, pattern="R2/10", preferred=0.9, ice_hole_nm=12.0, sound=0.5, **CLEAN), seed=3
    )
    thin = grid_particles(grids, around(hole(grids, 17, 21), 0.6))
    thick = grid_particles(grids, around(hole(grids, 70, 90), 0.6))
    assert thin["preferred"].mean() > 0.6
    assert thick["preferred"].mean() < 0.05
    assert 0.4 < thick["sound"].mean() < 0.6
    turns = thin.filter(regex=r"^r\d\d$").to_numpy().reshape(-1, 3, 3)
    np.testing.assert_allclose(turns @ turns.transpose(0, 2, 1), np.eye(3)[None].repeat(len(turns), 0), atol=1e-9)
    axis = turns[thin["preferred"].to_numpy()][:, 0]  # where the beam is in the particle's frame
    assert np.max(np.abs(axis @ axis.T), axis=0).min() > 0.9
