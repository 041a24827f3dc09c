"""Classes of micrographs from small pictures, by the network that comes along or one trained on one's own."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cryogauge.collect.judge.network import NAME, PICTURE_PX, micrograph_network
from cryogauge.imaging.fourier import fourier_bin
from cryogauge.learn.weights import ModelCard, checksum, load_weights, read_card
from cryogauge.records import BadInput
from cryogauge.simulate.micrographs import MICROGRAPH_CLASSES

if TYPE_CHECKING:
    from torch import nn

#: What comes with the package; learned from simulated micrographs alone.
SHIPPED = Path(__file__).parents[2] / "weights" / f"{NAME}.safetensors"
_FINEST_A, _LEAST_PX = 5.0, 128
#: Of the classes, those before this one are good.
_USABLE = 2
#: Longer edges to which pictures are shrunk for a look, and what is left of the shorter one at least.
_EDGES_PX, _SHORTEST_PX = (384, 288), 64
#: What a class is worth, in the order of :data:`cryogauge.simulate.micrographs.MICROGRAPH_CLASSES`.
WORTH = (1.0, 0.75, 0.2, 0.0, 0.05, 0.1)


@dataclass(frozen=True)
class Opinion:
    """What the network says of an exposure.

    Attributes
    ----------
    kind
        The likelier of the two good classes where they are likelier than the rest together, else the likeliest of the
        rest.
    probability
        ``(class,)``, in the order of :data:`cryogauge.simulate.micrographs.MICROGRAPH_CLASSES`.
    score
        The probabilities' mean worth, 0 to 1.
    """

    kind: str
    probability: NDArray[np.float64]
    score: float

    @property
    def sure(self) -> bool:
        """Whether the likeliest class is likelier than all others together."""
        return float(self.probability.max()) > 0.5


def small_picture(image: NDArray[np.floating], pixel_size_A: float = float("nan")) -> NDArray[np.float32]:
    """An exposure shrunk to a longer edge of 512 px, ``(y, x)``, and where its pixel is known to one of 5 Å at least.

    The shorter edge keeps 128 px; an exposure that is small already stays as it is.
    """
    factor = max(image.shape) / PICTURE_PX
    if pixel_size_A > 0:
        factor = max(factor, min(_FINEST_A / pixel_size_A, min(image.shape) / _LEAST_PX))
    return fourier_bin(image, factor) if factor > 1.01 else np.asarray(image, dtype=np.float32)


def judge_card(path: Path) -> ModelCard:
    """The card of weights of a micrograph judge; raises ``BadInput`` when they are of something else."""
    card = read_card(path)
    if card.name != NAME:
        raise BadInput(f"the weights {path} are of {card.name}, not of {NAME}", "give those of a micrograph judge")
    return card


def classify(picture: NDArray[np.generic], model: Path | None = None) -> Opinion:
    """The class of a micrograph from a small picture.

    Parameters
    ----------
    picture
        ``(y, x)`` of :func:`small_picture`, or a thumbnail of about that size in any grey scale, dark where matter is.
    model
        Weights in place of those that come along.

    Raises
    ------
    BadInput
        When the weights cannot be used, or the picture is smaller than 64 px.
    """
    if min(picture.shape) < 64:
        raise BadInput(
            f"a picture of {' × '.join(map(str, picture.shape))} px shows too little", "give whole exposures"
        )
    path = SHIPPED if model is None else Path(model)
    network, temperature = _network(path, checksum(path))
    logits = opinions(network, [np.asarray(picture, dtype=np.float32)])[0] / temperature
    probability = np.exp(logits - logits.max())
    probability /= probability.sum()
    return opinion_of(probability)


def opinion_of(probability: NDArray[np.float64]) -> Opinion:
    """What probabilities ``(class,)`` that add up to 1 say."""
    usable = float(probability[:_USABLE].sum()) > 0.5
    number = int(probability[:_USABLE].argmax()) if usable else _USABLE + int(probability[_USABLE:].argmax())
    return Opinion(tuple(MICROGRAPH_CLASSES)[number], probability, float(probability @ np.array(WORTH)))


def without(kind: str, opinion: Opinion) -> Opinion:
    """An opinion where it is known that an exposure is not of a class."""
    probability = np.where(np.array(list(MICROGRAPH_CLASSES)) == kind, 0.0, opinion.probability)
    return opinion_of(probability / max(float(probability.sum()), 1e-9))


def opinions(network: "nn.Module", pictures: Sequence[NDArray[np.float32]]) -> NDArray[np.float64]:
    """Logits ``(picture, class)`` of pictures ``(y, x)``, the mean of those of four looks at each."""
    import torch
    from torch.nn import functional

    network.eval()
    told = []
    with torch.inference_mode():
        for picture in pictures:
            seen = torch.from_numpy(picture)[None, None]
            factors = [max(edge / max(picture.shape), _SHORTEST_PX / min(picture.shape)) for edge in _EDGES_PX]
            large, small = (
                functional.interpolate(seen, scale_factor=factor, mode="bilinear", antialias=True)
                if factor < 1 else seen for factor in factors
            )  # fmt: skip
            four = [large, large.rot90(1, (2, 3)), small.flip(3), small.rot90(1, (2, 3))]
            told.append(torch.cat([network(look[:, 0])[0] for look in four]).mean(0).double().numpy())
    return np.stack(told)


@lru_cache(maxsize=2)
def _network(path: Path, content: str) -> "tuple[nn.Module, float]":  # the content tells what a path holds in turn
    card = judge_card(path)
    network = micrograph_network()
    load_weights(network, path)
    return network.eval(), card.settings.get("temperature", 1.0)
