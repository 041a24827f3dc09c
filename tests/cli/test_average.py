"""``cryogauge pick average``, in a process of its own."""

import json

import numpy as np
import pandas as pd
import pytest

from cryogauge.io import open_volume, write_mrc, write_picks
from cryogauge.io.copick import create_project, open_project, read_project_picks, write_project_picks, write_tomogram
from cryogauge.pick.masks import load_masks
from cryogauge.records import CZII_OBJECTS
from tests.pick.average import worlds


@pytest.fixture
def project(tmp_path):
    """A copick project of a tomogram of ribosomes with their angles, by ``truth``; its configuration and picks."""
    data, picks = worlds.tomogram(1)
    config = create_project(tmp_path / "project", CZII_OBJECTS)
    opened = open_project(config)
    write_tomogram(opened, "T1", data, worlds.VOXEL_A, "wbp")
    opened.root.refresh()
    write_project_picks(opened, picks, user="truth", session="1")
    return config, picks


def test_picks_of_a_project_are_averaged_and_saved_with_their_shape(tmp_path, project, run):
    config, picks = project
    done = run(
        "pick", "average", config, "--object", "ribosome", "--from-angles", "--tilt-range", 60, "--out", "out",
        "--mask", "--boxes", "--save-as", "average/1", "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["averaged"] == len(picks)
    assert told["resolution_A"] < 100
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {
        "average.mrc", "half1.mrc", "half2.mrc", "fsc.csv", "particles.csv", "report.html", "masks", "boxes"
    }  # fmt: skip
    ribosome = CZII_OBJECTS[3]
    assert load_masks(tmp_path / "out" / "masks", [ribosome], worlds.VOXEL_A)[4].any()
    saved = read_project_picks(open_project(config), user="average")
    assert len(saved) == len(picks)
    assert np.isfinite(saved[["rot", "tilt", "psi"]].to_numpy()).all()
    box = open_volume(tmp_path / "out" / "boxes" / "T1_000001.mrc")
    assert box.shape[0] % 2 == 0


def test_a_damaged_tomogram_does_not_end_it(tmp_path, run):
    (tmp_path / "tomograms").mkdir()
    tables = []
    for seed in (1, 2):
        data, picks = worlds.tomogram(seed)
        write_mrc(tmp_path / "tomograms" / f"T{seed}.mrc", data, worlds.VOXEL_A)
        tables.append(picks)
    path = tmp_path / "tomograms" / "T2.mrc"
    path.write_bytes(path.read_bytes()[:5000])
    write_picks(tmp_path / "picks.csv", pd.concat(tables))
    done = run(
        "pick", "average", "tomograms", "--picks", "picks.csv", "--object", "ribosome", "--from-angles", "--out", "out"
    )
    assert done.returncode == 1, done.stderr
    assert "T2" in done.stderr
    assert "T2" in pd.read_csv(tmp_path / "out" / "failed.csv")["tomogram"].to_list()
    assert set(pd.read_csv(tmp_path / "out" / "particles.csv")["tomogram"]) == {"T1"}


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--object", "vault"], "has no object vault"),
        (["--object", "ribosome", "--user", "nobody"], "holds no picks of user nobody"),
        (["--object", "ribosome", "--picks", "missing.csv"], "missing.csv"),
        (["--object", "ribosome", "--box", "61"], "larger than"),
        (["--object", "thyroglobulin"], "holds no picks"),
        (["--object", "ribosome", "--save-as", "mine"], "names no user and session"),
    ],
)
def test_a_wrong_call_says_what_is_wrong_in_a_line(project, run, extra, message):
    done = run("pick", "average", project[0], "--out", "out", *extra)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_without_picks_or_radius_it_asks_for_them(tmp_path, run):
    data, picks = worlds.tomogram(1)
    write_mrc(tmp_path / "T1.mrc", data, worlds.VOXEL_A)
    write_picks(tmp_path / "picks.csv", picks.assign(object="vault"))
    done = run("pick", "average", "T1.mrc", "--object", "vault", "--out", "out")
    assert done.returncode == 2
    assert "--picks" in done.stderr
    done = run("pick", "average", "T1.mrc", "--object", "vault", "--picks", "picks.csv", "--out", "out")
    assert done.returncode == 2
    assert "--radius" in done.stderr
    done = run("pick", "average", "T1.mrc", "--object", "ribosome", "--picks", "picks.csv", "--out", "out")
    assert done.returncode == 2
    assert "holds no ribosome" in done.stderr
    assert "it holds vault" in done.stderr
    assert not (tmp_path / "out").exists()
