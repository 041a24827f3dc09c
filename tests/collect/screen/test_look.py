"""Tiles of an atlas cover what they must, and pictures are turned as stitching wants them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryogauge.collect.screen.look import tile_places, upright
from cryogauge.collect.screen.settings import AtlasPlan
from cryogauge.records import BadInput
from cryogauge.records.microscope import Exposure, Limits, Mode, StagePosition

WIDE = Limits(x_um=(-3000.0, 3000.0), y_um=(-3000.0, 3000.0))


@given(st.floats(50, 1000), st.floats(0, 0.5), st.integers(60, 400), st.integers(60, 400))
def test_every_point_of_the_disc_is_in_a_tile(radius_um, overlap, height, width):
    mode = Mode("atlas", 20_000.0, (height, width))
    places = tile_places(AtlasPlan(radius_um, overlap), mode, WIDE)
    angle, reach = np.meshgrid(np.linspace(0, 2 * np.pi, 48), np.linspace(0, 0.999 * radius_um, 12))
    points = np.column_stack([(reach * np.cos(angle)).ravel(), (reach * np.sin(angle)).ravel()])
    off = np.abs(points[:, None] - places[None])
    inside = (off[..., 0] <= mode.field_um[1] / 2 + 1e-6) & (off[..., 1] <= mode.field_um[0] / 2 + 1e-6)
    assert inside.any(1).all()


def test_tiles_stay_within_the_limits():
    mode = Mode("atlas", 20_000.0, (100, 100))
    places = tile_places(AtlasPlan(900.0), mode, Limits(x_um=(-300.0, 200.0)))
    assert len(places)
    assert places[:, 0].min() >= -300
    assert places[:, 0].max() <= 200


@pytest.mark.parametrize("turn_deg", [0.0, 30.0, -100.0])
@pytest.mark.parametrize("flip", [1.0, -1.0])
def test_places_stay_where_they_are_when_a_picture_is_turned_over(turn_deg, flip):
    turn = math.radians(turn_deg)
    c, s = math.cos(turn), math.sin(turn)
    way = ((c, -s * flip), (s, c * flip))
    data = np.zeros((31, 41))
    data[5, 7] = 1.0
    exposure = Exposure(data, 10_000.0, "atlas", StagePosition(3.0, 4.0, 0.0, 0.0), pixel_to_stage_um=way)
    image, rotation, to_um = upright(exposure)
    (y, x), middle = np.argwhere(image)[0], np.array([20.0, 15.0])
    expected = exposure.stage_at(7, 5)
    assert np.array(to_um) @ (np.array([x, y]) - middle) + (3.0, 4.0) == pytest.approx(expected)
    assert np.linalg.det(to_um) > 0
    assert rotation == pytest.approx(turn_deg)


def test_pictures_without_calibration_are_refused():
    with pytest.raises(BadInput, match="no calibration"):
        upright(Exposure(np.zeros((4, 4)), 1.0, "atlas", StagePosition(0.0, 0.0, 0.0, 0.0)))
