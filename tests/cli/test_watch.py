import json
import os
import random
import signal
import subprocess
import time
from collections import Counter
from contextlib import contextmanager

import httpx
import numpy as np
import pytest

from cryogauge.io import write_mrc

QUICK = ("--interval", "0.2", "--settle", "0.4", "--grace", "3", "--no-page")


def events(folder, *kinds):
    path = folder / "out" / "feed.jsonl"
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    found = [json.loads(line) for line in lines]
    return [event for event in found if not kinds or event["event"] in kinds]


def names(folder, kind):
    return sorted(event["name"] for event in events(folder, kind))


@contextmanager
def watching(command, *options):
    arguments = command.arguments(("watch", "data", "--out", "out", *options))
    process = subprocess.Popen(
        arguments, cwd=command.folder, env=command.environment, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        errors = process.communicate()[1]
        print(errors)  # pytest shows it when the test fails


def wait_until(process, condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, "it has died"
        assert time.monotonic() < end
        time.sleep(0.1)


def test_once_judges_what_is_complete_and_ends(command, tomogram, tmp_path):
    tomogram("data/good.mrc", 0.9)
    tomogram("data/deep/low.mrc", 0.1)
    torn = tomogram("data/torn.mrc", 0.5)
    torn.write_bytes(torn.read_bytes()[:-1])
    os.utime(torn, (1e9, 1e9))
    fresh = tomogram("data/fresh.mrc", 0.5)
    fresh.write_bytes(fresh.read_bytes()[:-1])
    call = ("watch", "data", "--out", "out", "--once", "--interval", "0.2", "--settle", "0.4", "--alert-count", "1")
    done = command(*call)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    told = done.stderr.splitlines()
    assert f"watching {tmp_path / 'data'}" in told
    assert "scored: good.mrc: TomoScore 0.90" in told
    assert "scored: deep/low.mrc: TomoScore 0.10; out of domain, no empty ends" in told
    assert any(line.startswith("broken: torn.mrc: ") and "truncated" in line for line in told)
    assert told[-1] == "2 scored, 1 broken, 1 waiting; results: out"
    assert "alert: last 1 below 0.3" in told
    assert command.judged() == ["deep/low.mrc", "fresh.mrc", "good.mrc", "torn.mrc"]

    torn.unlink()
    tomogram("data/fresh.mrc", 0.5)
    again = command(*call)
    assert "scored: fresh.mrc: TomoScore 0.50" in again.stderr
    assert "alert: last 1 below 0.3 is over" in again.stderr
    assert command.judged() == ["fresh.mrc"]


@pytest.mark.skipif(os.name == "nt", reason="sends POSIX signals")
def test_killed_at_any_moment_it_loses_nothing_and_does_nothing_twice(command, tomogram, tmp_path):
    rng = random.Random(5)
    good = [f"TS_{number}.mrc" for number in range(16)]
    (tmp_path / "data").mkdir()
    for round_ in range(3):
        with watching(command, *QUICK) as process:
            for name in good[round_ * 6 : round_ * 6 + 6]:
                whole = tomogram("made.mrc", 0.5 + rng.random() / 2).read_bytes()
                with (tmp_path / "data" / name).open("wb") as file:
                    for start in range(0, len(whole), 400):  # slowly, in pieces
                        file.write(whole[start : start + 400])
                        file.flush()
                        time.sleep(0.02)
            if round_ == 0:
                (tmp_path / "data" / "torn.mrc").write_bytes(whole[:-100])
                (tmp_path / "data" / "vanishing.mrc").write_bytes(whole[:-200])
                wait_until(process, lambda: len(events(tmp_path, "scored")) >= 2)
                (tmp_path / "data" / "vanishing.mrc").unlink()
            if round_ == 1:
                wait_until(process, lambda: len(events(tmp_path, "scored")) >= 7)
            if round_ == 2:
                wait_until(process, lambda: len(events(tmp_path, "scored", "failed")) >= 17)
                process.terminate()
                assert process.wait(20) == 0
            process.send_signal(signal.SIGKILL)
    assert Counter(names(tmp_path, "scored")) == Counter(good)
    assert names(tmp_path, "failed") == ["torn.mrc"]
    assert [event["id"] for event in events(tmp_path)] == list(range(1, len(events(tmp_path)) + 1))
    assert len(events(tmp_path, "session_start")) == 3


@pytest.mark.skipif(os.name == "nt", reason="sends POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_in_an_orderly_way(command, tomogram, tmp_path, number):
    tomogram("data/a.mrc", 0.5)
    tomogram("data/b_slow.mrc", 0.5)
    with watching(command, *QUICK) as process:
        wait_until(process, lambda: "b_slow" in (command.log.read_text() if command.log.exists() else ""))
        taken = command("watch", "data", "--out", "out", "--once")
        assert taken.returncode == 2
        assert "another run is using" in taken.stderr
        process.send_signal(number)
        errors = process.communicate(timeout=120)[1]
    assert process.returncode == 0
    assert errors.splitlines()[-2:] == [
        "stopped: run the same command again to go on",
        "1 scored, 0 broken, 1 waiting; results: out",
    ]
    assert "Traceback" not in errors


def test_the_page_is_served_while_it_works(command, tomogram, tmp_path):
    tomogram("data/a.mrc", 0.5)
    quick = (*QUICK[:-1], "--port", "0", "--token", "0123456789abcdef")
    with watching(command, *quick) as process:
        assert process.stderr is not None
        line = next(line for line in process.stderr if "live page" in line)
        address = line.split()[-1]
        assert address.startswith("http://127.0.0.1:")
        assert httpx.get(address.partition("?")[0]).status_code == 401
        with httpx.Client(follow_redirects=True) as client:
            wait_until(process, lambda: "a.mrc</a>" in client.get(address).text)


def test_wrong_calls_exit_with_2(command, tomogram, tmp_path):
    tomogram("data/a.mrc", 0.5)
    for call, said in (
        (("nowhere", "--out", "out"), "nowhere is no folder"),
        (("data/a.mrc", "--out", "out"), "is no folder"),
        (("data", "--out", "data"), "the watched folder itself"),
        (("data", "--out", "data/a.mrc"), "cannot make the folder"),
        (("data", "--out", "out", "--interval", "0"), "positive"),
        (("data", "--out", "out", "--alert-below", "7"), "no alert can be raised"),
        (("data", "--out", "out", "--webhook", "ftp://lab/hook"), "no address to send events to"),
        (("data", "--out", "out", "--host", "0.0.0.0"), "token"),
        (("data", "--out", "out", "--host", "0.0.0.0", "--token", "short"), "token"),
        (("data", "--out", "out", "--model", "resnet101"), "no weights"),
    ):
        done = command("watch", *call)
        assert done.returncode == 2, (call, done.stderr)
        assert said in done.stderr
        assert "hint: " in done.stderr
        assert "Traceback" not in done.stderr
    assert not list(tmp_path.glob("out/tomograms"))


def test_a_tilt_series_and_its_images_are_not_taken_for_tomograms(command, tmp_path):
    (tmp_path / "data").mkdir()
    stack = np.random.default_rng(0).normal(size=(5, 8, 8)).astype(np.float32)
    write_mrc(tmp_path / "data" / "TS_1.mrc", stack, 3.0)
    (tmp_path / "data" / "TS_1.rawtlt").write_text("-20\n-10\n0\n10\n20\n")
    write_mrc(tmp_path / "data" / "TS_2.st", stack, 3.0)
    call = ("watch", "data", "--out", "out", "--once", "--interval", "0.2", "--settle", "0.4")
    command(*call, "--series-settle", "3600")
    assert command.judged() == []
    command(*call, "--no-tilt-series")
    assert command.judged() == ["TS_1.mrc", "TS_2.st"]
