"""``cryogauge collect import``, ``check`` and ``export``, called as the command line calls them."""

import json

import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

from cryogauge.cli.collect_dataset import check, export, import_dataset
from cryogauge.io.session.nav import read_nav
from tests.io.session.makers import NAV, serialem


@pytest.fixture
def call():
    app = typer.Typer()
    app.command("import")(import_dataset)
    app.command("check")(check)
    app.command("export")(export)
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words])


def test_from_serialem_to_a_data_set_and_back(call, tmp_path):
    shared = tmp_path / "shared"
    known = ("--grid", "g7", "--mesh", 300, "--hole-diameter", 1.2, "--pitch", 2.5, "--licence", "CC0-1.0", "--json")
    done = call("import", serialem(tmp_path), "--out", shared, *known)
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert (said["images"], said["places"], said["images_with_pixels"], said["notes"]) == (1, 2, 1, [])
    grid = pd.read_parquet(shared / "grids.parquet").iloc[0]
    assert (grid["grid"], grid["mesh_per_inch"], grid["hole_diameter_um"], grid["hole_pitch_um"]) == (
        "g7",
        300,
        1.2,
        2.5,
    )
    assert json.loads((shared / "dataset.json").read_text())["licence"] == "CC0-1.0"
    assert call("check", shared).exit_code == 0
    done = call("export", shared, "--to", "nav", "--out", tmp_path / "back.nav")
    assert done.exit_code == 0, done.output
    assert [item.label for item in read_nav(tmp_path / "back.nav")] == ["1-A", "2", "3"]


def test_what_is_damaged_is_left_out_named_and_told_by_the_status(call, tmp_path):
    path = serialem(tmp_path)
    path.write_text(NAV.replace("PtsX = 98 102 100", "PtsX = 98 102"))
    done = call("import", path, "--out", tmp_path / "shared")
    assert done.exit_code == 1
    assert "left out: item 3 has 2 numbers in PtsX, not 3" in done.stderr
    assert len(pd.read_parquet(tmp_path / "shared" / "places.parquet")) == 1


def test_faults_are_printed_by_file_and_row(call, tmp_path):
    shared = tmp_path / "shared"
    call("import", serialem(tmp_path), "--out", shared)
    places = pd.read_parquet(shared / "places.parquet")
    places.loc[1, "kind"] = "star"
    places.to_parquet(shared / "places.parquet")
    done = call("check", shared)
    assert done.exit_code == 1
    assert done.stdout.startswith("places.parquet, row 1, kind: is 'star'; use one of square, hole")
    assert "has 1 fault" in done.stderr
    done = call("check", shared, "--json", "--no-pixels")
    assert [fault["row"] for fault in json.loads(done.stdout)["faults"]] == [1]
