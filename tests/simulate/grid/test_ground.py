import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryogauge.simulate.grid import GridSettings, make_grid
from cryogauge.simulate.grid.ground import depth_in_hole, hole_at, hole_centre, square_at, to_mesh, to_stage

GRIDS = {
    pattern: make_grid(GridSettings(pattern=pattern, warp_um=0.5), seed=4).ground
    for pattern in ("R1.2/1.3", "H1.2/1.3", "lacey")
}
place = st.floats(-1000, 1000)


@given(place, place)
def test_stage_and_mesh_are_each_others_inverse(x, y):
    g = GRIDS["R1.2/1.3"]
    assert to_stage(g, *to_mesh(g, x, y)) == pytest.approx((x, y), abs=1e-6)


@given(place, place, st.sampled_from(sorted(GRIDS)))
def test_a_place_belongs_to_the_nearest_hole(x, y, pattern):
    g = GRIDS[pattern]
    u, v = to_mesh(g, x, y)
    i, j, cu, cv = hole_at(g, u, v)
    assert hole_centre(g, i, j) == (cu, cv)
    own = np.hypot(u - cu, v - cv)
    for a in range(i - 2, i + 3):
        for b in range(j - 2, j + 3):
            nu, nv = hole_centre(g, a, b)
            assert own <= np.hypot(u - nu, v - nv) + 1e-9


@given(place, place)
def test_a_place_belongs_to_the_square_that_it_is_within(x, y):
    g = GRIDS["R1.2/1.3"]
    u, v = to_mesh(g, x, y)
    i, j, _ = square_at(g, u, v)
    assert max(abs(u - i * g.pitch_um), abs(v - j * g.pitch_um)) <= 0.5 * g.pitch_um + 1e-9


def test_round_holes_are_as_deep_as_their_radius():
    g = GRIDS["H1.2/1.3"]
    cu, cv = hole_centre(g, 3, -5)
    assert depth_in_hole(g, cu, cv, 3, -5, cu, cv) == pytest.approx(0.6)
    assert depth_in_hole(g, cu + 0.6, cv, 3, -5, cu, cv) == pytest.approx(0.0)


def test_lacey_holes_differ_in_size():
    g = GRIDS["lacey"]
    depths = []
    for i in range(8):
        for j in range(8):
            cu, cv = hole_centre(g, i, j)
            depths.append(depth_in_hole(g, cu, cv, i, j, cu, cv))
    assert np.std(depths) > 0.1
    assert 0.4 < np.median(depths) < 1.6
