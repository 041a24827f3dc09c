"""The upper level on labels of voxels by cross-entropy: each voxel weighted, labels corrected from their neighbours.

Follows RobPicker's public code where that differs from its paper (see :mod:`cryogauge.pick.robust` for the latter): a
weight of every voxel from its loss by a perceptron 1 → 16 → 16 → 1, labels corrected by two convolutions of 3³ with one
learned mixing, and a cross-entropy in which particles weigh 64 to 512 times as much as the background.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from cryogauge.learn.bilevel import UpperLevel
from cryogauge.pick.robust.learning import Batch, RobustLoss
from cryogauge.pick.robust.plan import Robust
from cryogauge.records import BadInput

if TYPE_CHECKING:
    from torch import Tensor, nn

#: Weights of the commonest and of the rarest kind against the background's 1.
_COMMON, _RARE = 64.0, 512.0
#: Channels between the two convolutions that correct labels.
_HIDDEN = 16
#: Logit of the background over a kind's in a corrected label before anything is learned: one voxel in a hundred.
_EMPTY = 4.6


def class_weights(labels: np.ndarray, outputs: int) -> np.ndarray:
    """Weight of each channel, ``(outputs,)``: 1 for the background, 64 for the commonest kind, more for rarer ones.

    As many times more as it is rarer, up to 512; a kind without a label counts as the rarest. (The code gives its two
    kinds 64 and 512 by hand.)

    Parameters
    ----------
    labels
        ``(n,)``: the label of each particle, from 1.
    outputs
        Channels, the background among them.
    """
    count = np.bincount(labels, minlength=outputs)[1:outputs]
    rarer = count.max(initial=1) / np.maximum(count, 1)
    return np.concatenate([[1.0], np.clip(_COMMON * np.where(count > 0, rarer, np.inf), _COMMON, _RARE)])


def neighbourhood_correction(plan: Robust, outputs: int) -> "nn.Module":
    """C = α S + (1 − α) L: ``forward(seen, label)`` returns C and α, the latter one number.

    S is what two convolutions of 3³ make of the label beside what the network says, ``(batch, outputs, z, y, x)``
    both, so that a label may move by a voxel or two; α = σ(a) with one learned a, from the plan's mixing on.
    """
    import torch
    from torch import nn

    class NeighbourhoodCorrection(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            last = nn.Conv3d(_HIDDEN, outputs, 3, padding=1)
            # begun at even odds, a part of every voxel would be a particle, and weigh 64 times as much as the rest
            with torch.no_grad():
                cast("Tensor", last.bias)[0] = _EMPTY
            self.say = nn.Sequential(nn.Conv3d(2 * outputs, _HIDDEN, 3, padding=1), nn.ReLU(inplace=True), last)
            self.mixing = nn.Parameter(torch.tensor(math.log(plan.mixing / (1 - plan.mixing))))

        def forward(self, seen: "Tensor", label: "Tensor") -> "tuple[Tensor, Tensor]":
            said = torch.softmax(self.say(torch.cat([seen, label], 1)), 1)
            alpha = torch.sigmoid(self.mixing)
            return alpha * said + (1 - alpha) * label, alpha

    return NeighbourhoodCorrection()


def weighted_cross_entropy(
    logits: "Tensor", label: "Tensor", target: "Tensor", of_channel: "Tensor", weight: "Tensor | None" = None
) -> "Tensor":
    """Cross-entropy of each example with weights of channels, divided by the mean weight of a labelled example.

    Parameters
    ----------
    logits, label, target
        ``(batch, channel, z, y, x)``; labels as given and as corrected, each voxel's sum 1.
    of_channel
        ``(channel,)``.
    weight
        Of each voxel, ``(batch, 1, z, y, x)``.
    """
    import torch

    of_channel = of_channel.to(logits.device)[:, None, None, None]
    each = -(of_channel * target * torch.log_softmax(logits.float(), 1)).sum(1, keepdim=True)
    if weight is not None:
        each = each * weight
    return each.sum((1, 2, 3, 4)) / ((of_channel * label).sum() / len(label))


class VoxelwiseLoss(RobustLoss):
    """L_tr(I, C, R) of equation 1 of voxels, by :func:`weighted_cross_entropy`."""

    def __init__(
        self,
        network: "nn.Module",
        plan: Robust,
        outputs: int,
        known: Sequence[int],
        *,
        weights: np.ndarray,
        device: str,
    ) -> None:
        import torch

        if plan.correction == "features":
            raise BadInput(
                "labels of voxels are not corrected from features by cross-entropy",
                "correct them from the network's prediction, or learn by dice",
            )
        super().__init__(network, plan, outputs, known, peaks=False, device=device)
        self.of_channel = torch.as_tensor(weights, dtype=torch.float32)
        if plan.correction == "prediction":
            self.upper["correct"] = neighbourhood_correction(plan, outputs).to(device)

    def clean(self, network: "nn.Module", batch: Batch) -> "Tensor":
        """L(D_val, I') of equation 3, among the kinds that the clean set holds."""
        image, label = self.tensors(batch)
        logits, _ = self._forward(network, image, exact=False)
        logits, label = logits[:, self.known], label[:, self.known]
        return weighted_cross_entropy(logits, label, label, self.of_channel[self.known]).mean()

    def _losses(self, logits: "Tensor", label: "Tensor", target: "Tensor", kept: Any, weights: Any) -> "Tensor":
        return weighted_cross_entropy(logits, label, target, self.of_channel, weights)


def two_levels(
    network: "nn.Module",
    plan: Robust,
    outputs: int,
    clean: Iterator[Batch],
    known: Sequence[int],
    *,
    weights: np.ndarray,
    device: str,
) -> "tuple[Callable[[nn.Module, Batch], Tensor], UpperLevel]":
    """As :func:`cryogauge.pick.robust.learning.two_levels`, by cross-entropy with :func:`class_weights`."""
    import torch

    loss = VoxelwiseLoss(network, plan, outputs, known, weights=weights, device=device)
    level = UpperLevel(
        network, loss.upper, loss.outer, lambda net: loss.clean(net, next(clean)),
        torch.optim.Adam(loss.upper.parameters(), lr=plan.rate), every=plan.every,
    )  # fmt: skip
    return loss.inner, level
