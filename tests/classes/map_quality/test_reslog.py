"""Resolution by particles: lines of known slope, their intervals, and tables that are none."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from cryogauge.classes.map_quality.reslog import (
    RECONSTRUCTION_COLUMNS,
    compare_slopes,
    fit_reslog,
    fit_selections,
    read_reconstructions,
    reconstructions_of_runs,
)
from cryogauge.classes.map_quality.reslog_page import write_reslog
from cryogauge.records import BadInput
from tests.io.test_relion_refinement import refinement

COUNTS = np.array([1000, 2000, 4000, 8000, 16000, 32000])


def resolutions(b_factor_A2, start_A=8.0, scatter_1_A2=0.0, seed=0):
    """What Rosenthal and Henderson's relation gives, with errors in 1/d²."""
    errors = scatter_1_A2 * np.random.default_rng(seed).normal(size=len(COUNTS))
    return (start_A**-2 + 2 / b_factor_A2 * np.log(COUNTS / COUNTS[0]) + errors) ** -0.5


def table_of(**selections):
    rows = [
        (name, count, d, np.nan) for name, values in selections.items() for count, d in zip(COUNTS, values, strict=True)
    ]
    return pd.DataFrame(rows, columns=pd.Index(RECONSTRUCTION_COLUMNS))


@settings(max_examples=20)
@given(b_factor=st.floats(20, 500), start=st.floats(4, 20))
def test_the_b_factor_of_a_perfect_line_is_found(b_factor, start):
    fit = fit_reslog(COUNTS, resolutions(b_factor, start))
    assert fit.b_factor_A2 == pytest.approx(b_factor, rel=1e-9)
    assert fit.b_low_A2 == pytest.approx(b_factor, rel=1e-4)
    assert fit.r_squared == pytest.approx(1.0)
    assert fit.particles_for(start) == pytest.approx(COUNTS[0], rel=1e-6)


def test_the_interval_is_that_of_least_squares_and_covers_as_often_as_it_says():
    d = resolutions(100, scatter_1_A2=2e-3, seed=3)
    fit = fit_reslog(COUNTS, d)
    x, y = np.log(COUNTS), d**-2.0
    rest = y - np.polyval(np.polyfit(x, y, 1), x)
    error = np.sqrt((rest**2).sum() / 4 / ((x - x.mean()) ** 2).sum())
    half = stats.t.ppf(0.975, 4) * error
    assert fit.slope_high_1_A2 - fit.slope_1_A2 == pytest.approx(half)
    assert fit.b_low_A2 == pytest.approx(2 / (fit.slope_1_A2 + half))
    assert fit.b_high_A2 == pytest.approx(2 / (fit.slope_1_A2 - half))
    fits = [fit_reslog(COUNTS, resolutions(100, scatter_1_A2=2e-3, seed=seed)) for seed in range(300)]
    covered = np.mean([each.b_low_A2 <= 100 <= each.b_high_A2 for each in fits])
    assert 0.9 < covered < 0.99


def test_selections_that_differ_are_told_from_those_that_do_not():
    table = table_of(
        strict=resolutions(80, scatter_1_A2=4e-4, seed=1), usual=resolutions(81, scatter_1_A2=4e-4, seed=2),
        wide=resolutions(160, scatter_1_A2=4e-4, seed=3),
    )  # fmt: skip
    fits, notes = fit_selections(table)
    assert notes == []
    compared = compare_slopes(fits).set_index(["selection", "against"])
    assert compared["differs"].to_dict() == {
        ("strict", "usual"): False, ("strict", "wide"): True, ("usual", "wide"): True
    }  # fmt: skip
    assert compared.loc[("strict", "wide"), "difference_1_A2"] == pytest.approx(2 / 80 - 2 / 160, rel=0.2)


def test_lines_that_say_little_are_told():
    table = table_of(good=resolutions(100), worse=resolutions(100)[::-1])
    table.loc[len(table)] = ("single", 1000, 5.0, np.nan)
    table = pd.concat([table, table_of(pair=resolutions(90))[:2]])
    table.loc[table["selection"] == "good", "pixel_size_A"] = table["resolution_A"].min() / 2
    fits, notes = fit_selections(table)
    assert [fit.selection for fit in fits] == ["good", "worse", "pair"]
    told = " ".join(notes)
    for part in (
        "selection single holds 1 number of particles", "worse: the resolution does not grow",
        "pair: a line through 2 reconstructions", "good: 1 reconstructions are at the Nyquist",
    ):  # fmt: skip
        assert part in told
    assert fits[1].b_factor_A2 == np.inf
    assert fits[1].particles_for(3.0) == np.inf
    assert np.isnan(fits[2].b_low_A2)
    assert not compare_slopes(fits).set_index(["selection", "against"]).loc[("good", "pair"), "differs"]
    with pytest.raises(BadInput, match="a line needs two"):
        fit_selections(table[table["selection"] == "single"])


def test_a_table_is_read_with_what_it_leaves_out(tmp_path):
    path = tmp_path / "counts.csv"
    path.write_text("particles, resolution_A\n1000, 6.5\n2000, 5.1\n")
    assert read_reconstructions(path)["selection"].tolist() == ["counts"] * 2
    path.write_text("selection,particles,resolution_A\n2.5,1000,6.5\n2.5,2000,5.1\n")
    assert read_reconstructions(path)["selection"].tolist() == ["2.5"] * 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "cannot be read as a table"),
        ("", "cannot be read as a table"),
        ("count,resolution_A\n1,2\n", "has no column particles"),
        ("particles,resolution_A\n", "holds no row"),
        ("particles,resolution_A\nmany,3\n", "particles that is no number"),
        ("particles,resolution_A\n1000,0\n", "not above 0"),
        ("particles,resolution_A\n1000,\n", "not above 0"),
    ],
)
def test_tables_that_are_none_are_told(tmp_path, text, message):
    path = tmp_path / "counts.csv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(BadInput, match=message):
        read_reconstructions(path)


def test_jobs_make_the_same_table_and_a_bad_one_does_not_end_it(tmp_path):
    jobs = [refinement(tmp_path / f"job{count}", count, d) for count, d in ((100, 9.5), (200, 8.0))]
    table, failures = reconstructions_of_runs("2.5", [*jobs, tmp_path / "gone"])
    assert table[["selection", "particles", "resolution_A", "pixel_size_A"]].to_numpy().tolist() == [
        ["2.5", 100, 9.5, 1.06], ["2.5", 200, 8.0, 1.06]
    ]  # fmt: skip
    assert list(failures) == [str(tmp_path / "gone")]


def test_many_selections_are_drawn_four_to_a_plot(tmp_path):
    table = table_of(**{f"s{number}": resolutions(80 + 10 * number, seed=number) for number in range(6)})
    fits, notes = fit_selections(table)
    page = write_reslog(tmp_path, table, fits, notes, {"sources": "x"}).read_text()
    assert page.count('class="plot') == 2
    assert "s5" in page
    assert pd.read_csv(tmp_path / "reslog.csv")["b_factor_A2"].tolist() == pytest.approx(range(80, 140, 10), rel=1e-4)
    assert len(pd.read_csv(tmp_path / "differences.csv")) == 15
    assert len(pd.read_csv(tmp_path / "reconstructions.csv")) == len(table)
