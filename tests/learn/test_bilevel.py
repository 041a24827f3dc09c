"""Hypergradients against the exact second-order ones, which automatic differentiation unrolls."""

from itertools import repeat

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.func import functional_call

from cryogauge.learn.bilevel import UpperLevel, hypergradient, step_slopes
from cryogauge.learn.training import Schedule, fit
from cryogauge.records import BadInput


class Weighting(nn.Module):
    """Examples weighted by their loss, and targets shifted: both kinds of upper parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.weigh = nn.Sequential(nn.Linear(1, 6), nn.Tanh(), nn.Linear(6, 1), nn.Sigmoid())
        self.shift = nn.Parameter(torch.tensor([0.3]))


def problem(seed: int):
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 1)).double()
    upper = Weighting().double()
    batch = torch.randn(8, 3).double(), torch.randn(8, 1).double()
    clean = torch.randn(8, 3).double(), torch.randn(8, 1).double()
    return network, upper, batch, clean


def training_loss(predicted, target, upper):
    each = (predicted - target - upper.shift) ** 2
    return (upper.weigh(each) * each).mean()


def exact(network, upper, batch, clean, moved):
    """d L_clean(I − s(∇ L_tr)) / dU through the whole graph; ``moved(gradients)`` are the steps."""
    weights = dict(network.named_parameters())
    loss = training_loss(functional_call(network, weights, batch[0]), batch[1], upper)
    gradients = torch.autograd.grad(loss, list(weights.values()), create_graph=True)
    steps = moved(gradients)
    stepped = {name: w - s for (name, w), s in zip(weights.items(), steps, strict=True)}
    outer = ((functional_call(network, stepped, clean[0]) - clean[1]) ** 2).mean()
    return torch.autograd.grad(outer, list(upper.parameters()))


def approximate(network, upper, batch, clean, optimiser, *, radius=1e-4):
    """What :class:`UpperLevel` hands to its optimiser, after one step of the network's."""
    level = UpperLevel(
        network, upper, lambda net, b: training_loss(net(b[0]), b[1], upper),
        lambda net: ((net(clean[0]) - clean[1]) ** 2).mean(), torch.optim.SGD(upper.parameters(), lr=0.0),
        radius=radius,
    )  # fmt: skip
    optimiser.zero_grad()
    for p, g in zip(
        network.parameters(),
        torch.autograd.grad(training_loss(network(batch[0]), batch[1], upper), list(network.parameters())),
        strict=True,
    ):
        p.grad = g
    level.before_step()
    optimiser.step()
    level.after_step(optimiser, batch)
    return [p.grad for p in upper.parameters()]


def error(found, expected):
    found, expected = (torch.cat([each.detach().flatten() for each in part]) for part in (found, expected))
    return float((found - expected).norm() / expected.norm())


@given(seed=st.integers(0, 500), rate=st.sampled_from([1e-3, 0.05, 0.3]))
def test_it_is_the_exact_gradient_behind_a_step_of_gradient_descent(seed, rate):
    network, upper, batch, clean = problem(seed)
    expected = exact(network, upper, batch, clean, lambda gradients: [rate * g for g in gradients])
    found = approximate(network, upper, batch, clean, torch.optim.SGD(network.parameters(), lr=rate))
    assert error(found, expected) < 1e-5


@given(seed=st.integers(0, 500))
def test_momentum_of_the_past_is_a_constant(seed):
    network, upper, batch, clean = problem(seed)
    optimiser = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9)
    past = [torch.randn_like(p) for p in network.parameters()]
    for p, before in zip(network.parameters(), past, strict=True):
        optimiser.state[p]["momentum_buffer"] = before.clone()
    expected = exact(
        network, upper, batch, clean,
        lambda gradients: [0.05 * (0.9 * b + g) for b, g in zip(past, gradients, strict=True)],
    )  # fmt: skip
    assert error(approximate(network, upper, batch, clean, optimiser), expected) < 1e-5


@given(seed=st.integers(0, 500), count=st.integers(1, 20))
def test_the_slope_of_adam_is_taken_into_account(seed, count):
    network, upper, batch, clean = problem(seed)
    rate, first, second, eps = 0.01, 0.9, 0.999, 1e-8
    optimiser = torch.optim.AdamW(network.parameters(), lr=rate, eps=eps, weight_decay=0.0)
    m = [0.1 * torch.randn_like(p) for p in network.parameters()]
    v = [0.1 * torch.rand_like(p) + 0.01 for p in network.parameters()]
    for p, mean, square in zip(network.parameters(), m, v, strict=True):
        optimiser.state[p] = {"step": torch.tensor(float(count)), "exp_avg": mean.clone(), "exp_avg_sq": square.clone()}
    t = count + 1

    def moved(gradients):
        steps = []
        for g, mean, square in zip(gradients, m, v, strict=True):
            mean_now, square_now = first * mean + (1 - first) * g, second * square + (1 - second) * g**2
            steps.append(rate * mean_now / (1 - first**t) / ((square_now / (1 - second**t)).sqrt() + eps))
        return steps

    expected = exact(network, upper, batch, clean, moved)
    assert error(approximate(network, upper, batch, clean, optimiser), expected) < 1e-4


def test_the_network_stays_where_its_step_led_it_and_its_statistics_as_they_were():
    network, upper, batch, clean = problem(0)
    network = nn.Sequential(nn.BatchNorm1d(3).double(), network)
    alone = nn.Sequential(nn.BatchNorm1d(3).double(), problem(0)[0])
    optimiser = torch.optim.SGD(network.parameters(), lr=0.05)
    approximate(network, upper, batch, clean, optimiser)
    other = torch.optim.SGD(alone.parameters(), lr=0.05)
    training_loss(alone(batch[0]), batch[1], upper).backward()
    other.step()
    assert error(list(network.parameters()), list(alone.parameters())) < 1e-12
    assert all(p.requires_grad for p in network.parameters())
    # the clean batch was seen once; the two sides of the difference left no trace
    assert int(network[0].num_batches_tracked) == 2


def test_it_weighs_down_what_is_wrong(tmp_path):
    """Half of the examples have another law: those of the clean law end up heavier, and the network follows it."""
    torch.manual_seed(0)
    law = torch.tensor([[1.0], [-2.0], [0.5]])

    def batches():
        generator = torch.Generator().manual_seed(1)
        while True:
            x = torch.randn(32, 3, generator=generator)
            yield x, torch.cat([x[:12] @ law, -(x[12:] @ law)])

    clean_x = torch.randn(64, 3)

    class Weights(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.logit = nn.Parameter(torch.zeros(32))

    upper = Weights()

    def loss(network, batch):
        return (torch.sigmoid(upper.logit)[:, None] * (network(batch[0]) - batch[1]) ** 2).mean()

    def learned(folder, companion):
        torch.manual_seed(2)
        network = nn.Linear(3, 1)
        schedule = Schedule(steps=300, learning_rate=0.05, averaging=0.5, momentum=0.0)
        level = companion(network)
        assert fit(network, batches(), loss, schedule, folder, companion=level)
        return network.weight.detach()

    def level(network):
        return UpperLevel(
            network, upper, loss, lambda net: ((net(clean_x) - clean_x @ law) ** 2).mean(),
            torch.optim.Adam(upper.parameters(), lr=0.05),
        )  # fmt: skip

    plain = learned(tmp_path / "plain", lambda network: None)
    robust = learned(tmp_path / "robust", level)
    weights = torch.sigmoid(upper.logit.detach())
    assert weights[:12].min() > 2 * weights[12:].max()
    assert (robust - law.T).norm() < 0.2 * (plain - law.T).norm()


def test_it_goes_on_from_its_checkpoint_as_if_it_had_not_stopped(tmp_path):
    def stage(folder, stop):
        network, upper, batch, clean = problem(3)
        level = UpperLevel(
            network, upper, lambda net, b: training_loss(net(b[0]), b[1], upper),
            lambda net: ((net(clean[0]) - clean[1]) ** 2).mean(),
            torch.optim.Adam(upper.parameters(), lr=0.01), every=3,
        )  # fmt: skip
        fit(
            network, repeat(batch), lambda net, b: training_loss(net(b[0]), b[1], upper), Schedule(steps=40), folder,
            companion=level, stop_after=stop,
        )  # fmt: skip
        return [*network.parameters(), *upper.parameters()]

    def run(folder, stops):
        return [stage(folder, stop) for stop in stops][-1]

    assert error(run(tmp_path / "once", [None]), run(tmp_path / "twice", [17, None])) == 0


def test_a_network_that_does_not_depend_on_what_is_above_it_moves_nothing_there():
    weight, above = torch.ones(2, requires_grad=True), torch.ones(3, requires_grad=True)
    found = hypergradient([weight], [above], lambda: (weight.detach() ** 2).sum() + 0 * above.sum(), [weight.detach()])
    assert float(found[0].abs().max()) == 0
    assert float(hypergradient([weight], [above], above.sum, [torch.zeros(2)])[0].abs().max()) == 0


def test_what_it_does_not_know_is_refused():
    network, upper, _, _ = problem(0)
    with pytest.raises(BadInput, match="no slope is known for this RMSprop"):
        step_slopes(torch.optim.RMSprop(network.parameters()))
    with pytest.raises(BadInput, match="no slope is known"):
        step_slopes(torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, nesterov=True))
    with pytest.raises(BadInput, match="every 0 steps"):
        UpperLevel(network, upper, lambda n, b: b, lambda n: n, torch.optim.SGD(upper.parameters(), lr=1), every=0)
