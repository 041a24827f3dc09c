import json

import numpy as np
import pytest
import torch
from scipy.ndimage import uniform_filter1d
from torch.nn import functional

from cryogauge.collect.judge import examples, learning
from cryogauge.collect.judge.classify import SHIPPED, WORTH, classify, small_picture
from cryogauge.collect.judge.examples import SHAPE, simulated_example, simulated_examples
from cryogauge.collect.judge.learning import Lesson, train_judge
from cryogauge.collect.judge.looks import looks
from cryogauge.collect.judge.network import CELL_PX, LAYERS, _bands, micrograph_network
from cryogauge.learn.weights import ModelCard, save_weights
from cryogauge.records import BadInput
from cryogauge.simulate.micrographs import MICROGRAPH_CLASSES
from tests.collect.judge.exposures import untaught_weights

CELLS = (len(LAYERS), 31, 32)


@pytest.fixture(scope="module")
def example():
    """One simulated thumbnail and what is on it."""
    return simulated_example((7, 0))


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(1)
    return micrograph_network().eval()


def plain_example(order):
    """A picture of noise in which the class is plain: brighter stripes, closer with each class."""
    seed, k = order
    rng = np.random.default_rng([seed, k])
    stripes = np.sin(np.arange(SHAPE[1]) * np.pi / 2 ** (1 + k % len(MICROGRAPH_CLASSES)))
    picture = rng.normal(120, 8, SHAPE) + 40 * stripes
    return picture.clip(0, 255).astype(np.uint8), np.full(CELLS, 40 * (k % 6), dtype=np.uint8)


def test_an_example_tells_what_is_where(example):
    picture, layers = example
    assert picture.shape == SHAPE
    assert layers.shape == CELLS
    assert layers[LAYERS.index("particles")].max() > 100
    assert not layers[LAYERS.index("vacuum")].any()


def test_examples_are_made_once_and_go_on_where_they_stopped(tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(examples, "_TOGETHER", 4)
    monkeypatch.setattr(examples, "simulated_example", lambda order: made.append(order) or plain_example(order))
    simulated_examples(3, 8, tmp_path)
    pictures, layers = simulated_examples(3, 10, tmp_path)
    assert made == [(3, k) for k in range(10)]
    np.testing.assert_array_equal(pictures[9], plain_example((3, 9))[0])
    assert len(layers) == 10


def test_grey_values_say_nothing(network, example):
    picture = torch.from_numpy(example[0].astype(np.float32))[None]
    with torch.inference_mode():
        (plain, there), (other, _) = (network(look) for look in (picture, 3.0 * picture + 40.0))
    assert plain.shape == (1, len(MICROGRAPH_CLASSES))
    assert there.shape == (1, *CELLS)
    np.testing.assert_allclose(plain, other, atol=1e-3)


@pytest.mark.parametrize("shape", [(64, 64), (128, 501), (491, 512)])
def test_pictures_of_any_size_are_looked_at(network, shape):
    with torch.inference_mode():
        logits, there = network(torch.rand(2, *shape))
    assert torch.isfinite(logits).all()
    assert there.shape == (2, len(LAYERS), -(-shape[0] // CELL_PX), -(-shape[1] // CELL_PX))


def test_an_even_picture_has_a_finite_answer(network):
    with torch.inference_mode():
        assert torch.isfinite(network(torch.full((1, 100, 100), 7.0))[0]).all()


def test_what_each_network_says_is_averaged(network, example):
    picture = torch.from_numpy(example[0].astype(np.float32))[None]
    with torch.inference_mode():
        together = network(picture)
        apart = [member(picture) for member in network.get_submodule("members").children()]
    assert len(apart) > 1
    assert not torch.allclose(apart[0][0], apart[1][0], atol=1e-4)
    for k in range(2):
        np.testing.assert_allclose(together[k], np.mean([said[k].numpy() for said in apart], axis=0), atol=1e-5)


@pytest.mark.parametrize("axis", [0, 1])
def test_drift_shows_in_the_spectrum_whichever_way_it_goes(axis):
    """Blur along one direction leaves power along the other; blur along both leaves it alike."""
    noise = np.random.default_rng(0).normal(size=(200, 240)).astype(np.float32)
    one, both = uniform_filter1d(noise, 5, axis=axis), uniform_filter1d(uniform_filter1d(noise, 5, axis=0), 5, axis=1)
    bands = _bands(torch.from_numpy(np.stack([noise, one, both])))
    still, moved, blurred = bands[:, bands.shape[1] // 2 :][:, 12:].numpy()  # of fine rings, of many terms
    assert still.max() < 0.15
    assert moved.mean() > 2 * max(blurred.mean(), still.mean())


def test_layers_turn_and_shrink_with_their_pictures():
    """What is bright in a picture is where its layer says so, in whichever look."""
    rng = np.random.default_rng(0)
    layers = np.zeros((3, *CELLS), dtype=np.uint8)
    layers[:, 0] = 255 * (rng.random((3, *CELLS[1:])) < 0.2)
    pictures = layers[:, 0].repeat(CELL_PX, 1).repeat(CELL_PX, 2)[:, : SHAPE[0], : SHAPE[1]]
    for _ in range(3):
        seen, there = looks(pictures, layers, np.ones(3, dtype=bool), rng)
        assert seen.shape[1:] == tuple(CELL_PX * n for n in there.shape[2:])
        cells = functional.avg_pool2d(seen[:, None], CELL_PX)[:, 0]
        assert np.corrcoef(cells.ravel(), there[:, 0].ravel())[0, 1] > 0.8


def test_looks_are_drawn_by_seed(example):
    picture, layers = (each[None] for each in example)
    one, two = (looks(picture, layers, np.ones(1, dtype=bool), np.random.default_rng(2))[0] for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert 0 <= float(one.min()) <= float(one.max()) <= 255


def test_what_was_learned_is_written_with_its_card_and_used(tmp_path, monkeypatch, example):
    monkeypatch.setattr(examples, "simulated_example", plain_example)
    lesson = Lesson(pictures=60, steps=3, batch=2)
    said = []
    path = train_judge(lesson, tmp_path, say=said.append)
    card = json.loads(path.with_suffix(".json").read_text())
    assert card["name"] == "micrograph-judge"
    assert card["settings"]["temperature"] > 0
    assert 0 <= card["accuracy"]["accuracy_kept_out_simulated"] <= 1
    assert "kept out" in said[0]
    opinion = classify(example[0], path)
    assert opinion.kind in MICROGRAPH_CLASSES
    assert opinion.probability.sum() == pytest.approx(1, abs=1e-5)
    assert opinion.score == pytest.approx(opinion.probability @ np.array(WORTH))
    again = train_judge(lesson, tmp_path, say=said.append)  # nothing is left to do
    assert again == path
    with pytest.raises(BadInput, match="another schedule"):
        train_judge(Lesson(pictures=60, steps=2, batch=2), tmp_path)


def test_each_part_of_the_network_has_a_gradient(example):
    picture, layers = (each[None] for each in example)
    torch.manual_seed(0)
    network = micrograph_network()
    whole = learning._Examples(picture, layers, np.array([0]), known=True)
    learning._loss(network, next(learning._batches([whole], Lesson(batch=2), 0))).backward()
    slopes = [part.grad for part in network.parameters() if part.ndim > 1]
    assert all(slope is not None and bool(slope.any()) for slope in slopes)


def test_own_pictures_are_a_third_of_what_is_shown(example):
    rng = np.random.default_rng(0)
    own = learning._own_examples([rng.normal(size=(100, 140)), rng.normal(size=(700, 600))], [0, 3])
    assert own.pictures.shape == (2, *SHAPE)
    whole = learning._Examples(example[0][None], example[1][None], np.array([1]), known=True)
    pictures, kinds, there, known = next(learning._batches([whole, own], Lesson(batch=6), 0))
    assert list(known) == [True] * 4 + [False] * 2
    assert list(kinds[:4]) == [1] * 4
    assert set(kinds[4:].tolist()) <= {0, 3}
    loss = learning._loss(micrograph_network(), (pictures, kinds, there, known))
    assert torch.isfinite(loss)


def test_the_temperature_undoes_what_logits_were_multiplied_by():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(4000, 6))
    odds = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    kinds = np.array([rng.choice(6, p=row) for row in odds])
    assert learning._temperature(3.0 * logits, kinds) == pytest.approx(3.0, rel=0.15)


def test_too_few_pictures_are_refused(tmp_path):
    with pytest.raises(BadInput, match="too few"):
        train_judge(Lesson(pictures=12), tmp_path)


def test_weights_of_another_network_are_refused(tmp_path, example):
    path = tmp_path / "other.safetensors"
    card = ModelCard(name="class-grader", architecture={}, recipe="", data="", seed=0, code_version="0")
    save_weights(micrograph_network(), card, path)
    with pytest.raises(BadInput, match="not of micrograph-judge"):
        classify(example[0], path)


def test_a_tiny_picture_is_refused(tmp_path):
    with pytest.raises(BadInput, match="too little"):
        classify(np.zeros((40, 500)), untaught_weights(tmp_path))


def test_pictures_are_shrunk_to_what_the_network_is_used_to():
    assert max(small_picture(np.zeros((1000, 2048), dtype=np.float32)).shape) == 512
    assert small_picture(np.zeros((300, 200), dtype=np.float32)).shape == (300, 200)
    assert small_picture(np.zeros((600, 600), dtype=np.float32), 2.0).shape == (240, 240)
    assert small_picture(np.zeros((600, 600), dtype=np.float32), 0.5).shape == (128, 128)


def test_the_shipped_network_knows_simulated_micrographs():
    """Micrographs of a seed that was not learned from; one in six would be right by chance."""
    kinds = tuple(MICROGRAPH_CLASSES)
    right = [classify(simulated_example((12_345, k))[0]).kind == kinds[k % 6] for k in range(12)]
    assert SHIPPED.stat().st_size < 3e6
    assert np.mean(right) > 0.5
