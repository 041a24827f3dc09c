"""``cryogauge classes grade`` and ``classes calibrate-mass``, called as the command line calls them."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
import typer
from typer.testing import CliRunner

from cryogauge.classes.grade import read_grades
from cryogauge.classes.model import save_grader
from cryogauge.classes.network import build
from cryogauge.classes.presets import find_preset
from cryogauge.cli.classes_grade import calibrate_mass, grade
from cryogauge.io import MrcWriter
from cryogauge.records import BadInput
from tests.classes.averages import particle


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    app.command("grade")(grade)
    app.command("calibrate-mass")(calibrate_mass)
    return app


@pytest.fixture
def weights(tmp_path):
    torch.manual_seed(0)
    path = tmp_path / "grader.safetensors"
    save_grader(
        build("grader").eval(), find_preset("grader"), path, recipe="none", data="none", seed=0, code_version="0",
        settings={"spread": 1.0},
    )  # fmt: skip
    return path


def write_stack(path, images) -> None:
    with MrcWriter(path, images.shape, 2.0, stack=True) as writer:
        writer.append(np.asarray(images, dtype=np.float32))


@pytest.fixture
def stacks(tmp_path):
    """Two stacks of the same particles, those of the second four times as heavy, and one whose boxes are too small."""
    rng = np.random.default_rng(0)
    images = np.stack([particle(64, rng, radius_px=12, detail_px=3.0) for _ in range(4)])
    images += 0.02 * rng.normal(size=images.shape)
    images *= 0.002  # to the grey values of proteins of some 30 to 60 kDa
    write_stack(tmp_path / "one.mrcs", images)
    write_stack(tmp_path / "two.mrcs", 4 * images)
    write_stack(tmp_path / "small.mrcs", images[:, :20, :20])
    return tmp_path


def test_several_inputs_are_graded_and_a_bad_one_is_a_row(app, stacks, weights):
    out = stacks / "out"
    paths = [str(stacks / f"{name}.mrcs") for name in ("one", "small", "two")]
    done = CliRunner().invoke(app, ["grade", *paths, "--model", str(weights), "--out", str(out), "--json"])
    assert done.exit_code == 1, done.output
    rows = json.loads(done.stdout)
    assert [row["classes"] for row in rows] == [4, 0, 4]
    assert "20 px" in rows[1]["message"]
    jobs = pd.read_csv(out / "jobs.csv")
    assert jobs["message"].notna().tolist() == [False, True, False]
    folder = out / "1_one"
    assert {path.name for path in folder.iterdir()} == {
        "grades.csv", "grades.json", "classes_graded.star", "classes_graded.mrcs", "report.html"
    }  # fmt: skip
    one, two = read_grades(folder / "grades.csv"), read_grades(out / "3_two" / "grades.csv")
    assert two["grade"].to_numpy() == pytest.approx(one["grade"].to_numpy(), abs=1e-3)
    assert two["mass_kDa"].to_numpy() == pytest.approx(4 * one["mass_kDa"].to_numpy(), rel=1e-3)
    used = json.loads((folder / "grades.json").read_text())
    assert used["pixel_size_A"] == 2.0
    assert used["model"] == "grader"


def test_one_input_is_graded_into_the_folder_and_a_bad_one_is_an_error(app, stacks, weights):
    call = ["grade", str(stacks / "one.mrcs"), "--model", str(weights), "--out", str(stacks / "out")]
    done = CliRunner().invoke(app, call)
    assert done.exit_code == 0, done.output
    assert str(stacks / "out" / "grades.csv") in done.stdout
    call[1] = str(stacks / "small.mrcs")
    with pytest.raises(BadInput, match="20 px"):
        CliRunner().invoke(app, call, catch_exceptions=False)
    with pytest.raises(BadInput, match="twice"):
        CliRunner().invoke(app, ["grade", call[1], call[1], "--out", str(stacks / "o")], catch_exceptions=False)


def test_known_masses_calibrate_what_grading_says(app, stacks, weights):
    table = stacks / "known.csv"
    paths = [str(stacks / f"{name}.mrcs") for name in ("one", "two", "none")]
    pd.DataFrame({"path": paths, "mass_kDa": [100.0, 400.0, 5.0]}).to_csv(table, index=False)
    mass = stacks / "mass.json"
    done = CliRunner().invoke(app, ["calibrate-mass", str(table), "--out", str(mass), "--json"])
    assert done.exit_code == 1  # one is not there
    assert json.loads(done.stdout)["specimens"] == 2
    call = ["grade", paths[0], "--model", str(weights), "--mass", str(mass), "--out", str(stacks / "out")]
    assert CliRunner().invoke(app, call).exit_code == 0
    assert read_grades(stacks / "out" / "grades.csv")["mass_kDa"].median() == pytest.approx(100, rel=0.25)
    table.write_text("path,mass_kDa\nx,heavy\n")
    with pytest.raises(BadInput, match="positive"):
        CliRunner().invoke(app, ["calibrate-mass", str(table), "--out", str(mass)], catch_exceptions=False)
