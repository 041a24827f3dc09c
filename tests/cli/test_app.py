import subprocess
import sys

import pytest

from cryogauge import __version__

COMMANDS = [[], ["score"], ["demo"], ["simulate"], ["simulate", "tilt-series"], ["simulate", "dataset"]]


def test_version(command):
    done = command("--version")
    assert (done.returncode, done.stdout) == (0, f"cryogauge {__version__}\n")


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_each_command_explains_itself_with_examples(command, words):
    done = command(*words, "--help")
    assert done.returncode == 0
    assert done.stderr == ""
    _, usage, examples = done.stdout.partition(" ".join(["Usage: cryogauge", *words]))
    assert usage
    assert "cryogauge " in examples.partition("Examples:")[2]


@pytest.mark.parametrize("words", [[], ["simulate"]], ids=["cryogauge", "simulate"])
def test_a_group_without_a_command_explains_itself(command, words):
    assert command(*words).stdout == command(*words, "--help").stdout


def test_help_is_plain_text_where_colour_is_not_wanted(command):
    plain = command("score", "--help", NO_COLOR="1").stdout
    assert plain.isascii() or set(plain) - set(map(chr, range(128))) <= {"Å"}
    assert "\n    cryogauge score tomograms/ --out scores\n" in plain


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (["frobnicate"], "No such command 'frobnicate'"),
        (["score"], "Missing argument 'PATHS...'"),
        (["score", "x.mrc"], "Missing option '--out'"),
        (["score", "x.mrc", "--out", "o", "--pixel-size", "0"], "--pixel-size"),
        (["score", "x.mrc", "--out", "o", "--pixel-size", "nan"], "--pixel-size"),
        (["score", "x.mrc", "--out", "o", "--workers", "0"], "--workers"),
        (["score", "x.mrc", "--out", "o", "--device", "tpu"], "--device"),
        (["score", "x.mrc", "--out", "o", "--colour"], "--colour"),
        (["simulate", "tilt-series", "--out", "o", "--size", "64,64"], "three positive numbers"),
        (["simulate", "tilt-series", "--out", "o", "--schedule", "random"], "--schedule"),
        (["simulate", "dataset", "--out", "o"], "RECIPE"),
    ],
)
def test_a_wrong_call_is_told_in_two_lines(command, call, said):
    done = command(*call)
    assert done.returncode == 2
    assert done.stdout == ""
    error, hint = done.stderr.splitlines()
    assert error.startswith("error: ")
    assert said in error
    assert hint.startswith("hint: see `cryogauge")


INTERRUPTED_IN_A_STRING = """
from cryogauge.cli.app import app, main
from cryogauge.cli.progress import resumable

@app.command()
def work():
    with resumable():
        exec("raise KeyboardInterrupt")

main(["work"])
"""


def test_an_interrupt_within_code_given_as_a_string_exits_with_130(tmp_path):
    (tmp_path / "interrupted.py").write_text(INTERRUPTED_IN_A_STRING)
    done = subprocess.run(
        [sys.executable, "-m", "interrupted"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 130, done.stderr
    assert "interrupted: what was done is kept" in done.stderr
