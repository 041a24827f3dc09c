"""The paper's training: balance, turns, parts of a batch, stages."""

import json
from collections import Counter
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
import torch

from cryogauge.io import write_mrc
from cryogauge.learn.weights import read_card
from cryogauge.records import BadInput
from cryogauge.score.labelled import LabelledTomogram
from cryogauge.score.paper_preset import PaperSettings, PaperSlice, SliceReader, paper_slices, train_paper
from cryogauge.score.quality import load_quality
from cryogauge.score.train import Order, train_resnet101

SETTINGS = PaperSettings(crop_px=32, batch=4, epochs=3, learning_rate=0.01)


def _labelled(score, uri="a.mrc") -> LabelledTomogram:
    return LabelledTomogram("a", uri, 10.0, np.arange(len(score)), np.array(score, dtype=float))


def test_the_numbers_are_those_of_the_methods():
    paper = PaperSettings()
    assert (paper.per_category, paper.crop_px, paper.batch, paper.epochs) == (2500, 960, 8, 200)
    assert (paper.learning_rate, paper.z_sigma) == (5e-7, 3.0)


def test_categories_are_balanced_and_scarce_ones_turned():
    """Two slices of 6+ pixels make eight, three of 4–5 make nine, and all others as many as the scarcest has."""
    score = [0.2] * 2 + [0.4] * 3 + [0.6] * 20 + [1.0] * 30
    chosen = paper_slices([_labelled(score)], SETTINGS)
    kinds = Counter(round(score[one.z] * 5) for one in chosen)
    assert kinds == {1: 8, 2: 8, 3: 8, 5: 8}
    turns = {kind: {one.turns for one in chosen if round(score[one.z] * 5) == kind} for kind in kinds}
    assert turns == {1: {0, 1, 2, 3}, 2: {0, 1, 2}, 3: {0}, 5: {0}}
    assert len(paper_slices([_labelled(score)], PaperSettings(per_category=5))) == 20


def test_targets_are_smoothed_within_a_tomogram_alone():
    chosen = paper_slices([_labelled([0.0] * 30), _labelled([1.0] * 30, "b.mrc")], SETTINGS)
    assert {round(one.target, 9) for one in chosen} == {0.0, 1.0}
    edge = paper_slices([_labelled([0.0] * 15 + [1.0] * 15)], SETTINGS)
    assert any(0.3 < one.target < 0.7 for one in edge)


def test_labels_of_one_category_teach_nothing():
    with pytest.raises(BadInput, match="one category"):
        paper_slices([_labelled([0.4] * 9)], SETTINGS)


@pytest.fixture
def reader(tmp_path):
    data = np.random.default_rng(0).normal(5.0, 3.0, (12, 40, 48)).astype(np.float32)
    write_mrc(tmp_path / "a.mrc", data, 10.0)
    tomogram = _labelled([0.0, 0.2, 0.4, 0.6, 0.8, 1.0] * 2, str(tmp_path / "a.mrc"))
    return SliceReader([tomogram], 32), [PaperSlice(0, z, z % 4, (z % 6) / 5) for z in range(12)]


def test_slices_are_cropped_normalised_and_turned(reader):
    read, slices = reader
    upright, turned = read(slices[0]), read(PaperSlice(0, 0, 1, 0.0))
    assert upright.shape == (32, 32)
    assert abs(upright.mean()) < 1e-4
    assert upright.std() == pytest.approx(1.0, abs=1e-3)
    np.testing.assert_array_equal(turned, np.rot90(upright))


def _network(normalised: bool = False) -> torch.nn.Module:
    torch.manual_seed(0)
    layers = [torch.nn.Flatten(), torch.nn.Linear(32 * 32, 1), torch.nn.Sigmoid()]
    return torch.nn.Sequential(*([torch.nn.BatchNorm2d(1)] if normalised else []), *layers)


def test_parts_of_a_batch_add_up_to_it(reader, tmp_path, monkeypatch):
    """Without half precision and batch normalisation, parts of three and one slices give what four at a time give.

    Parts of equal size would not tell: Adagrad does not feel a factor on all gradients.
    """
    monkeypatch.setattr("cryogauge.score.paper_preset.mixed_precision", lambda device: nullcontext())
    read, slices = reader
    whole, parts = _network(), _network()
    said: list[str] = []
    train_paper(whole, slices, read, SETTINGS, tmp_path / "whole", micro=4, say=said.append)
    assert not any("accumulated" in line for line in said)
    train_paper(parts, slices, read, SETTINGS, tmp_path / "parts", micro=3, say=said.append)
    assert any("batch normalisation sees 3 at a time" in line for line in said)
    for one, other in zip(whole.parameters(), parts.parameters(), strict=True):
        torch.testing.assert_close(one, other)


def test_a_stage_goes_on_where_the_last_one_stopped(reader, tmp_path, minute_a_look):
    read, slices = reader
    whole, staged = _network(True), _network(True)
    train_paper(whole, slices, read, SETTINGS, tmp_path / "whole", micro=4, say=lambda text: None)
    minute_a_look("cryogauge.score.paper_preset")
    stages = 0
    while not train_paper(staged, slices, read, SETTINGS, tmp_path / "staged", micro=4, stage_minutes=3.5):
        staged, stages = _network(True), stages + 1
        assert stages < 9, "no stage got on"
    assert stages > 1
    for one, other in zip(whole.state_dict().values(), staged.state_dict().values(), strict=True):
        torch.testing.assert_close(one, other)
    lines = [json.loads(line) for line in (tmp_path / "staged" / "log.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 3]
    assert lines[-1]["loss"] < lines[0]["loss"]


def test_another_trainings_checkpoint_is_refused(reader, tmp_path):
    read, slices = reader
    train_paper(_network(), slices, read, SETTINGS, tmp_path, micro=4, say=lambda text: None)
    with pytest.raises(BadInput, match="other settings or labels"):
        train_paper(_network(), slices[:8], read, SETTINGS, tmp_path, micro=4)


def test_an_epochs_cost_is_told(reader, tmp_path):
    read, slices = reader
    said: list[str] = []
    train_paper(_network(), slices, read, SETTINGS, tmp_path, micro=4, validate=lambda n: {}, say=said.append)
    assert "seconds an epoch" in said[0]
    assert "hours for 3 epochs" in said[0]


def test_weights_of_the_preset_can_be_used(tmp_path):
    """From labels to a file that scores: ResNet101 itself, on small crops of small tomograms."""
    rng = np.random.default_rng(0)
    rows = ["tomogram,uri,z,pixel_size_A,annotator,category,score,width_px,repeat,seconds,labelled_at"]
    for k in range(3):
        write_mrc(tmp_path / f"{k}.mrc", rng.normal(size=(8, 40, 40)).astype(np.float32), 10.0)
        rows += [f"{k},{tmp_path / f'{k}.mrc'},{z},10,kim,{z},{z / 5},,False,1,2025-01-01T00:00:00Z" for z in (0, 5)]
    (tmp_path / "labels.csv").write_text("\n".join(rows) + "\n")
    order = Order(str(tmp_path / "labels.csv"), tmp_path / "no.yaml", epochs=1, per_category=2)
    settings = PaperSettings(crop_px=32, batch=2)
    said: list[str] = []
    path = train_resnet101(order, tmp_path / "made", settings=settings, say=said.append)
    assert path is not None
    assert "4 slices of 2 tomograms, 1 tomograms kept out; starting from random weights" in said[0]
    card = read_card(path)
    assert card.name == "resnet101"
    assert "kept_out_abs_error_mean" in card.accuracy
    assert load_quality(str(path), path, threads=1).name == "resnet101"
    again = train_resnet101(
        replace(order, start=path), tmp_path / "again", settings=settings, stage_minutes=0.0, say=said.append
    )
    assert again is None
    assert "starting from weights" in said[-2]
