import numpy as np
import pytest

from cryogauge.records import BadInput
from cryogauge.simulate.grid import GridSettings, make_grid
from cryogauge.simulate.grid.settings import SQUARE_KINDS


@pytest.fixture(scope="module")
def grid():
    return make_grid(GridSettings(mesh=200, pattern="R2/8", cracked=0.1, contaminated=0.1), seed=2)


def test_the_same_seed_gives_the_same_grid_and_another_gives_another(grid):
    again = make_grid(grid.settings, seed=2)
    assert again.holes.equals(grid.holes)
    assert again.squares.equals(grid.squares)
    other = make_grid(grid.settings, seed=3)
    assert other.angle_deg != grid.angle_deg
    assert not np.array_equal(other.ground.kind, grid.ground.kind)


def test_a_seed_below_zero_is_refused():
    with pytest.raises(BadInput):
        make_grid(seed=-1)


def test_squares_stand_on_the_mesh(grid):
    squares = grid.squares
    place = squares.set_index(["column", "row"])[["stage_x_um", "stage_y_um"]]
    right = place.loc[(1, 0)].to_numpy() - place.loc[(0, 0)].to_numpy()
    assert np.hypot(*right) == pytest.approx(127.0, abs=2.0)
    assert np.rad2deg(np.arctan2(right[1], right[0])) == pytest.approx(grid.angle_deg, abs=1.0)
    edge = squares[["corner1_x_um", "corner1_y_um"]].to_numpy() - squares[["corner0_x_um", "corner0_y_um"]].to_numpy()
    assert np.hypot(*edge.T) == pytest.approx(squares["width_um"].to_numpy(), rel=0.02)
    assert np.pi * 1000**2 / 127**2 == pytest.approx(len(squares), rel=0.2)


def test_kinds_of_square_have_their_shares():
    settings = GridSettings(mesh=400, broken=0.2, thick=0.2, dry=0.1, empty=0.1, cracked=0.1, contaminated=0.1)
    kinds = np.concatenate([make_grid(settings, seed)._outlines["kind"].astype(str) for seed in range(4)])
    for name in SQUARE_KINDS[1:]:
        assert np.mean(kinds == name) == pytest.approx(getattr(settings, name), abs=0.04)


def test_a_square_sums_up_its_holes(grid):
    squares, holes = grid.squares.set_index("square"), grid.holes
    whole = holes[holes["edge_um"] > 0]
    number = int(squares.index[squares["kind"] == "intact"][10])
    mine = whole[whole["square"] == number]
    assert squares.loc[number, "holes"] == len(mine) > 40
    assert squares.loc[number, "quality"] == pytest.approx(mine["quality"].mean())
    assert squares.loc[number, "good_holes"] == (mine["quality"] >= 0.5).sum()
    for kind in ("broken", "dry", "thick", "empty"):
        assert squares.loc[squares["kind"] == kind, "quality"].mean() < 0.15 * squares["quality"].max()
    assert grid.quality == pytest.approx(whole["quality"].mean())


def test_the_grid_is_bent_but_not_much(grid):
    height = grid.height_um(grid.squares["stage_x_um"], grid.squares["stage_y_um"])
    assert 1 < height.max() - height.min() < 200
    np.testing.assert_array_equal(height, grid.squares["height_um"])


def test_worse_conditions_make_worse_grids():
    def quality(**changes):
        return make_grid(
            GridSettings(**{"mesh": 100, "pattern": "R2/10", "contamination": 0.0, **changes}), seed=5
        ).quality

    usual = quality()
    assert quality(broken=0.5) < 0.8 * usual
    assert quality(ice_nm=180.0) < 0.5 * usual
    assert quality(crystalline=0.9) < 0.4 * usual
    assert quality(particles_um2=30.0) < 0.7 * usual
    assert quality(sound=0.2) < 0.4 * usual
