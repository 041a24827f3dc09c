"""How a grid lies: the geometry is its own inverse, and pictures tell it or say that they do not."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from cryogauge.collect.targets.realign import Lying, Placement, around, realign

placements = st.builds(
    Placement, st.floats(-180, 180), st.tuples(st.floats(-500, 500), st.floats(-500, 500))
)  # fmt: skip
points = st.lists(st.tuples(st.floats(-1000, 1000), st.floats(-1000, 1000)), min_size=2, max_size=8)


@given(placements, points)
def test_a_placement_and_its_inverse_give_each_point_back_and_keep_distances(lies, places):
    before = np.array(places)
    now = lies.now_um(before)
    np.testing.assert_allclose(lies.before_um(now), before, atol=1e-8)
    np.testing.assert_allclose(lies.now_um(lies.before_um(before)), before, atol=1e-8)
    np.testing.assert_allclose(np.hypot(*(now[0] - now[1])), np.hypot(*(before[0] - before[1])), atol=1e-8)
    np.testing.assert_allclose(lies.turn @ (before[1] - before[0]), now[1] - now[0], atol=1e-8)
    assert np.linalg.det(lies.turn) == pytest.approx(1.0)


@given(st.floats(-math.pi, math.pi), st.floats(0.1, 20), st.tuples(st.floats(-500, 500), st.floats(-500, 500)))
def test_a_picture_by_its_middle_has_it_in_the_middle(turn, pixel_um, middle):
    way = pixel_um * Placement(math.degrees(turn)).turn
    lying = around(np.zeros((7, 12)), middle, way)
    np.testing.assert_allclose(lying.middle_um, middle, atol=1e-9)
    np.testing.assert_allclose(lying.stage_um(np.zeros(2)), lying.corner_um)


def mesh(shape, pixel_um, lies, middle=(0.0, 0.0), uneven=0.8, seed=0, noise=0.02, turned=0.0):
    """Squares of 60 µm every 100 µm, of different brightness, within 700 µm, as they lie; noise on top."""
    rng = np.random.default_rng(5)
    bright = 1 - uneven * rng.random((41, 41))
    way = pixel_um * Placement(turned).turn
    lying = around(np.zeros(shape), middle, way)
    y, x = np.mgrid[: shape[0], : shape[1]]
    at = lies.before_um(lying.stage_um(np.stack([x.ravel(), y.ravel()], axis=1)))
    i, j = (np.clip(np.floor((v + 50) / 100).astype(int), -20, 20) + 20 for v in at.T)
    inside = np.abs((at + 50) % 100 - 50).max(axis=1) < 30
    image = np.where(inside & (np.hypot(*at.T) < 700), bright[i, j], 0.05).reshape(shape)
    image = ndimage.gaussian_filter(image, 0.7) + np.random.default_rng(seed).normal(0, noise, shape)
    return Lying(image.astype(np.float32), lying.corner_um, way)


@pytest.mark.parametrize(
    ("degrees", "shift", "middle", "turned"),
    [(5.0, (40.0, -30.0), (0.0, 0.0), 0.0), (-7.5, (-85.0, 60.0), (120.0, -60.0), 30.0), (0.0, (90.0, 0.0), (0, 0), 0)],
)
def test_turn_and_shift_are_found_from_a_part_of_the_grid(degrees, shift, middle, turned):
    lies = Placement(degrees, shift)
    kept = mesh((300, 300), 6.0, Placement())
    view = mesh((120, 140), 5.0, lies, middle, seed=1, turned=turned)
    found = realign(kept, view)
    assert found.clear
    assert found.placement.rotation_deg == pytest.approx(degrees, abs=0.25)
    here = view.middle_um + np.array([(0, 0), (200, 0), (0, -200)])
    off = np.hypot(*(found.placement.now_um(lies.before_um(here)) - here).T)
    assert off[0] < 0.8  # of pixels of 6 µm
    assert off.max() < 1.6


def test_squares_that_are_all_alike_tell_nothing_unless_they_lie_as_they_did():
    kept = mesh((150, 150), 6.0, Placement(), uneven=0.0)
    moved = realign(kept, mesh((60, 60), 6.0, Placement(4.0, (45.0, 20.0)), uneven=0.0, seed=1))
    assert moved.elsewhere > 0.9
    assert not moved.clear
    same = realign(kept, mesh((60, 60), 6.0, Placement(), uneven=0.0, seed=1))
    assert same.clear
    assert np.hypot(*same.placement.shift_um) < 1.0


def test_another_grid_and_an_empty_picture_tell_nothing():
    kept = mesh((150, 150), 6.0, Placement())
    rng = np.random.default_rng(0)
    for image in (np.full((80, 80), 3.0), rng.normal(0, 1, (80, 80))):
        assert not realign(kept, around(image.astype(np.float32), (0, 0), 6 * np.eye(2))).clear


def test_what_is_known_beforehand_is_where_it_is_looked_for():
    lies = Placement(15.0, (300.0, -200.0))
    kept, view = mesh((300, 300), 6.0, Placement()), mesh((100, 100), 6.0, lies, (250.0, -150.0), seed=1)
    found = realign(kept, view, about=Placement(14.0, (290.0, -190.0)), most_um=60.0, most_deg=4.0)
    assert found.clear
    assert found.placement.rotation_deg == pytest.approx(15.0, abs=0.3)
    assert np.hypot(*(found.placement.now_um(lies.before_um(view.middle_um)) - view.middle_um)) < 0.8
