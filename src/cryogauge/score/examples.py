"""Training examples: simulated tomograms with their labels, and batches drawn from them."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.ndimage import binary_dilation, gaussian_filter1d

from cryogauge.imaging.degrade import blur, randomise_phases
from cryogauge.imaging.threads import thread_count
from cryogauge.imaging.transforms import frequency_radius, irfft2, rfft2
from cryogauge.records import BadInput
from cryogauge.score.evidence import evidence, mean_evidence, no_evidence, reference, with_reference
from cryogauge.score.grey import LIMIT, STEPS, fit_slice, fit_volume, reflected, sample_pixels
from cryogauge.score.network import CONTEXT, REFERENCES
from cryogauge.simulate import oracle
from cryogauge.simulate.fields import smooth_field
from cryogauge.simulate.looks import shrunk
from cryogauge.simulate.recipe import Recipe, draw
from cryogauge.simulate.tomogram import make_tomogram

#: Part of the pictures and of the stacks that are textures without structure.
PICTURE_TEXTURES, STACK_TEXTURES = 0.25, 0.15
#: Inputs of a batch that are copies of pictures in it, changed so that the score must stay, or must fall.
COPIES = 2
#: What a copy is to the picture it was made of.
ALIKE, WORSE = 1, 2
#: A slice belongs to the specimen when more than this part of it holds structure; fewer such slices than this are no
#: volume by themselves.
FILLED, LEAST_SLICES = 0.05, 8


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
    to_grey, _ = fit_volume(sample_pixels(made.data, rng, pixels=4096))
    grey = to_grey(made.data)
    inside = np.flatnonzero(truth.structure.mean(axis=(1, 2)) > FILLED)
    if len(inside) >= LEAST_SLICES:
        again, _ = fit_volume(sample_pixels(grey[inside[0] : inside[-1] + 1], rng, pixels=4096))
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
    for path in sorted(folder.glob("[0-9]" * 6 + ".npz")):
        with np.load(path, allow_pickle=False) as arrays:
            found.append(Example(**{name: arrays[name] for name in Example.__dataclass_fields__}))
    if not found:
        raise BadInput(f"{folder} holds no training examples", "make them first")
    return found


def batches(examples: list[Example], size: int, seed: int) -> Iterator[dict[str, np.ndarray]]:
    """Endless batches with every score category alike, turned, flipped and inverted, some without structure.

    The last are copies of pictures in the batch, :data:`COPIES` of them where it has as many. How good a picture is
    that noise was added to, nobody has to say in order to teach that it is worse than before.

    Parameters
    ----------
    examples
        The training set.
    size
        Inputs in a batch.

    Yields
    ------
    dict
        ``input`` float32 ``(size, slices, y, x)``, its ``evidence`` and the references', float32
        ``(size, 75, y', x')``, ``quality`` and ``structure`` float32 ``(size, y', x')``; of the copies, ``copied``
        int64 ``(copies,)``, which input each was made of, and ``change``, :data:`ALIKE` or :data:`WORSE`. The labels
        of a copy are those of what it was made of.
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
    with ThreadPoolExecutor(thread_count()) as pool:
        known = list(pool.map(_references, examples))
    while True:
        drawn: list[_Input] = []
        copied: list[int] = []
        while len(drawn) + len(copied) < size:
            i, z = place[rng.choice(groups[rng.integers(len(groups))])]
            drawn.append(_augmented(_pick(examples[i], known[i], int(z), rng), rng))
            if drawn[-1].known is None and len(copied) < min(COPIES, size - len(drawn)):
                copied.append(len(drawn) - 1)
        changes = [ALIKE if rng.random() < 0.4 else WORSE for _ in copied]
        drawn += [_copy(drawn[k], change, rng) for k, change in zip(copied, changes, strict=True)]
        yield {
            "input": np.stack([one.image for one in drawn]),
            "evidence": np.stack([_evidence(one) for one in drawn]),
            "quality": np.stack([one.quality for one in drawn]),
            "structure": np.stack([one.structure for one in drawn]),
            "copied": np.array(copied, dtype=np.int64),
            "change": np.array(changes, dtype=np.int64),
        }


@dataclass(frozen=True)
class _Input:
    """An input of the network and its labels; ``known`` is None for a single picture."""

    image: np.ndarray
    known: np.ndarray | None
    quality: np.ndarray
    structure: np.ndarray


def _evidence(one: _Input) -> np.ndarray:
    return no_evidence(one.image) if one.known is None else with_reference(evidence(one.image), one.known)


def _augmented(one: _Input, rng: np.random.Generator) -> _Input:
    """The input turned, flipped, inverted, with spots, or with a texture in its place."""
    image, known, quality, structure = one.image, one.known, one.quality, one.structure
    if rng.random() < (PICTURE_TEXTURES if known is None else STACK_TEXTURES):
        image, known = _texture_in_place(image, known, rng)
        quality, structure = np.zeros_like(quality), np.zeros_like(structure)
    turn, flip = int(rng.integers(4)), bool(rng.integers(2))
    image, quality, structure = (_turned(a, turn, flip) for a in (image, quality, structure))
    if rng.random() < 0.5:
        image = -image
    if rng.random() < 0.5:
        image = image[::-1]
    if rng.random() < 0.35:
        image = _spotted(image, rng)
    image = np.ascontiguousarray(image, dtype=np.float32)
    return _Input(image, known, quality.astype(np.float32), structure.astype(np.float32))


def _texture_in_place(
    image: np.ndarray, known: np.ndarray | None, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray | None]:
    """A texture instead of what is there, and what the emptiest and the fullest slices are then like.

    A texture that is alike from slice to slice fills its volume. Beside empty slices there is only what differs from
    slice to slice: a volume that shows something in some slices and nothing in others has a specimen.
    """
    if known is not None and rng.random() < 0.3:
        seed = int(rng.integers(2**31))
        return np.stack([randomise_phases(s, seed + k) for k, s in enumerate(image)]).astype(np.float32), known
    texture = _without_structure(image, rng)
    return texture, None if known is None else np.tile(mean_evidence(texture), REFERENCES)


def _copy(one: _Input, change: int, rng: np.random.Generator) -> _Input:
    """A picture clipped or with spots, which is as good as before, or blurred or with noise, which is worse."""
    picture = one.image[0]
    if change == WORSE:
        if rng.random() < 0.3:
            picture = blur(picture, float(rng.uniform(1.0, 4.0)))
        else:
            noise = rng.standard_normal(picture.shape, dtype=np.float32)
            if rng.random() < 0.4:
                noise = blur(noise, float(rng.uniform(0.4, 1.5)))
            level = float(np.exp(rng.uniform(np.log(0.5), np.log(4.0))))
            picture = picture + level * picture.std() / noise.std() * noise
        picture = ranked(picture)
    elif rng.random() < 0.6:
        picture = ranked(np.clip(picture, -rng.uniform(1.2, 3.0), rng.uniform(1.2, 3.0)))
    else:
        picture = _spotted(one.image, rng)[0]
    image = np.repeat(picture[None], len(one.image), axis=0).astype(np.float32)
    return _Input(image, None, one.quality, one.structure)


def _references(example: Example) -> tuple[np.ndarray, np.ndarray]:
    """Evidence of the emptiest and the fullest slices of the volume, and of those of the specimen alone."""
    inside = np.flatnonzero(example.structure.mean(axis=(1, 2)) > FILLED)
    whole = reference(lambda z: example.grey[z], len(example.grey))
    if len(inside) < LEAST_SLICES:
        return whole, whole
    first = int(inside[0])
    within = reference(
        lambda z: example.interior[example.grey[first + z].astype(np.int16) + 128], int(inside[-1]) + 1 - first
    )
    return whole, within


def _pick(example: Example, known: tuple[np.ndarray, np.ndarray], z: int, rng: np.random.Generator) -> _Input:
    """Input and labels of one slice, with one of the three references.

    Three in eight slices are referred to the volume's empty slices, one in eight to the specimen alone (a volume
    without empty slices), and half stand for a single picture: the same slice throughout, ranked within itself, and no
    evidence. What its spectrum looks like must not matter, or pictures of programs never simulated are misjudged.
    """
    labels, mask = example.quality[z].astype(np.float32), example.structure[z]
    referred = rng.random()
    if referred < 1 / 2:
        picture = example.grey[z]
        if rng.random() < 0.4:
            # uneven ice and lighting, which a volume's own reference sees less of
            slow = smooth_field(picture.shape, float(rng.uniform(0.08, 0.5)) * picture.shape[1], rng)
            picture = picture + float(rng.uniform(0.3, 3.0)) * picture.std() * slow
        if rng.random() < 0.5:
            picture = _recoloured(picture.astype(np.float32), rng)
        if rng.random() < 0.25:
            picture = shrunk(picture.astype(np.float32), rng, 0.0, 0.0)
        picture = ranked(picture)
        if rng.random() < 0.3:
            # clipped for display; the ranks of what is left share the ends
            picture = ranked(np.clip(picture, -rng.uniform(1.2, 3.0), rng.uniform(1.2, 3.0)))
        return _Input(np.repeat(picture[None], len(CONTEXT), axis=0), None, labels, mask)
    grey = example.grey[reflected(z + np.array(CONTEXT), len(example.grey))]
    beside = known[0]
    if referred < 5 / 8:
        grey = example.interior[grey.astype(np.int16) + 128]
        beside = known[1]
    image = grey.astype(np.float32) / STEPS
    if rng.random() < 0.5:
        # the reference is a sample of a few slices: let its scale be uncertain
        scale = float(rng.uniform(0.75, 1.3))
        image = np.clip(image * scale + rng.normal(0, 0.1), -LIMIT, LIMIT)
        beside = beside * scale**2
    return _Input(image, beside, labels, mask)


def _recoloured(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The spectrum's slope and bends changed at random by up to a factor of about two.

    What is visible stays visible, and programs, resampling and denoisers leave every kind of spectrum behind.
    """
    knots = np.linspace(np.log(0.01), np.log(0.71), 6)
    frequency = np.log(np.maximum(frequency_radius(picture.shape), 0.01))
    gain = np.exp(np.interp(frequency, knots, rng.normal(0.0, 0.35, len(knots))))
    return irfft2(rfft2(picture) * gain.astype(np.float32), picture.shape)


def ranked(image: np.ndarray) -> np.ndarray:
    """Normal scores of a picture's pixels among themselves, float32; a seventh of them stand for all."""
    return fit_slice(image.ravel()[::7])(image).astype(np.float32) / STEPS


def _turned(array: np.ndarray, quarter_turns: int, flip: bool) -> np.ndarray:
    turned = np.rot90(array, quarter_turns, axes=(-2, -1))
    return turned[..., ::-1] if flip else turned


def _without_structure(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A texture that means nothing: phases randomised, coloured noise, a ramp, streaks; same shape."""
    shape = image.shape[-2:]
    single = np.array_equal(image[0], image[-1])
    what = rng.integers(6)
    if what <= 2:
        seed = int(rng.integers(2**31))
        if single:
            out = np.repeat(randomise_phases(image[0], seed)[None], len(image), axis=0)
        else:
            # the same phases in all slices keep the correlation along z; different ones destroy it
            out = np.stack([randomise_phases(s, seed if what else seed + k) for k, s in enumerate(image)])
    elif what == 3:
        out = _coloured(image, single, rng)
    elif what == 4:
        y, x = np.mgrid[: shape[0], : shape[1]]
        angle, noise = rng.uniform(0, 2 * np.pi), rng.uniform(0.0, 2.0)
        ramp = (np.cos(angle) * x + np.sin(angle) * y) / max(shape)
        out = np.stack([ramp + noise * 0.2 * n for n in _white(image, rng)])
    else:
        upright = rng.random() < 0.5
        # several widths together: lines of one width at one distance are what microtubules look like
        lengths = np.exp(rng.uniform(np.log(0.5), np.log(20.0), 3))
        across = sum(rng.random() * smooth_field((shape[upright],), float(length), rng) for length in lengths)
        across = np.asarray(across) / np.std(across)
        across = across[None, :] if upright else across[:, None]
        fine = float(rng.uniform(0.0, 1.5))
        out = np.stack([across + fine * n for n in _white(image, rng)])
    out = np.asarray(out, dtype=np.float32)
    texture = np.repeat(ranked(out[0])[None], len(out), axis=0) if single else np.stack([ranked(s) for s in out])
    return texture if single else np.clip(texture * float(rng.uniform(0.5, 2.0)), -LIMIT, LIMIT)


def _spotted(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Spots at an end of the grey scale, single pixels to discs, each in one slice or through all of them.

    Hot voxels and beads lie in one slice or a few, hot camera pixels in all.
    """
    through = rng.random() < 0.5 or np.array_equal(image[0], image[-1])
    reach = int(rng.integers(3))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disc = y**2 + x**2 <= reach**2
    centres = rng.random(image.shape[1:] if through else image.shape) < 10 ** rng.uniform(-4, -2.7) / disc.sum()
    spots = binary_dilation(centres, disc if through else disc[None]) if reach else centres
    return np.where(spots, rng.choice([-LIMIT, LIMIT]), image)


def _coloured(image: np.ndarray, single: bool, rng: np.random.Generator) -> np.ndarray:
    """Noise of one correlation length, at times with fine noise; its slices apart, alike, or correlated along z too."""
    length = float(np.exp(rng.uniform(np.log(0.4), np.log(40.0))))
    apart = np.subtract.outer(CONTEXT, CONTEXT)
    along_z = length * float(rng.choice([0.05, 1.0, 1.0, 100.0]))
    covariance = np.ones_like(apart, dtype=float) if single else np.exp(-(apart**2) / (4 * along_z**2))
    mixing = np.linalg.cholesky(covariance + 1e-6 * np.eye(len(CONTEXT)))
    fields = np.stack([smooth_field(image.shape[-2:], length, rng) for _ in CONTEXT])
    noise = np.tensordot(mixing, fields, axes=1)
    return noise + (float(rng.uniform(0.0, 1.5)) * _white(image, rng) if rng.random() < 0.4 else 0.0)


def _white(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """White noise of the input's shape, the same in all slices where they are one picture."""
    noise = rng.standard_normal(image.shape)
    return np.broadcast_to(noise[:1], image.shape) if np.array_equal(image[0], image[-1]) else noise
