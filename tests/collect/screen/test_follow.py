"""A session read while it goes on: line by line it comes to what is read at once, whatever becomes of the files."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace

import pytest

from cryogauge.collect.drivers.journal import read_journal
from cryogauge.collect.screen import orders
from cryogauge.collect.screen.follow import Followed, find_sessions, read_ending
from cryogauge.collect.screen.log import STEPS, WORDS, read_steps
from tests.collect.screen.quick import EYES, Bench, settings


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    """A session of two grids that has finished, one square left out by somebody."""
    folder = tmp_path_factory.mktemp("ended")
    orders.exclude(folder, "1/0", "Ben")
    assert Bench(folder).run(settings(folder)).finished
    return folder


def followed(folder):
    session = Followed(folder)
    session.refresh()
    return session


def plain(steps):
    """Steps without what those who follow leave out."""
    return {
        key: (entry.outcome, entry.begun_s, entry.fault, {k: str(v) for k, v in (entry.result or {}).items()
              if k not in ("queue", "left") or key[0] != "square"})
        for key, entry in steps.items()
    }  # fmt: skip


def test_piece_by_piece_it_comes_to_the_whole(ended, tmp_path):
    content = (ended / STEPS).read_bytes()
    session = Followed(tmp_path)
    session.refresh()
    assert session.state() == ("not begun", "The session has not begun.")
    for end in [*range(0, len(content), 7001), len(content)]:  # cuts lines anywhere
        with (tmp_path / STEPS).open("ab") as file:
            file.write(content[file.tell() : end])
        session.refresh()
        whole = read_steps(tmp_path)
        assert plain(session.steps) == plain(whole)
    assert plain(followed(ended).steps) == plain(session.steps)
    assert set(session.changed) == set(read_steps(ended))
    assert not session.problems


def test_exposures_are_told_as_they_were_judged(ended):
    session = followed(ended)
    assert len(session.rows) == 8
    assert {name: row["score"] for name, row in session.rows.items()} == {
        entry.arguments["target"]: entry.result["score"]
        for entry in read_journal(ended / STEPS) if entry.command == "judged"
    }  # fmt: skip
    grid = [name for name in session.rows if name.startswith("2/")]
    assert list(session.shots["2"]) == grid
    square = "/".join(grid[0].split("/")[:2])
    assert list(session.shots[square]) == [name for name in grid if name.startswith(f"{square}/")]
    seen = session.seen(square)
    assert seen is not None
    assert seen["queue"] == read_steps(ended)["square", square].result["queue"]
    assert {"x_px", "y_px", "why"} <= set(seen["queue"][0])
    assert session.seen("1/0") is None, "nobody went there"


def test_a_line_that_cannot_be_read_is_told_and_the_others_count(ended, tmp_path):
    lines = (ended / STEPS).read_bytes().split(b"\n")
    spoilt = {5: b"\xff not json", 9: b"{}", 12: b'{"n": 99999, "outcome": "done", "at": 1, "result": {}}'}
    (tmp_path / STEPS).write_bytes(b"\n".join(spoilt.get(n, line) for n, line in enumerate(lines)))
    session = followed(tmp_path)
    assert re.fullmatch(r"[3-6] lines of session.jsonl cannot be read, .* is missing", session.problems[STEPS])
    assert len(session.rows) >= 6
    assert session.state()[0] == "finished"


def test_another_session_in_its_place_is_read_anew(ended, tmp_path):
    (tmp_path / STEPS).write_bytes((ended / STEPS).read_bytes())
    (tmp_path / WORDS).write_text("2026-01-01 00:00:00  before\n")
    session = followed(tmp_path)
    assert len(session.rows) == 8
    (tmp_path / "new").write_bytes((ended / STEPS).read_bytes().split(b"\n")[0] + b"\n")
    os.replace(tmp_path / "new", tmp_path / STEPS)
    session.refresh()
    assert (session.life, len(session.steps), session.rows) == (1, 1, {})
    assert session.said == 1
    (tmp_path / STEPS).unlink()
    session.refresh()
    assert (session.life, session.steps) == (2, {})


def test_where_it_stands_is_told(ended, tmp_path):
    assert followed(ended).state() == ("finished", "The session is finished: all grids are done.")
    assert read_ending(ended) == followed(ended).state()
    assert read_ending(tmp_path) is None
    lines = [json.loads(line) for line in (ended / STEPS).read_bytes().split(b"\n")[:-1]]
    begun = lines[1]["result"]
    assert begun["grids"] == {"1": "grid 1", "2": "grid 2"}
    assert begun["squares"]["count"] == 2

    def written(*more):
        told = "".join(json.dumps(each) + "\n" for each in [*lines[:2], *more])
        (tmp_path / STEPS).write_text(told)
        return followed(tmp_path)

    running = written({"n": 1, "command": "tile", "arguments": {"target": "1/0"}, "at": 5.0})
    assert running.state()[0] == "running"
    assert read_ending(tmp_path) is None
    under_way = running.under_way()
    assert under_way is not None
    assert (under_way.command, running.now_s) == ("tile", 5.0)
    orders.pause(tmp_path, "Ada")
    running.refresh()
    assert running.state() == ("pausing", "It pauses before its next action: wanted by Ada.")
    idle = written()
    assert idle.state() == ("paused", "Paused by Ada.")
    assert idle.pauses[0][1] == float("inf")
    orders.go_on(tmp_path, "Ada")
    idle.refresh()
    assert idle.state()[0] == "running"
    assert idle.pauses[0][0] <= idle.pauses[0][1] < float("inf")
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    begun["pid"] = gone.pid
    assert written().state()[0] == "cut off"
    begun["host"] = "elsewhere"
    assert written().state()[0] == "running", "another machine's processes cannot be asked"


def test_what_is_no_order_is_told(ended, tmp_path):
    (tmp_path / STEPS).write_bytes((ended / STEPS).read_bytes())
    session = followed(tmp_path)
    (tmp_path / "orders.jsonl").write_text("what?\n")
    session.refresh()
    assert "is no order" in session.problems["orders.jsonl"]
    assert session.state()[0] == "finished"


def test_sessions_are_found_in_their_folder_and_in_one_of_many(ended, tmp_path):
    assert list(find_sessions(tmp_path)) == [tmp_path], "it may still come"
    for name in ("b", "a", "other"):
        (tmp_path / name).mkdir()
    for name in ("a", "b"):
        (tmp_path / name / STEPS).write_text("")
    assert list(find_sessions(tmp_path)) == [tmp_path / "a", tmp_path / "b"]
    assert list(find_sessions(ended)) == [ended]
    assert list(find_sessions(tmp_path / "gone")) == [tmp_path / "gone"]


def test_a_session_that_goes_on_is_no_longer_ended(tmp_path):
    wanted, states = settings(tmp_path, {1: 0.9}), []
    session = Followed(tmp_path)

    def looking(picture, pixel_size_A, judging):
        session.refresh()
        states.append(session.state()[0])
        if len(states) == 1:
            orders.stop(tmp_path, "Ada")
        return EYES.judge(picture, pixel_size_A, judging)

    bench = Bench(tmp_path)
    bench.run(wanted, replace(EYES, judge=looking))
    session.refresh()
    assert session.state() == ("stopped", "The session stopped: stopped by Ada. To mend it: run again to go on.")
    bench.run(wanted, replace(EYES, judge=looking))
    session.refresh()
    assert session.state()[0] == "finished"
    assert set(states) == {"running"}
    assert len(session.starts_s) == 2
