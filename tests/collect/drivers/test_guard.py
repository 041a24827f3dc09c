"""What the guard adds to a driver: pictures that cannot be right, turns of threads, a real kill."""

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from cryogauge.collect.drivers.journal import Journal, interrupted, read_journal
from cryogauge.collect.drivers.picture_check import check_picture
from cryogauge.collect.drivers.registry import guard
from cryogauge.io.replace import no_space_is_retryable
from cryogauge.records import BadInput, Retryable
from cryogauge.records.faults import CameraFault, StageFault
from cryogauge.records.microscope import Exposure, Mode, StagePosition
from tests.collect.drivers.rigs import simulated, simulated_settings

ROOT = Path(__file__).parents[3]
NOISE = np.random.default_rng(0).poisson(20, (96, 128))


def _with_rows(rows, value):
    data = NOISE.copy()
    data[rows] = value
    return data


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (np.zeros((96, 128), np.uint16), "blank"),
        (np.full((96, 128), 65535.0), "blank"),
        (np.where(np.arange(128) < 100, 255, NOISE), "saturated"),
        (_with_rows(slice(48, None), 0), "50% of the picture is missing"),
        (_with_rows(slice(0, 60), 7), "missing"),
        (np.where(NOISE > 30, np.nan, NOISE), "no numbers"),
        (NOISE[0], "shape"),
        (NOISE[:0], "shape"),
    ],
)
def test_pictures_that_cannot_be_right(data, told):
    with pytest.raises(CameraFault, match=told):
        check_picture(data)


@pytest.mark.parametrize(
    "data",
    [
        NOISE,
        NOISE.astype(np.uint8),
        np.random.default_rng(1).poisson(0.02, (96, 128)),  # hardly an electron
        _with_rows(slice(0, 30), 0),  # an opaque bar across the top
        _with_rows(slice(20, 70), 0),  # and one across the middle
        np.where(np.arange(128) < 60, 255, NOISE),  # a hole that is too bright
    ],
)
def test_pictures_that_can(data):
    check_picture(data)


@pytest.fixture
def full_disk(monkeypatch):
    """A disk that takes nothing any more, once it is told so."""

    def full(journal, left):
        with no_space_is_retryable(journal.path.parent):
            if left:
                raise OSError(errno.ENOSPC, "No space left on device")

    return lambda: monkeypatch.setattr(Journal, "_append", full)


def test_a_full_disk_leaves_no_beam_on_the_specimen(tmp_path, full_disk):
    with guard(simulated, simulated_settings(), journal=tmp_path / "journal.jsonl") as scope:
        scope.load_grid(1)
        scope.set_mode("exposure")
        scope.set_image_shift(2.0, 1.0)
        full_disk()
        with pytest.raises(Retryable, match="no space"):
            scope.set_mode("atlas")
        scope.rest("atlas")
        state = scope.driver._state()
        assert (state["mode"], state["_image_shift_um"]) == ("atlas", (0.0, 0.0))
        with pytest.raises(Retryable, match="no space"):
            scope.move_stage(x_um=1.0)
    assert [entry.command for entry in read_journal(tmp_path / "journal.jsonl")][-1] == "set_image_shift"


def test_a_stage_that_reads_no_number():
    scope = guard(simulated, simulated_settings())
    scope.load_grid(1)
    scope.driver.stage = lambda: StagePosition(float("nan"), 0.0, 0.0, 0.0)
    with pytest.raises(StageFault, match="nan"):
        scope.stage()
    with pytest.raises(StageFault, match="nan"):
        scope.move_stage(x_um=1.0)


def test_what_is_asked_must_make_sense():
    scope = guard(simulated, simulated_settings())
    before = scope.driver.commands
    for rate in (0.0, -1.0, float("nan")):
        with pytest.raises(BadInput, match="never reached"):
            scope.wait_for_drift(rate)
    with pytest.raises(BadInput, match="atlsa"):
        scope.set_mode("atlsa")
    with pytest.raises(BadInput, match="calibration"):
        Exposure(NOISE, 1.0, "atlas", StagePosition(0, 0, 0, 0)).stage_at(0, 0)
    assert scope.driver.commands == before


def test_geometry_of_pictures():
    turned = ((0.0, -2.0), (2.0, 0.0))
    picture = Exposure(NOISE, 1.0, "hole", StagePosition(10.0, 20.0, 0, 0), (1.0, 0.0), pixel_to_stage_um=turned)
    assert picture.stage_at(63.5, 47.5) == (11.0, 20.0)
    assert picture.stage_at(64.5, 47.5) == (11.0, 22.0)
    assert picture.stage_at(63.5, 48.5) == (9.0, 20.0)
    assert Mode("hole", 200.0, (100, 300)).field_um == (2.0, 6.0)


def test_threads_take_turns(tmp_path):
    path = tmp_path / "journal.jsonl"
    with guard(simulated, simulated_settings(), journal=path) as scope:
        scope.load_grid(1)
        threads = [
            threading.Thread(target=lambda n=n: [scope.move_stage(x_um=float(n + k)) for k in range(25)])
            for n in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    entries = read_journal(path)
    assert [entry.outcome for entry in entries] == ["done"] * 101
    assert all(one.ended_s <= other.begun_s for one, other in pairwise(entries))


RUN = """
import sys
from tests.collect.drivers.rigs import simulated, simulated_settings
from cryogauge.collect.drivers.registry import guard
from pathlib import Path
folder = Path(sys.argv[1])
scope = guard(simulated, simulated_settings(memory=folder / "memory"), journal=folder / "journal")
scope.load_grid(1)
scope.set_mode("exposure")
while True:
    scope.move_stage(x_um=float(scope.driver.commands % 500))
    scope.record()
"""


def test_killed_without_warning(tmp_path):
    """SIGKILL at any moment: no exposure is forgotten, and at most one command is in doubt."""
    process = subprocess.Popen([sys.executable, "-c", RUN, str(tmp_path)], cwd=ROOT)
    journal, until = tmp_path / "journal", time.monotonic() + 300
    while not (journal.exists() and journal.stat().st_size > 50_000):
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    entries = read_journal(journal)
    done = sum(entry.command == "record" and entry.outcome == "done" for entry in entries)
    under_way = interrupted(entries)
    assert [entry for entry in entries if not entry.outcome] == ([under_way] if under_way else [])
    with guard(simulated, simulated_settings(memory=tmp_path / "memory"), journal=journal) as scope:
        made = len(scope.driver.specimen.exposed)
        assert done <= made <= done + (under_way is not None and under_way.command == "record")
        scope.load_grid(1)  # it is in the column already
        scope.record()
        assert len(scope.driver.specimen.exposed) == made + 1
    assert len(read_journal(journal)) == len(entries) + 2
