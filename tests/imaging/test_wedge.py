"""The missing wedge: elongation in closed form, measured on volumes of a known wedge, and what it costs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryogauge.imaging.degrade import widen_wedge
from cryogauge.imaging.wedge import elongation, measure_half_range_deg, with_wedge


def test_elongation_in_closed_form():
    assert elongation(90.0) == pytest.approx(1.0)
    assert elongation(60.0) == pytest.approx(1.55, abs=5e-3)  # Radermacher & Hoppe 1980
    assert elongation(45.0) == pytest.approx(np.sqrt((np.pi / 4 + 0.5) / (np.pi / 4 - 0.5)))


@pytest.mark.parametrize("half_range_deg", [35.0, 50.0, 62.0])
@pytest.mark.parametrize("axis", ["y", "x"])
def test_measures_the_wedge_that_was_cut(half_range_deg, axis):
    noise = np.random.default_rng(0).standard_normal((64, 96, 96), dtype=np.float32)
    cut = widen_wedge(noise, half_range_deg)
    volume = cut if axis == "y" else cut.transpose(0, 2, 1)
    assert measure_half_range_deg(volume) == pytest.approx(half_range_deg, abs=6.0)


def test_says_nothing_where_no_wedge_stands_out():
    noise = np.random.default_rng(1).standard_normal((64, 64, 64), dtype=np.float32)
    assert np.isnan(measure_half_range_deg(noise))
    assert np.isnan(measure_half_range_deg(noise[:8]))


@given(st.floats(0, 1), st.floats(15, 59), st.floats(60, 90))
def test_narrow_ranges_cost_and_wide_ones_do_not(score, narrow_deg, wide_deg):
    before = np.array([score])
    assert with_wedge(before, narrow_deg)[0] <= score + 1e-6
    assert with_wedge(before, wide_deg)[0] == pytest.approx(score, abs=1e-6)
    assert with_wedge(before, float("nan"))[0] == score


def test_each_ten_degrees_cost_a_good_slice_two_hundredths_or_more():
    scores = [float(with_wedge(np.array([0.8]), r)[0]) for r in (60.0, 50.0, 40.0, 30.0)]
    assert np.all(-np.diff(scores) > 0.02)
