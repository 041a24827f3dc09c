"""Where images lie in one another."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryogauge.io.session.places import pixel_of, spans, with_computed_places
from tests.io.session.makers import nested_session


def test_an_image_lies_where_the_stage_was(tmp_path):
    """By hand: the stage turned by a quarter, 4000 Å a pixel of the atlas, 400 Å of the square."""
    session = with_computed_places(nested_session(tmp_path))
    places = session.places.set_index("image")
    assert dict(places["parent"]) == {"square": "atlas", "exposure": "square"}
    assert set(places["origin"]) == {"computed"}
    # the square's centre is (2, 3) µm from the atlas': 3 / 0.4 columns to the left, 2 / 0.4 rows down
    np.testing.assert_allclose(places["outline_x_px"]["square"].mean(), 23.5 - 7.5)
    np.testing.assert_allclose(places["outline_y_px"]["square"].mean(), 15.5 + 5.0)
    assert np.ptp(places["outline_x_px"]["square"]) == pytest.approx(4.8)  # a tenth of 48
    assert np.ptp(places["outline_y_px"]["square"]) == pytest.approx(3.2)
    np.testing.assert_allclose(places["outline_x_px"]["exposure"].mean(), 23.5 + 2.5)


def test_images_of_other_registrations_grids_and_magnifications_alike_are_no_parents(tmp_path):
    session = nested_session(tmp_path)
    session.images.loc[1, "registration"] = 2
    assert dict(with_computed_places(session).places.set_index("image")["parent"]) == {"exposure": "atlas"}
    session.images["pixel_size_A"] = [1.9, 1.5, 1.0]
    assert with_computed_places(session) is session


def test_what_is_stated_is_not_computed_again(tmp_path):
    once = with_computed_places(nested_session(tmp_path))
    assert with_computed_places(once) is once


@given(
    st.floats(0.01, 100), st.floats(0, 360), st.booleans(), st.floats(-900, 900), st.floats(-900, 900),
    st.integers(1, 9000), st.integers(1, 9000),
)  # fmt: skip
def test_corners_of_a_field_are_the_corners_of_its_picture(scale, turn_deg, mirrored, x, y, width, height):
    turn = np.radians(turn_deg)
    matrix = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    matrix[1] *= -1 if mirrored else 1
    image = {"stage_x_um": x, "stage_y_um": y, "width_px": width, "height_px": height}
    image |= {f"{a}_px_per_um_{b}": matrix["xy".index(a), "xy".index(b)] for a in "xy" for b in "xy"}
    corners = spans(image)
    assert corners is not None
    x_px, y_px = pixel_of(image, *corners)
    np.testing.assert_allclose(x_px, [-0.5, width - 0.5, width - 0.5, -0.5], atol=1e-6)
    np.testing.assert_allclose(y_px, [-0.5, -0.5, height - 0.5, height - 0.5], atol=1e-6)
