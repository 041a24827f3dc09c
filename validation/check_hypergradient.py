"""Hypergradients by finite differences against the exact ones, on RobPicker's two levels.

The exact one is that of the clean loss through the whole graph of one step of the network, in single precision. Ours is
taken in single precision, and as trainings take it, the network's own step in half precision where that is fast. The
worst of networks, upper levels and seeds counts.
"""

import contextlib
from itertools import product
from unittest.mock import patch

import numpy as np
import torch
from torch.func import functional_call

from cryogauge.learn.bilevel import UpperLevel
from cryogauge.pick.networks import NetworkPlan, build
from cryogauge.pick.robust import learning
from cryogauge.pick.robust.learning import RobustLoss
from cryogauge.pick.robust.losses import dice_losses, peak_losses
from cryogauge.pick.robust.plan import Robust

FIGURES = ("hypergradient_error", "hypergradient_error_as_trained")
_EDGE, _KINDS = 32, 3
_NETWORKS = {
    "deepfinder": NetworkPlan("deepfinder", architecture={"filters": (8, 12, 16)}),
    "fast": NetworkPlan("fast", stride=2, multiple=8, architecture={"width": 8, "blocks": (1, 1, 1)}),
}
_Batch = tuple[np.ndarray, np.ndarray]
_PLANS = (Robust(), Robust("prediction", "example", mixing=0.1), Robust("none", "voxel"))


def run(small: bool = False) -> dict[str, float]:
    """Measure; one seed when ``small``."""
    found: dict[str, float] = {}
    cases = list(product(_NETWORKS.items(), _PLANS, range(1 if small else 3)))
    for figure, mixed in zip(FIGURES, (lambda device: contextlib.nullcontext(), learning.mixed_precision), strict=True):
        found[figure] = 0.0
        for (name, plan), levels, seed in cases:
            with patch.object(learning, "mixed_precision", mixed):
                error = _error(plan, levels, seed)
            print(f"     {name} {levels.correction} {levels.reweighting} {seed}: {error:.5f}")
            found[figure] = max(found[figure], error)
    return found


def _error(plan: NetworkPlan, levels: Robust, seed: int) -> float:
    torch.manual_seed(seed)
    peaks = plan.name == "fast"
    outputs = _KINDS + (not peaks)
    network, rate = build(plan, outputs), 0.01
    noisy, clean = (_batch(2 * seed + part, plan.stride, peaks) for part in range(2))
    loss = RobustLoss(network, levels, outputs, [1, 2, 3], peaks=peaks, device="cpu")
    upper = list(loss.upper.parameters())
    level = UpperLevel(
        network, loss.upper, loss.outer, lambda net: loss.clean(net, clean), torch.optim.SGD(upper, lr=0.0)
    )
    optimiser = torch.optim.SGD(network.parameters(), lr=rate)
    exact = _exact(network, loss, noisy, clean, rate, peaks)
    for p, g in zip(level.inner, torch.autograd.grad(loss.inner(network, noisy), level.inner), strict=True):
        p.grad = g
    level.before_step()
    optimiser.step()
    level.after_step(optimiser, noisy)
    found = torch.cat([p.grad.flatten() for p in upper if p.grad is not None])
    return float((found - exact).norm() / exact.norm())


def _exact(
    network: torch.nn.Module, loss: RobustLoss, noisy: _Batch, clean: _Batch, rate: float, peaks: bool
) -> torch.Tensor:
    """Through the graph, with what the step holds constant cut out of it."""
    loss.inner(network, noisy)
    weights: dict[str, torch.Tensor] = dict(network.named_parameters())
    image, label = loss.tensors(noisy)
    target, kept = loss.corrected(label)
    stepped = functional_call(network, weights, image)
    value = loss.weighted(stepped, label, target, kept)
    gradients = torch.autograd.grad(value, list(weights.values()), create_graph=True)
    moved = {name: w - rate * g for (name, w), g in zip(weights.items(), gradients, strict=True)}
    image, label = loss.tensors(clean)
    logits = functional_call(network, moved, image)
    outer = peak_losses(logits, label, label, 1.0) if peaks else dice_losses(logits, label)
    return torch.cat([g.flatten() for g in torch.autograd.grad(outer.mean(), list(loss.upper.parameters()))])


def _batch(seed: int, stride: int, peaks: bool) -> _Batch:
    rng = np.random.default_rng(seed)
    image = rng.normal(size=(4, 1, _EDGE, _EDGE, _EDGE)).astype(np.float32)
    edge = _EDGE // stride
    if not peaks:
        return image, rng.integers(0, _KINDS + 1, (4, edge, edge, edge)).astype(np.uint8)
    heat = rng.random((4, _KINDS, edge, edge, edge)).astype(np.float32)
    return image, np.where(heat > 0.99, 1.0, 0.3 * heat).astype(np.float32)
