"""``cryogauge validate fsc``, ``q-score`` and ``reslog``: what they print, write and exit with."""

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from cryogauge.cli import main
from tests.classes.map_quality import worlds
from tests.io.test_relion_refinement import refinement


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """``cryogauge`` in this process, in the test's folder."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(each) for each in arguments])
        told = capsys.readouterr()
        return SimpleNamespace(returncode=ended.value.code, stdout=told.out, stderr=told.err)

    return call


@pytest.fixture
def files(tmp_path):
    """``map.mrc`` and ``model.pdb`` that fit, with some noise."""
    model = worlds.write_model(tmp_path / "model.pdb")
    worlds.write_map(tmp_path / "map.mrc", worlds.map_of(model, noise=0.5))
    return tmp_path


def test_a_map_is_compared_with_a_model(files, run):
    done = run("validate", "fsc", "map.mrc", "--model", "model.pdb", "--mask", "model", "--out", "out", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert 2.0 < told["resolution_A"] < 8.0
    assert told["threshold"] == 0.5
    assert told["best_shift_A"] == [0, 0, 0]
    assert {path.name for path in (files / "out").iterdir()} == {"fsc.csv", "fsc.svg", "report.html"}


def test_half_maps_are_compared_in_words(files, run):
    worlds.write_map(files / "other.mrc", worlds.map_of(files / "model.pdb", noise=0.5, seed=1))
    done = run("validate", "fsc", "map.mrc", "--other", "other.mrc", "--halves", "--out", "out")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("resolution at 0.143: ")


def test_a_model_is_scored(files, run):
    done = run("validate", "q-score", "map.mrc", "model.pdb", "--resolution", 3, "--out", "out", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    atoms = pd.read_csv(files / "out" / "atoms.csv")
    assert told["q"] == pytest.approx(atoms["q"].mean(), abs=1e-4)
    assert (told["atoms"], told["of_atoms"]) == (122, 122)
    assert told["expected_protein"] == pytest.approx(0.5867)
    plain = run("validate", "q-score", "map.mrc", "model.pdb", "--sigma", 0.4, "--out", "narrow")
    assert plain.returncode == 0, plain.stderr
    assert "mean Q: " in plain.stdout
    assert "chain A, protein: " in plain.stdout


def test_lines_of_tables_and_jobs_stand_beside_each_other(tmp_path, run):
    counts = [100, 200, 400, 800]
    for count in counts:
        refinement(tmp_path / "Refine3D" / f"n{count}", count, (0.01 + 0.02 * np.log(count / 100)) ** -0.5)
    rows = [f"3.5,{count},{(0.01 + 0.01 * np.log(count / 100)) ** -0.5}" for count in counts]
    (tmp_path / "usual.csv").write_text("\n".join(["selection,particles,resolution_A", *rows]))
    done = run("validate", "reslog", "usual.csv", "2.5=Refine3D/n*", "--out", "out", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert {each["selection"]: each["b_factor_A2"] for each in told["selections"]} == pytest.approx(
        {"3.5": 200.0, "2.5": 100.0}, rel=1e-3
    )
    missed = run("validate", "reslog", "2.5=Refine3D/n*", "2.5=Refine3D/gone", "--out", "out")
    assert missed.returncode == 1
    assert "gone does not exist" in missed.stderr
    assert missed.stdout.startswith("2.5: B 100 Å²")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (["fsc", "map.mrc"], "give one of --model and --other"),
        (["fsc", "map.mrc", "--model", "model.pdb", "--other", "map.mrc"], "give one of --model and --other"),
        (["fsc", "map.mrc", "--model", "model.pdb", "--halves"], "--halves is of two maps"),
        (["fsc", "map.mrc", "--other", "map.mrc", "--simulate-to", "4"], "--simulate-to is of a model"),
        (["fsc", "map.mrc", "--model", "map.mrc"], "no model by its name"),
        (["q-score", "gone.mrc", "model.pdb"], "gone.mrc does not exist"),
        (["q-score", "map.mrc", "model.pdb", "--sigma", "0"], "a width of the reference of 0 Å cannot be"),
        (["reslog", "Refine3D/n100"], "neither a .csv nor NAME=JOBS"),
        (["reslog", "all=gone"], "no job could be read: gone does not exist"),
        (["reslog", "gone.csv"], "gone.csv cannot be read as a table"),
    ],
)
def test_wrong_calls_are_told_in_a_line(files, run, call, message):
    done = run("validate", *call, "--out", "out")
    assert done.returncode == 2
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert message in errors[0]
    assert not (files / "out").exists()
