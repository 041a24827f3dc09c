"""``cryogauge collect judge``, called as the command line calls it."""

import json

import numpy as np
import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

from cryogauge.cli.collect_judge import judge
from cryogauge.io import write_mrc
from cryogauge.records import BadInput
from tests.collect.judge.exposures import PIXEL_A, micrograph, untaught_weights


@pytest.fixture
def app():
    app = typer.Typer()
    app.command("judge")(judge)
    return app


@pytest.fixture
def session(tmp_path):
    """A micrograph, a short movie of it, and a file that is cut off."""
    image = micrograph(320)
    (tmp_path / "images").mkdir()
    write_mrc(tmp_path / "images" / "single.mrc", image[None], PIXEL_A)
    frames = np.random.default_rng(0).poisson(np.maximum(image, 0)[None].repeat(3, 0) / 3).astype(np.float32)
    write_mrc(tmp_path / "images" / "movie.mrc", frames, PIXEL_A)
    whole = (tmp_path / "images" / "single.mrc").read_bytes()
    (tmp_path / "images" / "cut.mrc").write_bytes(whole[: len(whole) // 2])
    return tmp_path


def test_a_session_is_judged_and_a_bad_file_is_told_and_done_work_is_kept(app, session):
    call = [str(session / "images"), "--out", str(session / "out"), "--model", str(untaught_weights(session))]
    done = CliRunner().invoke(app, [*call, "--json"])
    assert done.exit_code == 1
    said = json.loads(done.stdout)
    assert {each["exposure"] for each in said["exposures"]} == {"single", "movie"}
    assert [each["tomogram"] for each in said["failed"]] == ["cut"]
    assert "truncated" in said["failed"][0]["message"]
    table = pd.read_csv(session / "out" / "exposures.csv")
    assert table.columns[0] == "score"
    assert table["score"].between(0, 1).all()
    assert table.set_index("exposure").loc["movie", "frames"] == 3
    page = (session / "out" / "report.html").read_text()
    assert page.count("data:image/jpeg") == 4  # a picture and a power spectrum of each
    before = {path: path.stat().st_mtime_ns for path in (session / "out" / "exposures").iterdir()}
    (session / "images" / "cut.mrc").unlink()
    again = CliRunner().invoke(app, call)
    assert again.exit_code == 0, again.output
    assert {path: path.stat().st_mtime_ns for path in (session / "out" / "exposures").iterdir()} == before
    assert "single" in again.stdout


def test_fits_that_relion_wrote_are_taken(app, session):
    star = session / "micrographs_ctf.star"
    labels = ["MicrographName", "DefocusU", "DefocusV", "DefocusAngle", "CtfFigureOfMerit", "CtfMaxResolution"]
    star.write_text("data_micrographs\n\nloop_\n" + "".join(f"_rln{label}\n" for label in labels)
                    + "MotionCorr/job002/single.mrc 15200 14800 -35 0.12 4.25\n")  # fmt: skip
    call = [str(session / "images"), "--out", str(session / "out"), "--model", str(untaught_weights(session))]
    done = CliRunner().invoke(app, [*call, "--ctf", str(star), "--json"])
    assert done.exit_code == 1
    said = json.loads(done.stdout)
    (row,) = said["exposures"]
    assert (row["exposure"], row["defocus_A"], row["astigmatism_A"], row["astigmatism_deg"]) == (
        "single",
        15000,
        400,
        145,
    )
    assert (row["ctf_correlation"], row["ctf_resolution_A"]) == (0.12, 4.25)
    told = {each["tomogram"]: each["message"] for each in said["failed"]}
    assert "does not stand in the table" in told["movie"]
    star.write_text(star.read_text().replace("4.25", "9.5"))
    again = json.loads(CliRunner().invoke(app, [*call, "--ctf", str(star), "--json"]).stdout)
    assert again["exposures"][0]["ctf_resolution_A"] == 9.5  # another fit, another judgement
    wrong = CliRunner().invoke(app, [*call, "--ctf", "gctf"])
    assert isinstance(wrong.exception, BadInput)


def test_a_missing_file_is_a_wrong_call(app, tmp_path):
    done = CliRunner().invoke(app, [str(tmp_path / "none.mrc"), "--out", str(tmp_path / "out")])
    assert done.exit_code != 0
    assert not (tmp_path / "out").exists()
