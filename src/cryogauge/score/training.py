"""Making the shipped weights: simulate, train in stages, calibrate."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from cryogauge.score.network import ERROR, QUALITY, STRUCTURE
from cryogauge.simulate.oracle import PERCENTILE

if TYPE_CHECKING:
    from torch import Tensor, nn


def tile_loss(network: "nn.Module", batch: Mapping[str, np.ndarray]) -> "Tensor":
    """Soft cross-entropy of the tiles' quality and structure, the slices' own score, and the size of the error.

    The paper's mean squared error acts on the slice's score; the tiles carry the rest of the signal. The error
    channel learns the scale of a Laplace distribution of the quality's error, and does not disturb the quality.
    """
    import torch
    import torch.nn.functional as F

    image = torch.from_numpy(batch["input"]).to(memory_format=torch.channels_last)
    quality = torch.from_numpy(batch["quality"])
    structure = torch.from_numpy(batch["structure"])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = network(image)
    out = out.float()
    tiles = F.binary_cross_entropy_with_logits(out[:, QUALITY], quality)
    presence = F.binary_cross_entropy_with_logits(out[:, STRUCTURE], structure)
    predicted = torch.sigmoid(out[:, QUALITY])
    slices = predicted.new_zeros(())
    full = structure.flatten(1).mean(1) > 0.04
    for q, t, m in zip(predicted[full], quality[full], structure[full] > 0.5, strict=True):
        slices = slices + (torch.quantile(q[m], PERCENTILE / 100) - torch.quantile(t[m], PERCENTILE / 100)) ** 2
    empty = predicted[~full].flatten(1)
    if len(empty):
        slices = slices + (empty.topk(max(1, empty.shape[1] // 20), dim=1).values.mean(1) ** 2).sum()
    slices = slices / len(out)
    log_scale = out[:, ERROR].clamp(-6, 1)
    error = (predicted.detach() - quality).abs() * torch.exp(-log_scale) + log_scale
    return tiles + 0.3 * presence + 2.0 * slices + 0.05 * error.mean()


def evaluate(network: Any, examples: list[Any], *, single: bool = False) -> dict[str, float]:
    """Mean Pearson r a tomogram, mean absolute error, and the part of the empty slices below 0.1."""
    from cryogauge.score.quality import slices_of_example

    rows, errors, empty = [], [], []
    for example in examples:
        score = slices_of_example(network, example, single=single)
        truth = example.score
        errors.append(np.abs(score - truth))
        if truth.std() > 0.02:
            rows.append(np.corrcoef(score, truth)[0, 1])
        empty.extend(score[example.structure.mean(axis=(1, 2)) == 0])
    return {
        "pearson_mean": float(np.mean(rows)),
        "abs_error_mean": float(np.concatenate(errors).mean()),
        "empty_below_0p1": float(np.mean(np.array(empty) < 0.1)) if empty else float("nan"),
    }
