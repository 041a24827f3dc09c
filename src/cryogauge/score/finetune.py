"""Going on from trained weights with people's labels: what a network says of a slice is pulled towards them.

The convolutions on the image stay as they are, so that what they see is computed once; the layers that weigh it
against the evidence and its surroundings learn. Labels are few and say nothing of a slice's tiles: what a texture and
a single picture get, and the weights themselves, are held to where they were.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.ndimage import maximum_filter1d

from cryogauge.learn.weights import ModelCard
from cryogauge.score import grey
from cryogauge.score.accuracy import pearson
from cryogauge.score.evidence import evidence, no_evidence, with_reference
from cryogauge.score.labelled import LabelledTomogram, PreparedTomogram, smoothed
from cryogauge.score.network import ERROR, QUALITY, STRUCTURE
from cryogauge.score.quality import control_of, whole_tiles
from cryogauge.score.tiles import REMAINING_Z_SIGMA, control_score, local_scores, slice_errors, tile_values
from cryogauge.score.training import tile_loss
from cryogauge.simulate.oracle import FULL_AREA, LABEL_Z_SIGMA, PERCENTILE, slice_scores

if TYPE_CHECKING:
    from torch import Tensor, nn

#: Layers that learn; those on the image do not.
LEARNING = ("evidence", "both", "surroundings", "head")
#: What counts beside the squared error of the slices' scores: how unlike the labels they run along z within a
#: tomogram, textures and pictures that are no longer judged as before, errors that are no longer, and the distance of
#: the weights from where they started.
LIKENESS, KEPT, ERRORS, STAY = 1.0, 1.0, 0.05, 1e-3
#: What simulated tiles count beside the labels, where there are some.
SIMULATED = 0.3
#: Slices of a step, all of one tomogram; and the edge in tiles of what a step sees of them.
SLICES, CROP_TILES = 10, 24
#: One labelled slice in so many stands for what is to be kept: as a texture, and another as a picture.
_KEEP_EVERY = 3
#: Values of the quality at which a slice's scale is tabulated.
_KNOTS = 129
#: The soft percentile: width of its window in ranks, and steepness of a tile's probability to count.
_RANK_WIDTH, _SHARPNESS = 0.06, 2.0
#: Slope of a slice's scale below its control.
_SLOPE = 0.1
#: Labelled slices that weigh as much as what was known before they came.
_PRIOR_SLICES = 100.0


@dataclass(frozen=True)
class Inputs:
    """Slices at the border between the layers that stay and those that learn; tensors on the CPU, one a slice.

    Attributes
    ----------
    seen
        float16 ``(channels, y', x')``: what the convolutions on the image saw.
    known
        float32 ``(75, y', x')``: evidence and references.
    out
        float32 ``(3, y', x')``: what the network said before it learned from labels.
    """

    seen: "list[Tensor]"
    known: "list[Tensor]"
    out: "list[Tensor]"


@dataclass(frozen=True)
class Material:
    """What is learned from one tomogram.

    Attributes
    ----------
    views
        The slices as they are, then mirrored and inverted, turned.
    kept
        Textures and single pictures made of some of them.
    table
        float32 ``(n, knots)``: each slice's reported score against the network's quality in 0–1: calibration,
        control and missing wedge.
    target
        float32 ``(n,)``: the labels, smoothed as far as inference does not.
    z, score
        The slices and their labels.
    labelled
        bool ``(n,)``: which of them have a label of their own.
    """

    views: tuple[Inputs, ...]
    kept: Inputs
    table: "Tensor"
    target: "Tensor"
    z: np.ndarray
    score: np.ndarray
    labelled: np.ndarray


def gather(
    network: "nn.Module", card: ModelCard, tomogram: LabelledTomogram, prepared: PreparedTomogram, *, views: int = 2
) -> Material:
    """Run the layers that stay on a tomogram's prepared slices; ``network`` is in evaluation mode."""
    import torch

    turned = (lambda s: s, lambda s: -s[::-1, :, ::-1], lambda s: np.rot90(s, 1, (1, 2)))[:views]
    found, kept = [Inputs([], [], []) for _ in turned], Inputs([], [], [])
    control = []
    for i in range(len(prepared.z)):
        stack = prepared.stack(i)
        for inputs, turn in zip(found, turned, strict=True):
            _add(inputs, _look(network, turn(stack), prepared.known))
        texture = _look(network, control_of(stack), prepared.known)
        control.append(control_score(texture[2].numpy()[None], card))
        if i % _KEEP_EVERY == 0:
            _add(kept, texture)
        elif i % _KEEP_EVERY == 1:
            middle = stack[len(stack) // 2]
            picture = grey.fit_slice(middle)(middle).astype(np.float32) / grey.STEPS
            _add(kept, _look(network, np.repeat(picture[None], len(stack), axis=0), None))
    # as in inference, the best of three neighbouring controls is the one to beat
    best = maximum_filter1d(np.array(control), 3, mode="nearest")
    quality = np.linspace(0.0, 1.0, _KNOTS, dtype=np.float32)
    table = np.stack([_sloping(local_scores(quality, card, one, prepared.half_range_deg)) for one in best[:, None]])
    target = smoothed(prepared.z, prepared.score, LABEL_Z_SIGMA)
    return Material(
        tuple(found),
        kept,
        torch.from_numpy(table.astype(np.float32)),
        torch.from_numpy(target.astype(np.float32)),
        prepared.z,
        prepared.score,
        np.isin(prepared.z, tomogram.z),
    )


def _sloping(scale: np.ndarray) -> np.ndarray:
    """A slice's scale with a slight slope where it is flat: below the control's score nothing would pull upwards."""
    first = int(np.argmax(scale > 0)) if (scale > 0).any() else len(scale)
    return np.where(scale > 0, scale, _SLOPE * (np.arange(len(scale)) - first) / len(scale))


def _look(network: "nn.Module", stack: np.ndarray, known: np.ndarray | None) -> "tuple[Tensor, Tensor, Tensor]":
    """What is seen in a stack ``(slices, y, x)``, what is known beside it, and what the network says."""
    import torch

    stack = np.ascontiguousarray(whole_tiles(stack), dtype=np.float32)
    beside = no_evidence(stack) if known is None else with_reference(evidence(stack), known)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        seen = network.get_submodule("image")(torch.from_numpy(stack)[None].to(memory_format=torch.channels_last))
    together = torch.from_numpy(beside)[None]
    return seen[0].half(), together[0], decided(network, seen, together)[0].detach()


def _add(inputs: Inputs, found: "tuple[Tensor, Tensor, Tensor]") -> None:
    for into, what in zip((inputs.seen, inputs.known, inputs.out), found, strict=True):
        into.append(what)


def decided(network: Any, seen: "Tensor", known: "Tensor") -> "Tensor":
    """The network's output float32 ``(n, 3, y', x')`` from what its convolutions saw."""
    import torch

    with torch.autocast("cpu", dtype=torch.bfloat16):
        return network.decide(seen.float().to(memory_format=torch.channels_last), known).float()


def learning_part(network: "nn.Module") -> "nn.Module":
    """The network as the training loop may handle it: only :data:`LEARNING` learns, normalisations stay as they are.

    A handful of slices of one tomogram says nothing of the mean and spread over all tomograms.
    """
    from torch import nn

    class Learning(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def train(self, mode: bool = True) -> "Learning":
            return super().train(False)

        def decide(self, seen: "Tensor", known: "Tensor") -> "Tensor":
            return decided(self.network, seen, known)

        def forward(self, image: "Tensor", evidence: "Tensor") -> "Tensor":
            return self.network(image, evidence)

    for parameter in network.parameters():
        parameter.requires_grad_(False)
    for name in LEARNING:
        for parameter in network.get_submodule(name).parameters():
            parameter.requires_grad_(True)
    return Learning().eval()


def soft_scores(out: "Tensor", table: "Tensor") -> "Tensor":
    """Slice scores as inference computes them, in a form that has gradients, float32 ``(n,)``.

    Inference takes a percentile over the tiles that probably hold structure, and lets a slice with few of them fade.
    Here every tile counts by that probability, and the percentile is a mean over the ranks about it.

    Parameters
    ----------
    out
        The network's output ``(n, 3, y', x')``.
    table
        Each slice's scale, :attr:`Material.table`.
    """
    import torch

    quality = torch.sigmoid(out[:, QUALITY]).flatten(1)
    weight = torch.sigmoid(_SHARPNESS * out[:, STRUCTURE]).flatten(1)
    area = (weight.mean(1) / FULL_AREA).clamp(max=1.0)
    quality, order = quality.sort(dim=1)
    weight = weight.gather(1, order)
    rank = (weight.cumsum(1) - weight / 2) / weight.sum(1, keepdim=True).clamp_min(1e-6)
    window = torch.exp(-0.5 * ((rank - PERCENTILE / 100) / _RANK_WIDTH) ** 2) * weight
    middle = (window * quality).sum(1) / window.sum(1).clamp_min(1e-6)
    place = (middle * (table.shape[1] - 1)).clamp(0, table.shape[1] - 1 - 1e-4)
    left = place.floor().long()[:, None]
    low, high = table.gather(1, left)[:, 0], table.gather(1, left + 1)[:, 0]
    return (low + (place - left[:, 0]) * (high - low)) * area


def batches(materials: Sequence[Material], seed: int) -> Iterator[dict[str, "Tensor"]]:
    """Endless batches, each of one tomogram, all tomograms in turn: some labelled slices in one view, and some kept."""
    import torch

    rng = np.random.default_rng(seed)
    while True:
        for place in rng.permutation(len(materials)):
            one = materials[int(place)]
            chosen = np.sort(rng.permutation(len(one.z))[:SLICES])
            view = one.views[int(rng.integers(len(one.views)))]
            batch = dict(zip(("seen", "known", "out"), _stacked(view, chosen, rng), strict=True))
            batch |= {"table": one.table[torch.from_numpy(chosen)], "target": one.target[torch.from_numpy(chosen)]}
            kept = _stacked(one.kept, rng.permutation(len(one.kept.seen))[:1], rng)  # they differ in size: one a step
            yield batch | dict(zip(("kept_seen", "kept_known", "kept_out"), kept, strict=True))


def _stacked(inputs: Inputs, chosen: np.ndarray, rng: np.random.Generator) -> "list[Tensor]":
    """Some slices of one size as tensors; of large ones a window, since the score is that of most places."""
    import torch

    ny, nx = inputs.seen[int(chosen[0])].shape[-2:]
    y, x = (int(rng.integers(max(0, n - CROP_TILES) + 1)) for n in (ny, nx))
    window = (..., slice(y, y + CROP_TILES), slice(x, x + CROP_TILES))
    lists = (inputs.seen, inputs.known, inputs.out)
    return [torch.stack([values[int(i)][window] for i in chosen]) for values in lists]


def label_loss(start: Mapping[str, "Tensor"], model: Any, batch: Mapping[str, Any]) -> "Tensor":
    """Squared error of the slices' scores, and what holds the network to where it was.

    Parameters
    ----------
    start
        The learning parameters' values at the start, by name.
    model
        Of :func:`learning_part`.
    batch
        Of :func:`batches`; with ``simulated`` in it, a batch of :func:`cryogauge.score.examples.batches`.
    """
    out, target = model.decide(batch["seen"], batch["known"]), batch["target"]
    score = soft_scores(out, batch["table"])
    loss = ((score - target) ** 2).mean() + LIKENESS * _unlike(score, target)
    loss = loss + ERRORS * ((out[:, ERROR] - batch["out"][:, ERROR]) ** 2).mean()
    kept = model.decide(batch["kept_seen"], batch["kept_known"])[:, :ERROR].sigmoid()
    loss = loss + KEPT * ((kept - batch["kept_out"][:, :ERROR].sigmoid()) ** 2).mean()
    moved = sum(((parameter - start[name]) ** 2).sum() for name, parameter in model.named_parameters() if name in start)
    loss = loss + STAY * moved
    return loss + SIMULATED * tile_loss(model, batch["simulated"]) if "simulated" in batch else loss


def _unlike(score: "Tensor", target: "Tensor") -> "Tensor":
    """One less Pearson's r; nought where the labels are all alike."""
    if len(target) < 3 or float(target.std()) < 0.05:
        return score.new_zeros(())
    a, b = score - score.mean(), target - target.mean()
    return 1 - (a * b).sum() / (a.norm() * b.norm() + 1e-4)


#: Score, label and expected error of a tomogram's labelled slices, each ``(n,)``.
Found = tuple[np.ndarray, np.ndarray, np.ndarray]


def judged(model: Any, one: Material) -> Found:
    """What a network says of a tomogram's labelled slices, computed as inference does.

    What inference smooths along z over all slices is smoothed over the prepared ones.
    """
    import torch

    found, errors = [], []
    view = one.views[0]
    for i in range(len(one.z)):
        with torch.no_grad():
            out = model.decide(view.seen[i][None], view.known[i][None]).numpy()
        quality, presence, error = tile_values(out)
        local = np.interp(quality, np.linspace(0.0, 1.0, one.table.shape[1]), one.table[i].clamp_min(0).numpy())
        found.append(slice_scores(local, presence > 0.5, z_sigma=0.0)[0])
        errors.append(slice_errors(error, presence)[0])
    score = smoothed(one.z, np.array(found, dtype=float), REMAINING_Z_SIGMA)
    return score[one.labelled], one.score[one.labelled], np.array(errors, dtype=float)[one.labelled]


def measured(found: Sequence[Found]) -> dict[str, float]:
    """Mean Pearson r a tomogram where labels vary, and mean absolute error, over labelled slices."""
    r = [value for score, label, _ in found if np.isfinite(value := pearson(score, label))]
    error = np.concatenate([np.abs(score - label) for score, label, _ in found])
    return {"pearson_mean": float(np.mean(r)) if r else float("nan"), "abs_error_mean": float(error.mean())}


def recalibrated(card: ModelCard, found: Sequence[Found]) -> dict[str, Any]:
    """The card's calibration after labels: where the scores and the labels have the same rank, partly believed.

    Quantile is set against quantile (:func:`cryogauge.score.training.calibration`), and the scale moves there from
    where it was by n / (n + 100) for n labelled slices: a few labels change little.

    Parameters
    ----------
    card
        Of the starting weights; its scale holds without a table, too.
    found
        Of tomograms that were not trained on.
    """
    score, label = (np.concatenate([each[k] for each in found]) for k in (0, 1))
    level = np.linspace(0.0, 1.0, 9)
    said, meant = np.quantile(score, level), np.quantile(label, level)
    said, first = np.unique(np.concatenate([[0.0], said, [1.0]]), return_index=True)
    meant = np.maximum.accumulate(np.concatenate([[0.0], meant, [1.0]]))[first]
    trust = len(score) / (len(score) + _PRIOR_SLICES)
    before = card.tables.get("calibration", {"network": [0.0, 1.0], "oracle": [0.0, 1.0]})
    scale = np.array(before["oracle"])
    moved = (1 - trust) * scale + trust * np.interp(scale, said, meant)
    return {"network": list(before["network"]), "oracle": np.maximum.accumulate(moved).tolist()}


def uncertainty_settings(card: ModelCard, found: Sequence[Found]) -> dict[str, float]:
    """Scale and floor of the uncertainty after labels, moved from the card's by as much as the labels are many.

    Parameters
    ----------
    card
        Of the starting weights.
    found
        Of tomograms that were not trained on.
    """
    score, label, expected = (np.concatenate([each[k] for each in found]) for k in range(3))
    floor = card.settings.get("uncertainty_floor", 0.02)
    scale = card.settings.get("uncertainty_scale", 1.0)
    ratio = float(np.quantile(np.maximum(np.abs(score - label) - floor, 0.0) / np.maximum(expected, 1e-6), 0.9))
    trust = len(score) / (len(score) + _PRIOR_SLICES)
    return {"uncertainty_scale": (1 - trust) * scale + trust * ratio, "uncertainty_floor": floor}
