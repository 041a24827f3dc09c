"""Agreement with labels: what perfect and useless networks get, and lines through outliers."""

import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd
import pytest

from cryogauge.score.accuracy import Compared, categories_of, confusion, coverage, figures, ransac_line
from cryogauge.score.accuracy_page import write_accuracy


def _compared(name: str, guess=lambda label: label, thickness: int = 30, uncertainty: float = 0.1) -> Compared:
    z = np.arange(100)
    label = np.where(np.abs(z - 50) < thickness / 2, 0.8, 0.0)
    one = Compared(name, 10.0, np.zeros(100), np.full(100, uncertainty), z, label)
    return Compared(name, 10.0, guess(one.smooth_label), one.uncertainty, z, label)


def test_who_says_what_the_labels_say_agrees_with_them():
    found = figures([_compared(str(k), thickness=20 + 10 * k) for k in range(6)])
    assert found["pearson_mean"] == pytest.approx(1.0)
    assert found["abs_error_mean"] == pytest.approx(0.0, abs=1e-9)
    assert found["thickness_slope"] == pytest.approx(1.0)
    assert found["covered_90"] == 1.0


def test_who_says_nothing_has_no_correlation_and_flat_labels_do_not_count():
    silent = _compared("silent", lambda label: np.zeros_like(label))
    empty = Compared("empty", 10.0, np.zeros(100), np.full(100, 0.1), np.arange(100), np.zeros(100))
    assert figures([silent])["pearson_mean"] == 0.0
    assert np.isnan(empty.pearson)
    assert figures([_compared("good"), empty])["pearson_mean"] == pytest.approx(1.0)


def test_only_labelled_slices_are_compared():
    one = _compared("a")
    some = Compared("a", 10.0, one.score, one.uncertainty, one.z[::10], one.label[::10])
    elsewhere = some.score.copy()
    elsewhere[5] = 1.0
    assert Compared("a", 10.0, elsewhere, one.uncertainty, some.z, some.label).pearson == some.pearson


def test_categories_and_their_confusion():
    np.testing.assert_array_equal(categories_of(np.array([0.0, 0.09, 0.11, 0.5001, 1.0, 1.2])), [0, 0, 1, 3, 5, 5])
    counts = confusion(pd.DataFrame({"label": [0.0, 0.2, 0.2], "score": [0.0, 0.2, 0.6]}))
    assert counts.sum() == 3
    assert counts[1, 3] == counts[1, 1] == counts[0, 0] == 1


def test_intervals_of_the_right_width_cover_what_they_promise():
    rng = np.random.default_rng(0)
    error = rng.laplace(0.0, 0.1, 20_000)
    table = pd.DataFrame({"score": error, "smooth_label": 0.0, "uncertainty": 0.1 * np.log(10)})
    found = coverage(table)
    np.testing.assert_allclose(found["covered"], found["probability"], atol=0.01)
    assert coverage(table.assign(uncertainty=np.nan)).empty


def test_a_line_is_found_beside_outliers():
    x = np.linspace(50, 400, 40)
    y = 0.9 * x + 12.0
    y[::7] += 400.0
    slope, intercept = ransac_line(x, y)
    assert slope == pytest.approx(0.9, abs=0.02)
    assert intercept == pytest.approx(12.0, abs=4.0)
    assert np.isnan(ransac_line(x[:4], y[:4])[0])


def test_the_comparison_is_written(tmp_path):
    write_accuracy(tmp_path, [_compared("a <b>"), _compared("c", lambda label: 1 - label)], {"model": "compact"})
    tables = {path.name: pd.read_csv(path) for path in tmp_path.glob("*.csv")}
    assert set(tables) == {"tomograms.csv", "slices.csv", "confusion.csv", "coverage.csv"}
    np.testing.assert_allclose(tables["tomograms.csv"]["pearson"], [1.0, -1.0])
    assert len(tables["slices.csv"]) == 200
    sheet = ET.parse(tmp_path / "curves.svg").getroot()
    assert len(sheet.findall("{http://www.w3.org/2000/svg}svg")) == 2
    page = (tmp_path / "report.html").read_text()
    assert "a &lt;b&gt;" in page
    assert "<b>:" not in page
