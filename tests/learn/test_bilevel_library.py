"""Hypergradients against those of TorchOpt, whose optimisers can be differentiated."""

import pytest
import torch
from torch import nn
from torch.func import functional_call

from cryogauge.learn.bilevel import UpperLevel

torchopt = pytest.importorskip("torchopt")
RATE = 0.02
OPTIMISERS = {
    "sgd": (lambda: torchopt.sgd(RATE), lambda p: torch.optim.SGD(p, lr=RATE)),
    "momentum": (lambda: torchopt.sgd(RATE, momentum=0.9), lambda p: torch.optim.SGD(p, lr=RATE, momentum=0.9)),
    "adam": (lambda: torchopt.adam(RATE), lambda p: torch.optim.Adam(p, lr=RATE)),
}


class Reweighting(nn.Module):
    """A weight of each example by its loss, and labels mixed with a constant."""

    def __init__(self) -> None:
        super().__init__()
        self.weigh = nn.Sequential(nn.Linear(1, 5), nn.Tanh(), nn.Linear(5, 1), nn.Sigmoid())
        self.mixing = nn.Parameter(torch.tensor([-1.0]))


def noisy_loss(predicted, label, upper):
    mixing = torch.sigmoid(upper.mixing)
    each = (predicted - (1 - mixing) * label - 0.2 * mixing) ** 2
    return (upper.weigh(each) * each).mean()


def problem():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, 1)).double()
    upper = Reweighting().double()
    batches = [(torch.randn(10, 3).double(), torch.randn(10, 1).double()) for _ in range(5)]
    return network, upper, batches, (torch.randn(10, 3).double(), torch.randn(10, 1).double())


def unrolled(make, network, upper, batches, clean):
    """The gradient through the last of several steps, by TorchOpt; what is before it is a constant."""
    weights = {name: w.detach().clone().requires_grad_() for name, w in network.named_parameters()}
    optimiser = make()
    state = optimiser.init(weights)
    for image, label in batches:
        weights, state = torchopt.pytree.tree_map(
            lambda x: x.detach().requires_grad_(x.is_floating_point()) if isinstance(x, torch.Tensor) else x,
            (weights, state),
        )
        loss = noisy_loss(functional_call(network, weights, image), label, upper)
        found = torch.autograd.grad(loss, list(weights.values()), create_graph=True)
        updates, state = optimiser.update(dict(zip(weights, found, strict=True)), state, params=weights, inplace=False)
        weights = torchopt.apply_updates(weights, updates, inplace=False)
    outer = ((functional_call(network, weights, clean[0]) - clean[1]) ** 2).mean()
    return torch.autograd.grad(outer, list(upper.parameters())), [w.detach() for w in weights.values()]


def by_finite_differences(make, network, upper, batches, clean):
    level = UpperLevel(
        network, upper, lambda net, b: noisy_loss(net(b[0]), b[1], upper),
        lambda net: ((net(clean[0]) - clean[1]) ** 2).mean(), torch.optim.SGD(upper.parameters(), lr=0.0),
        every=len(batches), radius=1e-4,
    )  # fmt: skip
    optimiser = make(network.parameters())
    for batch in batches:
        optimiser.zero_grad()
        loss = noisy_loss(network(batch[0]), batch[1], upper)
        for p, g in zip(level.inner, torch.autograd.grad(loss, level.inner), strict=True):
            p.grad = g
        level.before_step()
        optimiser.step()
        level.after_step(optimiser, batch)
    return [p.grad for p in upper.parameters() if p.grad is not None], [w.detach() for w in network.parameters()]


@pytest.mark.parametrize("name", OPTIMISERS)
def test_behind_several_steps_both_find_the_same(name):
    theirs, ours = OPTIMISERS[name]
    expected, their_weights = unrolled(theirs, *problem())
    network, upper, batches, clean = problem()
    found, our_weights = by_finite_differences(ours, network, upper, batches, clean)
    for a, b in zip(our_weights, their_weights, strict=True):
        assert torch.allclose(a, b, atol=1e-6)
    a, b = (torch.cat([g.flatten() for g in each]) for each in (found, expected))
    assert float(b.norm()) > 1e-6
    assert float((a - b).norm() / b.norm()) < 1e-5
