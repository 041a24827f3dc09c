from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file

from cryogauge.classes.accuracy import grade_accuracy
from cryogauge.classes.augment import augmented, told_less
from cryogauge.classes.examples import (
    Examples,
    load_examples,
    make_examples,
    save_examples,
    split,
)
from cryogauge.classes.labelled import read_labelled
from cryogauge.classes.model import load_grader, save_grader
from cryogauge.classes.network import build
from cryogauge.classes.presets import find_preset
from cryogauge.classes.train import Order, take_over, train_on
from cryogauge.io import MrcWriter
from cryogauge.io.classes import LabelledClasses
from cryogauge.learn.training import steps_done
from cryogauge.learn.training_page import read_log
from cryogauge.learn.weights import read_card
from cryogauge.records import REASONS, BadInput
from cryogauge.simulate.classes import ClassSetSettings, make_class_set
from cryogauge.simulate.classes.batch import write_class_set
from tests.classes.averages import particle, stack_of


@pytest.fixture(scope="module")
def sets() -> list[LabelledClasses]:
    """Eight jobs of sharp particles (grade 1), their blurred ghosts (3) and noise (5)."""
    rng = np.random.default_rng(0)
    made = []
    for job in range(8):
        images, grades = [], []
        for k in range(24):
            grade = (1, 3, 5)[k % 3]
            sharp = {1: 1.5, 3: 4.5, 5: 1.0}[grade]
            image = particle(64, rng, radius_px=14, detail_px=sharp) * (grade < 5)
            images.append(image + (0.04 if grade < 5 else 1.0) * rng.normal(size=(64, 64)))
            grades.append(float(grade))
        truth = pd.DataFrame(
            {"grade": grades, "structure": f"job {job}", "reason_empty": [float(g == 5) for g in grades]}
        )
        made.append(LabelledClasses(stack_of(np.stack(images), source_job=job), truth))
    return made


@pytest.fixture(scope="module")
def examples(sets) -> Examples:
    return make_examples(sets, find_preset("grader"))


def test_examples_hold_what_was_told_and_leave_out_what_was_not(sets, tmp_path):
    stack, truth = sets[0].stack, sets[0].truth.copy()
    images = stack.images.copy()
    images[1, 0, 0] = np.nan
    truth.loc[2, "grade"] = np.nan
    made = make_examples([LabelledClasses(stack_of(images), truth)], find_preset("grader"))
    assert len(made) == 22
    assert made.frames.shape == (22, 128, 128)
    assert made.grade[:2].tolist() == [1.0, 1.0]
    known = np.isfinite(made.reasons)
    assert known.all(axis=0).tolist() == [name == "empty" for name in REASONS]
    save_examples(made, tmp_path)
    again = load_examples(tmp_path)
    assert again is not None
    assert again.content == made.content
    with pytest.raises(BadInput, match="no graded average"):
        make_examples([LabelledClasses(stack, truth.assign(grade=np.nan))], find_preset("grader"))


def test_simulated_sets_and_peoples_labels_are_read(sets, tmp_path):
    stack, truth = sets[0].stack, sets[0].truth
    with MrcWriter(tmp_path / "averages.mrcs", stack.images.shape, 2.0, stack=True) as writer:
        writer.append(stack.images)
    table = pd.DataFrame({"file": "averages.mrcs", "class": np.arange(1, 25), "grade": truth["grade"]})
    table.to_csv(tmp_path / "labels.csv", index=False)
    made = make_class_set(ClassSetSettings(classes=(3, 3), box_px=(48, 48)), 5)
    (tmp_path / "simulated" / "job_00000").mkdir(parents=True)
    write_class_set(tmp_path / "simulated" / "job_00000", made)
    said: list[str] = []
    sources = (str(tmp_path / "simulated"), str(tmp_path / "labels.csv"))
    simulated, people = read_labelled(sources, say=said.append)
    assert said == [f"{tmp_path / 'simulated'}: 1 simulated jobs"]
    assert people.truth["grade"].tolist() == truth["grade"].tolist()
    assert simulated.truth["grade"].to_numpy() == pytest.approx(made.truth["grade"].to_numpy(), abs=1e-4)
    assert simulated.truth["structure"].iloc[0].startswith(str(tmp_path))
    assert {f"reason_{name}" for name in REASONS} <= set(simulated.truth.columns)


def test_no_structure_is_both_learned_from_and_judged_on(examples):
    learned, kept = split(examples, 0.25, 0)
    assert sorted([*learned, *kept]) == list(range(len(examples)))
    assert not set(examples.structure[learned]) & set(examples.structure[kept])
    assert len(set(examples.structure[kept])) == 2


def test_the_same_average_comes_in_many_looks_and_stays_itself(examples):
    rng = np.random.default_rng(0)
    one = torch.from_numpy(examples.frames[:1].astype(np.float32))[:, None].expand(64, 1, 128, 128)
    looks, worse = augmented(one, 96, rng)
    assert 0.0 <= float(worse.min()) < 0.1 < float(worse.max()) < 0.5
    assert looks.shape == (64, 1, 96, 96)
    assert torch.isfinite(looks).all()
    flat = looks.reshape(64, -1)
    alike = torch.corrcoef(flat).abs()[torch.triu_indices(64, 64, 1).unbind()]
    assert 0.02 < float(alike.mean()) < 0.9
    features, missing = told_less(torch.ones(400, 7), torch.zeros(400, 7, dtype=torch.bool), rng)
    assert 0.4 < float(missing.all(1).float().mean()) < 0.6
    assert not features[missing].any()


def test_a_grader_learns_in_stages_and_grades_others_by_what_it_learned(examples, tmp_path, minute_a_look):
    preset = replace(find_preset("grader"), steps=36, batch=16, averaging=0.8)
    order = Order(("made",), seed=1, device="cpu")
    said: list[str] = []
    minute_a_look("cryogauge.learn.training")
    assert train_on(examples, preset, order, tmp_path, stage_minutes=20, say=said.append) is None
    begun = steps_done(tmp_path / "training")
    assert 0 < begun < 36
    path = train_on(examples, preset, order, tmp_path, stage_minutes=1000, say=said.append)
    assert path is not None
    assert steps_done(tmp_path / "training") == 36
    card = read_card(path)
    assert card.accuracy["spearman_kept_out_structures"] > 0.8
    assert card.accuracy["auc_keep_3p5_kept_out_structures"] > 0.9
    log = read_log(tmp_path / "training" / "log.jsonl")
    assert log["spearman_kept_out"].iloc[-1] > 0.6
    grader = load_grader(path)
    assert grader.preset == preset
    assert grader.spread > 0
    assert len(grader.domain["mean"]) == 64
    assert "Spearman" in (tmp_path / "report.html").read_text()


def test_a_network_that_has_grown_begins_as_what_it_was(tmp_path):
    torch.manual_seed(0)
    preset, before = find_preset("grader"), build("grader").eval()
    with torch.no_grad():
        before.join[1].weight[:, 400:] = 0.0
    path = tmp_path / "grader.safetensors"
    save_grader(before, preset, path, recipe="none", data="none", seed=0, code_version="0")
    tensors = load_file(path)
    save_file(tensors | {"join.1.weight": tensors["join.1.weight"][:, :400].contiguous()}, path)
    grown = build("grader").eval()
    take_over(grown, path, preset)
    shown = torch.randn(2, 1, 96, 96), torch.randn(2, 7), torch.zeros(2, 7, dtype=torch.bool)
    with torch.inference_mode():
        assert torch.allclose(grown(*shown).grade, before(*shown).grade, atol=0.02)  # half precision between them
    save_file(tensors | {"join.1.weight": torch.zeros(64, 4000)}, path)
    with pytest.raises(BadInput, match="does not fit"):
        take_over(grown, path, preset)


def test_the_published_preset_trains(sets, tmp_path):
    preset = replace(find_preset("cryosift"), steps=1, batch=2)
    made = make_examples(
        [LabelledClasses(stack_of(each.stack.images[:1]), each.truth[:1]) for each in sets[:2]], preset
    )
    assert made.frames.shape == (2, 210, 210)
    path = train_on(made, preset, Order(("made",), "cryosift", device="cpu"), tmp_path, say=lambda text: None)
    assert path is not None
    assert load_grader(path).preset.network == "cryosift"
    with pytest.raises(BadInput, match="not a grader"):
        train_on(made, find_preset("grader"), Order(("made",), start=path), tmp_path / "other", say=lambda text: None)


def test_accuracy_in_closed_form():
    truth = np.array([1.0, 2.0, 4.0, 5.0])
    assert grade_accuracy(truth, truth) == {"mse": 0.0, "spearman": pytest.approx(1.0), "auc_keep_3p5": 1.0}
    turned = grade_accuracy(truth, 6.0 - truth)
    assert turned["auc_keep_3p5"] == 0.0
    assert turned["spearman"] == pytest.approx(-1.0)
    assert grade_accuracy(truth, truth + 0.4)["mse"] == pytest.approx(3 * 0.01 / 4)
    assert np.isnan(grade_accuracy(np.ones(3), np.ones(3))["auc_keep_3p5"])
