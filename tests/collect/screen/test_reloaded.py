"""Grids that came back shifted and turned: their squares and holes are found again, or it is told."""

import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from cryogauge.collect.drivers.registry import guard
from cryogauge.collect.drivers.simulated.scope import SimulatedMicroscope
from cryogauge.collect.drivers.simulated.specimen import Source
from cryogauge.collect.screen import orders
from cryogauge.collect.screen.log import read_steps
from cryogauge.collect.screen.run import JOURNAL
from cryogauge.io import read_picture, write_mrc
from tests.collect.screen import quick
from tests.collect.screen.quick import EYES, Bench, judge, settings
from tests.collect.screen.test_run import exposed_twice, exposures, places_exposed

RELOADED = {"mechanics": {"reload_um": 40.0, "reload_deg": 5.0}}
_BRIGHT = 1.0 - 0.5 * np.random.default_rng(1).random((41, 41))
_DIRT = 1.0 - 0.6 * (np.random.default_rng(2).random((600, 600)) < 0.1)


def uneven(grid, center_um, pixel_size_A, shape_px, *, dose_e_A2, seed, **_):
    """The plain grid, its squares of different brightness and with dirt on them, no two alike."""
    um = pixel_size_A / 1e4
    fine = 2 if um > 1 else 1  # pixels are means of what they cover
    step, shape = um / fine, (shape_px[0] * fine, shape_px[1] * fine)
    y = center_um[1] + (np.arange(shape[0]) - (shape[0] - 1) / 2)[:, None] * step
    x = center_um[0] + (np.arange(shape[1]) - (shape[1] - 1) / 2)[None, :] * step
    square = (np.maximum(abs((x + 50) % 100 - 50), abs((y + 50) % 100 - 50)) < 30) & (np.hypot(x, y) < 350)
    hole = np.hypot(x % 10 - 5, y % 10 - 5) < 2
    bright = _BRIGHT[np.floor((x + 50) / 100).astype(int) % 41, np.floor((y + 50) / 100).astype(int) % 41]
    dirt = _DIRT[np.floor(x / 2).astype(int) % 600, np.floor(y / 2).astype(int) % 600]
    film = np.where(hole, grid if pixel_size_A < 10 else 0.9, 0.3 * dirt)
    seen = np.where(square, film * bright if um > 0.1 else film, 0.02)
    mean = seen.reshape(shape_px[0], fine, shape_px[1], fine).mean(axis=(1, 3))
    return np.random.default_rng(seed).poisson(dose_e_A2 * pixel_size_A**2 * mean).astype(np.float32)


class Reloading(Bench):
    source = Source(lambda grid, seed: grid, uneven, lambda *_, **__: iter(()))

    def connect(self, settings, folder):
        self.scope = guard(
            lambda given, control: SimulatedMicroscope(given, control, self.source), settings.microscope,
            journal=folder / JOURNAL,
        )  # fmt: skip
        return self.scope


def interrupted_and_reloaded(bench, wanted, after):
    """Stop in the first grid, do the second, so that the first is taken out, and come back to it."""

    def stopping(*given):
        if len(places_exposed(bench.folder)) == after:
            orders.stop(bench.folder, "Ada")
        return judge(*given)

    assert not bench.run(wanted, replace(EYES, judge=stopping)).finished
    before = len(places_exposed(bench.folder))
    orders.put_first(bench.folder, "2", "Ada")
    assert bench.run(wanted).finished
    return before


def off_um(folder):
    return [math.hypot(x % 10 - 5, y % 10 - 5) for _, x, y in places_exposed(folder)]


def plan(tmp_path, reach_um=0.0, options=RELOADED):
    return settings(tmp_path, {1: 0.9, 2: 0.8}, options, pace={"by_shift_um": reach_um},
                    holes={"count": 4, "strategy": "best"}, squares={"count": 3, "strategy": "best"},
                    atlas={"radius_um": 420})  # fmt: skip


@pytest.mark.parametrize("reach_um", [0.0, 11.0])
def test_squares_and_holes_are_exposed_where_they_lie_after_a_reload(tmp_path, reach_um):
    bench = Reloading(tmp_path)
    before = interrupted_and_reloaded(bench, plan(tmp_path, reach_um), after=6)
    assert before == 6  # in the middle of the second square
    truth = bench.scope.driver.specimen.placement
    assert math.hypot(*truth.shift_um) > 20
    assert abs(truth.rotation_deg) > 1
    told = read_steps(tmp_path)["placed", "1"].result
    assert told["rotation_deg"] == pytest.approx(truth.rotation_deg, abs=1.0)  # of tiles of 80 pixels
    assert any("lies elsewhere than before" in said for said in bench.said)
    assert len(exposures(tmp_path)) == 24
    assert exposed_twice(tmp_path) == []
    assert max(off_um(tmp_path)) < 0.7  # of holes of 4 µm, by the microscope's own truth
    assert bench.scope.driver.unsafe_moves == 0
    squares = {target for step, target in read_steps(tmp_path) if step == "square" and target.startswith("1/")}
    assert len(squares) == 3  # those of the first atlas, none anew


def test_a_grid_that_stayed_lies_as_it_did(tmp_path):
    bench, stopped = Reloading(tmp_path), []

    def stopping(*given):
        if not stopped and len(places_exposed(tmp_path)) == 6:
            stopped.append(orders.stop(tmp_path, "Ada"))
        return judge(*given)

    wanted = plan(tmp_path)
    bench.run(wanted, replace(EYES, judge=stopping))
    assert bench.run(wanted).finished
    assert "grid 1 lies as it did" in bench.said
    assert len(exposures(tmp_path)) == 24
    assert exposed_twice(tmp_path) == []


def exchanged_in_a_pause(bench, monkeypatch, after):
    """A session that is paused once so many exposures are judged, while somebody loads the other grid."""
    judged = []

    def pausing(*given):
        judged.append(1)
        if len(judged) == after:
            orders.pause(bench.folder, "Ada")
        return judge(*given)

    def somebody_loads_another(_):
        bench.scope.driver.load_grid(2)
        orders.go_on(bench.folder, "Ada")

    monkeypatch.setattr("cryogauge.collect.screen.session.time.sleep", somebody_loads_another)
    assert bench.run(plan(bench.folder), replace(EYES, judge=pausing)).finished


def test_a_grid_that_people_exchanged_during_a_pause_is_brought_back(tmp_path, monkeypatch):
    bench = Reloading(tmp_path)
    exchanged_in_a_pause(bench, monkeypatch, after=6)
    assert "grid 1 is not in the column any more: it is loaded again" in bench.said
    assert any("lies elsewhere than before" in said for said in bench.said)
    named = exposures(tmp_path)["exposure"].str.split("/").str[0].astype(int).value_counts().to_dict()
    assert named == Counter(slot for slot, _, _ in places_exposed(tmp_path)) == {1: 12, 2: 12}
    assert exposed_twice(tmp_path) == []
    assert max(off_um(tmp_path)) < 0.7


def test_a_grid_exchanged_while_none_was_worked_on_is_loaded_when_it_is_wanted(tmp_path, monkeypatch):
    bench = Reloading(tmp_path)
    exchanged_in_a_pause(bench, monkeypatch, after=12)  # the last of the first grid
    assert not any("is not in the column" in said for said in bench.said)
    assert Counter(slot for slot, _, _ in places_exposed(tmp_path)) == {1: 12, 2: 12}


def test_where_pictures_do_not_tell_the_atlas_is_taken_anew_and_that_is_said(tmp_path):
    bench = Reloading(tmp_path)
    bench.source = quick.SOURCE  # all its squares are alike, without end
    interrupted_and_reloaded(bench, plan(tmp_path), after=6)
    said = next(said for said in bench.said if "is not clear" in said)
    assert "the atlas is taken anew, its squares get new numbers; the 1 that were visited" in said
    steps = read_steps(tmp_path)
    found = steps["squares", "1"].result
    numbers = [each["square"] for each in found["all"]]
    visited = [int(target[2:]) for step, target in steps if step == "visited" and target.startswith("1/")]
    assert min(numbers) > min(visited)
    assert len(visited) == 3  # as many as were planned, the one before counts
    assert max(off_um(tmp_path)) < 0.7


def test_a_square_that_cannot_be_told_is_left_and_that_is_said(tmp_path):
    bench = Reloading(tmp_path)
    wanted = plan(tmp_path)

    def stopping(*given):
        if len(places_exposed(tmp_path)) == 6:
            orders.stop(tmp_path, "Ada")
        return judge(*given)

    bench.run(wanted, replace(EYES, judge=stopping))
    under_way = next(t for (step, t), e in read_steps(tmp_path).items() if step == "square" and t.startswith("1/")
                     and ("visited", t) not in read_steps(tmp_path))  # fmt: skip
    picture = tmp_path / "grids" / "01" / f"square_{int(under_way[2:]):04d}.mrc"
    image, pixel_size_A = read_picture(picture)
    picture.unlink()
    write_mrc(picture, np.random.default_rng(0).normal(0, 1, image.shape).astype(np.float32), pixel_size_A)
    orders.put_first(tmp_path, "2", "Ada")
    assert bench.run(wanted).finished
    why = read_steps(tmp_path)["skip", under_way].result["why"]
    assert why.startswith(f"the rest of square {under_way} is skipped: since the grid was loaded again")
    assert why in (tmp_path / "report.html").read_text()
    assert exposed_twice(tmp_path) == []


def test_tiles_from_before_a_reload_are_taken_again(tmp_path):
    bench, wanted = Reloading(tmp_path), plan(tmp_path)
    assert bench.killed_at(wanted, 30)
    before = [t for step, t in read_steps(tmp_path) if step == "tile"]
    assert 0 < len(before) < 4
    orders.put_first(tmp_path, "2", "Ada")
    assert bench.run(wanted).finished
    assert len(exposures(tmp_path)) == 24
    assert max(off_um(tmp_path)) < 0.7
