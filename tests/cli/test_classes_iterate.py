"""``cryogauge classes iterate``, in a process of its own."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
import typer

from cryogauge.cli.classes_iterate import iterate
from cryogauge.records import BadInput
from tests.classes.iterate.worlds import write_particles

_COMMAND = """
import sys
import typer
from cryogauge.cli import app as module
from cryogauge.cli.classes_iterate import iterate
group = typer.Typer()
group.command("iterate")(iterate)
group.command("other")(lambda: None)
module.app.add_typer(group, name="classes")
module.main(sys.argv[1:])
"""
_QUICK = {
    "iterations": 2, "psi_step_deg": 36, "offset_range_px": 2, "model_iterations": [1, 1, 1], "model_poses": 20,
    "model_batch": [5, 5],
}  # fmt: skip


@pytest.fixture
def call(tmp_path):
    """The command as the app runs it."""

    def run(*arguments, **environment):
        return subprocess.run(
            [sys.executable, "-c", _COMMAND, "classes", "iterate", *map(str, arguments)], cwd=tmp_path, text=True,
            capture_output=True, timeout=120, check=False, env={**os.environ, **environment},
        )  # fmt: skip

    return run


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The command in this process: its errors are raised."""
    group = typer.Typer()
    group.command()(iterate)
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: group([str(each) for each in arguments], standalone_mode=False)


def _relion(folder, script):
    """A folder with a program of the name ``relion_refine``."""
    folder.mkdir()
    program = folder / "relion_refine"
    program.write_text(f'#!/bin/sh\nif [ "$1" = --version ]; then echo "RELION version: 3.1.3"; exit 0; fi\n{script}\n')
    program.chmod(0o755)
    return str(folder)


def test_a_dry_run_writes_the_plan_that_the_next_run_reads(tmp_path, here, capsys):
    write_particles(tmp_path, 60)
    common = ("particles.star", "--engine", "builtin", "--diameter", 150, "--out", "out", "--dry-run")
    here(*common, "--seed", 4)
    assert capsys.readouterr().out == "out/plan.json\n"
    plan = json.loads((tmp_path / "out" / "plan.json").read_text())
    assert (plan["box_px"], plan["rounds"], plan["mask_diameter_A"], plan["seed"]) == (128, 5, 180.0, 4)
    (tmp_path / "out" / "plan.json").write_text(json.dumps(plan | {"rounds": 2, "mask_diameter_A": 200.0}))
    here(*common, "--cutoffs", "3,4")
    plan = json.loads((tmp_path / "out" / "plan.json").read_text())
    assert (plan["rounds"], plan["mask_diameter_A"], plan["cutoffs"], plan["seed"]) == (2, 200.0, [3.0, 4.0], 4)


def test_a_relion_that_fails_is_told_and_the_hint_says_how_to_go_on(tmp_path, call):
    write_particles(tmp_path, 40)
    folder = _relion(tmp_path / "bin", "echo 'the disk is full' >&2; exit 1")
    done = call("particles.star", "--engine", "relion", "--diameter", 150, "--out", "out", CRYOGAUGE_RELION=folder)
    assert done.returncode == 1
    assert "ended with status 1: the disk is full" in done.stderr
    assert "run the same command again" in done.stderr
    assert "--particle_diameter 180" in done.stderr  # the command is shown
    state = json.loads((tmp_path / "out" / "state.json").read_text())
    assert state["steps"]["round_1"]["state"] == "failed"


def test_an_interruption_ends_relion_and_says_how_to_go_on(tmp_path):
    write_particles(tmp_path, 40)
    folder = _relion(tmp_path / "bin", "echo $$ > relion.pid; sleep 60")
    process = subprocess.Popen(
        [
            sys.executable, "-c", _COMMAND, "classes", "iterate", "particles.star", "--engine", "relion", "--diameter",
            "150", "--out", "out",
        ],
        cwd=tmp_path, text=True, stderr=subprocess.PIPE, env={**os.environ, "CRYOGAUGE_RELION": folder},
    )  # fmt: skip
    pid = tmp_path / "relion.pid"
    deadline = time.monotonic() + 60
    while not (pid.exists() and pid.read_text().strip()) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "run the same command again" in told
    assert not os.path.exists(f"/proc/{int(pid.read_text())}")


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--engine", "builtin", "--slurm", "x.sh"], "--slurm is of no use to --engine builtin"),
        (["--engine", "builtin", "--micrographs", "x.star"], "--micrographs is of no use"),
        (["--engine", "relion", "--lane", "gpu"], "--lane is of no use to --engine relion"),
        (["--engine", "builtin", "--cutoffs", "good"], "is not grades such as"),
        (["--engine", "builtin", "--cutoffs", "3.5,2.5"], "cut-offs must be different and rise"),
        (["--engine", "cryosparc"], "names no output of cryoSPARC"),
        (["--engine", "builtin", "--settings", "none.json"], "none.json cannot be read"),
    ],
)
def test_a_wrong_call_says_what_is_wrong(tmp_path, here, extra, message):
    write_particles(tmp_path, 20)
    with pytest.raises((BadInput, typer.BadParameter), match=message):
        here("particles.star", "--diameter", 150, "--out", "out", *extra)
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(shutil.which("relion_refine") is None, reason="no RELION on this machine")
def test_particles_become_batches_and_models_and_a_page(tmp_path, call):
    torch = pytest.importorskip("torch")
    from cryogauge.classes.model import save_grader
    from cryogauge.classes.network import build
    from cryogauge.classes.presets import find_preset

    torch.manual_seed(0)
    save_grader(
        build("grader").eval(), find_preset("grader"), tmp_path / "grader.safetensors", recipe="none", data="none",
        seed=0, code_version="0", settings={"spread": 2.0},
    )  # fmt: skip
    write_particles(tmp_path, 60)
    # an untaught grader's grades mean nothing: none is good, bad or beyond the cut-off
    settings = {"attract": -90.0, "reject": 90.0, "cutoffs": [89.0], "rounds": 1, "classes": 2, "relion": _QUICK}
    (tmp_path / "settings.json").write_text(json.dumps(settings))
    done = call(
        "particles.star", "--engine", "relion", "--diameter", 150, "--out", "out", "--settings", "settings.json",
        "--model", "grader.safetensors", "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["rounds"][0] == {
        "round": "round_1", "particles": 60, "classes": 2, "set_aside": 0, "going_on": 60, "dropped": 0,
    }  # fmt: skip
    assert told["batches"][0]["particles"] == 60
    assert (tmp_path / told["batches"][0]["model"]).is_file()
    assert (tmp_path / told["page"]).is_file()
