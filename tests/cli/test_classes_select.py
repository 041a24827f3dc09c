"""``cryogauge classes select``, from a job to its particles."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
import typer
from typer.testing import CliRunner

from cryogauge.classes.model import save_grader
from cryogauge.classes.network import build
from cryogauge.classes.presets import find_preset
from cryogauge.cli.classes_select import select
from cryogauge.records import BadInput
from tests.classes.averages import particle
from tests.io.classes.makers import write_relion, write_stack


@pytest.fixture
def app():
    app = typer.Typer()
    app.command("select")(select)
    return app


@pytest.fixture
def job(tmp_path):
    """A job of four classes, the last of which is empty."""
    folder = tmp_path / "job012"
    write_relion(folder, [1, 2, 3, 4, 4, 4], count=4)
    rng = np.random.default_rng(0)
    images = np.stack([particle(48, rng, radius_px=9) for _ in range(4)])
    images[3] = 0
    write_stack(folder / "run_it025_classes.mrcs", images)
    return folder


def weights(folder):
    torch.manual_seed(0)
    path = folder / "grader.safetensors"
    save_grader(
        build("grader").eval(), find_preset("grader"), path, recipe="none", data="none", seed=0, code_version="0",
        settings={"spread": 1.0},
    )  # fmt: skip
    return path


def test_a_job_is_graded_and_selected_and_the_choice_corrected(app, job, tmp_path):
    out = tmp_path / "selected"
    call = [str(job), "--model", str(weights(tmp_path)), "--cutoff", "4.999", "--out", str(out), "--json"]
    done = CliRunner().invoke(app, call)
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert 4 not in told["classes"]
    assert told["particles"] + told["excluded"] == 6
    assert {"grades.csv", "report.html", "particles.star", "selection.csv"} <= {path.name for path in out.iterdir()}
    again = CliRunner().invoke(app, [str(out), "--cutoff", "0", "--keep", "4,2", "--out", str(tmp_path / "again")])
    assert again.exit_code == 0, again.output
    assert "2 of 4 classes kept: 4 of 6 particles (66.7 %), 2 left out" in again.stderr
    assert str(tmp_path / "again" / "particles.star") in again.stdout
    assert pd.read_csv(tmp_path / "again" / "selection.csv")["by_hand"].tolist() == [False, True, False, True]


def test_wrong_calls(app, job, tmp_path):
    out = ["--out", str(tmp_path / "selected")]
    (tmp_path / "graded" / "1_job").mkdir(parents=True)
    for name in ("jobs.csv", "1_job/grades.csv"):
        (tmp_path / "graded" / name).touch()
    with pytest.raises(BadInput, match="several jobs"):
        CliRunner().invoke(app, [str(tmp_path / "graded"), *out], catch_exceptions=False)
    assert CliRunner().invoke(app, [str(job), "--keep", "a", *out]).exit_code == 2
    (job / "grades.csv").write_text("class,grade\n1,2\n")
    with pytest.raises(BadInput, match="lacks"):
        CliRunner().invoke(app, [str(job), *out], catch_exceptions=False)
    with pytest.raises(BadInput, match="graded already"):
        CliRunner().invoke(app, [str(job), "--pixel-size", "2", *out], catch_exceptions=False)
