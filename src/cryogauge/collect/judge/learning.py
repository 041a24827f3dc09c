"""Training of the micrograph network: on simulated micrographs, and on labelled ones of one's own."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cryogauge import __version__
from cryogauge.collect.judge.classify import opinions
from cryogauge.collect.judge.examples import SHAPE, simulated_examples
from cryogauge.collect.judge.looks import looks
from cryogauge.collect.judge.network import CELL_PX, LAYERS, NAME, micrograph_network
from cryogauge.learn.training import Schedule, fit
from cryogauge.learn.weights import ModelCard, save_weights
from cryogauge.records import BadInput
from cryogauge.simulate.micrographs import MICROGRAPH_CLASSES

if TYPE_CHECKING:
    from torch import Tensor, nn

WEIGHTS = f"{NAME}.safetensors"
#: Part of the simulated pictures that is kept out, to measure on.
_KEPT_OUT = 0.1
#: What to say cell by cell weighs as much as the class.
_LAYERS_WEIGH = 2.0
_EMPTY = tuple(MICROGRAPH_CLASSES).index("empty")
_LIMITS = (
    "The shipped weights learned from simulated micrographs alone. "
    "On real ones they err far more often than on simulated ones.",
    "A picture of some 500 px shows neither the rings of crystalline ice nor drift below some 20 Å.",
    "Great and decent are steps of one scale; people set the border elsewhere.",
)


@dataclass(frozen=True)
class Lesson:
    """What is learned from, and for how long.

    Attributes
    ----------
    pictures
        Simulated micrographs, as many of each class.
    steps, batch, learning_rate
        Of the learning, once they are there.
    seed
        Of everything that is drawn.

    Each of the networks that are asked together learns for so many steps, from the same pictures in its own order.
    """

    pictures: int = 2400
    steps: int = 2400
    batch: int = 24
    learning_rate: float = 2e-3
    seed: int = 0


@dataclass(frozen=True)
class _Examples:
    """Pictures ``(n, y, x)`` and layers ``(n, layer, y / 16, x / 16)``, their classes, and whether layers are known."""

    pictures: NDArray[np.uint8]
    layers: NDArray[np.uint8]
    kinds: NDArray[np.int64]
    known: bool

    def part(self, first: int, last: int) -> "_Examples":
        return _Examples(self.pictures[first:last], self.layers[first:last], self.kinds[first:last], self.known)


def train_judge(
    lesson: Lesson,
    folder: Path,
    *,
    own: tuple[Sequence[NDArray[np.generic]], Sequence[int]] | None = None,
    workers: int = 1,
    say: Callable[[str], None] = print,
) -> Path:
    """Train the network and write its weights and card into ``folder``; call again to go on after an interruption.

    Parameters
    ----------
    lesson
        What is learned from, and for how long.
    folder
        For pictures, checkpoints and weights.
    own
        Labelled pictures ``(y, x)`` of one's own with their classes as numbers: a third of what is shown.
    workers
        Processes that simulate.

    Returns
    -------
    Path of the weights.

    Raises
    ------
    BadInput
        When there are fewer than ten pictures of a class, or the folder holds another training.
    """
    import torch

    if lesson.pictures < 10 * len(MICROGRAPH_CLASSES):
        raise BadInput(f"{lesson.pictures} pictures are too few to learn from", "simulate some thousands")
    pictures, layers = simulated_examples(lesson.seed, lesson.pictures, folder, workers)
    whole = _Examples(pictures, layers, np.arange(len(pictures)) % len(MICROGRAPH_CLASSES), known=True)
    learned = int(len(pictures) * (1 - _KEPT_OUT))
    shown = [whole.part(0, learned)] + ([_own_examples(*own)] if own is not None and len(own[0]) else [])
    torch.manual_seed(lesson.seed)
    network = micrograph_network()
    schedule = Schedule(lesson.steps, lesson.learning_rate, averaging=0.995, weight_decay=0.05)
    for k, member in enumerate(network.get_submodule("members").children()):
        batches, kept_in = _batches(shown, lesson, k), folder / f"training-{k}"
        while not fit(member, batches, _loss, schedule, kept_in, report_every=max(lesson.steps // 10, 1)):
            pass
    kept = whole.part(learned, len(pictures))
    logits = opinions(network, [picture.astype(np.float32) for picture in kept.pictures])
    temperature = _temperature(logits, kept.kinds)
    accuracy = float((logits.argmax(1) == kept.kinds).mean())
    say(f"{accuracy:.3f} of {len(kept.kinds)} simulated micrographs that were kept out are put in the right class")
    card = ModelCard(
        name=NAME, architecture={}, recipe=str(asdict(lesson)), seed=lesson.seed, code_version=__version__,
        data=f"{learned} micrographs of cryogauge.simulate.micrographs"
        + (f", and {len(own[0])} labelled ones" if own else ""),
        accuracy={"accuracy_kept_out_simulated": accuracy}, limits=_LIMITS, settings={"temperature": temperature},
    )  # fmt: skip
    save_weights(network, card, folder / WEIGHTS)
    return folder / WEIGHTS


def _own_examples(pictures: Sequence[NDArray[np.generic]], kinds: Sequence[int]) -> _Examples:
    """Of one size with the simulated ones, from their darkest to their brightest pixel."""
    import torch
    from torch.nn import functional

    made = []
    for picture in pictures:
        values = torch.from_numpy(np.array(picture, dtype=np.float32))[None, None]
        sized = functional.interpolate(values, size=SHAPE, mode="bilinear", antialias=True)[0, 0].numpy()
        made.append(np.round(255 * (sized - sized.min()) / max(float(np.ptp(sized)), 1e-9)).astype(np.uint8))
    cells = tuple(-(-n // CELL_PX) for n in SHAPE)
    nothing = np.zeros((len(made), len(LAYERS), *cells), dtype=np.uint8)
    return _Examples(np.stack(made), nothing, np.array(kinds, dtype=np.int64), known=False)


def _batches(shown: list[_Examples], lesson: Lesson, member: int) -> Iterator[tuple[Any, Any, Any, Any]]:
    """Endless batches of pictures, classes, layers and whether these are known, in the order of one network's own."""
    import torch

    rng = np.random.default_rng([lesson.seed, 3, member])
    others = lesson.batch // 3 if len(shown) > 1 else 0
    while True:
        numbers = [rng.integers(0, len(part.kinds), count) for part, count in zip(
            shown, (lesson.batch - others, others), strict=False)]  # fmt: skip
        pictures, layers, kinds = (
            np.concatenate([getattr(part, name)[chosen] for part, chosen in zip(shown, numbers, strict=True)])
            for name in ("pictures", "layers", "kinds")
        )
        known = np.concatenate([np.full(len(c), part.known) for part, c in zip(shown, numbers, strict=True)])
        seen, there = looks(pictures, layers, kinds != _EMPTY, rng)
        yield seen, torch.from_numpy(kinds), there, torch.from_numpy(known)


def _loss(model: "nn.Module", batch: tuple[Any, Any, Any, Any]) -> "Tensor":
    from torch.nn import functional

    pictures, kinds, there, known = batch
    logits, layers = model(pictures)
    told = functional.binary_cross_entropy_with_logits(layers[known], there[known])
    return functional.cross_entropy(logits, kinds, label_smoothing=0.05) + _LAYERS_WEIGH * told


def _temperature(logits: NDArray[np.float64], kinds: NDArray[np.int64]) -> float:
    """What logits are to be divided by for probabilities that hold (Guo et al., ICML 2017)."""
    from scipy.special import log_softmax

    def surprise(log_temperature: float) -> float:
        told = log_softmax(logits / np.exp(log_temperature), axis=1)
        return -float(told[np.arange(len(kinds)), kinds].mean())

    tried = np.linspace(-2.0, 2.0, 401)
    return float(np.exp(tried[np.argmin([surprise(value) for value in tried])]))
