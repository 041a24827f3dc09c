"""Weights travel as safetensors with a card, and nothing else is read."""

import json
import pickle

import pytest
import torch

from cryogauge.learn.weights import ModelCard, checksum, load_weights, read_card, save_weights
from cryogauge.records import BadInput

CARD = ModelCard(
    "tiny", {"width": 3}, "recipe.yaml", "simulated", 7, "0.1", accuracy={"r": 0.9}, limits=("small",),
    settings={"scale": 1.5}, tables={"domain": {"mean": [1.0, 2.0]}},
)  # fmt: skip


def _network(width: int = 3) -> torch.nn.Module:
    return torch.nn.Sequential(torch.nn.Linear(2, width), torch.nn.BatchNorm1d(width))


def test_weights_and_card_come_back(tmp_path):
    path = tmp_path / "tiny.safetensors"
    saved, loaded = _network(), _network()
    save_weights(saved, CARD, path)
    load_weights(loaded, path)
    for name, tensor in saved.state_dict().items():
        # kept in half precision
        torch.testing.assert_close(loaded.state_dict()[name], tensor, rtol=1e-3, atol=1e-4)
        assert loaded.state_dict()[name].dtype == tensor.dtype
    assert read_card(path) == CARD
    assert sorted(p.name for p in tmp_path.iterdir()) == ["tiny.json", "tiny.safetensors"]


def test_others_can_read_weights_as_they_can_any_file(tmp_path):
    plain, weights = tmp_path / "plain", tmp_path / "w.safetensors"
    plain.touch()
    save_weights(_network(), CARD, weights)
    assert weights.stat().st_mode == plain.stat().st_mode


def test_another_networks_weights_are_refused(tmp_path):
    path = tmp_path / "tiny.safetensors"
    save_weights(_network(3), CARD, path)
    with pytest.raises(BadInput, match="belong to another network"):
        load_weights(_network(4), path)
    with pytest.raises(BadInput, match="belong to another network"):
        load_weights(torch.nn.Linear(2, 3), path)


def test_a_pickle_is_refused_and_not_run(tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    path = tmp_path / "trap.safetensors"
    path.write_bytes(pickle.dumps(Trap()))
    with pytest.raises(BadInput, match="not a safetensors file"):
        load_weights(_network(), path)
    assert not (tmp_path / "sprung").exists()


def test_a_file_that_is_not_there_is_named(tmp_path):
    missing = tmp_path / "none.safetensors"
    with pytest.raises(BadInput, match=r"no weights at .*none\.safetensors"):
        load_weights(_network(), missing)
    with pytest.raises(BadInput, match="no weights at"):
        checksum(missing)
    with pytest.raises(BadInput, match=r"no model card none\.json"):
        read_card(missing)


@pytest.mark.parametrize("content", ["not json", json.dumps({"name": "half a card"}), json.dumps({"nonsense": 1})])
def test_a_broken_card_is_refused(tmp_path, content):
    (tmp_path / "tiny.json").write_text(content)
    with pytest.raises(BadInput, match="cannot be read"):
        read_card(tmp_path / "tiny.safetensors")


def test_the_checksum_follows_the_weights(tmp_path):
    first, second = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    network = _network()
    save_weights(network, CARD, first)
    save_weights(network, CARD, second)
    assert checksum(first) == checksum(second)
    with torch.no_grad():
        next(network.parameters()).add_(1.0)
    save_weights(network, CARD, second)
    assert checksum(first) != checksum(second)
