"""Pieces of labelled tomograms for a network to learn from, as many of one kind as of another."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np
from scipy.ndimage import gaussian_filter

from cryogauge.records import BadInput

log = logging.getLogger("cryogauge.pick")

#: Standard deviations from the middle at which grey values end: gold and frost would rule the sums otherwise.
CLIP_SD = 6.0
#: Largest part of a tomogram's values that may be no numbers; so few are taken for the middle.
_NO_NUMBERS = 1e-3


@dataclass(frozen=True)
class LabelledTomogram:
    """A tomogram in memory with the particles known in it.

    Attributes
    ----------
    name
        What it is called.
    data
        float16 ``(z, y, x)``: grey values of :func:`normalised`.
    centres_px, labels
        ``(n, 3)`` as z, y, x in voxels, and the label of each particle, from 1.
    rotations
        ``(n, 3, 3)``: turns vectors (z, y, x) of a particle's map into the tomogram's; None where unknown.
    """

    name: str
    data: np.ndarray
    centres_px: np.ndarray
    labels: np.ndarray
    rotations: np.ndarray | None = None


@dataclass(frozen=True)
class Augmentation:
    """What is done to a patch before the network sees it.

    Attributes
    ----------
    turns
        Half turns about the three axes, which keep both the missing wedge and the hand: ``none``, ``y`` (about the tilt
        axis alone, as DeepFindET does) or ``all``.
    mirrors
        Mirrored copies too. They show each particle's other hand, which hardly matters at 20 Å and does at 5.
    scale, offset, noise
        Largest relative change of contrast, largest shift of the mean and largest added noise, in standard deviations.
    blur_px
        Least and most width of a Gaussian blur; none for (0, 0).
    """

    turns: str = "all"
    mirrors: bool = False
    scale: float = 0.2
    offset: float = 0.2
    noise: float = 0.0
    blur_px: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class Sampling:
    """Which patches are drawn.

    Attributes
    ----------
    patch_px
        Edges (z, y, x) of a patch.
    batch
        Patches a step.
    around
        Part of the patches drawn around a particle, each kind as often as another; the rest lies anywhere.
    jitter_px
        How far from the middle of its patch that particle may lie, along each axis; anywhere in it if negative.
    own_scale
        Bring each patch to zero mean and unit deviation by itself.
    """

    patch_px: tuple[int, int, int]
    batch: int
    around: float = 0.8
    jitter_px: int = -1
    own_scale: bool = False


def normalised(data: np.ndarray, name: str = "the tomogram") -> np.ndarray:
    """Grey values as float16, about 0 with unit deviation, clipped at :data:`CLIP_SD`.

    Middle and deviation come from every eighth slice, without the outermost thousandths of the values. A few values
    that are no numbers are taken for the middle, and it is logged.

    Parameters
    ----------
    data
        ``(z, y, x)``.
    name
        What messages call it.

    Raises
    ------
    BadInput
        When the tomogram is flat, or more than a thousandth of its values are no numbers.
    """
    sample = np.asarray(data[:: max(1, min(8, len(data) // 8))], dtype=np.float32)
    thin = sample[:, ::2, ::2]
    thin = thin[np.isfinite(thin)]
    if not thin.size:
        raise BadInput(f"{name} holds hardly a value that is a number", "check that it was reconstructed")
    low, high = np.quantile(thin, [0.001, 0.999])
    inside = sample[(sample >= low) & (sample <= high)]
    middle, deviation = float(inside.mean()), float(inside.std())
    if not np.isfinite(deviation) or deviation == 0:
        raise BadInput(f"{name} is flat", "check that it was reconstructed")
    out = np.empty(data.shape, dtype=np.float16)
    wrong = 0
    for z in range(len(data)):
        grey = np.asarray(data[z], dtype=np.float32)
        usable = np.isfinite(grey)
        wrong += grey.size - int(np.count_nonzero(usable))
        out[z] = np.clip(np.where(usable, (grey - middle) / deviation, 0.0), -CLIP_SD, CLIP_SD)
    if wrong > _NO_NUMBERS * out.size:
        raise BadInput(f"{wrong} of the {out.size} values of {name} are no numbers", "mend or fill them")
    if wrong:
        log.warning("%d of the %d values of %s are no numbers: taken for its middle", wrong, out.size, name)
    return out


#: Half turns as the pairs of axes that they reverse.
_TURNS = {"none": ((),), "y": ((), (0, 2)), "all": ((), (0, 1), (0, 2), (1, 2))}
Painter = Callable[[tuple[int, int, int], np.ndarray, np.ndarray, "np.ndarray | None"], np.ndarray]


def batches(
    tomograms: Sequence[LabelledTomogram],
    sampling: Sampling,
    augmentation: Augmentation,
    paint: Painter,
    seed: int,
    *,
    first: int = 0,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Endless batches: images float32 ``(batch, 1, z, y, x)`` and what ``paint`` makes of each patch's particles.

    Parameters
    ----------
    paint
        ``paint(patch_px, centres_px, labels, rotations)`` returns the target of a patch; particles beyond its edges are
        among those given.
    seed, first
        The same seed draws the same batches; begin with this one of them.

    Raises
    ------
    BadInput
        When there is no tomogram, or no particle in any.
    """
    if not tomograms or not any(len(each.labels) for each in tomograms):
        raise BadInput("there is no particle to learn from", "check the picks' names, user and session")
    kinds = sorted({int(label) for each in tomograms for label in each.labels})
    of_kind = {
        kind: [(i, j) for i, each in enumerate(tomograms) for j in np.flatnonzero(each.labels == kind)]
        for kind in kinds
    }
    volumes = np.array([each.data.size for each in tomograms], dtype=float)
    for number in count(first):
        rng = np.random.default_rng([seed, number])
        images, targets = [], []
        for _ in range(sampling.batch):
            if rng.random() < sampling.around:
                chosen = of_kind[kinds[rng.integers(len(kinds))]]
                which, particle = chosen[rng.integers(len(chosen))]
                tomogram = tomograms[which]
                corner = _around(tomogram.centres_px[particle], sampling, rng)
            else:
                tomogram = tomograms[rng.choice(len(tomograms), p=volumes / volumes.sum())]
                corner = rng.integers(0, np.maximum(np.array(tomogram.data.shape) - sampling.patch_px, 0) + 1)
            image, target = _patch(tomogram, corner, sampling, augmentation, paint, rng)
            images.append(image[None])
            targets.append(target)
        yield np.stack(images), np.stack(targets)


def _around(centre: np.ndarray, sampling: Sampling, rng: np.random.Generator) -> np.ndarray:
    """Corner of a patch that holds the particle."""
    patch = np.array(sampling.patch_px)
    reach = patch if sampling.jitter_px < 0 else sampling.jitter_px
    place = rng.integers(np.maximum(patch // 2 - reach, 0), np.minimum(patch // 2 + reach, patch - 1) + 1)
    return np.round(centre).astype(int) - place


def _patch(
    tomogram: LabelledTomogram,
    corner: np.ndarray,
    sampling: Sampling,
    augmentation: Augmentation,
    paint: Painter,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    patch, shape = np.array(sampling.patch_px), np.array(tomogram.data.shape)
    corner = np.clip(corner, 0, np.maximum(shape - patch, 0))
    image = tomogram.data[tuple(slice(c, c + p) for c, p in zip(corner, patch, strict=True))].astype(np.float32)
    if image.shape != tuple(patch):
        image = np.pad(image, [(0, p - n) for p, n in zip(patch, image.shape, strict=True)], mode="symmetric")
    near = np.all((tomogram.centres_px > corner - patch) & (tomogram.centres_px < corner + 2 * patch), axis=1)
    centres, labels = tomogram.centres_px[near] - corner, tomogram.labels[near]
    rotations = None if tomogram.rotations is None else tomogram.rotations[near]
    turns = _TURNS[augmentation.turns]
    turned = turns[rng.integers(len(turns))]
    mirrored = (int(rng.integers(3)),) if augmentation.mirrors and rng.random() < 0.5 else ()
    for axis in (*turned, *mirrored):
        image = np.flip(image, axis)
        centres = centres.copy()
        centres[:, axis] = patch[axis] - 1 - centres[:, axis]
        if rotations is not None:
            sign = np.ones(3)
            sign[axis] = -1
            rotations = sign[:, None] * rotations
    return _grey(image, sampling, augmentation, rng), paint(sampling.patch_px, centres, labels, rotations)


def _grey(image: np.ndarray, sampling: Sampling, augmentation: Augmentation, rng: np.random.Generator) -> np.ndarray:
    """The patch with its grey values changed at random."""
    image = np.ascontiguousarray(image)
    if sampling.own_scale:
        image = (image - image.mean()) / max(float(image.std()), 1e-6)
    low, high = augmentation.blur_px
    if high > 0:
        image = gaussian_filter(image, rng.uniform(low, high))
    if augmentation.noise:
        image = image + np.float32(rng.uniform(0, augmentation.noise)) * rng.standard_normal(image.shape, np.float32)
    factor = rng.uniform(1 - augmentation.scale, 1 + augmentation.scale)
    return (factor * image + rng.uniform(-augmentation.offset, augmentation.offset)).astype(np.float32)
