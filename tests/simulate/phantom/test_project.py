"""Phantoms as a copick project: made once, added to, taken up again after a kill, never mixed."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

from cryogauge.io.copick import open_project, open_tomogram, read_project_picks, read_segmentation, run_names
from cryogauge.records import CZII_OBJECTS, BadInput
from cryogauge.simulate.phantom import PhantomSettings, make_phantom, simulate_phantoms

SETTINGS = PhantomSettings(shape=(24, 64, 64), thickness_nm=(40.0, 40.0), crowding=5.0)
ALL = ("wbp", "wbp-even", "wbp-odd", "ctfdeconv")


def test_a_project_holds_what_was_made_and_grows(tmp_path):
    out, states = tmp_path / "phantoms", []

    def make(count, **how):
        states.clear()
        keep = {"kinds": ALL, "seed": 4} | how
        return simulate_phantoms(out, count, SETTINGS, on_outcome=lambda o: states.append(o.state), **keep)

    written = make(1)
    assert states == ["done"]
    make(2)
    assert sorted(states) == ["already_done", "done"]
    table = pd.read_csv(written["table"])
    project = open_project(written["project"])
    assert project.objects == CZII_OBJECTS
    assert run_names(project) == list(table["tomogram"]) == ["phantom-0000", "phantom-0001"]
    picks = read_project_picks(project, user="phantom", session="0")
    for row in table.to_dict("records"):
        made = make_phantom(SETTINGS, int(row["seed"]))
        volumes = {kind: open_tomogram(project, str(row["tomogram"]), kind) for kind in ALL}
        assert volumes["wbp"].voxel_size_A == pytest.approx(SETTINGS.voxel_size_A)
        np.testing.assert_array_equal(np.asarray(volumes["wbp"].data), made.data)
        mean = 0.5 * (np.asarray(volumes["wbp-even"].data) + np.asarray(volumes["wbp-odd"].data))
        np.testing.assert_allclose(mean, made.data, atol=1e-6)
        assert not np.array_equal(np.asarray(volumes["ctfdeconv"].data), made.data)
        labels = read_segmentation(project, str(row["tomogram"]), SETTINGS.voxel_size_A, name="particles")
        np.testing.assert_array_equal(labels, made.labels)
        own = picks[picks["tomogram"] == str(row["tomogram"])]
        assert len(own) == len(made.picks)
        for name, of_object in made.picks.groupby("object"):
            kept = own[own["object"] == name]
            assert row[str(name)] == len(kept)
            np.testing.assert_allclose(kept[["x_A", "y_A", "z_A"]], of_object[["x_A", "y_A", "z_A"]], atol=1e-6)

    make(2)
    assert states == ["already_done", "already_done"]
    labels = out / "overlay/ExperimentRuns/phantom-0001/Segmentations/10.012_phantom_0_particles-multilabel.zarr"
    labels.rename(tmp_path / "taken-away")
    make(2)
    assert sorted(states) == ["already_done", "done"]
    assert labels.is_dir()

    with pytest.raises(BadInput, match="other settings"):
        make(2, seed=5)


def test_a_run_that_was_killed_goes_on(tmp_path):
    out = tmp_path / "phantoms"
    call = [sys.executable, "-m", "cryogauge", "simulate", "phantom", "--out", str(out), "--count", "4"]
    call += ["--size", "24,64,64", "--types", "wbp", "--json"]
    first = subprocess.Popen(call, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    runs = out / "overlay" / "ExperimentRuns"
    for _ in range(900):
        if len(list(runs.glob("*/Picks"))) or len(list(runs.glob("*/Segmentations"))):
            break
        time.sleep(0.1)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    done = subprocess.run(call, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    project = open_project(json.loads(done.stdout)["project"])
    assert len(run_names(project)) == 4
    for name in run_names(project):
        assert open_tomogram(project, name, "wbp").shape == (24, 64, 64)
        read_segmentation(project, name, 10.012, name="particles")
    assert len(pd.read_csv(out / "phantom.csv")) == 4


def test_what_cannot_be_made_is_refused_before_anything_is(tmp_path):
    with pytest.raises(BadInput, match="no type of tomogram is called 'isonet'"):
        simulate_phantoms(tmp_path / "a", 1, SETTINGS, kinds=("wbp", "isonet"))
    with pytest.raises(BadInput, match="no type of tomogram is asked for"):
        simulate_phantoms(tmp_path / "a", 1, SETTINGS, kinds=())
    with pytest.raises(BadInput, match="0 phantoms"):
        simulate_phantoms(tmp_path / "a", 0, SETTINGS)
    assert not (tmp_path / "a").exists()
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "thesis.txt").write_text("mine")
    with pytest.raises(BadInput, match="holds no phantoms"):
        simulate_phantoms(tmp_path / "b", 1, SETTINGS)
