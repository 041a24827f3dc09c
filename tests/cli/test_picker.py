"""``cryogauge train picker`` and ``cryogauge pick predict``, in processes of their own."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cryogauge.io import write_mrc
from cryogauge.io.copick import open_project, read_project_picks, write_project_picks
from cryogauge.learn.weights import save_weights
from cryogauge.pick.model import picker_card
from cryogauge.pick.networks import build
from cryogauge.pick.presets import PRESETS
from tests.pick.worlds import LARGE, SMALL, TINY, VOXEL_A, draw_world, make_project


def write_picker(path: Path, *, preset=TINY, voxel_size_A: float = VOXEL_A, thresholds=None) -> Path:
    """Weights that were never taught anything."""
    import torch

    torch.manual_seed(0)
    card = picker_card(
        preset, (SMALL, LARGE), voxel_size_A, thresholds or {"small": 0.0, "large": 0.9},
        recipe="none", data="none", seed=0, code_version="0",
    )  # fmt: skip
    save_weights(build(preset.network, 2), card, path)
    return path


@pytest.fixture
def weights(tmp_path) -> Path:
    return write_picker(tmp_path / "picker.safetensors")


def test_a_picker_is_taught_and_used(tmp_path, run):
    config = make_project(tmp_path / "project")
    taught = run("train", "picker", config, "--steps", 1, "--run", "w0", "--run", "w1", "--out", "picker")
    assert taught.returncode == 0, taught.stderr
    assert "learning from 2 tomograms" in taught.stderr
    model = "picker/picker.safetensors"
    picked = run(
        "pick", "predict", config, "--model", model, "--out", "picked", "--save-as", "net/1", "--all", "--json"
    )
    assert picked.returncode == 0, picked.stderr
    counts = json.loads(picked.stdout)["picks"]
    table = pd.read_csv(tmp_path / "picked" / "picks.csv")
    assert table["object"].value_counts().to_dict() == {name: n for name, n in counts.items() if n}
    if len(table):
        saved = read_project_picks(open_project(config), user="net", session="1")
        assert len(saved) == len(table)
    again = run("pick", "predict", config, "--model", model, "--out", "picked")
    assert again.returncode == 0
    assert json.loads(run("project", "show", config, "--json").stdout)


def test_saving_leaves_nothing_of_an_earlier_picking_and_no_threshold_is_told(tmp_path, run):
    config = make_project(tmp_path / "project")
    picker = write_picker(tmp_path / "p.safetensors", thresholds={"small": 2.0})
    project = open_project(config)
    truth = read_project_picks(project)
    write_project_picks(project, truth, user="net", session="1")
    done = run("pick", "predict", config, "--model", picker, "--out", "out", "--save-as", "net/1")
    assert done.returncode == 0, done.stderr
    assert "no threshold was chosen for large: all of their picks are kept" in done.stderr
    assert "8 files of picks written" in done.stderr
    saved = read_project_picks(project, user="net")
    assert "small" not in set(saved["object"])
    assert len(saved) == len(pd.read_csv(tmp_path / "out" / "picks.csv"))
    assert len(read_project_picks(project, user="truth")) == len(truth)


def test_what_cannot_be_saved_is_refused_before_anything_is_picked(tmp_path, weights, run):
    config = make_project(tmp_path / "project")
    document = json.loads(config.read_text())
    document["pickable_objects"] = document["pickable_objects"][:1]
    config.write_text(json.dumps(document))
    for save_as, message in (("net/1", "has no object large"), ("a_b/1", "cannot be the user")):
        done = run("pick", "predict", config, "--model", weights, "--out", "out", "--save-as", save_as)
        assert done.returncode == 2
        assert message in done.stderr
        assert not (tmp_path / "out" / "tomograms").exists()


def test_a_batch_goes_on_without_what_cannot_be_picked(tmp_path, weights, run):
    folder = tmp_path / "tomograms"
    folder.mkdir()
    data, _ = draw_world(0)
    write_mrc(folder / "good.mrc", data, VOXEL_A)
    write_mrc(folder / "coarse.mrc", data, 2 * VOXEL_A)
    write_mrc(folder / "flat.mrc", np.zeros_like(data), VOXEL_A)
    picked = run("pick", "predict", folder, "--model", weights, "--out", "picked")
    assert picked.returncode == 1
    failed = pd.read_csv(tmp_path / "picked" / "failed.csv").set_index("tomogram")["message"]
    assert "its voxels are 20 Å; the network learned from 10 Å" in failed["coarse"]
    assert "flat" in failed["flat"]
    assert "Traceback" not in picked.stderr
    kept = pd.read_csv(tmp_path / "picked" / "picks.csv")
    assert set(kept["tomogram"]) <= {"good"}


def test_without_a_model_it_finds_the_six_species_by_the_one_that_comes_with_it(tmp_path, run):
    write_mrc(tmp_path / "one.mrc", draw_world(0)[0], VOXEL_A)
    done = run("pick", "predict", "one.mrc", "--out", "out", "--json")
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["picks"]) == 6
    assert "czii.safetensors" in (tmp_path / "out" / "report.html").read_text()


def test_thresholds_cut_and_all_keeps(tmp_path, run):
    data, _ = draw_world(0)
    write_mrc(tmp_path / "one.mrc", data, VOXEL_A)
    eager = write_picker(tmp_path / "eager.safetensors", thresholds={"small": 2.0, "large": 2.0})
    cut = json.loads(run("pick", "predict", "one.mrc", "--model", eager, "--out", "out", "--json").stdout)
    assert sum(cut["picks"].values()) == 0
    every = run("pick", "predict", "one.mrc", "--model", eager, "--out", "out", "--all", "--json")
    files = list((tmp_path / "out" / "tomograms").glob("*.csv"))
    assert len(files) == 1
    assert sum(json.loads(every.stdout)["picks"].values()) == len(pd.read_csv(files[0]))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (("train", "picker", "none.json", "--out", "o"), "none.json"),
        (("train", "picker", "x.json", "--out", "o", "--minutes", 1, "--steps", 1), "both say how long"),
        (("pick", "predict", "one.mrc", "--model", "none.safetensors", "--out", "o"), "none.safetensors"),
        (("pick", "predict", "one.mrc", "--model", "picker.safetensors", "--out", "o", "--save-as", "a/1"), "copick"),
        (("pick", "predict", "none.json", "--out", "o", "--save-as", "a/1"), "copick"),
        (("pick", "predict", "one.mrc", "--model", "czi", "--out", "o"), "no picker is called 'czi'"),
        (("train", "picker", "x.json", "--start", "czi", "--out", "o"), "no picker is called 'czi'"),
        (("train", "picker", "x.json", "--preset", "robpicker", "--out", "o"), "a clean set"),
    ],
)
def test_wrong_calls_exit_with_2_and_one_line(tmp_path, weights, run, call, message):
    write_mrc(tmp_path / "one.mrc", draw_world(0)[0], VOXEL_A)
    done = run(*call)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("error:") == 1
    assert "Traceback" not in done.stderr


def test_weights_of_different_presets_are_not_averaged(tmp_path, weights, run):
    write_mrc(tmp_path / "one.mrc", draw_world(0)[0], VOXEL_A)
    other = write_picker(tmp_path / "other.safetensors", preset=PRESETS["fast"])
    done = run("pick", "predict", "one.mrc", "--model", weights, "--model", other, "--out", "o")
    assert done.returncode == 2
    assert "were not trained alike" in done.stderr
