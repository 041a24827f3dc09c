"""Learning from labels: the score that has gradients is inference's, and labels move a network towards them."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cryogauge.io import write_mrc
from cryogauge.learn.training import Schedule
from cryogauge.learn.weights import ModelCard, read_card, save_weights
from cryogauge.records import BadInput, Volume
from cryogauge.score import finetune
from cryogauge.score.examples import make_example
from cryogauge.score.labelled import LabelledTomogram, labelled_tomograms, labels_of_dataset, prepare_one
from cryogauge.score.network import QUALITY, STRUCTURE
from cryogauge.score.quality import CompactQuality, load_quality, shipped_weights
from cryogauge.score.tiles import tile_values
from cryogauge.score.train_labels import _best_steps, _folds, load_start, train_on_labels
from cryogauge.score.training import ONLY_SIMULATED
from cryogauge.simulate.oracle import slice_scores

SCHEDULE = Schedule(steps=6, learning_rate=3e-3, warm_up=0.1, weight_decay=0.0, averaging=0.9)


@pytest.fixture(scope="module")
def start():
    return shipped_weights("compact")


@pytest.fixture(scope="module")
def tomograms(tmp_path_factory, simulated):
    """Three tomograms with a specimen in their middle, and what a person would say of every fourth slice."""
    folder = tmp_path_factory.mktemp("tomograms")
    found = []
    for k in range(3):
        path = folder / f"{k}.mrc"
        write_mrc(path, np.ascontiguousarray(np.roll(simulated.data, 3 * k, axis=0)[:, :64, :64]), 16.0)
        z = np.arange(0, 56, 4)
        found.append(LabelledTomogram(str(k), str(path), 16.0, z, np.where(np.abs(z - 28 - 3 * k) < 14, 0.8, 0.0)))
    return found


@pytest.fixture(scope="module")
def materials(tomograms, start):
    card, network = load_start(start)
    return [finetune.gather(network, card, one, prepare_one(one)) for one in tomograms]


def test_the_soft_score_is_close_to_that_of_inference():
    rng = np.random.default_rng(0)
    out = np.zeros((20, 3, 12, 12), dtype=np.float32)
    for k in range(20):
        out[k, QUALITY] = rng.normal(rng.uniform(-2, 2), 0.7, (12, 12))
        out[k, STRUCTURE] = np.where(rng.random((12, 12)) < rng.uniform(0, 1), 6.0, -6.0)
    quality, presence, _ = tile_values(out)
    table = torch.linspace(0, 1, 129).repeat(20, 1)
    soft = finetune.soft_scores(torch.from_numpy(out), table).numpy()
    np.testing.assert_allclose(soft, slice_scores(quality, presence > 0.5, z_sigma=0.0), atol=0.05)


def test_a_slice_without_structure_scores_nothing():
    out = torch.full((1, 3, 8, 8), -8.0)
    out[:, QUALITY] = 3.0
    assert float(finetune.soft_scores(out, torch.linspace(0, 1, 129)[None])[0]) < 0.01


def test_what_is_seen_and_decided_is_the_network(tomograms, start, materials):
    """Cut in two, it says what it says as a whole."""
    quality = CompactQuality(start, 1)
    judged = quality.judge(Volume(_data(tomograms[0]), 16.0))
    score, label, _ = finetune.judged(finetune.learning_part(load_start(start)[1]), materials[0])
    np.testing.assert_array_equal(label, tomograms[0].score)
    np.testing.assert_allclose(score, judged.score[tomograms[0].z], atol=0.12)


def _data(tomogram: LabelledTomogram) -> np.ndarray:
    volume = tomogram.open()
    return np.stack([volume.slice(z) for z in range(volume.shape[0])])


def test_only_the_deciding_layers_learn_and_towards_the_labels(start, materials):
    _, network = load_start(start)
    model = finetune.learning_part(network)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    moving = {name: p.detach().clone() for name, p in model.named_parameters() if p.requires_grad}
    loss = partial(finetune.label_loss, moving)
    optimiser = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=3e-4)
    errors = [finetune.measured([finetune.judged(model, one) for one in materials])["abs_error_mean"]]
    batches = finetune.batches(materials, 0)
    model.train()
    for _ in range(60):
        optimiser.zero_grad()
        loss(model, next(batches)).backward()
        optimiser.step()
    errors.append(finetune.measured([finetune.judged(model, one) for one in materials])["abs_error_mean"])
    assert errors[1] < 0.95 * errors[0]
    changed = {name for name, tensor in network.state_dict().items() if not torch.equal(tensor, before[name])}
    assert changed
    assert {name.partition(".")[0] for name in changed} <= set(finetune.LEARNING)
    assert not any("running" in name for name in changed), "a normalisation took the mean of a few slices"


def test_a_calibration_moves_with_the_number_of_labels():
    line = np.linspace(0, 1, 5).tolist()
    card = ModelCard("compact", {}, "", "", 0, "", tables={"calibration": {"network": line, "oracle": line}})
    score = np.linspace(0, 1, 400)
    few, many = ([(score[::step], score[::step] / 2, score[::step])] for step in (40, 1))
    moved = [finetune.recalibrated(card, found) for found in (few, many)]
    middle = [np.interp(0.5, scale["network"], scale["oracle"]) for scale in moved]
    assert 0.25 < middle[1] < middle[0] < 0.5
    scale = finetune.recalibrated(card, many)["oracle"]
    assert (np.diff(scale) >= 0).all()


def test_weights_from_labels_can_be_used(tomograms, start, tmp_path):
    said: list[str] = []
    make = partial(train_on_labels, tomograms, start, tmp_path, schedule=SCHEDULE, say=said.append)
    assert make(stage_minutes=0.0) is None
    assert "call again" in said[-1]
    path = make()
    assert path is not None
    card = read_card(path)
    assert "42 labelled slices of 3 tomograms" in card.data
    assert {"labelled_before_abs_error_mean", "labelled_after_abs_error_mean"} <= card.accuracy.keys()
    assert "Trained on from labels of 42 slices" in card.limits[0]
    assert ONLY_SIMULATED in read_card(start).limits
    assert ONLY_SIMULATED not in card.limits
    quality = load_quality(str(path), path, threads=1)
    assert np.isfinite(quality.judge(Volume(_data(tomograms[0]), 16.0)).score).all()
    assert "labelled slices" in (tmp_path / "report.html").read_text()
    assert "# compact" in (tmp_path / "model-card.md").read_text()
    said.clear()
    assert make() == path
    assert not any("reading" in line for line in said), "slices were prepared again"


def test_simulation_can_be_learned_from_beside_labels(tomograms, start, tmp_path, small_recipe):
    simulated = [make_example(small_recipe, 0)] * 4
    schedule = Schedule(steps=1, learning_rate=1e-3, weight_decay=0.0)
    path = train_on_labels(
        tomograms[:1], start, tmp_path, simulated=simulated, schedule=schedule, say=lambda text: None
    )
    assert path is not None
    assert read_card(path).recipe == "labels and simulation"


@pytest.mark.parametrize("count", [1, 2])
def test_a_tomogram_or_two_are_enough(tomograms, start, tmp_path, count):
    assert train_on_labels(tomograms[:count], start, tmp_path, schedule=SCHEDULE, say=lambda text: None)


def test_weights_of_another_network_are_refused(tmp_path):
    save_weights(torch.nn.Linear(1, 1), ModelCard("resnet101", {}, "", "", 0, ""), tmp_path / "r.safetensors")
    with pytest.raises(BadInput, match="weights of resnet101"):
        load_start(tmp_path / "r.safetensors")


def test_a_simulated_data_set_is_labels(tmp_path):
    (tmp_path / "tomograms").mkdir()
    (tmp_path / "truth" / "000000").mkdir(parents=True)
    write_mrc(tmp_path / "tomograms" / "000000.mrc", np.zeros((4, 32, 32), np.float32), 10.0)
    (tmp_path / "truth" / "000000" / "oracle.csv").write_text("z,score\n0,0.0\n1,0.5\n2,0.25\n3,0.0\n")
    (one,) = labelled_tomograms(labels_of_dataset(tmp_path))
    np.testing.assert_allclose(one.score, [0.0, 0.5, 0.25, 0.0])
    assert one.open().shape == (4, 32, 32)


@given(st.integers(0, 30))
def test_every_tomogram_is_kept_out_once_and_never_learned_from_then(count):
    rng = np.random.default_rng(count)
    tomograms = [LabelledTomogram("a", f"{k}.mrc", 10.0, np.arange(3), rng.uniform(size=3)) for k in range(count)]
    folds = _folds(tomograms)
    assert sorted(i for _, out in folds for i in out) == (list(range(count)) if count > 1 else [])
    assert all(sorted([*inside, *out]) == list(range(count)) for inside, out in folds)


def test_learning_stops_where_error_and_likeness_are_best_together():
    def curve(r, error):
        return pd.DataFrame({"step": [0, 20, 40], "pearson_mean": r, "abs_error_mean": error})

    flat = [0.1, 0.1, 0.1]
    assert _best_steps([curve([0.5, 0.9, 0.7], flat), curve([0.5, 0.7, 0.8], flat)]) == 20
    assert _best_steps([curve([0.5, 0.4, 0.4], flat)]) == 0
    assert _best_steps([curve([np.nan] * 3, [0.3, 0.2, 0.1])]) == 40
