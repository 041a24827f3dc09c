import numpy as np
import pytest

from cryogauge.simulate.grid import GridSettings, View, make_grid
from cryogauge.simulate.grid.debris import CRYSTAL, FROST, debris_in
from cryogauge.simulate.grid.scene import scene


@pytest.fixture(scope="module")
def grid():
    return make_grid(GridSettings(contaminated=0.3, cracked=0.3, pattern="R2/2"), seed=6)


def test_a_part_has_the_debris_of_the_whole(grid):
    whole = debris_in(grid.ground, 1.0, (-200, 200, -200, 200), 0.1)
    part = debris_in(grid.ground, 1.0, (-50, 120, 10, 90), 0.1)
    assert len(part) > 5
    assert {tuple(row) for row in part} <= {tuple(row) for row in whole}


def test_dirt_grows_with_the_amount_and_in_dirty_squares(grid):
    bounds = (-150, 150, -150, 150)
    usual, more = (debris_in(grid.ground, amount, bounds, 0.1) for amount in (1.0, 3.0))
    assert 1.5 < len(more) / len(usual) < 4
    assert len(debris_in(grid.ground, 0.0, bounds, 0.1)) == 0
    squares = grid.squares
    count = {}
    for kind in ("intact", "contaminated"):
        place = squares[squares["kind"] == kind].iloc[5]
        x, y = place["stage_x_um"], place["stage_y_um"]
        count[kind] = len(debris_in(grid.ground, 1.0, (x - 20, x + 20, y - 20, y + 20), 0.1))
    assert count["contaminated"] > 5 * count["intact"]


def test_small_frost_is_only_where_it_can_be_seen(grid):
    place = grid.squares[grid.squares["kind"] == "contaminated"].iloc[5]
    x, y = place["stage_x_um"], place["stage_y_um"]
    fine = debris_in(grid.ground, 1.0, (x - 2, x + 2, y - 2, y + 2), 0.0)
    assert (fine[:, 3] == FROST).sum() > 50
    coarse = debris_in(grid.ground, 1.0, (x - 20, x + 20, y - 20, y + 20), 0.1)
    assert (coarse[:, 3] == CRYSTAL).mean() > 0.5
    assert coarse[:, 2].min() >= 0.1


def test_a_crystal_is_dark_and_at_the_same_place_at_two_magnifications(grid):
    found = debris_in(grid.ground, 1.0, (-400, 400, -400, 400), 1.0)
    x, y, radius = found[found[:, 3] == CRYSTAL][0, :3]
    for pixel_A in (1000.0, 2500.0):
        view = View((x + 1.0, y - 0.5), pixel_A, (128, 128))
        film = scene(grid, view, 300.0, slit=True)
        column, row = view.to_pixel(x, y)
        there = film.transmission[int(np.round(row)), int(np.round(column))]
        assert there < 0.3, pixel_A
        beside_column, _ = view.to_pixel(x + 2.5 * radius, y)
        assert film.transmission[int(np.round(row)), int(np.round(beside_column))] > 2 * there


def test_electrons_pass_tears_as_they_pass_nothing(grid):
    tears = grid.tears
    assert len(tears) > 20
    wide = tears[np.argmax(tears[:, 4:].min(axis=1))]
    x, y = 0.5 * (wide[:2] + wide[2:4])
    film = scene(grid, View((x, y), 50, (33, 33)), 300.0, slit=True)
    assert film.transmission[16, 16] == pytest.approx(1.0)
    assert film.foil_nm[16, 16] == film.ice_nm[16, 16] == 0
