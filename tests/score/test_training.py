"""The loss pulls the right way, and measuring a network measures it."""

from functools import partial
from itertools import islice

import numpy as np
import pytest
import torch
import yaml

from cryogauge.learn.training import Schedule
from cryogauge.learn.weights import ModelCard, read_card
from cryogauge.records import CryogaugeError, Volume
from cryogauge.score.examples import ALIKE, WORSE, batches, make_example
from cryogauge.score.network import CHANNELS, ERROR, QUALITY, REFERENCES, STRUCTURE, compact
from cryogauge.score.quality import CompactQuality
from cryogauge.score.tiles import tile_values
from cryogauge.score.training import (
    KEEP_OUT,
    evaluate,
    predicted,
    simulate_examples,
    tile_loss,
    train_compact,
)
from cryogauge.simulate.recipe import recipe_from


@pytest.fixture(scope="module")
def example(small_recipe):
    return make_example(small_recipe, 0)


class _Fixed(torch.nn.Module):
    """Says what it is told, whatever it sees."""

    def __init__(self, quality: np.ndarray, structure: np.ndarray, error: float) -> None:
        super().__init__()
        q = np.clip(quality, 1e-3, 1 - 1e-3)
        out = np.zeros((len(q), 3, *q.shape[1:]), dtype=np.float32)
        out[:, QUALITY], out[:, STRUCTURE], out[:, ERROR] = np.log(q / (1 - q)), np.where(structure > 0, 5, -5), error
        self.out = torch.from_numpy(out)

    def forward(self, x: torch.Tensor, evidence: torch.Tensor) -> torch.Tensor:
        return self.out


def _batch(seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    structure = (rng.random((4, 6, 6)) < 0.5).astype(np.float32)
    quality = (rng.uniform(0.3, 0.9, structure.shape) * structure).astype(np.float32)
    structure[3], quality[3] = 0, 0
    blank = np.zeros((4, 5, 96, 96), dtype=np.float32)
    return {
        "input": blank,
        "evidence": np.zeros((4, (1 + REFERENCES) * CHANNELS, 6, 6), dtype=np.float32),
        "quality": quality,
        "structure": structure,
        "copied": np.zeros(0, dtype=np.int64),
        "change": np.zeros(0, dtype=np.int64),
    }


def test_the_truth_has_the_least_loss():
    batch = _batch()
    best = float(tile_loss(_Fixed(batch["quality"], batch["structure"], -5.0), batch))
    rng = np.random.default_rng(1)
    for _ in range(5):
        wrong = np.clip(batch["quality"] + rng.normal(0, 0.2, batch["quality"].shape), 0, 1).astype(np.float32)
        assert float(tile_loss(_Fixed(wrong, batch["structure"], -5.0), batch)) > best
    assert float(tile_loss(_Fixed(batch["quality"], 1 - batch["structure"], -5.0), batch)) > best


def test_one_bright_tile_in_an_empty_slice_costs():
    batch = _batch()
    wrong = batch["quality"].copy()
    wrong[3, 2, 2] = 0.9
    honest, false_alarm = (_Fixed(q, batch["structure"], -3.0) for q in (batch["quality"], wrong))
    assert float(tile_loss(false_alarm, batch)) > float(tile_loss(honest, batch)) + 0.01


def _with_copy(change: int) -> dict[str, np.ndarray]:
    """The batch with a copy of its first slice at the end."""
    batch = _batch()
    repeated = {
        name: np.concatenate([batch[name], batch[name][:1]]) for name in ("input", "evidence", "quality", "structure")
    }
    return batch | repeated | {"copied": np.array([0]), "change": np.array([change])}


def test_a_copy_that_is_worse_must_score_less():
    """What is said of such a copy counts against its original's quality alone, and being far below costs nothing."""
    batch = _with_copy(WORSE)
    losses = []
    for part in (1.2, 1.0, 0.8, 0.4):
        said = batch["quality"].copy()
        said[-1] = np.clip(said[-1] * part, 0, 1)
        losses.append(float(tile_loss(_Fixed(said, batch["structure"], -5.0), batch)))
    assert losses[0] > losses[1] > losses[2]
    assert losses[2] == pytest.approx(losses[3])


def test_a_copy_that_is_as_good_must_score_the_same():
    batch = _with_copy(ALIKE)
    losses = []
    for part in (0.7, 1.0, 1.1):
        said = batch["quality"].copy()
        said[-1] = np.clip(said[-1] * part, 0, 1)
        losses.append(float(tile_loss(_Fixed(said, batch["structure"], -5.0), batch)))
    assert losses[1] < min(losses[0], losses[2])


def test_a_network_overfits_a_few_slices(example):
    """All channels get gradients that lower the loss."""
    torch.manual_seed(0)
    network = compact(5, 8)
    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3)
    batch = next(batches([example] * 4, 8, seed=0))
    losses = []
    for _ in range(25):
        loss = tile_loss(network, batch)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert np.mean(losses[-3:]) < 0.7 * losses[0]
    last = network.head[-1].weight.grad
    assert (last.flatten(1).abs().sum(1) > 0).all()


def test_measuring_a_network(example):
    """One that says nothing anywhere has no correlation, the mean score as its error, and all empty slices right."""
    torch.manual_seed(0)
    network = compact(5, 4).eval()
    with torch.no_grad():
        network.head[-1].weight.zero_()
        network.head[-1].bias.copy_(torch.tensor([-9.0, -9.0, 0.0]))
    figures = evaluate(predicted(network, [example]), [example], ModelCard("none", {}, "", "", 0, ""))
    assert figures["abs_error_mean"] == pytest.approx(float(example.score.mean()), abs=1e-3)
    assert figures["empty_below_0p1"] == 1.0


def test_tile_values_are_probabilities():
    out = np.zeros((1, 3, 1, 2), dtype=np.float32)
    out[0, QUALITY, 0] = (-20, 20)
    out[0, STRUCTURE, 0] = (-1, 1)
    out[0, ERROR, 0] = (-100, 100)
    quality, presence, error = tile_values(out)
    np.testing.assert_allclose(quality[0, 0], (0, 1), atol=1e-6)
    np.testing.assert_allclose(presence[0, 0], 1 / (1 + np.exp((1, -1))), rtol=1e-5)
    assert 0 < error[0, 0, 0] < error[0, 0, 1] < np.inf


def test_batches_of_a_real_example_train_without_surprises(example):
    for batch in islice(batches([example] * 4, 4, seed=3), 3):
        assert np.isfinite(batch["input"]).all()


def test_weights_are_made_in_stages_and_can_be_used(tmp_path, small_settings):
    """Simulate, train and calibrate in miniature; a stage without time leaves what is done for the next."""
    recipe = tmp_path / "tiny.yaml"
    recipe.write_text(
        yaml.safe_dump({**small_settings, "count": 4, "shape": [40, 64, 64], "thickness_nm": [25.0, 30.0]})
    )
    said: list[str] = []
    make = partial(train_compact, recipe, tmp_path / "made", schedule=Schedule(steps=3), say=said.append)
    assert make(stage_minutes=0.0) is None
    assert "call again" in said[-1]
    path = make(stage_minutes=10.0)
    assert path is not None
    assert len(list((tmp_path / "made" / "examples").glob("*.npz"))) == 4
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "made" / "examples").glob("*.npz")}
    card = read_card(path)
    assert card.data == f"4 simulated tomograms, one in {KEEP_OUT} kept out"
    assert {"calibration", "picture_calibration", "domain"} <= set(card.tables)
    judged = CompactQuality(path, 1).judge(Volume(np.random.default_rng(0).standard_normal((20, 64, 64)), 16.0))
    assert np.isfinite(judged.score).all()
    assert make(stage_minutes=10.0) == path
    assert before == {p: p.stat().st_mtime_ns for p in before}, "examples were made again"


def test_an_example_that_cannot_be_made_stops_the_training(tmp_path, small_settings):
    recipe = recipe_from({**small_settings, "count": 2, "shape": [16, 16, 16], "voxel_size_A": [300.0, 300.0]})
    with pytest.raises(CryogaugeError, match="example 00000"):
        simulate_examples(recipe, tmp_path / "examples", 5.0, print)
