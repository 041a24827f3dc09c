"""Goals are read as they are written, and figures are recorded one by one."""

import json
import subprocess
import sys

import pytest

from tools import figures
from tools.goals import FIGURES


@pytest.mark.parametrize(
    ("value", "goal", "met"),
    [
        (0.95, ">= 0.95", True),
        (0.9499, ">= 0.95", False),
        (0.1, "< 0.1", False),
        (0.06, "<= 0.06", True),
        (0.51, "> 0.5", True),
        (0.97, "0.97 to 1.03", True),
        (1.04, "0.97 to 1.03", False),
        (7.0, "", None),
    ],
)
def test_meets(value, goal, met):
    assert figures.meets(value, goal) is met


def test_an_unreadable_goal_is_refused():
    with pytest.raises(ValueError, match="about 5"):
        figures.meets(5.0, "about 5")


def test_declarations_are_unique_and_their_goals_readable():
    names = [figure.name for figure in FIGURES]
    assert len(names) == len(set(names))
    for figure in FIGURES:
        figures.meets(0.0, figure.goal)


def test_recording_one_figure_leaves_the_others(tmp_path):
    path = tmp_path / "figures.json"
    figures.record({"wbp_seconds": 3.21}, "make bench ONLY=reconstruction", path)
    before = figures.load(path)["wbp_seconds"]
    figures.record({"slice_pearson_mean": 0.9123456789}, "make validate ONLY=score", path)
    entries = json.loads(path.read_text())
    assert [entry["name"] for entry in entries] == ["slice_pearson_mean", "wbp_seconds"]
    assert entries[1] == before
    assert entries[0]["value"] == 0.912346
    assert entries[0]["met"] is False
    assert set(entries[0]) == {
        *("capability", "name", "value", "unit", "goal", "met", "command", "date", "machine", "note")
    }


def test_figures_that_this_process_does_not_know_stay(tmp_path):
    path = tmp_path / "figures.json"
    figures.record({"wbp_seconds": 3.21}, "make bench ONLY=reconstruction", path)
    stranger = {"name": "declared_since", "value": 1.0}
    path.write_text(json.dumps([stranger, *json.loads(path.read_text())]))
    figures.record({"slice_pearson_mean": 0.9}, "make validate ONLY=score", path)
    assert [entry["name"] for entry in json.loads(path.read_text())][-1] == "declared_since"
    assert figures.load(path)["declared_since"] == stranger


RECORDER = """
import sys
from pathlib import Path
from tools import figures

path, first = Path(sys.argv[1]), int(sys.argv[2])
for turn in range(5):
    for figure in figures.FIGURES[first::2]:
        figures.record({figure.name: turn}, "make bench", path)
        assert figures.load(path)[figure.name]["value"] == turn
"""


def test_processes_that_record_at_once_lose_nothing(tmp_path):
    path = tmp_path / "figures.json"
    calls = [[sys.executable, "-c", RECORDER, str(path), first] for first in ("0", "1")]
    processes = [subprocess.Popen(call, cwd=figures.ROOT) for call in calls]
    assert [process.wait(60) for process in processes] == [0, 0]
    assert {name: entry["value"] for name, entry in figures.load(path).items()} == {each.name: 4 for each in FIGURES}


@pytest.mark.parametrize("values", [{"no_such_figure": 1.0}, {"wbp_seconds": float("nan")}])
def test_what_cannot_be_recorded_is_refused_and_nothing_written(values, tmp_path):
    with pytest.raises(ValueError, match=next(iter(values))):
        figures.record(values, "make bench", tmp_path / "figures.json")
    assert not (tmp_path / "figures.json").exists()


def test_the_machine_is_described_without_its_name():
    import socket

    assert socket.gethostname() not in figures.machine()
    assert "cores" in figures.machine()


def test_the_page_shows_what_was_missed():
    entry = {"value": 9.0, "met": False, "command": "make bench", "date": "2026-01-01", "machine": "one"}
    page = figures.page({"wbp_seconds": entry})
    row = next(line for line in page.splitlines() if "`wbp_seconds`" in line)
    assert "9 s" in row
    assert "**no**" in row
    assert "not measured" in page
