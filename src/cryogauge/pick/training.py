"""Teaching a picker from labelled tomograms."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cryogauge.learn.precision import mixed_precision
from cryogauge.learn.training import Schedule, fit, steps_done
from cryogauge.pick.losses import make_loss
from cryogauge.pick.networks import build
from cryogauge.pick.patches import LabelledTomogram, Painter, batches
from cryogauge.pick.presets import Preset
from cryogauge.pick.targets import peaks, shapes, spheres
from cryogauge.records import BadInput, PickObject

if TYPE_CHECKING:
    from torch import Tensor, nn

#: Apart from the seed of the noisy patches.
_CLEAN_SEED = 7919
#: From the middle of a voxel to its corner: no ball of this radius lies between voxels.
_HALF_DIAGONAL = 3**0.5 / 2


def painter(
    preset: Preset, objects: Sequence[PickObject], voxel_size_A: float, masks: dict[int, np.ndarray] | None = None
) -> Painter:
    """What paints the targets of a preset.

    Parameters
    ----------
    objects
        Their labels count from 1 without gaps, see :func:`outputs_of`.
    voxel_size_A
        Of the tomograms.
    masks
        By label, for targets as shapes.

    Raises
    ------
    BadInput
        When shapes are wanted without masks.
    """
    radii = np.zeros(len(objects) + 1)
    for each in objects:
        radii[each.label] = preset.size * each.radius_A / voxel_size_A
    if preset.target == "peaks":
        stride = preset.network.stride

        def paint_peaks(patch, centres, labels, _rotations):
            z, y, x = (n // stride for n in patch)
            return peaks((z, y, x), centres, labels, np.maximum(radii, 1e-3), stride=stride)

        return paint_peaks
    if preset.target == "spheres":
        stride = preset.network.stride
        # at the network's sampling every particle keeps a voxel at least
        within = np.maximum(radii / stride, _HALF_DIAGONAL) if stride > 1 else radii

        def paint_spheres(patch, centres, labels, _rotations):
            z, y, x = (n // stride for n in patch)
            return spheres((z, y, x), centres / stride, labels, within)

        return paint_spheres
    if masks is None:
        raise BadInput("targets as shapes need a map of every kind", "give the folder of maps, or learn from spheres")

    def paint_shapes(patch, centres, labels, rotations):
        if rotations is None:
            raise BadInput("targets as shapes need the particles' angles", "learn from spheres")
        return shapes(patch, centres, labels, rotations, masks)

    return paint_shapes


def outputs_of(preset: Preset, objects: Sequence[PickObject]) -> int:
    """Channels of the network: one a kind, and one of the background where voxels are labelled.

    Raises
    ------
    BadInput
        When the labels do not count from 1 without gaps.
    """
    if sorted(each.label for each in objects) != list(range(1, len(objects) + 1)):
        raise BadInput("the labels of the kinds must count from 1 without gaps", "number them anew")
    return len(objects) + (preset.target != "peaks")


def train_network(
    tomograms: Sequence[LabelledTomogram],
    objects: Sequence[PickObject],
    voxel_size_A: float,
    preset: Preset,
    folder: Path,
    *,
    minutes: float | None = None,
    steps: int | None = None,
    seed: int = 0,
    start: "nn.Module | None" = None,
    masks: dict[int, np.ndarray] | None = None,
    clean: Sequence[LabelledTomogram] = (),
    stage_minutes: float = 55.0,
    device: str = "cpu",
    say: Callable[[str], None] = lambda line: None,
    measure: "Callable[[nn.Module], dict[str, float]]" = lambda network: {},
    report_every: int = 100,
) -> "nn.Module | None":
    """Train a preset's network; call again to go on where a stage has ended.

    Parameters
    ----------
    tomograms
        What is learned from; those that are judged by must not be among them.
    objects, voxel_size_A, masks
        As of :func:`painter`.
    folder
        Checkpoint, log and plan.
    minutes, steps
        How long: one of the two. A rate that falls does so with the time, or with the steps.
    start
        A network to go on from; a new one by default.
    clean
        Tomograms whose labels are trusted, for presets with an upper level.
    stage_minutes
        Stop after this long, with a checkpoint.
    measure, report_every
        As of :func:`cryogauge.learn.training.fit`.

    Returns
    -------
    torch.nn.Module or None
        The network in evaluation mode, or None when another stage is needed.
    """
    import torch

    if (minutes is None) == (steps is None):
        raise BadInput("say how long to train", "give either minutes or steps")
    if bool(clean) != (preset.robust is not None):
        raise BadInput("a clean set is what presets with an upper level learn from", "choose both, or neither")
    torch.manual_seed(seed)
    network = start if start is not None else build(preset.network, outputs_of(preset, objects))
    network = network.to(device, memory_format=torch.channels_last_3d)  # pyright: ignore[reportCallIssue] no stub
    paint = painter(preset, objects, voxel_size_A, masks)
    begun = steps_done(folder)
    endless = batches(tomograms, preset.sampling, preset.augmentation, paint, seed, first=begun)
    outputs, level = outputs_of(preset, objects), None
    if preset.robust is None:
        loss = _plain_loss(preset, outputs, device)
    else:
        balanced = replace(preset.sampling, around=1.0)
        shown = begun // preset.robust.every
        trusted = batches(clean, balanced, preset.augmentation, paint, seed + _CLEAN_SEED, first=shown)
        known = sorted({int(label) for each in clean for label in each.labels})
        if preset.loss == "cross-entropy":
            from cryogauge.pick.voxelwise import class_weights, two_levels

            weights = class_weights(np.concatenate([each.labels for each in tomograms]), outputs)
            loss, level = two_levels(network, preset.robust, outputs, trusted, known, weights=weights, device=device)
        else:
            from cryogauge.pick.robust import learning

            loss, level = learning.two_levels(
                network, preset.robust, outputs, trusted, known, peaks=preset.target == "peaks", device=device
            )
    how_long = f"{minutes:g} min" if minutes is not None else f"{steps} steps"
    say(
        f"{how_long}; {preset.sampling.batch} patches of {' × '.join(map(str, preset.sampling.patch_px))} voxels a step"
    )
    schedule = Schedule(
        steps or 0,
        preset.learning_rate,
        warm_up=0.05 if preset.falling else 0.0,
        weight_decay=preset.weight_decay,
        averaging=preset.averaging,
        falling=preset.falling,
        minutes=minutes,
        momentum=preset.momentum,
    )
    done = fit(
        network, endless, loss, schedule, folder, stage_minutes=stage_minutes, measure=measure,
        report_every=report_every, companion=level,
    )  # fmt: skip
    return network if done else None


def _plain_loss(
    preset: Preset, outputs: int, device: str
) -> "Callable[[nn.Module, tuple[np.ndarray, np.ndarray]], Tensor]":
    import torch

    distance = make_loss(preset.loss, outputs)

    def loss(model: "nn.Module", batch: tuple[np.ndarray, np.ndarray]) -> "Tensor":
        image, target = (torch.from_numpy(part).to(device) for part in batch)
        with mixed_precision(device):
            logits = model(image.to(memory_format=torch.channels_last_3d))
        return distance(logits, target)

    return loss
