"""`train_picker` with an upper level: noisy labels of most runs, trusted ones of another."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cryogauge.io.copick import open_project, read_project_picks, write_project_picks, write_tomogram
from cryogauge.learn.weights import read_card
from cryogauge.pick import presets
from cryogauge.pick.labelled import LabelledSource
from cryogauge.pick.model import load_picker
from cryogauge.pick.train import Order, train_picker
from cryogauge.records import BadInput
from tests.pick.worlds import TINY, VOXEL_A, draw_world, make_project


@pytest.fixture
def project(tmp_path):
    """Four worlds; the user ``noisy`` missed half of the small ones, ``truth`` none."""
    config = make_project(tmp_path / "project")
    opened = open_project(config)
    picks = read_project_picks(opened, user="truth")
    small = picks[picks["object"] == "small"]
    left = pd.concat([small.iloc[::2], picks[picks["object"] == "large"]])
    write_project_picks(opened, left, user="noisy", session="1")
    return str(config)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setitem(presets.PRESETS, "robpicker", replace(TINY, robust=presets.PRESETS["robpicker"].robust))


def order(project, *, clean=("w3",), runs=(), trusted="truth", **how):
    source = LabelledSource(project, user="noisy", runs=runs)
    return Order(
        source, how.pop("preset", "robpicker"), None, how.pop("steps", 6),
        clean=LabelledSource(project, user=trusted, runs=clean), **how,
    )  # fmt: skip


def test_the_clean_run_is_not_learned_from_and_thresholds_are_chosen_on_it(project, tmp_path):
    said: list[str] = []
    path = train_picker(order(project), tmp_path / "out", say=said.append)
    assert path is not None
    assert any("learning from 3 tomograms" in line and "1 clean" in line for line in said)
    card = read_card(path)
    assert any("correction and weighting of labels were learned too" in limit for limit in card.limits)
    picker = load_picker([path])
    assert picker.preset.robust == presets.PRESETS["robpicker"].robust
    assert set(pd.read_csv(tmp_path / "out" / "kept_out_picks.csv")["tomogram"]) <= {"w3"}
    assert "the clean set" in (tmp_path / "out" / "report.html").read_text()


def test_a_plain_preset_chooses_thresholds_on_the_clean_run(project, tmp_path):
    path = train_picker(order(project, preset=TINY), tmp_path / "out", say=lambda line: None)
    assert path is not None
    assert load_picker([path]).preset.robust is None
    assert not any("correction and weighting" in limit for limit in read_card(path).limits)
    assert set(pd.read_csv(tmp_path / "out" / "kept_out_picks.csv")["tomogram"]) <= {"w3"}


def test_stages_end_where_one_training_does(project, tmp_path, minute_a_look):
    once = train_picker(order(project), tmp_path / "once", say=lambda line: None)
    assert once is not None
    minute_a_look("cryogauge.learn.training")
    stages = 0
    path = None
    while path is None:
        path = train_picker(order(project), tmp_path / "stages", stage_minutes=2.5, say=lambda line: None)
        stages += 1
    assert stages > 1
    assert path.read_bytes() == once.read_bytes()


def test_a_folder_knows_its_clean_set(project, tmp_path):
    assert train_picker(order(project), tmp_path / "out", say=lambda line: None)
    with pytest.raises(BadInput, match="differs in clean"):
        train_picker(order(project, trusted="noisy"), tmp_path / "out", say=lambda line: None)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"runs": ("w2", "w3")}, "w3 is both learned from and clean"),
        ({"clean": ()}, "names no run"),
        ({"clean": ("w7",)}, "w7"),
        ({"clean": ("w0", "w1", "w2", "w3")}, "no picks are left without"),
        ({"kept_out": ("w1",)}, "no run is kept out beside it"),
    ],
)
def test_clean_sets_that_cannot_be(project, tmp_path, how, message):
    with pytest.raises(BadInput, match=message):
        train_picker(order(project, **how), tmp_path / "out", say=lambda line: None)


def test_a_robust_preset_without_a_clean_set_is_refused(project, tmp_path):
    with pytest.raises(BadInput, match="learns from a clean set"):
        train_picker(
            Order(LabelledSource(project, user="noisy"), "robpicker-paper", None, 2), tmp_path, say=lambda line: None
        )


def test_an_empty_clean_set_is_refused(project, tmp_path):
    opened = open_project(project)
    truth = read_project_picks(opened, user="truth")
    write_project_picks(opened, truth.iloc[:0], user="nobody", session="1", runs=["w3"], objects=["small", "large"])
    with pytest.raises(BadInput, match="are empty"):
        train_picker(order(project, trusted="nobody"), tmp_path, say=lambda line: None)


def test_kinds_that_the_clean_set_lacks_are_told(project, tmp_path):
    opened = open_project(project)
    truth = read_project_picks(opened, user="truth", runs=("w3",))
    write_project_picks(opened, truth[truth["object"] == "large"], user="half", session="1")
    said: list[str] = []
    assert train_picker(order(project, trusted="half", steps=2), tmp_path / "out", say=said.append)
    assert any("the clean set holds no small" in line for line in said)


def test_the_paper_s_preset_learns_too(project, tmp_path, monkeypatch):
    """The networks and the loss of the paper, narrow and quick."""
    paper = presets.PRESETS["robpicker-paper"]
    monkeypatch.setitem(
        presets.PRESETS, "robpicker-paper",
        replace(
            paper, network=replace(paper.network, architecture={"filters": (4, 6, 8)}), tile_px=48,
            sampling=replace(paper.sampling, patch_px=(24, 24, 24), batch=4), learning_rate=0.05,
        ),
    )  # fmt: skip
    path = train_picker(order(project, preset="robpicker-paper"), tmp_path / "out", say=lambda line: None)
    assert path is not None
    assert load_picker([path]).preset.momentum == 0.9


def test_a_clean_tomogram_may_be_smaller_than_a_patch(project, tmp_path):
    data, picks = draw_world(8, (24, 30, 80))
    opened = open_project(project)
    write_tomogram(opened, "thin", data, VOXEL_A, "wbp")
    opened.root.refresh()
    write_project_picks(opened, picks.assign(tomogram="thin"), user="truth", session="1")
    path = train_picker(order(project, clean=("thin",)), tmp_path / "out", say=lambda line: None)
    assert path is not None
    assert "thin" in (tmp_path / "out" / "order.json").read_text()


@pytest.mark.parametrize("preset", ["robpicker", "robpicker-voxelwise"])
def test_labels_that_are_all_wrong_are_learned_from_and_told(project, tmp_path, monkeypatch, preset):
    opened = open_project(project)
    picks = pd.concat([read_project_picks(opened, user="truth")] * 3, ignore_index=True)
    rng = np.random.default_rng(0)
    for axis, size in (("x_A", 800.0), ("y_A", 720.0), ("z_A", 400.0)):
        picks[axis] = rng.uniform(0, size - 10.0, len(picks))
    write_project_picks(opened, picks, user="lost", session="1")
    voxelwise = presets.PRESETS["robpicker-voxelwise"]
    monkeypatch.setitem(
        presets.PRESETS, "robpicker-voxelwise",
        replace(voxelwise, network=TINY.network, sampling=TINY.sampling, tile_px=TINY.tile_px),
    )  # fmt: skip
    said: list[str] = []
    noisy = LabelledSource(project, user="lost")
    clean = LabelledSource(project, user="lost", runs=("w3",))
    path = train_picker(Order(noisy, preset, None, 6, clean=clean), tmp_path / "out", say=said.append)
    assert path is not None
    assert any("that it has not learned no higher than random places" in line for line in said)
