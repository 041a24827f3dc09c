"""Labels of voxels corrected and weighted: the parts, the exact gradient, and a training that mends labels."""

import contextlib
from dataclasses import replace
from itertools import repeat

import numpy as np
import pytest
import torch
from torch import nn
from torch.func import functional_call

from cryogauge.learn.bilevel import UpperLevel
from cryogauge.pick.patches import LabelledTomogram
from cryogauge.pick.predict import picks_of, probability_map
from cryogauge.pick.presets import PRESETS, Preset
from cryogauge.pick.robust import learning
from cryogauge.pick.robust.plan import Robust
from cryogauge.pick.training import painter, train_network
from cryogauge.pick.voxelwise import (
    VoxelwiseLoss,
    class_weights,
    neighbourhood_correction,
    two_levels,
    weighted_cross_entropy,
)
from cryogauge.records import BadInput, PickObject
from tests.pick.worlds import LARGE, SMALL, TINY, VOXEL_A, draw_world

PRESET = PRESETS["robpicker-voxelwise"]
PLAN = Robust("prediction", "voxel", rate=2e-4, every=5, mixing=0.12)


class Tiny(nn.Module):
    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.body = nn.Conv3d(1, 4, 3, padding=1)
        self.head = nn.Conv3d(4, outputs, 1)

    def forward(self, image):
        return self.head(torch.tanh(self.body(image)))


def batch(seed: int, outputs: int = 3, edge: int = 6):
    rng = np.random.default_rng(seed)
    label = rng.choice(outputs, (3, edge, edge, edge), p=[0.9, *[0.1 / (outputs - 1)] * (outputs - 1)])
    image = rng.normal(size=(3, 1, edge, edge, edge)) + 2.0 * label[:, None]
    return image.astype(np.float32), label.astype(np.uint8)


def make_loss(network, plan=PLAN, known=(1, 2), weights=(1.0, 64.0, 512.0)):
    return VoxelwiseLoss(network, plan, 3, known, weights=np.array(weights), device="cpu")


def test_the_upper_level_is_as_small_as_that_of_the_public_code():
    upper = make_loss(Tiny(3)).upper
    count = {name: sum(p.numel() for p in part.parameters()) for name, part in upper.items()}
    assert count["weigh"] == (1 * 16 + 16) + (16 * 16 + 16) + (16 + 1)
    assert count["correct"] == (6 * 16 * 27 + 16) + (16 * 3 * 27 + 3) + 1


def test_labels_are_corrected_by_one_mixing_from_their_neighbours():
    torch.manual_seed(0)
    correct = neighbourhood_correction(PLAN, 3)
    said = torch.softmax(torch.randn(2, 3, 5, 5, 5), 1)
    label = torch.zeros(2, 3, 5, 5, 5)
    label[:, 0] = 1.0
    corrected, alpha = correct(said, label)
    assert float(alpha.detach()) == pytest.approx(0.12, abs=1e-6)
    assert corrected.shape == label.shape
    assert torch.allclose(corrected.sum(1), torch.ones(2, 5, 5, 5), atol=1e-5)
    moved = label.clone()
    moved[:, :, 2, 2, 2] = torch.tensor([0.0, 1.0, 0.0])
    changed = (correct(said, moved)[0] - corrected).abs().amax(1) > 1e-6
    assert bool(changed[:, 1:4, 1:4, 1:4].any(dim=0).all())  # the reach of two convolutions of 3³ is two voxels
    assert bool(changed[:, 0].any())


def test_rarer_kinds_weigh_more_within_bounds():
    labels = np.repeat([1, 2, 3, 4], [400, 100, 20, 1])
    assert class_weights(labels, 6).tolist() == [1.0, 64.0, 256.0, 512.0, 512.0, 512.0]


def test_with_labels_as_they_are_it_is_the_plain_weighted_cross_entropy():
    torch.manual_seed(0)
    logits, label = torch.randn(2, 3, 4, 4, 4), torch.randint(0, 3, (2, 4, 4, 4))
    weights = torch.tensor([1.0, 64.0, 512.0])
    hot = nn.functional.one_hot(label, 3).movedim(-1, 1).float()
    expected = nn.functional.cross_entropy(logits, label, weights)
    assert torch.allclose(weighted_cross_entropy(logits, hot, hot, weights).mean(), expected, rtol=1e-5)


def upper_gradient(network, loss, noisy, clean, rate=0.05):
    upper = list(loss.upper.parameters())
    level = UpperLevel(
        network, loss.upper, loss.outer, lambda net: loss.clean(net, clean), torch.optim.SGD(upper, lr=0.0)
    )
    optimiser = torch.optim.SGD(network.parameters(), lr=rate)
    for p, g in zip(level.inner, torch.autograd.grad(loss.inner(network, noisy), level.inner), strict=True):
        p.grad = g
    level.before_step()
    optimiser.step()
    level.after_step(optimiser, noisy)
    return torch.cat([p.grad.flatten() for p in upper if p.grad is not None])


def test_the_upper_gradient_is_the_exact_one(monkeypatch):
    monkeypatch.setattr(learning, "mixed_precision", lambda device: contextlib.nullcontext())
    torch.manual_seed(0)
    network, rate = Tiny(3), 0.05
    loss, noisy, clean = make_loss(network), batch(1), batch(2)
    loss.inner(network, noisy)
    weights: dict[str, torch.Tensor] = dict(network.named_parameters())
    image, label = loss.tensors(noisy)
    value = loss.weighted(functional_call(network, weights, image), label, *loss.corrected(label))
    gradients = torch.autograd.grad(value, list(weights.values()), create_graph=True)
    stepped = {name: w - rate * g for (name, w), g in zip(weights.items(), gradients, strict=True)}
    image, label = loss.tensors(clean)
    logits = functional_call(network, stepped, image)
    outer = nn.functional.cross_entropy(logits, label.argmax(1), loss.of_channel)
    expected = torch.cat([g.flatten() for g in torch.autograd.grad(outer, list(loss.upper.parameters()))])
    found = upper_gradient(network, loss, noisy, clean, rate)
    assert float((found - expected).norm() / expected.norm()) < 0.02


def test_the_mixing_grows_where_labels_are_wrong_and_the_network_knows_better():
    """The corrector says the truth: mixing more of it in lowers the clean loss where labels are wrong; there only."""
    slopes = {}
    for wrong in (False, True):
        torch.manual_seed(0)
        network = Tiny(3)
        loss = make_loss(network, Robust("prediction", "none", mixing=0.12), weights=(1.0, 1.0, 1.0))
        image, truth = batch(1)
        label = np.where(truth > 0, 3 - truth, truth).astype(np.uint8) if wrong else truth

        class Oracle(nn.Module):
            def __init__(self, hot) -> None:
                super().__init__()
                self.mixing, self.hot = nn.Parameter(torch.tensor(-2.0)), hot

            def forward(self, seen, label):
                alpha = torch.sigmoid(self.mixing)
                return alpha * self.hot + (1 - alpha) * label, alpha

        loss.upper["correct"] = Oracle(loss.tensors((image, truth))[1] if wrong else torch.ones(()) / 3)
        slopes[wrong] = float(upper_gradient(network, loss, (image, label), (image, truth)))
    assert slopes[True] < 0 < slopes[False]


def test_steps_lower_the_loss_and_every_fifth_is_one_of_the_upper_level():
    torch.manual_seed(0)
    network = Tiny(3)
    inner, level = two_levels(
        network, PLAN, 3, repeat(batch(2)), [1, 2], weights=np.array([1.0, 64.0, 64.0]), device="cpu"
    )
    before = [p.detach().clone() for p in level.upper.parameters()]
    optimiser = torch.optim.Adam(network.parameters(), lr=0.02)
    losses = []
    for step in range(10):
        value = inner(network, batch(1))
        for p, g in zip(level.inner, torch.autograd.grad(value, level.inner), strict=True):
            p.grad = g
        level.before_step()
        optimiser.step()
        level.after_step(optimiser, batch(1))
        losses.append(float(value.detach()))
        moved = any(not torch.equal(a, b) for a, b in zip(before, level.upper.parameters(), strict=True))
        assert moved == (step >= 4)
    assert losses[-1] < 0.9 * losses[0]


def test_kinds_that_the_clean_set_lacks_say_nothing():
    network = Tiny(3)
    value = make_loss(network, known=(1,)).clean(network, batch(0))
    (gradient,) = torch.autograd.grad(value, list(network.head.parameters())[1:])
    assert float(gradient[2]) == 0.0 != float(gradient[1])


def test_what_does_not_go_together_is_refused():
    with pytest.raises(BadInput, match="not corrected from features"):
        make_loss(Tiny(3), Robust("features", "voxel"))
    with pytest.raises(BadInput, match="not learned by tversky"):
        replace(PRESETS["deepfindet"], robust=PLAN)
    assert isinstance(replace(PRESETS["deepfindet"], loss="cross-entropy", robust=PLAN), Preset)


@pytest.mark.parametrize("size", [0.01, 0.4])
def test_at_half_the_sampling_every_particle_keeps_a_voxel(size):
    kinds = (PickObject("one", 1, 50.0), PickObject("two", 2, 150.0))
    paint = painter(replace(PRESET, size=size), kinds, VOXEL_A)
    centres = np.random.default_rng(0).uniform(10, 50, (200, 3))
    for centre in centres:
        target = paint((64, 64, 64), centre[None], np.array([1]), None)
        assert target.shape == (32, 32, 32)
        there = np.argwhere(target == 1)
        assert 1 <= len(there) <= (1 if size < 0.1 else 8) * 4
        assert np.abs(there.mean(axis=0) * 2 - centre).max() <= 2.0


def test_it_learns_to_find_particles(tmp_path):
    """Half of the small ones unlabelled in the noisy world; found in a third that was never seen."""
    tomograms = []
    for seed in (0, 1):
        data, picks = draw_world(seed)
        if seed == 0:
            missed = picks[picks["object"] == "small"].index[::2]
            picks = picks.drop(missed)
        labels = picks["object"].map({"small": 1, "large": 2}).to_numpy(int)
        places = picks[["z_A", "y_A", "x_A"]].to_numpy() / VOXEL_A
        tomograms.append(LabelledTomogram(f"w{seed}", (data / data.std()).astype(np.float16), places, labels))
    preset = replace(PRESET, network=TINY.network, sampling=TINY.sampling, tile_px=64, learning_rate=0.01)
    network = train_network(
        tomograms[:1], (SMALL, LARGE), VOXEL_A, preset, tmp_path, steps=40, clean=tomograms[1:]
    )  # fmt: skip
    assert network is not None
    data, truth = draw_world(2)
    map_ = probability_map([network], (data / data.std()).astype(np.float16), preset)
    picks = picks_of(map_, (SMALL, LARGE), VOXEL_A, preset, "w2")
    for kind in (SMALL, LARGE):
        there = truth.loc[truth["object"] == kind.name, ["x_A", "y_A", "z_A"]].to_numpy()
        given = picks.loc[picks["object"] == kind.name, ["x_A", "y_A", "z_A"]].to_numpy()
        near = np.linalg.norm(there[:, None] - given[None], axis=2) < kind.radius_A
        assert near.any(axis=1).mean() > 0.8
