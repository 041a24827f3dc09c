"""The two levels of RobPicker as the training loop takes them: the network's loss, and the upper level beside it."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cryogauge.learn.bilevel import UpperLevel
from cryogauge.learn.precision import mixed_precision
from cryogauge.pick.robust.losses import dice_losses, peak_losses
from cryogauge.pick.robust.networks import head_of, label_correction, reweighting
from cryogauge.pick.robust.plan import Robust

if TYPE_CHECKING:
    from torch import Tensor, nn

Batch = tuple[np.ndarray, np.ndarray]


class RobustLoss:
    """L_tr(I, C, R) of equation 1: corrected labels, weighted examples.

    What the network's step holds constant, the features that labels are corrected from and the losses that weights are
    made of, is remembered by :meth:`inner` and held at the same value by :meth:`outer`.
    """

    def __init__(
        self, network: "nn.Module", plan: Robust, outputs: int, known: Sequence[int], *, peaks: bool, device: str
    ) -> None:
        from torch import nn

        self.plan, self.outputs, self.peaks, self.device = plan, outputs, peaks, device
        # of a kind that the clean set holds none of it cannot tell whether it was found
        self.known = [label - 1 for label in known] if peaks else [0, *known]
        self.upper = nn.ModuleDict()
        if plan.correction != "none":
            features = head_of(network).in_channels if plan.correction == "features" else outputs
            self.upper["correct"] = label_correction(plan, features, outputs, exclusive=not peaks)
        if plan.reweighting != "none":
            self.upper["weigh"] = reweighting(plan.reweighting)
        self.upper.to(device)
        self._seen: Any = None
        self._weighed_by: Any = None

    def inner(self, network: "nn.Module", batch: Batch) -> "Tensor":
        """The loss that the network steps by; the upper parameters are constants."""
        import torch

        image, label = self.tensors(batch)
        logits, self._seen = self._forward(network, image, exact=False)
        with torch.no_grad():
            target, kept = self.corrected(label)
            if self.plan.reweighting == "example":
                self._weighed_by = self._losses(logits, label, target, kept, None)
            elif self.plan.reweighting == "voxel":
                self._weighed_by = self._voxel_losses(logits, label)
        return self.weighted(logits, label, target, kept)

    def outer(self, network: "nn.Module", batch: Batch) -> "Tensor":
        """The same of weights moved aside, as a function of the upper parameters; no rounding to half precision."""
        import torch

        image, label = self.tensors(batch)
        with torch.no_grad():
            logits, _ = self._forward(network, image, exact=True)
        return self.weighted(logits, label, *self.corrected(label))

    def clean(self, network: "nn.Module", batch: Batch) -> "Tensor":
        """L(D_val, I') of equation 3."""
        image, label = self.tensors(batch)
        logits, _ = self._forward(network, image, exact=False)
        if self.peaks:
            logits, label = logits[:, self.known], label[:, self.known]
            return peak_losses(logits, label, label, 1.0).mean()
        return dice_losses(logits, label, channels=self.known).mean()

    def tensors(self, batch: Batch) -> "tuple[Tensor, Tensor]":
        """Images, and labels as channels."""
        import torch

        image, label = (torch.from_numpy(part).to(self.device) for part in batch)
        if not self.peaks:
            label = torch.nn.functional.one_hot(label.long(), self.outputs).movedim(-1, 1).float()
        return image.to(memory_format=torch.channels_last_3d), label

    def _forward(self, network: "nn.Module", image: "Tensor", *, exact: bool) -> "tuple[Tensor, Tensor | None]":
        import contextlib

        seen: list[Tensor] = []
        watch = (
            head_of(network).register_forward_pre_hook(lambda _, given: seen.append(given[0].detach()))
            if self.plan.correction == "features"
            else None
        )
        try:
            with contextlib.nullcontext() if exact else mixed_precision(self.device):
                logits = network(image)
        finally:
            if watch is not None:
                watch.remove()
        logits = logits.float()
        if self.plan.correction == "prediction":
            seen = [self._said(logits.detach())]
        return logits, seen[0].float() if seen else None

    def _said(self, logits: "Tensor") -> "Tensor":
        import torch

        return torch.sigmoid(logits) if self.peaks else torch.softmax(logits, 1)

    def corrected(self, label: "Tensor") -> "tuple[Tensor, Any]":
        """Labels mixed with what was seen, and the part of the label in them."""
        if "correct" not in self.upper:
            return label, 1.0
        target, alpha = self.upper["correct"](self._seen, label)
        return target, 1.0 - alpha

    def weighted(self, logits: "Tensor", label: "Tensor", target: "Tensor", kept: Any) -> "Tensor":
        """Equation 1 of a batch; weights are made of the losses that were remembered."""
        if self.plan.reweighting == "example":
            weights = self.upper["weigh"](self._weighed_by[:, None])[:, 0]
            return (weights * self._losses(logits, label, target, kept, None)).mean()
        weights = self.upper["weigh"](self._weighed_by[..., None])[..., 0] if self.plan.reweighting == "voxel" else None
        return self._losses(logits, label, target, kept, weights).mean()

    def _voxel_losses(self, logits: "Tensor", label: "Tensor") -> "Tensor":
        import torch

        if self.peaks:
            return torch.nn.functional.binary_cross_entropy_with_logits(logits, label, reduction="none")
        return -(label * torch.log_softmax(logits, 1)).sum(1, keepdim=True)

    def _losses(self, logits: "Tensor", label: "Tensor", target: "Tensor", kept: Any, weights: Any) -> "Tensor":
        if self.peaks:
            return peak_losses(logits, label, target, kept, weights)
        return dice_losses(logits, target, weights)


def two_levels(
    network: "nn.Module",
    plan: Robust,
    outputs: int,
    clean: Iterator[Batch],
    known: Sequence[int],
    *,
    peaks: bool,
    device: str,
) -> "tuple[Callable[[nn.Module, Batch], Tensor], UpperLevel]":
    """The loss for :func:`cryogauge.learn.training.fit`, and its companion.

    Parameters
    ----------
    outputs
        The network's channels.
    clean
        Endless batches of the clean set, as often of one kind as of another.
    known
        Labels of the kinds that the clean set holds.
    peaks
        Whether targets are peaks, a channel a kind, and not labels of voxels.
    """
    import torch

    loss = RobustLoss(network, plan, outputs, known, peaks=peaks, device=device)
    level = UpperLevel(
        network, loss.upper, loss.outer, lambda net: loss.clean(net, next(clean)),
        torch.optim.Adam(loss.upper.parameters(), lr=plan.rate), every=plan.every,
    )  # fmt: skip
    return loss.inner, level
