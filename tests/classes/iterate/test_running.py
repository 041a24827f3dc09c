"""Programs that run for long: logged, limited, ended with us, and told by their last words."""

import os
import sys
import time

import pytest

from cryogauge.classes.iterate.running import Job, last_words, run_here
from cryogauge.records import BadInput, Retryable


def _job(folder, *commands, hours=1.0):
    return Job("a step", commands, folder, folder, hours)


def _nothing():
    pass


def test_output_goes_to_files_and_commands_are_kept(tmp_path):
    run_here(_job(tmp_path, ["sh", "-c", "echo one; echo two >&2"], ["echo", "it's three"]), _nothing)
    assert (tmp_path / "run.out").read_text() == "one\nit's three\n"
    assert (tmp_path / "run.err").read_text() == "two\n"
    assert (tmp_path / "command.txt").read_text() == "sh -c 'echo one; echo two >&2'\necho 'it'\"'\"'s three'\n"


def test_the_last_words_of_one_that_fails_are_told(tmp_path):
    said = "ERROR: \\nno such particle\\n=== Backtrace  ===\\n/usr/bin/relion_refine(+0x1)\\n==================\\n"
    with pytest.raises(Retryable, match="a step ended with status 3: no such particle"):
        run_here(_job(tmp_path, ["sh", "-c", f"printf '{said}' >&2; exit 3"], ["touch", "second"]), _nothing)
    assert not (tmp_path / "second").exists()
    (tmp_path / "run.err").write_text("")
    (tmp_path / "run.out").write_text("half a bar\rlast of all\n")
    assert last_words(tmp_path) == "last of all"


def test_one_that_takes_too_long_is_ended_with_its_children(tmp_path):
    begun = time.monotonic()
    with pytest.raises(Retryable, match="took more than"):
        run_here(_job(tmp_path, ["sh", "-c", "sleep 60 & echo $! > child; wait"], hours=0.3 / 3600), _nothing)
    assert time.monotonic() - begun < 20
    assert _is_gone(int((tmp_path / "child").read_text()))


def test_an_interruption_ends_it(tmp_path):
    def interrupt():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_here(_job(tmp_path, ["sh", "-c", "echo $$ > pid; sleep 60"]), interrupt)
    assert _is_gone(int((tmp_path / "pid").read_text()))


def test_what_a_killed_run_left_is_ended_before_another_writes_there(tmp_path):
    code = (
        "import sys; from pathlib import Path; from cryogauge.classes.iterate.running import *\n"
        "folder = Path(sys.argv[1])\n"
        "run_here(Job('a', [['sh', '-c', 'echo $$ > pid; sleep 60']], folder, folder, 1.0), lambda: os._exit(9))"
    )
    assert os.spawnv(os.P_WAIT, sys.executable, [sys.executable, "-c", code, str(tmp_path)]) == 9
    left = int((tmp_path / "pid").read_text())
    assert not _is_gone(left, wait_s=0)
    run_here(_job(tmp_path, ["true"]), _nothing)
    assert _is_gone(left)


def test_a_program_that_is_not_there_is_named(tmp_path):
    with pytest.raises(BadInput, match="no_such_program cannot be run"):
        run_here(_job(tmp_path, ["no_such_program"]), _nothing)


def _is_gone(pid, wait_s=5.0):
    deadline = time.monotonic() + wait_s
    while True:
        try:
            with open(f"/proc/{pid}/stat") as file:
                gone = file.read().rpartition(")")[2].split()[0] == "Z"
        except OSError:
            gone = True
        if gone or time.monotonic() >= deadline:
            return gone
        time.sleep(0.05)
