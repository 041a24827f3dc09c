"""What comes next and why, and how long it takes: held to sessions whose rest is known."""

import json
import math

import numpy as np
import pytest

from cryogauge.collect.screen import orders
from cryogauge.collect.screen.outlook import grid_state, square_states, time_left, totals, upcoming
from tests.collect.screen.written import LOOK_S, Written


def targets(session):
    return [(each["target"], each["why"]) for each in upcoming(session)]


def test_what_comes_next_is_told_with_its_reason(tmp_path):
    written = Written(tmp_path)
    assert targets(written.session) == [(str(slot), "its turn") for slot in (1, 2, 3, 4)]
    written.squares(1)
    rest = [(str(slot), "its turn") for slot in (2, 3, 4)]
    assert targets(written.session) == [("1/0", "reason 0"), ("1/1", "reason 1"), ("1/2", "reason 2"), *rest]
    written.step("square", "1/0", {"queue": [], "left": []})
    assert targets(written.session)[:2] == [("1/0", "0 of 2 holes exposed"), ("1/1", "reason 1")]
    written.step("visited", "1/0", {"counts": False})
    lost = "the next by score, in place of one that was lost"
    assert targets(written.session)[:3] == [("1/1", "reason 1"), ("1/2", "reason 2"), ("1/3", lost)]
    orders.put_first(tmp_path, "1/7", "Ada")
    orders.put_first(tmp_path, "4", "Ada")
    orders.exclude(tmp_path, "1/1", "Ben")
    orders.exclude(tmp_path, "2", "Ben")
    written.session.refresh()
    asked = "asked for first"
    assert targets(written.session) == [("1/7", asked), ("1/2", "reason 2"), ("1/3", lost), ("4", asked), rest[1]]
    written.step("grid", "1", {"slot": 1})
    assert targets(written.session) == [("4", asked), rest[1]]


def test_squares_and_grids_say_where_they_stand(tmp_path):
    written = Written(tmp_path)
    written.squares(1)
    written.square(1, 0, 60.0)
    written.step("skip", "1/1", {"why": "square 1/1 is skipped: no holes were found."})
    written.step("judged", "1/0/3/0", {"exposure": "1/0/3/0", "score": 0.5, "ctf_resolution_A": 4.0})
    orders.exclude(tmp_path, "1/2", "Ben")
    session = written.step("square", "1/4")
    states = square_states(session, 1)
    assert states == {
        0: ("exposed", "reason 0"), 1: ("left out", "square 1/1 is skipped: no holes were found."),
        2: ("left out", "left out by Ben"), 4: ("under way", "look 4"),
        **{n: ("spare", f"look {n}") for n in (3, 5, 6, 7, 8, 9)}, **{n: ("left out", f"look {n}") for n in (10, 11)},
    }  # fmt: skip
    assert [grid_state(session, slot) for slot in (1, 2)] == [("under way", ""), ("waiting", "")]
    orders.exclude(tmp_path, "2", "Ben")
    session = written.step("skip", "3", {"why": "grid 3 is skipped: slot 3 holds no grid."})
    assert grid_state(session, 2) == ("left out", "left out by Ben")
    assert grid_state(session, 3) == ("left out", "grid 3 is skipped: slot 3 holds no grid.")
    session = written.step("grid", "1", {"slot": 1})
    assert grid_state(session, 1) == ("done", "")
    assert totals(session) == {"grids": 4, "grids_done": 3, "squares": 1, "exposures": 1, "lost": 0}


def test_equal_squares_leave_no_doubt(tmp_path):
    written = Written(tmp_path)
    assert math.isnan(time_left(written.session).middle_s)
    for slot in (1, 2):
        written.squares(slot)
        for number in range(3):
            written.square(slot, number, 120.0)
        written.step("grid", str(slot), {"slot": slot})
    left = time_left(written.session)
    assert left.middle_s == pytest.approx(2 * LOOK_S + 6 * 120.0)
    assert left.low_s == pytest.approx(left.high_s) == pytest.approx(left.middle_s)
    assert "2 grids and 6 squares are left" in left.said
    written.squares(3)
    written.square(3, 0, 120.0)
    assert time_left(written.session).middle_s == pytest.approx(LOOK_S + 5 * 120.0)
    orders.exclude(tmp_path, "4", "Ben")
    written.session.refresh()
    assert time_left(written.session).middle_s == pytest.approx(2 * 120.0)


def test_time_stopped_and_paused_counts_for_nothing(tmp_path):
    written = Written(tmp_path)
    written.squares(1)
    written.square(1, 0, 120.0)
    written.now_s += 50_000.0
    written.step("begun", "", written.session.about())
    written.square(1, 1, 120.0)
    assert "2.0 min on the average of 2" in time_left(written.session).said
    lines = [{"order": order, "by": "Ada", "target": "", "text": "", "at": at} for order, at in
             (("pause", written.now_s), ("go on", written.now_s + 500.0))]  # fmt: skip
    (tmp_path / "orders.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    written.square(1, 2, 620.0)
    assert "2.0 min on the average of 3" in time_left(written.session).said


def test_nine_times_in_ten_the_end_lies_in_the_range(tmp_path):
    rng, within, tries = np.random.default_rng(0), 0, 60
    for attempt in range(tries):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        written = Written(folder)
        durations = rng.gamma(4.0, 40.0, (4, 3))
        looks = rng.normal(LOOK_S, 60.0, 4)
        for slot in (1, 2):
            written.squares(slot, looks[slot - 1])
            for number in range(3):
                written.square(slot, number, durations[slot - 1, number])
            written.step("grid", str(slot), {"slot": slot})
        left = time_left(written.session)
        assert 0 < left.low_s < left.middle_s < left.high_s
        within += left.low_s <= durations[2:].sum() + looks[2:].sum() <= left.high_s
    assert 0.8 <= within / tries <= 1.0
