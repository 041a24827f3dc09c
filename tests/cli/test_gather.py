"""``cryogauge gather`` in a process of its own, against a portal in miniature."""

import csv
import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from tests.score.stand_ins.portal import serve

DATA = np.random.default_rng(7).normal(size=(40, 200, 256)).astype(np.float32)
SMALL = ("--min-size", "150", "--crop", "96", "--slices", "3")


@pytest.fixture
def portal(tmp_path):
    folder = tmp_path / "www"
    folder.mkdir()
    with serve(folder) as portal:
        yield portal


@pytest.fixture
def gather(portal, tmp_path):
    def call(*arguments, portal_url=portal.graphql, start=subprocess.run, **options):
        command = [sys.executable, "-m", "cryogauge", "gather", "--portal", portal_url, *arguments]
        return start(command, cwd=tmp_path, text=True, **options)

    def finished(*arguments, **options):
        return call(*arguments, capture_output=True, timeout=60, check=False, **options)

    finished.start = lambda *arguments: call(*arguments, start=subprocess.Popen, stderr=subprocess.PIPE)
    return finished


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_look_before_then_the_slices(gather, portal, tmp_path):
    portal.add_image(DATA, "TS_1", "Homo sapiens")
    portal.add_image(DATA, "TS_2", "Quisquilia rara")
    portal.add("TS_3", "Escherichia coli", sizeX=100)
    looked = gather("--out", "data", *SMALL, "--dry-run")
    assert looked.returncode == 0, looked.stderr
    assert "2 of 3 tomograms chosen; data/chosen.csv says why each" in looked.stderr
    assert "travel" in looked.stderr
    assert "taken for eukaryotes: Quisquilia rara; --domains FILE" in looked.stderr
    assert "Escherichia coli" in looked.stdout
    assert not portal.sent
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == ["chosen.csv", "settings.json"]

    done = gather("--out", "data", *SMALL, "--json")
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    assert printed["verdicts"] == {"chosen": 2, "too_small": 1}
    assert [row["chosen"] for row in printed["species"]] == [1, 1, 0]
    assert printed["failed"] == []
    assert "2 gathered; slices: data/slices.csv" in done.stderr
    rows = rows_of(tmp_path / "data" / "slices.csv")
    assert len(rows) == 6
    assert all((tmp_path / "data" / row["file"]).exists() for row in rows)
    assert not portal.errors


def test_interrupted_and_taken_up_again(gather, portal, tmp_path):
    for name in "abcd":
        portal.add_image(DATA, name)
    portal.pause_s = 1.0
    process = gather.start("--out", "data", *SMALL)
    first = tmp_path / "data" / "slices"
    until = time.monotonic() + 30
    while not list(first.glob("*.mrc")) and time.monotonic() < until:
        time.sleep(0.02)
    time.sleep(0.5)  # that it is there is written down right behind it
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130, said
    assert "run the same command again to go on" in said
    kept = len(list(first.glob("*.mrc")))
    assert 1 <= kept < 4
    portal.pause_s = 0
    again = gather("--out", "data", *SMALL)
    assert again.returncode == 0, again.stderr
    assert f"{4 - kept} gathered, {kept} already done" in again.stderr
    assert len(rows_of(tmp_path / "data" / "slices.csv")) == 12
    assert not [path for path in first.iterdir() if path.suffix != ".mrc"]


def test_failures_are_listed_and_tried_again(gather, portal, tmp_path):
    portal.add_image(DATA, "good")
    portal.add("gone", sizeX=256, sizeY=200, sizeZ=40)
    done = gather("--out", "data", *SMALL)
    assert done.returncode == 1
    assert "failed: 10000-gone:" in done.stderr
    assert "1 gathered, 1 failed" in done.stderr
    (row,) = rows_of(tmp_path / "data" / "failed.csv")
    assert row["tomogram"] == "10000-gone"
    portal.tomograms.pop()
    portal.add_image(DATA, "gone")
    again = gather("--out", "data", *SMALL)
    assert again.returncode == 0, again.stderr
    assert not (tmp_path / "data" / "failed.csv").exists()


def test_nothing_fits(gather, portal, tmp_path):
    portal.add(sizeX=100)
    done = gather("--out", "data")
    assert done.returncode == 0
    assert "0 of 1 tomograms chosen; data/chosen.csv says why each" in done.stderr
    assert "gathered" not in done.stderr


def test_wrong_calls(gather, tmp_path):
    (tmp_path / "file").write_text("")
    for arguments, words in (
        (("--pixel-size-range", "5"), "'5' is not two numbers of Å"),
        (("--pixel-size-range", "50,5"), "50 to 5 Å are no range"),
        (("--domains", "nowhere.csv"), "nowhere.csv cannot be read"),
        (("--slices", "0"), "--slices"),
        (("--portal", "here"), "here is no address of a portal"),
    ):
        done = gather("--out", "data", *arguments)
        assert done.returncode == 2, done.stderr
        assert words in done.stderr
        assert "hint:" in done.stderr
    assert gather("--out", "file").returncode == 2


def test_a_portal_that_is_down(gather, portal, tmp_path):
    portal.broken_answers[:] = [500] * 50
    done = gather("--out", "data")
    assert done.returncode == 1
    assert "cannot be reached: too many 500 error responses" in done.stderr
    assert "hint: check the network and run again" in done.stderr
    assert "Traceback" not in done.stderr
