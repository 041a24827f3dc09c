"""Training examples: simulated tomograms with their labels, and batches drawn from them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter1d

from cryogauge.imaging.degrade import randomise_phases
from cryogauge.records import BadInput
from cryogauge.score.grey import LIMIT, STEPS, fit_slice, fit_volume, reflected, sample_pixels
from cryogauge.score.network import CONTEXT
from cryogauge.simulate import oracle
from cryogauge.simulate.fields import smooth_field
from cryogauge.simulate.recipe import Recipe, draw
from cryogauge.simulate.tomogram import make_tomogram


@dataclass(frozen=True)
class Example:
    """A tomogram as the network sees it, and its labels.

    Attributes
    ----------
    grey
        int8 ``(z, y, x)``: normal scores referred to the volume's emptiest slices.
    interior
        int8 ``(256,)``: what each grey value becomes when the empty slices are missing and the reference must be
        taken within the specimen.
    quality, structure
        float16 and bool ``(z, y / 16, x / 16)``.
    score
        float32 ``(z,)``: the oracle's slice scores.
    """

    grey: np.ndarray
    interior: np.ndarray
    quality: np.ndarray
    structure: np.ndarray
    score: np.ndarray


def make_example(recipe: Recipe, index: int) -> Example:
    """Simulate tomogram ``index`` of a recipe and label it."""
    made = make_tomogram(draw(recipe, index))
    truth = oracle.judge(made.data, made.specimen.biology_V, within=made.specimen.coverage())
    rng = np.random.default_rng([recipe.seed, index, 1])
    to_grey, _ = fit_volume(sample_pixels(made.data, rng))
    grey = to_grey(made.data)
    inside = np.flatnonzero(truth.structure.mean(axis=(1, 2)) > 0.05)
    if len(inside) >= 8:
        again, _ = fit_volume(sample_pixels(grey[inside[0] : inside[-1] + 1], rng))
        interior = again(np.arange(-128, 128, dtype=np.float32))
    else:
        interior = np.arange(-128, 128).astype(np.int8)
    quality = gaussian_filter1d(truth.quality, oracle.LABEL_Z_SIGMA, axis=0, mode="nearest") * truth.structure
    return Example(grey, interior, quality.astype(np.float16), truth.structure, truth.score)


def write_example(example: Example, path: Path) -> None:
    """Save an example; written under a temporary name and renamed."""
    part = path.with_suffix(".part.npz")
    np.savez(part, **{name: getattr(example, name) for name in Example.__dataclass_fields__})
    part.replace(path)


def read_examples(folder: Path) -> list[Example]:
    """Every example in a folder, in memory; raises ``BadInput`` when there is none."""
    found = []
    for path in sorted(folder.glob("[0-9]*.npz")):
        with np.load(path, allow_pickle=False) as arrays:
            found.append(Example(**{name: arrays[name] for name in Example.__dataclass_fields__}))
    if not found:
        raise BadInput(f"{folder} holds no training examples", "make them first")
    return found


def batches(examples: list[Example], size: int, seed: int) -> Iterator[dict[str, np.ndarray]]:
    """Endless batches with every score category alike, turned, flipped and inverted, some without structure.

    Parameters
    ----------
    examples
        The training set.
    size
        Slices in a batch.

    Yields
    ------
    dict
        ``input`` float32 ``(size, slices, y, x)``, ``quality`` and ``structure`` float32 ``(size, y', x')``.
    """
    rng = np.random.default_rng(seed)
    place = np.array([(i, z) for i, e in enumerate(examples) for z in range(len(e.score))])
    score = np.concatenate([e.score for e in examples])
    category = np.digitize(score, (0.05, 0.2, 0.35, 0.5, 0.65, 0.8))
    groups = [np.flatnonzero(category == k) for k in range(7)]
    groups = [g for g in groups if len(g) >= 20]
    if not groups:
        raise BadInput(
            f"{len(examples)} tomograms hold too few slices of any score to train on", "simulate more of them"
        )
    while True:
        inputs, quality, structure = [], [], []
        for _ in range(size):
            i, z = place[rng.choice(groups[rng.integers(len(groups))])]
            image, labels, mask = _pick(examples[i], int(z), rng)
            if rng.random() < 0.1:
                image, labels, mask = _without_structure(image, rng), np.zeros_like(labels), np.zeros_like(mask)
            turn, flip = int(rng.integers(4)), bool(rng.integers(2))
            image, labels, mask = (_turned(a, turn, flip) for a in (image, labels, mask))
            if rng.random() < 0.5:
                image = -image
            if rng.random() < 0.5:
                image = image[::-1]
            if rng.random() < 0.35:
                image = _spotted(image, rng)
            inputs.append(image)
            quality.append(labels)
            structure.append(mask)
        yield {
            "input": np.ascontiguousarray(np.stack(inputs), dtype=np.float32),
            "quality": np.stack(quality).astype(np.float32),
            "structure": np.stack(structure).astype(np.float32),
        }


def _pick(example: Example, z: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Input and labels of one slice, with one of the three references for its grey values.

    Half the slices are referred to the volume's empty slices, a quarter to the specimen alone (a volume without
    empty slices), and a quarter stand for a single picture: the same slice throughout, ranked within itself.
    """
    labels, mask = example.quality[z].astype(np.float32), example.structure[z]
    reference = rng.random()
    if reference < 0.25:
        picture = example.grey[z]
        if rng.random() < 0.4:
            # uneven ice and lighting, which a volume's own reference sees less of
            slow = smooth_field(picture.shape, float(rng.uniform(0.08, 0.5)) * picture.shape[1], rng)
            picture = picture + float(rng.uniform(0.3, 3.0)) * picture.std() * slow
        picture = ranked(picture)
        return np.repeat(picture[None], len(CONTEXT), axis=0), labels, mask
    grey = example.grey[reflected(z + np.array(CONTEXT), len(example.grey))]
    if reference < 0.5:
        grey = example.interior[grey.astype(np.int16) + 128]
    image = grey.astype(np.float32) / STEPS
    if rng.random() < 0.5:
        # the reference is a sample of a few slices: let its scale be uncertain
        image = np.clip(image * rng.uniform(0.75, 1.3) + rng.normal(0, 0.1), -LIMIT, LIMIT)
    return image, labels, mask


def ranked(image: np.ndarray) -> np.ndarray:
    """Normal scores of a picture's pixels among themselves, float32."""
    return fit_slice(image)(image).astype(np.float32) / STEPS


def _turned(array: np.ndarray, quarter_turns: int, flip: bool) -> np.ndarray:
    turned = np.rot90(array, quarter_turns, axes=(-2, -1))
    return turned[..., ::-1] if flip else turned


def _without_structure(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A texture that means nothing: phases randomised, coloured noise, a ramp, streaks; same shape."""
    shape = image.shape[-2:]
    what = rng.integers(5)
    if what <= 1:
        seed = int(rng.integers(2**31))
        # the same phases in all slices keep the correlation along z; different ones destroy it
        alike = what == 0 or np.array_equal(image[0], image[-1])
        out = np.stack([randomise_phases(s, seed if alike else seed + k) for k, s in enumerate(image)])
    elif what == 2:
        correlation = float(np.exp(rng.uniform(np.log(0.4), np.log(40.0))))
        shared = smooth_field(shape, correlation, rng)
        mix = 1.0 if np.array_equal(image[0], image[-1]) else rng.random()
        out = np.stack([mix * shared + (1 - mix) * smooth_field(shape, correlation, rng) for _ in image])
    elif what == 3:
        y, x = np.mgrid[: shape[0], : shape[1]]
        angle, noise = rng.uniform(0, 2 * np.pi), rng.uniform(0.0, 2.0)
        ramp = (np.cos(angle) * x + np.sin(angle) * y) / max(shape)
        out = np.stack([ramp + noise * 0.2 * n for n in _white(image, rng)])
    else:
        upright = rng.random() < 0.5
        across = smooth_field((shape[upright],), float(rng.uniform(0.7, 8.0)), rng)
        across = across[None, :] if upright else across[:, None]
        fine = float(rng.uniform(0.0, 1.5))
        out = np.stack([across + fine * n for n in _white(image, rng)])
    return np.stack([ranked(s) for s in np.asarray(out, dtype=np.float32)]) * float(rng.uniform(0.5, 1.5))


def _spotted(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Single pixels at an end of the grey scale, each in one slice (hot voxels) or through all (hot camera pixels)."""
    through = rng.random() < 0.4 or np.array_equal(image[0], image[-1])
    spots = rng.random(image.shape[1:] if through else image.shape) < 10 ** rng.uniform(-4, -2.7)
    return np.where(spots, rng.choice([-LIMIT, LIMIT]), image)


def _white(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """White noise of the input's shape, the same in all slices where they are one picture."""
    noise = rng.standard_normal(image.shape)
    return np.broadcast_to(noise[:1], image.shape) if np.array_equal(image[0], image[-1]) else noise
