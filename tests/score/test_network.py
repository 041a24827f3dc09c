"""The networks: what goes in, what comes out, and that folding changes nothing."""

import pytest
import torch

from cryogauge.score.network import CHANNELS, CONTEXT, REFERENCES, SURROUNDINGS, TILE_PX, compact, folded, resnet101


def _evidence(count, size):
    return torch.rand(count, (1 + REFERENCES) * CHANNELS, size[0] // TILE_PX, size[1] // TILE_PX)


@pytest.mark.parametrize(("slices", "size"), [(5, (64, 96)), (5, (16, 16)), (5, (16, 160))])
def test_compact_gives_three_values_a_tile(slices, size):
    network = compact(slices, 4).eval()
    with torch.inference_mode():
        out = network(torch.zeros(2, slices, *size), _evidence(2, size))
    assert out.shape == (2, 3, size[0] // TILE_PX, size[1] // TILE_PX)


def test_compact_is_small():
    count = sum(p.numel() for p in compact().parameters())
    assert count < 2.0e6


def test_the_context_is_symmetric():
    assert len(CONTEXT) % 2 == 1
    assert tuple(-offset for offset in reversed(CONTEXT)) == CONTEXT


@pytest.mark.parametrize(("precision", "tolerance"), [(torch.float32, 1e-4), (torch.bfloat16, 0.1)])
def test_folding_changes_nothing(precision, tolerance):
    torch.manual_seed(0)
    network = compact(5, 8)
    image, evidence = torch.randn(4, 5, 64, 64), _evidence(4, (64, 64))
    network(image, evidence)  # one pass in training gives the normalisations statistics that are not trivial
    network.eval()
    with torch.inference_mode():
        expected = network(image, evidence)
        found = folded(network).to(precision)(image.to(precision), evidence).float()
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in folded(network).modules())
    assert any(isinstance(module, torch.nn.BatchNorm2d) for module in network.modules()), "the original was altered"
    assert (found - expected).abs().max() < tolerance * max(1.0, float(expected.abs().max()))


def test_evidence_is_heard_in_the_surroundings_and_not_beyond():
    torch.manual_seed(0)
    network = compact(5, 4).eval()
    image, evidence = torch.randn(1, 5, 16, 16 * 61), _evidence(1, (16, 16 * 61))
    louder = evidence.clone()
    louder[:, :CHANNELS, :, 0] *= 2
    with torch.inference_mode():
        change = (network(image, louder) - network(image, evidence)).abs().sum(1)[0, 0]
    # two neighbourhoods, one after the other, and ten convolutions' reach
    assert change[: SURROUNDINGS[-1] // 2].min() > 0
    assert change[2 * SURROUNDINGS[-1] :].max() == 0


def test_resnet101_is_the_papers():
    network = resnet101().eval()
    with torch.inference_mode():
        out = network(torch.randn(2, 1, 96, 96))
    assert out.shape == (2, 1)
    assert ((out >= 0) & (out <= 1)).all()
    # torchvision's ResNet101 with one input channel and one output has this many
    assert sum(p.numel() for p in network.parameters()) == pytest.approx(42.5e6, rel=0.02)
    stem = next(module for module in network.modules() if isinstance(module, torch.nn.Conv2d))
    assert stem.stride == (2, 2)
