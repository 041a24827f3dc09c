"""``cryogauge collect train-scorer``, and ``collect squares --scorer`` with what it wrote."""

import json

import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

from cryogauge.cli.collect_find import squares as find
from cryogauge.cli.collect_scorer import train_scorer
from cryogauge.io import write_mrc
from cryogauge.records import BadInput
from tests.collect.scorers.selections import squares
from tests.collect.targets.grids import mesh


@pytest.fixture
def call():
    app = typer.Typer()
    app.command("train-scorer")(train_scorer)
    app.command("squares")(find)
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def tables(tmp_path):
    paths = [tmp_path / f"{name}.csv" for name in "abcd"]
    for path in paths:
        squares(path.stem).to_csv(path, index=False)
    return paths


def test_from_selections_to_ranked_squares(call, tables, tmp_path):
    done = call("train-scorer", "squares", *tables, "--out", tmp_path / "mine.json")
    assert done.exit_code == 0, done.output
    assert "learned from 240 squares of 4 grids, 72 of them selected" in done.output
    assert "on grids kept out: AUC 0." in done.output
    assert "the finder's own score: AUC 0." in done.output
    assert "orders no better" not in done.output
    write_mrc(tmp_path / "atlas.mrc", mesh((192, 224), pitch=56.0, side=36.0)[0][None], 2000.0)
    image = tmp_path / "atlas.mrc"
    done = call("squares", image, "--scorer", tmp_path / "mine.json", "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    table = pd.read_csv(tmp_path / "out" / "squares.csv")
    assert {"score", "default_score"} <= set(table)
    assert "mine.json scores it" in table["why"][0]
    listed = json.loads(call("squares", image, "--scorer", tmp_path / "mine.json", "--ptolemy").stdout)
    assert [each["score"] for each in listed] == pytest.approx(table["score"].tolist(), abs=1e-4)


def test_the_same_as_json(call, tables, tmp_path):
    done = call("train-scorer", "squares", *tables, "--out", tmp_path / "mine.json", "--json")
    said = json.loads(done.stdout)
    assert said["learned_from"]["grids"] == said["kept_out"]["grids"] == 4


def test_what_cannot_be_learned(call, tables, tmp_path):
    done = call("train-scorer", "squares", tables[0], "--out", tmp_path / "mine.json")
    assert isinstance(done.exception, BadInput)
    assert not (tmp_path / "mine.json").exists()
    assert isinstance(call("train-scorer", "squares", *tables, "--out", tmp_path / "mine.pkl").exception, BadInput)
