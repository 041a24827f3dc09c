"""Sessions under way: what they do, what they leave out and why, how they meet faults, kills and people."""

import json
import math
from collections import Counter
from dataclasses import replace

import pandas as pd
import pytest

from cryogauge.collect.drivers.journal import read_journal
from cryogauge.collect.screen import orders
from cryogauge.collect.screen.log import read_steps
from cryogauge.collect.screen.run import JOURNAL
from cryogauge.io import read_picture
from cryogauge.records import BadInput
from tests.collect.screen.quick import EYES, Bench, judge, settings


def exposures(folder):
    return pd.read_csv(folder / "exposures.csv")


def places_exposed(folder, dose=40.0):
    lines = [json.loads(line) for line in (folder / "memory.jsonl").read_text().splitlines()]
    exposed = [line["exposed"] for line in lines if "exposed" in line]
    return [(slot, x, y) for slot, x, y, _, given in exposed if given == dose]


def exposed_twice(folder):
    places = places_exposed(folder)
    return [
        (a, b) for n, a in enumerate(places) for b in places[:n] if a[0] == b[0] and math.dist(a[1:], b[1:]) < 3.0
    ]  # fmt: skip


def test_grids_are_sampled_as_planned_and_ranked_by_what_they_are_worth(tmp_path):
    bench = Bench(tmp_path)
    ending = bench.run(settings(tmp_path, {1: 0.6, 2: 0.9, 3: 0.75}))
    assert ending.finished
    assert bench.said[-1] == ending.why
    assert (tmp_path / "session.log").read_text().splitlines()[-1].endswith(ending.why)
    assert ending.why in ending.report.read_text()
    ranked = pd.read_csv(tmp_path / "grids.csv")
    assert ranked["slot"].tolist() == [2, 3, 1]
    assert ranked["exposures"].tolist() == [4, 4, 4]
    assert len(places_exposed(tmp_path)) == 12
    assert bench.scope.driver.unsafe_moves == 0
    assert bench.scope.driver._mode.name == "atlas"


def test_exposures_are_centred_on_holes_although_the_stage_is_not(tmp_path):
    Bench(tmp_path).run(settings(tmp_path, {1: 0.9}, {"mechanics": {"stage_error_um": 0.5, "backlash_um": 0.5}}))
    off = [math.hypot(x % 10 - 5, y % 10 - 5) for _, x, y in places_exposed(tmp_path)]
    assert len(off) == 4
    assert max(off) < 0.6


def test_a_square_of_poor_fits_is_left_and_then_the_grid(tmp_path):
    bench = Bench(tmp_path)
    bench.run(settings(tmp_path, {1: 0.1, 2: 0.9}, squares={"count": 9, "strategy": "best"},
                       holes={"count": 6, "strategy": "best"}))  # fmt: skip
    steps = read_steps(tmp_path)
    square = next(entry.result["why"] for (step, target), entry in steps.items() if step == "skip" and "/" in target)
    assert "0 of 3 exposures fit to 8 Å or better" in square
    assert "76 %" in square  # 1 − 0.7⁴: by a uniform prior
    assert steps["skip", "1"].result["why"].startswith("the rest of grid 1 is skipped: 0 of ")
    report = (tmp_path / "report.html").read_text()
    assert square in report
    taken = exposures(tmp_path)["exposure"].str.split("/").str[0].value_counts()
    assert taken.to_dict() == {"1": 15, "2": 54}  # five squares of three


def test_an_exposure_that_cannot_be_judged_stops_neither_session_nor_report(tmp_path):
    seen = []

    def judging(picture, pixel_size_A, wanted):
        seen.append(picture)
        if len(seen) % 3 == 0:
            raise BadInput("its grey values are no numbers", "expose it again")
        return judge(picture, pixel_size_A, wanted)

    assert Bench(tmp_path).run(settings(tmp_path), replace(EYES, judge=judging)).finished
    table = exposures(tmp_path)
    lost = table[table["kind"].isna()]
    assert 0 < len(lost) < len(table)
    assert (lost["score"] == 0).all()
    assert lost["said"].str.contains("its grey values are no numbers").all()
    assert (tmp_path / "report.html").exists()


def test_nothing_is_done_again_when_all_is_done(tmp_path):
    bench = Bench(tmp_path)
    wanted = settings(tmp_path)
    bench.run(wanted)
    before = exposures(tmp_path)
    commands = len(read_journal(tmp_path / JOURNAL))
    assert bench.run(wanted).finished
    pd.testing.assert_frame_equal(exposures(tmp_path), before)
    assert len(read_journal(tmp_path / JOURNAL)) - commands <= 2  # those that make it safe


def test_kills_lose_no_exposure_and_expose_no_place_twice(tmp_path):
    wanted = settings(tmp_path)
    bench, kills = Bench(tmp_path), 0
    for write in (9, 61, 17, 33, 2, 41, 57, 25, 49, 70, 12, 90):
        kills += bench.killed_at(wanted, write)
    assert kills >= 8
    assert bench.run(wanted).finished
    taken = exposures(tmp_path)
    assert taken["exposure"].str.split("/").str[0].value_counts().to_dict() == {"1": 4, "2": 4}
    assert exposed_twice(tmp_path) == []
    for path in taken["picture"]:
        assert read_picture(tmp_path / path)[0].shape == (64, 64)


FAULTS = {
    "lost connection": 0.05, "hang": 0.01, "stuck stage": 0.1, "wrong readback": 0.05, "blank": 0.06,
    "half image": 0.05, "saturated": 0.04,
}  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
def test_faults_are_met_and_others_take_the_place_of_what_they_spoil(tmp_path, seed):
    wanted = settings(tmp_path, options={"fault_rates": FAULTS, "seed": seed})
    bench, struck, runs = Bench(tmp_path), Counter(), 0
    ending = None
    while ending is None or not ending.finished:
        ending = bench.run(wanted)
        struck += Counter(bench.scope.driver.faults.struck)
        assert bench.scope.driver.unsafe_moves == 0
        assert bench.said[-1] == ending.why
        runs += 1
        assert runs < 8
    assert struck.total() > 10
    assert len(exposures(tmp_path)) == 8
    assert exposed_twice(tmp_path) == []


def test_an_atlas_lost_to_faults_that_pass_is_taken_again(tmp_path):
    wanted = settings(tmp_path, {1: 0.9})
    blanks = [{"kind": "blank", "at": number} for number in range(4 * wanted.faults.tries)]
    bench = Bench(tmp_path)
    assert bench.run(settings(tmp_path, {1: 0.9}, {"faults": blanks})).finished
    tiles = [entry.outcome for (step, _), entry in read_steps(tmp_path).items() if step == "tile"]
    assert tiles == ["done"] * 4
    assert sum("a tile of the atlas" in said for said in bench.said) == 4  # all were lost at first
    assert len(exposures(tmp_path)) == 4


def test_a_camera_that_stays_blank_ends_the_session(tmp_path):
    bench = Bench(tmp_path)
    ending = bench.run(settings(tmp_path, {1: 0.9}, {"fault_rates": {"blank": 1.0}}))
    assert not ending.finished
    assert "after one another were lost to faults" in ending.why


def test_a_jam_stops_the_session_and_a_later_run_goes_on(tmp_path):
    bench = Bench(tmp_path)
    ending = bench.run(settings(tmp_path, options={"faults": [{"kind": "jam", "at": 1}]}))
    assert not ending.finished
    assert "the grid loader needs a person" in ending.why
    assert len(exposures(tmp_path)) == 4
    assert bench.run(settings(tmp_path)).finished
    assert len(exposures(tmp_path)) == 8


def test_an_empty_slot_is_left_out(tmp_path):
    wanted = settings(tmp_path, {1: 0.9})
    bench = Bench(tmp_path)
    assert bench.run(replace(wanted, grids={3: "none", 1: "one"})).finished
    assert "grid 3 is skipped: slot 3 holds no grid." in bench.said
    assert math.isnan(pd.read_csv(tmp_path / "grids.csv").set_index("slot").loc[3, "score"])


def test_holes_that_the_stage_may_not_reach_are_not_planned(tmp_path):
    wanted = settings(tmp_path, {1: 0.9}, squares={"count": 30}, holes={"count": 4, "strategy": "spread"})
    edge_um = 207.0  # the last squares reach from 170 to 230 µm
    limits = replace(wanted.microscope.limits, x_um=(-1000.0, edge_um))
    bench = Bench(tmp_path)
    assert bench.run(replace(wanted, microscope=replace(wanted.microscope, limits=limits))).finished
    assert not any("given up" in said for said in bench.said)
    places = [x for _, x, _ in places_exposed(tmp_path)]
    assert 195 < max(places) < edge_um + 1


def test_a_square_whose_holes_are_all_beyond_the_limits_is_skipped_and_that_is_said(tmp_path):
    wanted = settings(tmp_path, {1: 0.9}, squares={"count": 30})
    limits = replace(wanted.microscope.limits, x_um=(-1000.0, 201.0))

    def right_half(picture, pixel_size_A):
        found = EYES.holes(picture, pixel_size_A)
        return replace(found, table=found.table[found.table["x_px"] > 75])

    bench = Bench(tmp_path)
    bench.run(replace(wanted, microscope=replace(wanted.microscope, limits=limits)), replace(EYES, holes=right_half))
    assert any("targets lie outside the limits of the stage" in said for said in bench.said)
    assert not any("given up" in said for said in bench.said)


def test_a_full_disk_stops_it_before_anything_is_exposed(tmp_path, monkeypatch):
    bench = Bench(tmp_path)
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1000})())
    ending = bench.run(settings(tmp_path))
    assert "is full" in ending.why
    assert places_exposed(tmp_path) == []


def test_people_stop_reorder_and_exclude(tmp_path):
    bench, wanted = Bench(tmp_path), settings(tmp_path, {1: 0.9, 2: 0.8, 3: 0.7})

    def stopping(picture, pixel_size_A, judging):
        orders.stop(tmp_path, "Ada")
        return judge(picture, pixel_size_A, judging)

    orders.put_first(tmp_path, "3", "Ada")
    orders.exclude(tmp_path, "1", "Ben")
    orders.remark(tmp_path, "3/1", "Ben", "ice like glass & <b>")
    ending = bench.run(wanted, replace(EYES, judge=stopping))
    assert ending.why == "The session stopped: stopped by Ada. To mend it: run again to go on."
    assert exposures(tmp_path)["exposure"].str.split("/").str[0].unique().tolist() == ["3"]
    assert bench.run(wanted).finished
    assert exposures(tmp_path)["exposure"].str.split("/").str[0].value_counts().to_dict() == {"3": 4, "2": 4}
    report = (tmp_path / "report.html").read_text()
    assert "grid 1 is skipped: left out by Ben." in report
    assert "ice like glass &amp; &lt;b&gt;" in report


def test_a_pause_holds_it_until_somebody_ends_it(tmp_path, monkeypatch):
    bench, waits = Bench(tmp_path), []

    def judging(picture, pixel_size_A, settings):
        if not waits:
            orders.pause(tmp_path, "Ada")
        return judge(picture, pixel_size_A, settings)

    def waiting(seconds):
        waits.append(len(places_exposed(tmp_path)))
        if len(waits) == 3:
            orders.go_on(tmp_path, "Ben")

    monkeypatch.setattr("cryogauge.collect.screen.session.time.sleep", waiting)
    assert bench.run(settings(tmp_path, {1: 0.9}), replace(EYES, judge=judging)).finished
    assert waits == [1, 1, 1]
    assert "paused by Ada" in bench.said
    assert len(exposures(tmp_path)) == 4


def test_an_interrupt_is_told_as_such(tmp_path):
    def interrupted(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Bench(tmp_path).run(settings(tmp_path), replace(EYES, squares=interrupted))
    assert (tmp_path / "session.log").read_text().splitlines()[-1].endswith("Run again to go on.")


def test_a_mistake_of_the_program_is_told_too(tmp_path):
    bench = Bench(tmp_path)

    def broken(*_):
        raise ZeroDivisionError("oops")

    with pytest.raises(ZeroDivisionError):
        bench.run(settings(tmp_path), replace(EYES, holes=broken))
    assert "ZeroDivisionError: oops" in (tmp_path / "session.log").read_text().splitlines()[-1]
    assert bench.run(settings(tmp_path)).finished


def test_two_runs_in_one_folder_are_refused(tmp_path):
    bench = Bench(tmp_path)

    def meddling(picture, pixel_size_A):
        with pytest.raises(BadInput, match="another run"):
            Bench(tmp_path).run(settings(tmp_path))
        return EYES.squares(picture, pixel_size_A)

    assert bench.run(settings(tmp_path, {1: 0.9}), replace(EYES, squares=meddling)).finished


def test_another_plan_is_refused_where_a_session_was_begun(tmp_path):
    wanted = settings(tmp_path, {1: 0.9})
    assert Bench(tmp_path).run(wanted).finished
    more = replace(wanted, holes=replace(wanted.holes, count=wanted.holes.count + 1))
    with pytest.raises(BadInput, match=r"begun with holes: count \d+, not \d+"):
        Bench(tmp_path).run(more)
    with pytest.raises(BadInput, match="seed"):
        Bench(tmp_path).run(replace(wanted, seed=wanted.seed + 1))
    patient = replace(wanted, faults=replace(wanted.faults, tries=9), pace=replace(wanted.pace, drift_A_s=2.0))
    assert Bench(tmp_path).run(patient).finished
