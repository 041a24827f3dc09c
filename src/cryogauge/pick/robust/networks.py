"""The upper level's networks: label correction (equation 14) and data reweighting. A thousand parameters each.

torch is imported inside: a module of a room must not cost an import of it.
"""

import math
from typing import TYPE_CHECKING

from cryogauge.pick.robust.plan import Robust
from cryogauge.records import BadInput

if TYPE_CHECKING:
    from torch import Tensor, nn

#: Units between a loss and its weight: the paper's for examples, the authors' code's for voxels.
_HIDDEN = {"example": (500,), "voxel": (16, 16)}


def reweighting(kind: str) -> "nn.Module":
    """A perceptron from a loss to its weight 0–1: ``(…, 1)`` to ``(…, 1)``."""
    from torch import nn

    layers: list[nn.Module] = []
    width = 1
    for hidden in _HIDDEN[kind]:
        layers += [nn.Linear(width, hidden), nn.ReLU(inplace=True)]
        width = hidden
    return nn.Sequential(*layers, nn.Linear(width, 1), nn.Sigmoid())


def label_correction(plan: Robust, features: int, outputs: int, *, exclusive: bool) -> "nn.Module":
    """C = α S + (1 − α) L: ``forward(seen, label)`` returns C and α, both like ``label``.

    ``seen`` are the network's last features, from which a convolution of 1³ makes S, or S itself where the plan mixes
    with the network's own prediction. α comes from S beside L through two convolutions of 1³; it begins at the plan's
    mixing. (The paper's padding of 1 would enlarge the volume and is left out.)

    Parameters
    ----------
    features, outputs
        Channels of ``seen``, and of labels.
    exclusive
        Whether channels exclude one another, so that S sums to 1.
    """
    import torch
    from torch import nn

    class LabelCorrection(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.say = nn.Conv3d(features, outputs, 1) if plan.correction == "features" else None
            self.mix = nn.Sequential(
                nn.Conv3d(2 * outputs, outputs, 1), nn.ReLU(inplace=True), nn.Conv3d(outputs, outputs, 1)
            )
            self.start = math.log(plan.mixing / (1 - plan.mixing))

        def forward(self, seen: "Tensor", label: "Tensor") -> "tuple[Tensor, Tensor]":
            if self.say is not None:
                seen = self.say(seen)
                seen = torch.softmax(seen, 1) if exclusive else torch.sigmoid(seen)
            alpha = torch.sigmoid(self.mix(torch.cat([seen, label], 1)) + self.start)
            return alpha * seen + (1 - alpha) * label, alpha

    return LabelCorrection()


def head_of(network: "nn.Module") -> "nn.Conv3d":
    """The last layer of a network, whose input are its last features.

    Raises
    ------
    BadInput
        When the network does not tell which it is.
    """
    from torch import nn

    head = getattr(network, "head", None)
    if not isinstance(head, nn.Conv3d):
        raise BadInput(
            f"labels cannot be corrected from the features of {type(network).__name__}, which names no last layer",
            "choose deepfinder, deepfindet or fast, or correct from its prediction",
        )
    return head
