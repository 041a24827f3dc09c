import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cryogauge.io.copick import open_project, read_project_picks, write_project_picks, write_tomogram
from cryogauge.learn.weights import read_card
from cryogauge.pick import presets, train
from cryogauge.pick.labelled import LabelledSource, read_labelled
from cryogauge.pick.model import load_picker
from cryogauge.pick.train import Order, train_picker
from cryogauge.records import BadInput
from tests.pick.worlds import LARGE, TINY, VOXEL_A


@pytest.fixture
def quick(monkeypatch):
    """The preset ``fast``, narrow enough for a test."""
    monkeypatch.setitem(presets.PRESETS, "fast", TINY)


def order(project, **how) -> Order:
    return Order(LabelledSource(str(project), **how.pop("source", {})), minutes=None, steps=how.pop("steps", 3), **how)


def test_weights_come_with_a_card_a_page_and_what_was_kept_out(project, tmp_path, quick):
    said: list[str] = []
    path = train_picker(order(project, steps=60, kept_out=("w3",)), tmp_path / "out", say=said.append)
    assert path is not None
    card = read_card(path)
    assert 0 <= card.accuracy["weighted_f4_kept_out_thresholds_chosen_on_it"] <= 1.2
    assert json.loads((tmp_path / "out" / "split.json").read_text()) == {
        "learned": ["w0", "w1", "w2"], "kept_out": ["w3"],
    }  # fmt: skip
    picks = pd.read_csv(tmp_path / "out" / "kept_out_picks.csv")
    assert set(picks["tomogram"]) <= {"w3"}
    page = (tmp_path / "out" / "report.html").read_text()
    assert "kept out of training" in page
    picker = load_picker([path])
    assert picker.preset == TINY
    assert [each.name for each in picker.objects] == ["small", "large"]
    assert picker.voxel_size_A == VOXEL_A


def test_few_tomograms_are_all_learned_from_and_the_card_says_so(project, tmp_path, quick):
    path = train_picker(order(project, source={"runs": ("w1", "w2")}), tmp_path, say=lambda line: None)
    assert path is not None
    card = read_card(path)
    assert not card.accuracy
    assert any("nothing is known of its accuracy" in limit for limit in card.limits)


def test_going_on_from_weights_keeps_their_thresholds_and_refuses_other_kinds(project, tmp_path, quick):
    first = train_picker(order(project, kept_out=("w3",)), tmp_path / "one", say=lambda line: None)
    assert first is not None
    second = train_picker(
        order(project, source={"runs": ("w1",)}, start=first), tmp_path / "two", say=lambda line: None
    )
    assert second is not None
    assert load_picker([second]).thresholds == load_picker([first]).thresholds
    with pytest.raises(BadInput, match="knows small, large; these are large"):
        train_picker(order(project, source={"objects": ("large",)}, start=first), tmp_path / "three")


def test_kinds_are_numbered_anew_when_some_are_chosen(project, tmp_path):
    found = read_labelled(LabelledSource(str(project), objects=("large",)), tmp_path)
    assert found.objects == (replace(LARGE, label=1),)
    assert set(np.concatenate([each.labels for each in found.tomograms])) == {1}


def test_picks_are_where_the_balls_are(project, tmp_path):
    found = read_labelled(LabelledSource(str(project)), tmp_path)
    for each in found.tomograms:
        at = np.round(each.centres_px).astype(int)
        assert each.data[tuple(at.T)].mean() < each.data.mean() - 0.5  # protein is dark


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.assign(x_A=t["x_A"] + 5000), "lie outside the tomogram"),
        (lambda t: t.assign(**{name: t[name] / VOXEL_A for name in ("x_A", "y_A", "z_A")}), "voxels taken for Å"),
    ],
)
def test_picks_that_cannot_be_are_refused(project, tmp_path, change, message):
    opened = open_project(project)
    picks = read_project_picks(opened, user="truth")
    write_project_picks(opened, change(picks), user="odd", session="1")
    with pytest.raises(BadInput, match=message):
        read_labelled(LabelledSource(str(project), user="odd"), tmp_path)


def test_picks_given_twice_are_taken_once_and_it_is_said(project, tmp_path, caplog):
    opened = open_project(project)
    picks = read_project_picks(opened, user="truth")
    write_project_picks(opened, picks, user="copy", session="1")
    both = read_labelled(LabelledSource(str(project)), tmp_path)
    assert len(both.picks) == len(picks)
    assert "given twice" in caplog.text


def test_which_tomogram_is_meant_must_be_clear(project, tmp_path):
    opened = open_project(project)
    write_tomogram(
        opened, "w0", np.random.default_rng(0).normal(size=(16, 64, 64)).astype(np.float32), VOXEL_A, "other"
    )
    with pytest.raises(BadInput, match=r"several tomograms a run: other at 10 Å, wbp at 10 Å"):
        read_labelled(LabelledSource(str(project)), tmp_path)
    assert read_labelled(LabelledSource(str(project), kind="wbp"), tmp_path).kind == "wbp"
    with pytest.raises(BadInput, match="no such tomograms"):
        read_labelled(LabelledSource(str(project), kind="denoised"), tmp_path)


def test_what_is_missing_is_named(project, tmp_path):
    with pytest.raises(BadInput, match="has no object virus"):
        read_labelled(LabelledSource(str(project), objects=("virus",)), tmp_path)
    with pytest.raises(BadInput, match="no labelled tomogram is called w9"):
        train_picker(order(project, kept_out=("w9",)), tmp_path)
    with pytest.raises(BadInput, match="none is left to learn from"):
        train_picker(order(project, kept_out=("w0", "w1", "w2", "w3")), tmp_path)
    with pytest.raises(BadInput, match="learns peaks, not shapes"):
        train_picker(order(project, maps=tmp_path), tmp_path)


def test_one_in_seven_is_kept_out():
    class Set:
        tomograms = tuple(type("T", (), {"name": f"t{i}"})() for i in range(14))

    learned, kept = train._split(Set(), Order(LabelledSource("x")))  # type: ignore[arg-type]
    assert (len(learned), len(kept)) == (12, 2)
