"""Bi-level learning: a network learns by a loss that has parameters of its own, which learn by what the step did.

The inner level is the network with weights I, trained by L_tr(I, U); the upper level is U, such as how labels are
corrected and examples weighted. U follows the gradient of a clean loss behind one step of the network
(RobPicker, equations 6–13 and Algorithm 1; Liu et al., DARTS, ICLR 2019, equations 7–8):

    I' = I − s(∇_I L_tr(I, U))          the step that the optimiser makes
    dL_clean(I') / dU = −∇²_{U,I} L_tr(I, U) · w,  w = (∂s / ∂g) ∇L_clean(I')
                      ≈ −(∇_U L_tr(I + ε w, U) − ∇_U L_tr(I − ε w, U)) / 2 ε,  ε = radius / |w|

For plain gradient descent s(g) = η g and w = η ∇L_clean, the η of the inner level, as the chain rule has it. Momentum
and Adam are taken into account by ∂s / ∂g, which is diagonal (Choe et al., SAMA, NeurIPS 2023).
"""

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from cryogauge.records import BadInput

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.optim import Optimizer

#: Length of the finite difference in the space of weights, as in DARTS.
RADIUS = 0.01


def step_slopes(optimiser: "Optimizer") -> "list[Tensor]":
    """∂s / ∂g of the step just made, a tensor a parameter that has a gradient: how the step follows the gradient.

    For :class:`torch.optim.SGD` (momentum is a constant of the past) the learning rate. For Adam and AdamW, with m and
    v the moments behind the step, m̂ and v̂ those without bias and g the gradient,
    η ((1 − β₁) / (1 − β₁ᵗ) / d − m̂ / d² · (1 − β₂) g / ((1 − β₂ᵗ) √v̂)), d = √v̂ + ε.

    Raises
    ------
    BadInput
        For another optimiser, or a variant of these.
    """
    import torch

    slopes = []
    for group in optimiser.param_groups:
        odd = any(group.get(name) for name in ("nesterov", "dampening", "amsgrad", "maximize"))
        if odd or not isinstance(optimiser, torch.optim.SGD | torch.optim.Adam):
            raise BadInput(f"no slope is known for this {type(optimiser).__name__}", "use SGD, Adam or AdamW")
        for parameter in (p for p in group["params"] if p.grad is not None):
            if isinstance(optimiser, torch.optim.SGD):
                slopes.append(torch.full_like(parameter, group["lr"]))
            else:
                slopes.append(_adam_slope(optimiser.state[parameter], group, parameter.grad))
    return slopes


def _adam_slope(state: dict[str, Any], group: dict[str, Any], gradient: "Tensor") -> "Tensor":
    first, second = group["betas"]
    steps = float(state["step"])
    unbias_first, unbias_second = 1 - first**steps, 1 - second**steps
    root = (state["exp_avg_sq"] / unbias_second).sqrt()
    below = root + group["eps"]
    falls = (state["exp_avg"] / unbias_first) / below**2 * (1 - second) * gradient / unbias_second
    falls = falls / root.clamp_min(1e-30)  # where v is 0 so is the gradient
    return group["lr"] * ((1 - first) / unbias_first / below - falls)


def hypergradient(
    inner: "Sequence[Tensor]",
    upper: "Sequence[Tensor]",
    upper_loss: "Callable[[], Tensor]",
    direction: "Sequence[Tensor]",
    *,
    radius: float = RADIUS,
) -> "list[Tensor]":
    """−∇²_{U,I} L_tr · w by finite differences (equations 12 and 13), a tensor an upper parameter.

    Parameters
    ----------
    inner
        The weights I that the loss is taken at; moved to both sides and put back.
    upper
        The parameters U.
    upper_loss
        L_tr of the weights as they are. What the inner step held constant must be held at the same value here.
    direction
        w, of the shapes of ``inner``.
    radius
        Length of ε w.

    Returns
    -------
    Zeros where ``direction`` is none.
    """
    import torch

    length = math.sqrt(sum(float((each.double() ** 2).sum()) for each in direction))
    if length == 0 or not math.isfinite(length):
        return [torch.zeros_like(each) for each in upper]
    epsilon = radius / length
    kept = [each.detach().clone() for each in inner]
    sides = []
    try:
        for sign in (1.0, -1.0):
            with torch.no_grad():
                for weight, before, towards in zip(inner, kept, direction, strict=True):
                    weight.copy_(before + sign * epsilon * towards)
            found = torch.autograd.grad(upper_loss(), list(upper), allow_unused=True)
            sides.append([torch.zeros_like(u) if g is None else g for u, g in zip(upper, found, strict=True)])
    finally:
        with torch.no_grad():
            for weight, before in zip(inner, kept, strict=True):
                weight.copy_(before)
    return [(minus - plus) / (2 * epsilon) for plus, minus in zip(*sides, strict=True)]


class UpperLevel:
    """The upper level beside :func:`cryogauge.learn.training.fit`: a step of it every so many of the network's.

    Parameters
    ----------
    network, upper
        The two levels; the network's weights that require a gradient are the inner ones.
    upper_loss
        ``upper_loss(network, batch)`` is L_tr with a graph to the upper parameters; the network's weights need none.
    clean_loss
        ``clean_loss(network)`` is the loss of the next clean batch.
    optimiser
        Of the upper parameters.
    every
        Steps of the network between two of the upper level: the upper level costs less and learns less.
    """

    def __init__(
        self,
        network: "nn.Module",
        upper: "nn.Module",
        upper_loss: "Callable[[nn.Module, Any], Tensor]",
        clean_loss: "Callable[[nn.Module], Tensor]",
        optimiser: "Optimizer",
        *,
        every: int = 1,
        radius: float = RADIUS,
    ) -> None:
        if every < 1:
            raise BadInput(f"the upper level cannot learn every {every} steps", "give 1 or more")
        self.network, self.upper = network, upper
        self.upper_loss, self.clean_loss = upper_loss, clean_loss
        self.optimiser, self.every, self.radius = optimiser, every, radius
        self.inner = [p for p in network.parameters() if p.requires_grad]
        self.steps = 0
        self._before: list[Tensor] = []

    def before_step(self) -> None:
        """Keep the weights that the step is made from, where the upper level is to follow it."""
        due = (self.steps + 1) % self.every == 0
        self._before = [each.detach().clone() for each in self.inner] if due else []

    def after_step(self, optimiser: "Optimizer", batch: Any) -> None:
        """A step of the upper level behind one of the network, which stays where its step led it."""
        import torch

        self.steps += 1
        if not self._before:
            return
        clean = self.clean_loss(self.network)
        slopes = dict(zip((id(p) for p in _stepped(optimiser)), step_slopes(optimiser), strict=True))
        towards = torch.autograd.grad(clean, self.inner)
        direction = [slopes[id(weight)] * each for weight, each in zip(self.inner, towards, strict=True)]
        after = [each.detach().clone() for each in self.inner]
        buffers = [(buffer, buffer.detach().clone()) for buffer in self.network.buffers()]
        upper = [p for p in self.upper.parameters() if p.requires_grad]
        with torch.no_grad():
            for weight, before in zip(self.inner, self._before, strict=True):
                weight.copy_(before)
        for weight in self.inner:
            weight.requires_grad_(False)  # the loss's graph is wanted to the upper parameters alone
        try:
            found = hypergradient(
                self.inner, upper, lambda: self.upper_loss(self.network, batch), direction, radius=self.radius
            )
        finally:
            with torch.no_grad():
                for weight, end in zip(self.inner, after, strict=True):
                    weight.requires_grad_(True)
                    weight.copy_(end)
                for buffer, value in buffers:
                    buffer.copy_(value)
        if not all(bool(torch.isfinite(each).all()) for each in found):
            raise BadInput(
                f"at step {self.steps} the upper level's gradient is no number", "lower its rate, or look at the data"
            )
        for parameter, gradient in zip(upper, found, strict=True):
            parameter.grad = gradient
        self.optimiser.step()
        self._before = []

    def state_dict(self) -> dict[str, Any]:
        """Upper parameters, their optimiser, and how many steps the network has made."""
        return {"upper": self.upper.state_dict(), "optimiser": self.optimiser.state_dict(), "steps": self.steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`state_dict`."""
        self.upper.load_state_dict(state["upper"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.steps = int(state["steps"])


def _stepped(optimiser: "Optimizer") -> "list[Tensor]":
    """Parameters with a gradient, in the order of :func:`step_slopes`."""
    return [p for group in optimiser.param_groups for p in group["params"] if p.grad is not None]
