import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryogauge.records import BadInput
from cryogauge.simulate.grid import View


@given(st.floats(-900, 900), st.floats(-900, 900), st.floats(0.5, 5e4), st.floats(-70, 70))
def test_pixels_and_stage_are_each_others_inverse(x, y, pixel_A, tilt):
    view = View((x, y), pixel_A, (40, 61), tilt)
    column, row = view.to_pixel(*view.to_stage(7.25, 30.5))
    assert (float(column), float(row)) == pytest.approx((7.25, 30.5), abs=1e-3)
    middle = view.to_stage(30.0, 19.5)
    assert np.allclose(middle, (x, y))


def test_stage_grows_with_column_and_row_and_tilt_shortens_x():
    flat, tilted = View((1, 2), 1e4, (11, 11)), View((1, 2), 1e4, (11, 11), 60.0)
    assert np.allclose(flat.to_stage(6, 7), (2, 4))
    assert np.allclose(tilted.to_stage(6, 7), (3, 4))


def test_padding_keeps_every_pixel_at_its_place():
    view = View((3, -4), 100, (50, 60))
    for shape in ((64, 64), (57, 75)):
        wide = view.padded(shape)
        top, left = (shape[0] - 50) // 2, (shape[1] - 60) // 2
        assert np.allclose(wide.to_stage(left + 3, top + 5), view.to_stage(3, 5))


@pytest.mark.parametrize(
    "bad",
    [((0, 0), 0, (64, 64), 0), ((0, 0), 1, (4, 64), 0), ((0, 0), 1, (64, 64), 80), ((np.nan, 0), 1, (64, 64), 0)],
)
def test_views_that_no_microscope_has_are_refused(bad):
    with pytest.raises(BadInput):
        View(*bad)
