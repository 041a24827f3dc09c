"""``cryogauge collect squares`` and ``holes``, from files to tables."""

import json

import numpy as np
import pandas as pd
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from cryogauge.cli.collect_find import holes, squares
from cryogauge.io import write_mrc
from cryogauge.records import BadInput
from tests.collect.targets import grids


@pytest.fixture
def app():
    app = typer.Typer()
    app.command("squares")(squares)
    app.command("holes")(holes)
    return app


@pytest.fixture
def folder(tmp_path):
    Image.fromarray(np.clip(grids.mesh(shape=(180, 200))[0] / 3, 0, 255).astype(np.uint8)).save(tmp_path / "atlas.png")
    made = grids.holes(shape=(150, 160), pitch=44, diameter=24)[0]
    Image.fromarray(np.clip(made / 2, 0, 255).astype(np.uint8)).save(tmp_path / "square.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    return tmp_path


def test_squares_of_a_picture_and_one_that_is_none(app, folder):
    out = folder / "out"
    done = CliRunner().invoke(
        app,
        ["squares", str(folder / "atlas.png"), str(folder / "broken.png"), "--out", str(out), "--pixel-size", "2000"],
    )
    assert done.exit_code == 1
    assert "found, pitch 64" in done.output
    assert "broken.png is no picture" in done.output
    table = pd.read_csv(out / "squares.csv")
    assert (table["image"].unique().tolist(), table["score"].is_monotonic_decreasing) == (["atlas.png"], True)
    assert table["area_um2"].max() == pytest.approx(64, rel=0.15)
    assert len(table["vertices"].iloc[0].split(";")) == 4
    images = json.loads((out / "squares.json").read_text())
    assert images[0]["found"] == len(table)
    assert "no picture" in images[1]["error"]


def test_holes_are_chosen_with_a_reason(app, folder):
    call = [
        "holes",
        str(folder / "square.png"),
        "--choose",
        "groups",
        "--groups",
        "2",
        "--count",
        "1",
        "--by",
        "brightness",
    ]
    done = CliRunner().invoke(app, [*call, "--out", str(folder / "out")])
    assert done.exit_code == 0
    chosen = pd.read_csv(folder / "out" / "chosen.csv")
    assert chosen["group"].tolist() == [0, 1]
    assert "of the best of group 2 of 2 by brightness" in done.output
    as_json = json.loads(CliRunner().invoke(app, [*call, "--json"]).stdout)
    assert len(as_json["chosen"]) == 2
    assert as_json["images"][0]["lattice"] == "square"


def test_ptolemys_list_and_nothing_else_on_stdout(app, folder):
    done = CliRunner().invoke(app, ["holes", str(folder / "square.png"), "--ptolemy"])
    assert set(json.loads(done.stdout)[0]) == {"vertices", "center", "area", "brightness", "score"}
    refused = CliRunner().invoke(app, ["holes", "--ptolemy", str(folder / "square.png"), str(folder / "atlas.png")])
    assert isinstance(refused.exception, BadInput)


def test_the_pixel_of_an_atlas_is_read_from_its_header(app, tmp_path):
    write_mrc(tmp_path / "atlas.mrc", grids.mesh(shape=(180, 200))[0][None].astype(np.float32), 2000.0)
    done = CliRunner().invoke(app, ["squares", str(tmp_path / "atlas.mrc"), "--json"])
    (image,) = json.loads(done.output)
    assert image["pixel_size_A"] == pytest.approx(2000)
    assert max(square["area_um2"] for square in image["squares"]) == pytest.approx(64, rel=0.15)


def test_a_pixel_of_exactly_one_angstrom_is_nobodys(app, tmp_path):
    write_mrc(tmp_path / "atlas.mrc", grids.mesh(shape=(180, 200))[0].astype(np.float32)[None], 1.0)
    call = ["squares", str(tmp_path / "atlas.mrc"), "--out", str(tmp_path / "out")]
    for more, size in ([], None), (["--pixel-size", "1"], 1.0):
        assert CliRunner().invoke(app, [*call, *more]).exit_code == 0
        (image,) = json.loads((tmp_path / "out" / "squares.json").read_text())
        assert image["pixel_size_A"] == size


def test_targets_are_grouped_by_what_image_shift_reaches(app, folder):
    call = ["holes", str(folder / "square.png"), "--by-shift", "10"]
    done = CliRunner().invoke(app, [*call, "--pixel-size", "1000", "--out", str(folder / "out")])
    assert done.exit_code == 0, done.output
    assert "groups" in done.output
    table = pd.read_csv(folder / "out" / "holes.csv")
    grouped = table[table["target"]]
    assert (grouped["shift_group"] >= 0).all()
    assert grouped["shift_centre"].sum() == grouped["shift_group"].nunique()
    assert np.hypot(grouped["shift_x_um"], grouped["shift_y_um"]).max() <= 10
    lost = CliRunner().invoke(app, call)
    assert lost.exit_code == 1
    assert "without a pixel size" in lost.output


@pytest.mark.parametrize(
    "wrong", [("--vacuum", "nan"), ("--vacuum", "-5"), ("--mean-free-path", "0"), ("--by-shift", "-8")]
)
def test_lengths_and_grey_values_that_cannot_be(app, folder, wrong):
    done = CliRunner().invoke(app, ["holes", str(folder / "square.png"), *wrong])
    assert isinstance(done.exception, BadInput)
    assert wrong[0] in str(done.exception)


def test_a_folder_that_cannot_be_is_told_before_the_work(app, folder):
    done = CliRunner().invoke(app, ["squares", str(folder / "atlas.png"), "--out", str(folder / "broken.png")])
    assert isinstance(done.exception, BadInput)
    assert done.stdout == ""


def test_a_file_is_named_once(app, folder):
    done = CliRunner().invoke(app, ["squares", str(folder / "broken.png")])
    assert done.stderr.count("broken.png") == 1
