"""Losses that take corrected labels, an example at a time: logits in, ``(batch,)`` out, in single precision."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def dice_losses(
    logits: "Tensor", label: "Tensor", weight: "Tensor | None" = None, channels: "Sequence[int] | None" = None
) -> "Tensor":
    """Equation 15 of each example: 1 − 2 |A ∩ B| / (|A| + |B|), averaged over all channels.

    Parameters
    ----------
    logits, label
        ``(batch, channel, z, y, x)``; labels 0–1.
    weight
        Of each voxel, ``(batch, 1, z, y, x)``.
    channels
        To average over; all by default.

    A channel that neither holds counts 0.
    """
    import torch

    found = torch.softmax(logits.float(), 1)
    both, either = found * label, found + label
    if weight is not None:
        both, either = both * weight, either * weight
    axes = (2, 3, 4)
    losses = 1 - (2 * both.sum(axes) + 1e-5) / (either.sum(axes) + 1e-5)
    return (losses if channels is None else losses[:, list(channels)]).mean(1)


def peak_losses(
    logits: "Tensor", label: "Tensor", target: "Tensor", kept: "Tensor | float", weight: "Tensor | None" = None
) -> "Tensor":
    """:func:`cryogauge.pick.losses.peak_loss` of each example, with corrected labels.

    Parameters
    ----------
    logits, label
        ``(batch, kind, z, y, x)``; the peaks as labelled.
    target
        The corrected peaks: where they are high, a peak counts little as false.
    kept
        1 − α: the part of a labelled top that stays one.
    weight
        Of each voxel, ``(batch, kind, z, y, x)``.

    Divided by the mean number of labelled tops, so that examples with many count more, as in the loss of a batch.
    """
    import torch
    import torch.nn.functional as F

    logits = logits.float()
    probability = torch.sigmoid(logits)
    top = (label >= 1.0).float()
    found = -F.logsigmoid(logits) * (1 - probability) ** 2
    false = -F.logsigmoid(-logits) * probability**2 * (1 - target) ** 4
    loss = top * kept * found + false  # at a top that is kept whole (1 - target) is none
    if weight is not None:
        loss = loss * weight
    tops = top.sum() / len(top)
    return loss.sum((1, 2, 3, 4)) / tops.clamp_min(1.0 / len(top))
