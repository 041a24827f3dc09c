import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryogauge.imaging.class2d import ClassSettings
from cryogauge.imaging.class2d.settings import make_plan
from cryogauge.records import BadInput


@given(st.integers(16, 400), st.floats(0.5, 8.0), st.integers(1, 40))
def test_a_plan_can_be_made_for_any_box_and_goes_from_coarse_to_fine(box, pixel, iterations):
    plan = make_plan(box, pixel, ClassSettings(iterations=iterations))
    assert len(plan.rings) == iterations
    assert list(plan.rings) == sorted(plan.rings)
    assert 3 <= plan.rings[0] <= plan.rings[-1] <= 0.45 * box
    assert plan.radius_px <= box / 2 - 1


def test_alignment_ends_where_it_is_told():
    plan = make_plan(128, 1.5, ClassSettings(finest_A=9.6, coarsest_A=48, mask_diameter_A=150))
    assert (plan.rings[0], plan.rings[-1]) == (4, 20)
    assert plan.resolution_A(plan.rings[-1]) == pytest.approx(9.6)
    assert plan.radius_px == 50


@pytest.mark.parametrize(
    ("box", "pixel", "settings", "message"),
    [
        (12, 2.0, {}, "12 pixels are too small"),
        (64, 0.0, {}, "pixel size of 0 Å"),
        (64, 2.0, {"mask_diameter_A": 128}, "a mask of 128 Å does not fit"),
        (64, 2.0, {"mask_diameter_A": 5}, "a mask of 5 Å does not fit"),
    ],
)
def test_what_does_not_fit_is_refused(box, pixel, settings, message):
    with pytest.raises(BadInput, match=message):
        make_plan(box, pixel, ClassSettings(**settings))


@pytest.mark.parametrize(
    "settings", [{"classes": 0}, {"iterations": 0}, {"finest_A": -1.0}, {"largest_shift_px": -1.0}]
)
def test_settings_that_mean_nothing_are_refused(settings):
    with pytest.raises(BadInput):
        ClassSettings(**settings)
