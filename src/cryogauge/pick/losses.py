"""How far a network's output is from its target. Logits in, a scalar out; everything in single precision."""

from typing import TYPE_CHECKING, Literal, get_args

from cryogauge.records import BadInput

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

#: ``peaks`` learns peaks (:func:`cryogauge.pick.targets.peaks`), the others labels of voxels.
Loss = Literal["peaks", "tversky", "focal-tversky", "dice", "cross-entropy"]
#: Weight of a particle's voxels over the background's in the weighted cross-entropy.
CROSS_ENTROPY_WEIGHT = 64.0


def make_loss(name: Loss, outputs: int) -> "Callable[[Tensor, Tensor], Tensor]":
    """The loss of that name: ``loss(logits (batch, outputs, z, y, x), target)``.

    ``peaks``: :func:`peak_loss`, of targets of the logits' shape. The others take uint8 labels ``(batch, z, y, x)`` and
    the background as channel 0. ``tversky``: α = 0.3, β = 0.7 (DeepFindET). ``focal-tversky``: its 4/3rd root, which
    presses on kinds that are badly found (Abraham & Khan, ISBI 2019). ``dice``: the mean over kinds (DeepFinder).
    ``cross-entropy``: with the background weighted down.

    Raises
    ------
    BadInput
        For an unknown name.
    """
    import torch
    import torch.nn.functional as F
    from monai.losses.dice import DiceLoss
    from monai.losses.tversky import TverskyLoss

    if name not in get_args(Loss):
        raise BadInput(f"no loss is called {name!r}", f"one of: {', '.join(get_args(Loss))}")
    if name == "peaks":
        return peak_loss
    if name == "cross-entropy":
        weight = torch.full((outputs,), CROSS_ENTROPY_WEIGHT)
        weight[0] = 1.0
        return lambda logits, labels: F.cross_entropy(logits.float(), labels.long(), weight.to(logits.device))
    if name == "dice":
        overlap = DiceLoss(softmax=True, to_onehot_y=True, batch=True)
    else:
        overlap = TverskyLoss(softmax=True, to_onehot_y=True, alpha=0.3, beta=0.7, batch=True)
    power = 0.75 if name == "focal-tversky" else 1.0
    return lambda logits, labels: overlap(logits.float(), labels[:, None]) ** power


def peak_loss(logits: "Tensor", target: "Tensor") -> "Tensor":
    """Focal loss for peaks (Law & Deng, CornerNet, ECCV 2018, eq. 1): the top of a peak is a positive, its flanks count
    little as negatives, and what is decided already counts little at all. Divided by the number of peaks.
    """
    import torch
    import torch.nn.functional as F

    logits = logits.float()
    probability = torch.sigmoid(logits)
    top = target >= 1.0
    found = -F.logsigmoid(logits) * (1 - probability) ** 2
    false = -F.logsigmoid(-logits) * probability**2 * (1 - target) ** 4
    return torch.where(top, found, false).sum() / top.sum().clamp_min(1)
