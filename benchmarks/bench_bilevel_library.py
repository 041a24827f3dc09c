"""What an upper step costs by finite differences and by a bi-level library, in one run on one core.

The library is TorchOpt, whose optimisers can be differentiated: its gradient goes through the whole graph of the
network's step, ours needs the loss at two places. Both are the gradient of `robpicker`'s upper level behind a step of
gradient descent, the step included, in single precision, alternating.
"""

import contextlib
import time
from unittest.mock import patch

import numpy as np
import torch
import torchopt
from torch.func import functional_call

from benchmarks.bench_upper_step import made_batch
from cryogauge.learn.bilevel import UpperLevel
from cryogauge.pick.networks import build
from cryogauge.pick.presets import find_preset
from cryogauge.pick.robust import learning
from cryogauge.pick.robust.learning import RobustLoss
from cryogauge.pick.robust.losses import peak_losses
from cryogauge.records import CZII_OBJECTS

FIGURES = ("upper_step_over_library", "upper_step_library_difference")
_RATE = 1e-2
_Batch = tuple[np.ndarray, np.ndarray]


def run(small: bool = False) -> dict[str, float]:
    """Measure; ``small`` takes patches of half the edge, once."""
    with patch.object(learning, "mixed_precision", lambda device: contextlib.nullcontext()):
        return _measured(small=small)


def _measured(*, small: bool) -> dict[str, float]:
    preset = find_preset("robpicker")
    assert preset.robust is not None
    torch.manual_seed(0)
    torch.set_num_threads(1)
    outputs, edge = len(CZII_OBJECTS), preset.sampling.patch_px[0] // (2 if small else 1)
    network = build(preset.network, outputs)
    noisy, clean = (made_batch(seed, edge, preset, outputs) for seed in range(2))
    kinds = list(range(1, outputs + 1))
    loss = RobustLoss(network, preset.robust, outputs, kinds, peaks=True, device="cpu")
    upper = list(loss.upper.parameters())
    level = UpperLevel(
        network, loss.upper, loss.outer, lambda net: loss.clean(net, clean), torch.optim.SGD(upper, lr=0.0)
    )
    ours, theirs, difference = [], [], 0.0
    for _ in range(1 if small else 4):
        loss.inner(network, noisy)  # which remembers what the step holds constant
        began = time.monotonic()
        expected = _by_the_library(network, loss, noisy, clean)
        theirs.append(time.monotonic() - began)
        kept = {name: value.detach().clone() for name, value in network.state_dict().items()}
        began = time.monotonic()
        found = _by_differences(network, loss, level, noisy)
        ours.append(time.monotonic() - began)
        network.load_state_dict(kept)
        difference = max(difference, float((found - expected).norm() / expected.norm()))
    print(
        f"     {np.median(ours):.2f} s by differences, {np.median(theirs):.2f} s by TorchOpt, apart by {difference:.4f}"
    )
    return {FIGURES[0]: float(np.median(ours) / np.median(theirs)), FIGURES[1]: difference}


def _by_differences(network: torch.nn.Module, loss: RobustLoss, level: UpperLevel, noisy: _Batch) -> torch.Tensor:
    optimiser = torch.optim.SGD(network.parameters(), lr=_RATE)
    value = loss.inner(network, noisy)
    for parameter, gradient in zip(level.inner, torch.autograd.grad(value, level.inner), strict=True):
        parameter.grad = gradient
    level.before_step()
    optimiser.step()
    level.after_step(optimiser, noisy)
    return torch.cat([p.grad.flatten() for p in loss.upper.parameters() if p.grad is not None])


def _by_the_library(network: torch.nn.Module, loss: RobustLoss, noisy: _Batch, clean: _Batch) -> torch.Tensor:
    image, label = loss.tensors(noisy)
    weights: dict[str, torch.Tensor] = dict(network.named_parameters())
    optimiser = torchopt.sgd(_RATE)
    state = optimiser.init(weights)
    value = loss.weighted(functional_call(network, weights, image), label, *loss.corrected(label))
    found = torch.autograd.grad(value, list(weights.values()), create_graph=True)
    updates, _ = optimiser.update(dict(zip(weights, found, strict=True)), state, inplace=False)
    moved = torchopt.apply_updates(weights, updates, inplace=False)
    image, label = loss.tensors(clean)
    outer = peak_losses(functional_call(network, moved, image), label, label, 1.0).mean()
    return torch.cat([g.flatten() for g in torch.autograd.grad(outer, list(loss.upper.parameters()))])
