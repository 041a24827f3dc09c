"""``cryogauge pick convert`` from a shell."""

import json
from typing import get_args, get_type_hints

import numpy as np
import pandas as pd
import pytest

from cryogauge.cli.pick import convert
from cryogauge.io import read_picks, write_picks
from cryogauge.io.picks import WRITABLE, read_picks_as

TABLE = pd.DataFrame(
    {
        "tomogram": ["0012", "0012", "TS_1"], "object": ["ribosome", "virus", "ribosome"], "x_A": [100.0, 220, 300],
        "y_A": [50.0, 500.0, 20.0], "z_A": [20.0, 180, 100.0], "score": [1.0, 0.5, 0.25], "rot": [10.0, 20, 30],
        "tilt": [40.0, 50, 60], "psi": [70.0, 80, 90],
    }
)  # fmt: skip


@pytest.fixture
def picks(tmp_path):
    write_picks(tmp_path / "picks.csv", TABLE)
    return tmp_path / "picks.csv"


def test_every_kind_can_be_asked_for():
    (choice, _), _ = get_args(get_type_hints(convert, include_extras=False)["to"]), None
    assert set(get_args(choice)) == set(WRITABLE)


def test_there_and_back(picks, run, tmp_path):
    done = run("pick", "convert", picks, "--out", "picks.tbl", "--voxel-size", 10)
    assert (done.returncode, done.stdout) == (0, "picks.tbl\npicks.tbl.doc\n")
    assert done.stderr == "3 picks in 2 tomograms: 2 ribosome, 1 virus\n"
    done = run(
        "pick", "convert", "picks.tbl", "--out", "b.csv", "--object", "1=ribosome", "--object", "2=virus", "--json"
    )
    assert json.loads(done.stdout) == {"files": ["b.csv"], "picks": {"ribosome": 2, "virus": 1}, "tomograms": 2}
    pd.testing.assert_frame_equal(read_picks(tmp_path / "b.csv"), TABLE, check_dtype=False)
    done = run("pick", "convert", "picks.tbl", "--out", "model.mod")  # the table states its voxel
    assert done.stdout == "model_0012.mod\nmodel_TS_1.mod\n"
    assert "model.mod: left out: score, rot, tilt, psi" in done.stderr
    done = run("pick", "convert", "model_0012.mod", "model_TS_1.mod", "--out", "c.csv")
    assert done.returncode == 0
    np.testing.assert_allclose(read_picks(tmp_path / "c.csv")["x_A"].sort_values(), [100, 220, 300], rtol=1e-6)


def test_stars_and_sizes(picks, run, tmp_path):
    given = ("--size", "20,60,60", "--voxel-size", "10")
    done = run("pick", "convert", picks, "--out", "p.star", "--to", "relion5", *given)
    assert done.stdout == "p_ribosome.star\np_virus.star\n"
    done = run("pick", "convert", picks, "--out", "w.star", "--to", "warp", "--voxel-size", "10.012")
    assert done.stdout == "w_ribosome.star\nw_virus.star\n"
    assert done.stderr.endswith("ts_export_particles takes them with --coords_angpix 10.012\n")
    read = read_picks_as(tmp_path / "p_virus.star", shape=(20, 60, 60), voxel_size_A=10)
    assert read[["tomogram", "object", "x_A"]].to_numpy().tolist() == [["0012", "virus", 220.0]]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--out", "p.star"), "say it with --to relion5, relion4, relion3 or warp"),
        (("--out", "p.xyz"), "say it with --to"),
        (("--out", "p.tbl"), "give its edge in Å with --voxel-size"),
        (("--out", "p.json", "--voxel-size", 10), "give --size Z,Y,X and --voxel-size"),
        (("--out", "p.tbl", "--voxel-size", 10, "--size", "5,5"), "is not three positive numbers"),
        (("--out", "p.tbl", "--voxel-size", 10, "--size", "5,5,5"), "outside the tomogram"),
        (("--out", "p.tbl", "--voxel-size", 10, "--object", "a=b"), "neither a name nor N=NAME"),
        (("--out", "p.tbl", "--voxel-size", 10, "--tomograms", "none.star"), "none.star does not exist"),
        (
            (
                "--out",
                "away/p.csv",
            ),
            "cannot be written",
        ),
    ],
)
def test_wrong_calls(arguments, says, picks, run, tmp_path):
    done = run("pick", "convert", picks, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["picks.csv"]


def test_help(run):
    assert "convert" in run("pick").stdout
