"""What a step of the upper level costs, in plain steps of the same network on the same batch.

A plain step is loss, gradient and optimiser of the preset without an upper level; the upper level's is all that it adds
to one: the clean loss and its gradient, and the noisy loss on either side. Both in one run, alternating, on one core.
"""

import time
from dataclasses import replace
from itertools import repeat

import numpy as np
import torch

from cryogauge.learn.precision import mixed_precision
from cryogauge.pick.losses import make_loss
from cryogauge.pick.networks import build
from cryogauge.pick.presets import Preset, find_preset
from cryogauge.pick.robust.learning import two_levels
from cryogauge.records import CZII_OBJECTS

FIGURES = ("upper_step_cost_ratio", "upper_step_cost_ratio_paper")
#: The paper's batch of 25 takes minutes a step on a processor; a ratio of steps is the same of a smaller one.
_BATCH = 4


def run(small: bool = False) -> dict[str, float]:
    """Measure both presets; ``small`` takes patches of half the edge, once."""
    return {
        figure: _ratio(find_preset(name), small=small)
        for figure, name in zip(FIGURES, ("robpicker", "robpicker-paper"), strict=True)
    }


def _ratio(preset: Preset, *, small: bool) -> float:
    edge = preset.sampling.patch_px[0] // (2 if small else 1)
    peaks = preset.target == "peaks"
    outputs = len(CZII_OBJECTS) + (not peaks)
    assert preset.robust is not None
    torch.set_num_threads(1)
    network = build(preset.network, outputs).to(memory_format=torch.channels_last_3d)  # pyright: ignore[reportCallIssue] no stub
    noisy, clean = (made_batch(seed, edge, preset, outputs) for seed in range(2))
    plan = replace(preset.robust, every=1)
    kinds = range(1, len(CZII_OBJECTS) + 1)
    loss, level = two_levels(network, plan, outputs, repeat(clean), kinds, peaks=peaks, device="cpu")
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-4)
    plain_loss = make_loss(preset.loss, outputs)
    plain, upper = [], []
    for _ in range(1 if small else 6):
        began = time.monotonic()
        image, target = (torch.from_numpy(part) for part in noisy)
        with mixed_precision("cpu"):
            logits = network(image.to(memory_format=torch.channels_last_3d))
        _step(optimiser, level.inner, plain_loss(logits, target))
        plain.append(time.monotonic() - began)
        value = loss(network, noisy)
        level.before_step()
        _step(optimiser, level.inner, value)
        began = time.monotonic()
        level.after_step(optimiser, noisy)
        upper.append(time.monotonic() - began)
    print(f"     {preset.network.name}: {np.median(plain):.2f} s a plain step, {np.median(upper):.2f} s an upper one")
    return float(np.median(upper) / np.median(plain))


def _step(optimiser: torch.optim.Optimizer, weights: list[torch.nn.Parameter], value: torch.Tensor) -> None:
    for parameter, gradient in zip(weights, torch.autograd.grad(value, weights), strict=True):
        parameter.grad = gradient
    optimiser.step()


def made_batch(seed: int, edge: int, preset: Preset, outputs: int) -> tuple[np.ndarray, np.ndarray]:
    """Images of noise and targets of the preset's form, in patches of that edge."""
    rng = np.random.default_rng(seed)
    image = rng.normal(size=(_BATCH, 1, edge, edge, edge)).astype(np.float32)
    small = edge // preset.network.stride
    if preset.target != "peaks":
        return image, rng.integers(0, outputs, (_BATCH, small, small, small)).astype(np.uint8)
    heat = rng.random((_BATCH, outputs, small, small, small)).astype(np.float32)
    return image, np.where(heat > 0.999, 1.0, 0.1 * heat).astype(np.float32)
