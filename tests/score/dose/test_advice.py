import math

import numpy as np
import pandas as pd
import pytest

from cryogauge.records import BadInput
from cryogauge.score.dose.advice import dose_curve, dose_that_reaches, dose_that_stops_helping, fit_log_dose

DOSES = [12.5, 25.0, 50.0, 100.0, 200.0]


def curve(percent, series=8, spread=0.0, kind="halves", seed=0):
    rng = np.random.default_rng(seed)
    rows = [
        {
            "series": f"s{k}",
            "kind": kind,
            "level": 5 - i,
            "dose_e_A2": dose,
            "percent": p + spread * rng.standard_normal(),
        }
        for k in range(series)
        for i, (dose, p) in enumerate(zip(DOSES, percent, strict=True))
    ]
    rows += [
        {"series": f"s{k}", "kind": "whole", "level": 1.0, "dose_e_A2": 400.0, "percent": 100.0} for k in range(series)
    ]
    return pd.DataFrame(rows)


def test_parts_of_one_level_are_one_dose():
    rows = curve(DOSES, series=2)
    twice = pd.concat([rows.assign(percent=rows["percent"] - 3), rows.assign(percent=rows["percent"] + 3)])
    found = dose_curve(twice).set_index(["series", "kind", "level"])["percent"]
    pd.testing.assert_series_equal(found, rows.set_index(["series", "kind", "level"])["percent"])


def test_a_line_in_log_dose_is_found_exactly():
    fit = fit_log_dose(curve([20 + 8 * math.log2(dose) for dose in DOSES]))
    assert (fit.slope, fit.intercept, fit.r_squared) == pytest.approx((8.0, 20.0, 1.0))
    assert fit.doses == 5
    assert fit.p_value < 1e-6


def test_the_fit_agrees_with_numpy_on_scattered_points():
    percent = [40.0, 71.0, 80.0, 96.0, 99.0]
    fit = fit_log_dose(curve(percent))
    x, y = np.log2(DOSES), np.array(percent)
    assert fit.slope == pytest.approx(np.polyfit(x, y, 1)[0])
    assert fit.r_squared == pytest.approx(np.corrcoef(x, y)[0, 1] ** 2)


def test_the_dose_lies_between_its_neighbours_in_log_dose():
    reached = dose_that_reaches(curve([50.0, 70.0, 80.0, 90.0, 98.0]), 85.0)
    assert reached.dose_e_A2 == pytest.approx(50.0 * math.sqrt(2))
    assert reached.low_e_A2 == pytest.approx(reached.dose_e_A2)
    assert reached.high_e_A2 == pytest.approx(reached.dose_e_A2)
    assert str(reached) == "71 (71–71) e⁻/Å²"


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    """Ninety-five in a hundred; the percentile bootstrap of 10 series is known to be a little narrow."""
    held = 0
    for seed in range(60):
        reached = dose_that_reaches(curve([50, 70, 80, 90, 98], series=10, spread=5.0, seed=seed), 85.0)
        held += reached.low_e_A2 <= 50.0 * math.sqrt(2) <= reached.high_e_A2
    assert 49 <= held <= 60


def test_a_dip_does_not_hide_the_crossing():
    assert dose_that_reaches(curve([50, 92, 88, 95, 99]), 90.0).dose_e_A2 == pytest.approx(25.0)


def test_what_is_never_or_always_reached():
    never = curve([10, 20, 30, 40, 50])
    never = never[never["kind"] != "whole"]
    assert str(dose_that_reaches(never, 90.0)) == "not reached"
    always = dose_that_reaches(curve([97, 98, 99, 99, 100]), 90.0)
    assert always.below_range
    assert str(always).startswith("at most 12")


def test_one_series_has_no_interval():
    reached = dose_that_reaches(curve([50, 70, 80, 90, 98], series=1), 90.0)
    assert math.isnan(reached.low_e_A2)


def test_the_dose_beyond_which_nothing_is_gained():
    falling = curve([40, 70, 99.5, 100, 93], kind="cumulative")
    falling = falling[falling["kind"] != "whole"]
    assert dose_that_stops_helping(falling).dose_e_A2 == 50.0


def test_too_little_to_fit():
    few = curve([50, 60, 70, 80, 90])
    with pytest.raises(BadInput, match="2 doses"):
        fit_log_dose(few[few["dose_e_A2"].isin([25.0, 50.0, 400.0])])
    torn = few[(few["series"] == "s0") & (few["level"] != 3) | (few["series"] == "s1") & (few["level"] != 2)]
    with pytest.raises(BadInput, match="every dose"):
        dose_that_reaches(torn, 90.0)


def test_series_of_slightly_different_totals_are_of_one_level():
    from cryogauge.score.dose.plan import halvings, parts

    first, second = (parts("even", [16.0, 64.0], total) for total in (120.0, 121.3))
    assert [subset.level for subset in first] == [subset.level for subset in second] == [16.0, 64.0]
    assert [subset.name for subset in first] == ["even_16e", "even_64e"]
    assert {subset.level for subset in halvings(2)} == {1.0, 2.0}
