"""The two levels on small networks: against the exact gradient, against the plain loss, and end to end."""

import contextlib
from dataclasses import replace
from itertools import repeat

import numpy as np
import pytest
import torch
from torch import nn
from torch.func import functional_call

from cryogauge.learn.bilevel import UpperLevel
from cryogauge.pick.losses import peak_loss
from cryogauge.pick.robust import learning
from cryogauge.pick.robust.learning import RobustLoss, two_levels
from cryogauge.pick.robust.losses import dice_losses, peak_losses
from cryogauge.pick.robust.plan import Robust
from cryogauge.records import BadInput

EDGE = 6


class Tiny(nn.Module):
    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.body = nn.Conv3d(1, 4, 3, padding=1)
        self.head = nn.Conv3d(4, outputs, 1)

    def forward(self, image):
        return self.head(torch.tanh(self.body(image)))


def batch(seed: int, outputs: int, peaks: bool):
    rng = np.random.default_rng(seed)
    image = rng.normal(size=(3, 1, EDGE, EDGE, EDGE)).astype(np.float32)
    if not peaks:
        return image, rng.integers(0, outputs, (3, EDGE, EDGE, EDGE)).astype(np.uint8)
    heat = rng.random((3, outputs, EDGE, EDGE, EDGE)).astype(np.float32)
    return image, np.where(heat > 0.97, 1.0, 0.3 * heat).astype(np.float32)


def plans():
    return [Robust(c, w, mixing=m) for c, w, m in [
        ("features", "example", 0.5), ("prediction", "none", 0.1), ("none", "example", 0.5),
        ("none", "voxel", 0.5), ("prediction", "voxel", 0.3),
    ]]  # fmt: skip


@pytest.mark.parametrize("peaks", [False, True])
@pytest.mark.parametrize("plan", plans(), ids=lambda plan: f"{plan.correction}-{plan.reweighting}")
def test_the_upper_gradient_is_the_exact_one(plan, peaks, monkeypatch):
    """Against the whole graph through the step, what the step holds constant cut out of it by hand."""
    monkeypatch.setattr(learning, "mixed_precision", lambda device: contextlib.nullcontext())
    torch.manual_seed(0)
    outputs, rate = 3, 0.05
    network = Tiny(outputs)
    noisy, clean = batch(1, outputs, peaks), batch(2, outputs, peaks)
    loss = RobustLoss(network, plan, outputs, [1, 2] if not peaks else [1, 2, 3], peaks=peaks, device="cpu")
    loss.inner(network, noisy)

    def inner_of(weights):
        image, label = loss.tensors(noisy)
        logits = functional_call(network, weights, image)
        return loss.weighted(logits, label, *loss.corrected(label))

    weights = dict(network.named_parameters())
    gradients = torch.autograd.grad(inner_of(weights), list(weights.values()), create_graph=True)
    stepped = {name: w - rate * g for (name, w), g in zip(weights.items(), gradients, strict=True)}
    image, label = loss.tensors(clean)
    logits = functional_call(network, stepped, image)
    if peaks:
        outer = peak_losses(logits, label, label, 1.0).mean()
    else:
        outer = dice_losses(logits, label, channels=[0, 1, 2]).mean()
    upper = list(loss.upper.parameters())
    expected = torch.cat([g.flatten() for g in torch.autograd.grad(outer, upper)])

    level = UpperLevel(
        network, loss.upper, loss.outer, lambda net: loss.clean(net, clean), torch.optim.SGD(upper, lr=0.0)
    )
    optimiser = torch.optim.SGD(network.parameters(), lr=rate)
    for p, g in zip(network.parameters(), torch.autograd.grad(loss.inner(network, noisy), level.inner), strict=True):
        p.grad = g
    level.before_step()
    optimiser.step()
    level.after_step(optimiser, noisy)
    found = torch.cat([p.grad.flatten() for p in upper if p.grad is not None])
    assert float((found - expected).norm() / expected.norm()) < 0.02


@pytest.mark.parametrize("seed", range(5))
def test_labels_as_they_are_are_learned_by_the_plain_loss(seed):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(2, 3, 5, 5, 5, generator=generator)
    label = torch.rand(2, 3, 5, 5, 5, generator=generator)
    label = torch.where(label > 0.95, torch.ones(()), 0.9 * label)
    assert torch.allclose(peak_losses(logits, label, label, 1.0).mean(), peak_loss(logits, label), rtol=1e-5)


def test_dice_is_equation_15():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(2, 3, 4, 4, 4)).astype(np.float32)
    found = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    label = rng.random((2, 3, 4, 4, 4)).astype(np.float32)
    expected = [
        np.mean([1 - 2 * (found[i, j] * label[i, j]).sum() / (found[i, j].sum() + label[i, j].sum()) for j in range(3)])
        for i in range(2)
    ]
    assert np.allclose(dice_losses(torch.from_numpy(logits), torch.from_numpy(label)), expected, atol=1e-5)


def test_a_label_that_is_replaced_teaches_what_it_is_replaced_by():
    """At a top whose label is wholly replaced by nothing, a peak counts as false; at an unlabelled one, as nothing."""
    label, target = torch.zeros(1, 1, 3, 3, 3), torch.zeros(1, 1, 3, 3, 3)
    label[..., 1, 1, 1] = 1.0
    kept = torch.ones_like(label)
    kept[..., 1, 1, 1] = 0.0
    logits = torch.full_like(label, -9.0)
    logits[..., 1, 1, 1] = 4.0
    removed = peak_losses(logits, label, target, kept)
    assert float(removed) > 3 > 0.01 > float(peak_losses(logits, label, label, 1.0))
    unlabelled = torch.zeros_like(label)
    missing = peak_losses(logits, unlabelled, unlabelled, 1.0)
    forgiven = peak_losses(logits, unlabelled, label, 1.0)  # its place as what is corrected to
    assert float(missing) > 3 > 0.01 > float(forgiven)


def test_kinds_that_the_clean_set_lacks_say_nothing_of_the_network():
    network = Tiny(3)
    for peaks in (False, True):
        loss = RobustLoss(network, Robust(), 3, [1], peaks=peaks, device="cpu")
        value = loss.clean(network, batch(0, 3, peaks))
        (gradient,) = torch.autograd.grad(value, [network.head.bias])
        assert gradient[0].abs() > 0
        if peaks:
            assert gradient[1:].abs().max() == 0


def test_a_network_without_a_named_head_is_corrected_by_its_prediction_alone():
    network = nn.Sequential(nn.Conv3d(1, 2, 1))
    with pytest.raises(BadInput, match="names no last layer"):
        RobustLoss(network, Robust("features"), 2, [1], peaks=False, device="cpu")
    loss, level = two_levels(
        network, Robust("prediction"), 2, repeat(batch(0, 2, False)), [1], peaks=False, device="cpu"
    )
    assert torch.isfinite(loss(network, batch(1, 2, False)))
    assert level.every == 1


def test_an_upper_level_of_nothing_is_refused():
    with pytest.raises(BadInput, match="nothing to learn"):
        Robust("none", "none")
    with pytest.raises(BadInput, match="mixing 0"):
        replace(Robust(), mixing=0.0)
