"""A session's file: what it gives and what is refused."""

import math
import re
from pathlib import Path

import pytest
import yaml

from cryogauge.collect.screen.settings import read_session, session_from
from cryogauge.records import BadInput

LEAST = {"driver": "simulated", "grids": {1: "apo", 4: None}}


def test_what_is_not_given_is_usual(tmp_path):
    path = tmp_path / "session.yaml"
    path.write_text(
        "driver: simulated\ngrids: {1: apo, 4: }\nholes: {strategy: best}\n"
        "exposures: {defocus_A: [5000, 9000.0]}\njudge: {voltage_kV: 200}\n"
    )
    session = read_session(path)
    assert dict(session.grids) == {1: "apo", 4: "grid 4"}
    assert (session.holes.strategy, session.holes.count, session.squares.count) == ("best", 3, 5)
    assert session.exposures.defocus_A == (5000.0, 9000.0)
    assert session.judge.voltage_kV == 200
    assert session.microscope.limits.x_um == (-1000.0, 1000.0)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"holse": {}}, "unknown key: holse"),
        ({"squares": {"number": 3}}, "no option is called 'number'"),
        ({"squares": {"count": "many"}}, "count cannot be 'many'"),
        ({"squares": {"count": 0}}, "below 1"),
        ({"squares": {"strategy": "luck"}}, "no strategy is called 'luck'"),
        ({"squares": {"by": "brigthness"}}, "squares cannot be grouped by 'brigthness'"),
        ({"holes": {"by": "why"}}, "holes cannot be grouped by 'why'"),
        ({"squares": 4}, "no options by name"),
        ({"exposures": {"defocus_A": [3, 1]}}, "no range"),
        ({"exposures": {"defocus_A": [1]}}, r"defocus_A cannot be \[1\]"),
        ({"exposures": {"defocus_A": ["much", 9000]}}, "defocus_A cannot be"),
        ({"exposures": {"dose_e_A2": "50"}}, "no number above 0"),
        ({"exposures": {"dose_e_A2": math.inf}}, "no number above 0"),
        ({"holes": {"least_score": math.nan}}, "least_score cannot be nan"),
        ({"atlas": {"radius_um": math.inf}}, "no end of it"),
        ({"pace": {"focus_every_um": -1.0}}, "is negative"),
        ({"faults": {"wait_s": -1}}, "is negative"),
        ({"exposures": {"defocus_A": [1.0, 2.0]}}, "defocus is in Å"),
        ({"exposures": {"defocus_A": [-20000, -10000]}}, "positive for underfocus"),
        ({"judge": {"voltage_kV": 3}}, "voltage is in kV"),
        ({"judge": {"vacuum_counts": math.nan}}, "vacuum_counts cannot be nan"),
        ({"judge": {"vacuum_counts": "many"}}, "vacuum_counts cannot be 'many'"),
        ({"grids": {-3: "x"}}, "named by slot"),
        ({"grids": {1.5: "x"}}, "named by slot"),
        ({"grids": {True: "x"}}, "named by slot"),
        ({"seed": -1}, "the seed cannot be -1"),
        ({"skip": {"square_share": 1.5}}, "not between 0 and 1"),
        ({"grids": {}}, "no grids"),
        ({"grids": None}, "names no grids"),
        ({"grids": {"first": "x"}}, "named by slot"),
        ({"grids": ["x"]}, "named by slot"),
        ({"microscope": {"limits": {"x": [0, 1]}}}, "no option is called 'x'"),
        ({"pace": {"drift_A_s": 0.0}}, "not positive"),
    ],
)
def test_what_cannot_be_is_refused_in_words(more, said):
    with pytest.raises(BadInput, match=said):
        session_from(LEAST | more)


@pytest.mark.parametrize("text", ["", "- 1", "driver: simulated", "driver: [", "grids: {1: a}"])
def test_files_that_are_no_sessions(tmp_path, text):
    (tmp_path / "s.yaml").write_text(text)
    with pytest.raises(BadInput):
        read_session(tmp_path / "s.yaml")
    with pytest.raises(BadInput, match="cannot be read"):
        read_session(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("driver: simulated\n  grids: {1: a}\n", "line 2: mapping values are not allowed here"),
        ("driver: simulated\ngrids: {1: a}\npace: {most_wait_s\n", "line 4: "),
        ("- driver: simulated\n", "no settings by name"),
    ],
)
def test_a_slip_is_told_by_its_line(tmp_path, text, said):
    (tmp_path / "s.yaml").write_text(text)
    with pytest.raises(BadInput, match=said):
        read_session(tmp_path / "s.yaml")


def test_what_is_given_twice_is_refused(tmp_path):
    (tmp_path / "s.yaml").write_text("driver: simulated\ngrids: {1: a}\npace:\n  most_wait_s: 3\n  most_wait_s: 60\n")
    with pytest.raises(BadInput, match="line 5: most_wait_s is given twice"):
        read_session(tmp_path / "s.yaml")


def test_the_session_of_the_how_to_is_one():
    page = Path(__file__).parents[3] / "docs" / "how-to" / "screen-grids.md"
    whole, *parts = map(yaml.safe_load, re.findall(r"^```yml\n(.*?)^```$", page.read_text(), re.M | re.S))
    for part in ({}, *parts):
        session = session_from({**whole, **part})
    assert set(session.grids) == set(session.microscope.options["grids"])
