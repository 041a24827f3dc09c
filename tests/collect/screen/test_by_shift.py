"""Holes reached by image shift from few places of the stage: the same ones, sooner, and at the right places."""

import math
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryogauge.collect.drivers.journal import read_journal
from cryogauge.collect.drivers.simulated.scope import SimulatedMicroscope
from cryogauge.collect.screen import orders
from cryogauge.collect.screen.by_shift import group_holes
from cryogauge.collect.screen.follow import Followed
from cryogauge.collect.screen.log import read_steps
from cryogauge.collect.screen.outlook import time_left, upcoming
from cryogauge.collect.screen.run import JOURNAL
from cryogauge.collect.screen.session import Session
from cryogauge.records import BadInput
from cryogauge.records.faults import ConnectionLost
from tests.collect.screen.quick import EYES, Bench, judge, settings
from tests.collect.screen.test_run import FAULTS, exposed_twice, exposures, places_exposed

REACH_UM = 11.0


def planned(tmp_path, reach_um=REACH_UM, options=None, **given):
    many = {"holes": {"count": 9, "strategy": "best"}, **given}
    return settings(tmp_path, {1: 0.9}, options, pace={"by_shift_um": reach_um}, **many)


def sites(folder):
    return {(slot, round((x - 5) / 10), round((y - 5) / 10)) for slot, x, y in places_exposed(folder)}


def commands(folder):
    return Counter(entry.command for entry in read_journal(folder / JOURNAL))


@given(
    st.lists(st.tuples(st.integers(-30, 30), st.integers(-30, 30)), min_size=1, max_size=40, unique=True),
    st.floats(0.5, 20),
)
def test_every_hole_is_in_one_group_nearest_first_within_reach(places, reach_um):
    holes = [{"hole": n, "x_um": float(x), "y_um": float(y)} for n, (x, y) in enumerate(places)]
    groups = group_holes(holes, reach_um)
    assert sorted(number for group in groups for number in group) == list(range(len(places)))
    assert 0 in groups[0]
    for group in groups:
        away = [math.dist(places[number], places[group[0]]) for number in group]
        assert away == sorted(away)
        assert away[0] == 0
        assert away[-1] <= reach_um + 1e-9
    middles = [places[group[0]] for group in groups]
    for n, middle in enumerate(middles[:-1]):
        ways = [math.dist(middle, other) for other in middles[n + 1 :]]
        assert ways[0] == pytest.approx(min(ways))


def test_the_same_holes_are_exposed_with_fewer_moves_and_sooner(tmp_path):
    seconds, moves, seen = [], [], []
    for name, reach_um in (("each", 0.0), ("groups", REACH_UM)):
        folder = tmp_path / name
        folder.mkdir()
        bench = Bench(folder)
        assert bench.run(planned(folder, reach_um)).finished
        seconds.append(bench.scope.clock.now_s)
        moves.append(commands(folder)["move_stage"])
        seen.append(sites(folder))
        off = [math.hypot(x % 10 - 5, y % 10 - 5) for _, x, y in places_exposed(folder)]
        assert len(off) == 18
        assert max(off) < 0.4  # of holes of 4 µm, by the microscope's own truth
        assert exposed_twice(folder) == []
        assert bench.scope.driver._image_shift_um == (0.0, 0.0)
        assert bench.scope.driver.unsafe_moves == 0
    assert seen[0] == seen[1]
    assert moves[0] - moves[1] >= 10  # 18 holes from 3 places in each of 2 squares
    assert seconds[1] < 0.75 * seconds[0]
    assert "square 1/0: 9 holes are exposed from 3 places of the stage" in bench.said


def test_shift_is_zero_when_a_group_is_done(tmp_path):
    Bench(tmp_path).run(planned(tmp_path))
    shifts, exposed, groups = (0.0, 0.0), 0, [0]
    for entry in read_journal(tmp_path / JOURNAL):
        if entry.command == "set_image_shift":
            shifts = (entry.arguments["x_um"], entry.arguments["y_um"])
            assert math.hypot(*shifts) < REACH_UM + 2
            if shifts == (0.0, 0.0) and exposed:
                groups.append(exposed)
                exposed = 0
        elif entry.command == "record" and entry.result["mode"] == "exposure":
            exposed += 1
            assert shifts != (0.0, 0.0)
        elif entry.command == "move_stage":
            assert shifts == (0.0, 0.0)
    assert groups == [0, 3, 3, 3, 3, 3, 3]


def test_kills_in_the_middle_of_a_group_lose_nothing_and_expose_nothing_twice(tmp_path):
    wanted, bench, kills = planned(tmp_path), Bench(tmp_path), 0
    for write in (170, 110, 95, 120, 92):
        kills += bench.killed_at(wanted, write)
    steps = read_steps(tmp_path)
    assert 0 < sum(step == "expose" for step, _ in steps) < 18
    kept = {target: entry.result for (step, target), entry in steps.items() if step == "groups"}
    assert kills >= 4
    assert bench.run(wanted).finished
    assert len(exposures(tmp_path)) == 18
    assert exposed_twice(tmp_path) == []
    after = read_steps(tmp_path)
    assert kept
    assert all(after["groups", target].result == result for target, result in kept.items())
    off = [math.hypot(x % 10 - 5, y % 10 - 5) for _, x, y in places_exposed(tmp_path)]
    assert max(off) < 0.4


def test_others_take_the_place_of_what_faults_spoil(tmp_path):
    wanted = planned(tmp_path, options={"fault_rates": FAULTS})
    bench, struck, runs, ending = Bench(tmp_path), 0, 0, None
    while ending is None or not ending.finished:
        ending = bench.run(wanted)
        struck += sum(Counter(bench.scope.driver.faults.struck).values())
        assert bench.scope.driver.unsafe_moves == 0
        runs += 1
        assert runs < 8
    assert struck > 5
    assert len(exposures(tmp_path)) == 18
    assert exposed_twice(tmp_path) == []


def test_a_place_that_the_stage_does_not_reach_costs_its_group_and_is_told(tmp_path):
    stuck = [{"kind": "stuck stage", "at": number} for number in range(6, 10)]  # after four tiles, a square, a place
    bench = Bench(tmp_path)
    assert bench.run(planned(tmp_path, options={"faults": stuck}, squares={"count": 1, "strategy": "best"})).finished
    told = [said for said in bench.said if "given up" in said]
    assert len(told) == 2
    assert told[0].startswith("hole 1/0/")
    assert told[1] == "square 1/0: 2 holes are given up with it: the stage does not get there"
    assert any("3 holes are exposed from" in said for said in bench.said)
    assert len(exposures(tmp_path)) == 9
    assert exposed_twice(tmp_path) == []


def test_a_hole_beyond_the_reach_once_centred_gets_a_move_of_its_own(tmp_path):
    off = {"mechanics": {"stage_error_um": 0.0, "backlash_um": 1.5}}
    wanted = planned(tmp_path, 10.2, off)
    tight = replace(wanted.microscope, limits=replace(wanted.microscope.limits, image_shift_um=10.3))
    bench = Bench(tmp_path)
    assert bench.run(replace(wanted, microscope=tight)).finished
    assert any("the stage goes there" in said for said in bench.said)
    assert len(exposures(tmp_path)) == 18
    assert max(math.hypot(x % 10 - 5, y % 10 - 5) for _, x, y in places_exposed(tmp_path)) < 0.4


def test_a_pause_makes_the_stage_go_there_again(tmp_path, monkeypatch):
    bench, ready, before = Bench(tmp_path), Session.ready_to_expose, []

    def ready_and_paused(session, picture_bytes):
        before.append(picture_bytes)
        if len(before) == 1:
            orders.pause(tmp_path, "Ada")
        ready(session, picture_bytes)

    def somebody_moves_the_stage(_):
        bench.scope.driver.move_stage(3.0, 3.0, None)
        orders.go_on(tmp_path, "Ben")

    monkeypatch.setattr(Session, "ready_to_expose", ready_and_paused)
    monkeypatch.setattr("cryogauge.collect.screen.session.time.sleep", somebody_moves_the_stage)
    assert bench.run(planned(tmp_path, squares={"count": 1, "strategy": "best"})).finished
    places = [entry.arguments for entry in read_journal(tmp_path / JOURNAL) if entry.command == "move_stage"]
    assert any(a == b for a, b in pairwise(places))  # twice the same place, a pause between
    assert max(math.hypot(x % 10 - 5, y % 10 - 5) for _, x, y in places_exposed(tmp_path)) < 0.6
    assert len(exposures(tmp_path)) == 9


def test_a_connection_set_up_anew_loses_no_image_shift(tmp_path, monkeypatch):
    bench, status, asked = Bench(tmp_path), SimulatedMicroscope.status, []

    def lost_now_and_then(driver):
        asked.append(1)
        if len(asked) % 3 == 0:
            raise ConnectionLost("cut")
        return status(driver)

    monkeypatch.setattr(SimulatedMicroscope, "status", lost_now_and_then)
    assert bench.run(planned(tmp_path)).finished
    assert commands(tmp_path)["reconnect"] >= 6
    assert exposed_twice(tmp_path) == []
    assert len(sites(tmp_path)) == len(places_exposed(tmp_path)) == 18


def test_the_page_tells_places_and_the_end_counts_them(tmp_path):
    told, lefts = [], []
    session = Followed(tmp_path)

    def judging(*given):
        session.refresh()
        told.append(next((each["why"] for each in upcoming(session)), ""))
        lefts.append((session.now_s, time_left(session).middle_s))
        return judge(*given)

    wanted = planned(tmp_path, squares={"count": 4, "strategy": "best"})
    bench = Bench(tmp_path)
    assert bench.run(wanted, replace(EYES, judge=judging)).finished
    assert told[3] == "3 of 9 holes exposed, from place 2 of 3 of the stage"
    end_s = bench.scope.clock.now_s
    errors = [abs(now + left - end_s) for now, left in lefts if np.isfinite(left)]
    assert len(errors) >= 14
    assert max(errors) < 0.12 * end_s
    late = [left for _, left in lefts[-3:]]
    assert late == sorted(late, reverse=True)
    assert late[-1] < late[0]


def test_a_reach_that_the_microscope_does_not_have_is_refused(tmp_path):
    with pytest.raises(BadInput, match="by_shift_um is 40 µm, image shift may go 15 µm"):
        Bench(tmp_path).run(planned(tmp_path, 40.0))
    with pytest.raises(BadInput, match="negative"):
        planned(tmp_path, -1.0)
