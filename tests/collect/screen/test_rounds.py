"""Classes of a session's particles: made as they come, kept, and made again when a stop cut them off."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cryogauge.classes.on_the_fly import class_eye
from cryogauge.collect.screen.log import read_steps
from cryogauge.io.mrc import map_mrc
from cryogauge.records import BadInput
from tests.collect.screen import quick, seen

EYES = replace(quick.EYES, judge=seen.judge)
PLAN = {"squares": {"count": 2, "strategy": "best"}, "holes": {"count": 2, "strategy": "best"}}


def settings(folder, monkeypatch, **classes):
    monkeypatch.setattr(quick, "MODES", seen.MODES)
    return quick.settings(folder, {1: "one side"}, classes=classes, **PLAN)


def rounds(folder):
    return {target: entry.result for (step, target), entry in read_steps(folder).items() if step == "classes"}


def test_particles_are_classified_as_they_come_and_one_view_is_told(tmp_path, monkeypatch):
    bench = seen.Bench(tmp_path)
    wanted = settings(tmp_path, monkeypatch, every=100, most=110)
    assert bench.run(wanted, EYES).finished
    assert rounds(tmp_path) == {}, "nothing looks at classes"
    # the places of the particles were kept: a later run makes the classes that were not made
    assert bench.run(wanted, replace(EYES, classes=class_eye())).finished
    made = rounds(tmp_path)
    assert list(made) == ["1/1"]
    told = made["1/1"]
    assert (told["exposures"], told["particles"], told["used"]) == (4, 144, 108)
    assert told["diameter_A"] == seen.DIAMETER_A
    assert told["good_share"] > 0.8
    assert told["best_resolution_A"] < 15
    assert told["flags"] == "one_sided"
    assert "show one view, unless the particle looks alike from all sides" in told["said"]
    averages, grades = map_mrc(tmp_path / told["averages"])[1], [row["grade"] for row in told["each"]]
    assert 1 <= told["classes"] == len(grades) <= len(averages) == 5
    assert grades == sorted(grades)
    assert sum(row["share"] for row in told["each"]) == pytest.approx(1)
    # protein is bright and in the middle, though who counted found it beside
    y, x = np.mgrid[: averages.shape[1], : averages.shape[2]] - averages.shape[1] // 2
    for average in averages[[row["picture"] for row in told["each"]]]:
        shown = np.where(average > 0.25 * average.max(), average, 0)
        assert np.hypot((shown * y).sum(), (shown * x).sum()) / shown.sum() < 2.5
    assert any(said.startswith("classes of grid 1: ") for said in bench.said)
    table = pd.read_csv(tmp_path / "classes.csv")
    assert table[["grid", "round", "particles"]].to_numpy().tolist() == [[1, 1, 144]]
    assert table["flags"].tolist() == ["one_sided"]
    report = (tmp_path / "report.html").read_text()
    assert "2-D classes of grid 1" in report
    assert report.count("<image href") == 1 + len(grades), "the atlas and the averages"
    # nothing is new
    assert bench.run(wanted, replace(EYES, classes=class_eye())).finished
    assert rounds(tmp_path) == made


def failing(stack):
    raise ZeroDivisionError("an eye that fails")


@pytest.mark.parametrize(
    ("eye", "classes", "said"),
    [
        (failing, {"every": 100}, "No classes were made: ZeroDivisionError: an eye that fails."),
        (failing, {"every": 0}, None),
        (failing, {"every": 145, "most": 145}, None),
    ],
)
def test_no_fault_of_classes_ends_a_session(tmp_path, monkeypatch, eye, classes, said):
    monkeypatch.setattr("cryogauge.collect.screen.averages._PASSES", 0)
    monkeypatch.setattr("cryogauge.collect.screen.averages._ITERATIONS", 1)
    bench = seen.Bench(tmp_path)
    assert bench.run(settings(tmp_path, monkeypatch, **classes), replace(EYES, classes=eye)).finished
    assert [each["said"] for each in rounds(tmp_path).values()] == ([said] if said else [])


@pytest.mark.parametrize("classes", [{"every": 40}, {"every": 600, "most": 500}, {"count": 2}, {"evry": 500}])
def test_what_cannot_be_classified_so_is_refused(tmp_path, monkeypatch, classes):
    with pytest.raises(BadInput):
        settings(tmp_path, monkeypatch, **classes)
