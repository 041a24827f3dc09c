"""From slices to scores: the networks behind one interface."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np
from scipy.ndimage import maximum_filter1d

from cryogauge.imaging.degrade import randomise_phases
from cryogauge.imaging.wedge import measure_half_range_deg
from cryogauge.io.lazy import forget
from cryogauge.learn.weights import ModelCard, checksum, load_weights, read_card
from cryogauge.records import BadInput, Volume
from cryogauge.score import grey
from cryogauge.score.evidence import evidence, no_evidence, reference, with_reference
from cryogauge.score.network import CONTEXT, TILE_PX, compact, folded, resnet101
from cryogauge.score.tiles import control_score, local_scores, scores_of_tiles, slice_errors, tile_values

if TYPE_CHECKING:
    from torch import nn

    from cryogauge.score.examples import Example

Result = TypeVar("Result")
#: Edge of the paper's crop.
RESNET_CROP_PX = 960
#: Every so many slices, the middle of the slice is scored again with its phases random.
CONTROL_EVERY, CONTROL_PX = 8, 384
#: Copies of a single picture with random phases that it has to beat.
PICTURE_CONTROLS = 12
_SHIPPED = Path(__file__).parent.parent / "weights"


@dataclass(frozen=True)
class SliceJudgement:
    """What a network says of a volume.

    Attributes
    ----------
    score, uncertainty
        float32 ``(z,)``: quality 0–1, and the half width of its 90 % interval (NaN where the network has none).
    local_map
        float32 ``(z, y', x')`` quality of each tile.
    presence
        float32 of the same shape: the probability that a tile holds biological structure.
    tile_px
        Edge of a tile.
    """

    score: np.ndarray
    uncertainty: np.ndarray
    local_map: np.ndarray
    presence: np.ndarray
    tile_px: int


class SliceQuality(Protocol):
    """A network that scores every slice of a volume."""

    name: str
    weights: str

    def judge(self, volume: Volume, progress: Callable[[int], None] | None = None) -> SliceJudgement:
        """Score every slice; ``progress`` is told how many are done."""
        ...


def available_threads() -> int:
    """Processor threads this process may use."""
    return len(os.sched_getaffinity(0))


def shipped_weights(model: str) -> Path:
    """Where a model's own weights lie.

    Raises
    ------
    BadInput
        For ``resnet101``, of which none exist, and for a name that is no model.
    """
    if model == "compact":
        return _SHIPPED / "compact.safetensors"
    if model == "resnet101":
        raise BadInput(
            "resnet101 has no weights of its own here: none were ever published",
            "train some and give them with --weights FILE.safetensors, or use --model compact",
        )
    if Path(model).suffix == ".safetensors":
        return Path(model)
    raise BadInput(f"no model is called {model!r}", "one of: compact, resnet101, or a FILE.safetensors")


def load_quality(model: str, weights: Path, *, threads: int, device: str = "auto") -> SliceQuality:
    """A network ready to judge.

    Parameters
    ----------
    model
        ``compact``, ``resnet101``, or a safetensors file, whose card says which of them it holds.
    weights
        Safetensors file; those of ``compact`` with their model card beside it.
    threads
        Processor threads.
    device
        ``cpu``, ``cuda``, or ``auto`` for the second where there is one.

    Raises
    ------
    BadInput
        When the weights are missing or belong to another network, or there is no such device.
    """
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        raise BadInput("there is no CUDA device here", "use --device cpu or auto")
    where = "cuda" if device != "cpu" and torch.cuda.is_available() else "cpu"
    if Path(model).suffix == ".safetensors":
        model = read_card(weights).name
    if model == "resnet101":
        return Resnet101Quality(weights, threads, where)
    return CompactQuality(weights, threads, where)


class CompactQuality:
    """Our network on five slices at a time, grey values referred to the volume's own emptiest slices."""

    name = "compact"

    def __init__(self, path: Path, threads: int, device: str = "cpu") -> None:
        self.card: ModelCard = read_card(path)
        self.network = ready(self.card, path).to(device)
        self.weights = checksum(path)
        self.threads = threads

    def judge(self, volume: Volume, progress: Callable[[int], None] | None = None) -> SliceJudgement:
        """Score every slice; at most a dozen slices are in memory at a time."""
        to_grey, known = referred(volume)
        count = volume.shape[0]
        out = np.empty((count, 3, *(-(-n // TILE_PX) for n in volume.shape[1:])), dtype=np.float32)
        controls: dict[int, float] = {}
        for z, (tiles, control) in _in_threads(
            lambda z, stack: self._one(z, stack, known), _stacks(volume.data, to_grey), self.threads
        ):
            out[z] = tiles
            if control is not None:
                controls[z] = control
            if progress:
                progress(z + 1)
        # one realisation is not the next: the best of three neighbouring controls is the one to beat
        best = maximum_filter1d(np.array(list(controls.values())), 3, mode="nearest")
        control = np.interp(np.arange(count), list(controls), best)
        return self._finish(out, control, measure_half_range_deg(volume.data, to_grey))

    def judge_picture(self, picture: np.ndarray) -> SliceJudgement:
        """Score one picture ``(y, x)``, ranked within itself, beside the best of several controls."""
        image = grey.fit_slice(picture)(picture).astype(np.float32) / grey.STEPS
        tiles = run_on_picture(self.network, image)
        textures = (_texture(_centre(image), seed) for seed in range(PICTURE_CONTROLS))
        controls = np.stack([run_on_picture(self.network, texture) for texture in textures])
        best = control_score(controls, self.card, single=True)
        return self._finish(tiles[None], np.array([best]), float("nan"), single=True)

    def _one(self, z: int, stack: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, float | None]:
        """The network's tiles for one slice, and for some slices the score of its control."""
        image = stack.astype(np.float32) / grey.STEPS
        tiles = run_network(self.network, image, known)
        if z % CONTROL_EVERY:
            return tiles, None
        return tiles, control_score(run_network(self.network, control_of(image), known)[None], self.card)

    def _finish(
        self, out: np.ndarray, control: np.ndarray, half_range_deg: float, *, single: bool = False
    ) -> SliceJudgement:
        quality, presence, error = tile_values(out)
        local = local_scores(quality, self.card, control[:, None, None], half_range_deg, single=single)
        score = scores_of_tiles(local, presence)
        scale = self.card.settings.get("uncertainty_scale", 1.0)
        least = self.card.settings.get("uncertainty_floor", 0.0)
        return SliceJudgement(score, least + scale * slice_errors(error, presence), local, presence, TILE_PX)


class Resnet101Quality:
    """The paper's network: the middle 960 × 960 pixels of each slice, zero mean and unit variance."""

    name = "resnet101"

    def __init__(self, path: Path, threads: int, device: str = "cpu") -> None:
        network = resnet101()
        load_weights(network, path)
        self.network = network.eval().to(device)
        self.device = device
        self.weights = checksum(path)
        self.threads = threads

    def judge(self, volume: Volume, progress: Callable[[int], None] | None = None) -> SliceJudgement:
        """Score every slice, one at a time."""
        import torch

        torch.set_num_threads(self.threads)
        score = np.empty(volume.shape[0], dtype=np.float32)
        for z in range(volume.shape[0]):
            image = torch.from_numpy(cropped(volume.slice(z)))[None, None].to(self.device)
            with torch.inference_mode():
                score[z] = float(self.network(image))
            if progress:
                progress(z + 1)
        nan = np.full_like(score, np.nan)
        whole = score[:, None, None]
        return SliceJudgement(score, nan, whole, (whole > 0.2).astype(np.float32), RESNET_CROP_PX)


def cropped(image: np.ndarray, edge: int = RESNET_CROP_PX) -> np.ndarray:
    """The middle of a slice at the paper's size, padded with zeros where smaller, after normalising its grey values."""
    ny, nx = image.shape
    y, x = max(0, (ny - edge) // 2), max(0, (nx - edge) // 2)
    part = image[y : y + edge, x : x + edge]
    part = (part - part.mean()) / max(float(part.std()), 1e-12)
    out = np.zeros((edge, edge), dtype=np.float32)
    top, left = (edge - part.shape[0]) // 2, (edge - part.shape[1]) // 2
    out[top : top + part.shape[0], left : left + part.shape[1]] = part
    return out


def referred(volume: Volume) -> tuple[grey.GreyMap, np.ndarray]:
    """A volume's grey map and its :func:`cryogauge.score.evidence.reference`: what its slices are looked at with."""
    to_grey, _ = grey.fit_volume(grey.sample_pixels(volume.data, np.random.default_rng(0)))
    known = reference(lambda z: _middle(to_grey, volume.data[z]), volume.shape[0])
    forget(volume.data)
    return to_grey, known


def ready(card: ModelCard, path: Path) -> "nn.Module":
    """The compact network of a card with its weights, folded and in the precision this processor is fast in."""
    import torch

    network = compact(**card.architecture)
    load_weights(network, path)
    return folded(network).to(torch.bfloat16)


def run_network(network: "nn.Module", stack: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """The network on a slice and its neighbours: float32 ``(slices, y, x)`` to ``(3, ⌈y/16⌉, ⌈x/16⌉)``.

    Edges are mirrored to whole tiles; ``reference`` is the volume's :func:`cryogauge.score.evidence.reference`.
    """
    stack = whole_tiles(stack)
    return _forward(network, stack, with_reference(evidence(stack), reference))


def run_on_picture(network: "nn.Module", picture: np.ndarray) -> np.ndarray:
    """The network on a single picture, float32 ``(y, x)`` to ``(3, ⌈y/16⌉, ⌈x/16⌉)``."""
    stack = np.repeat(whole_tiles(picture)[None], len(CONTEXT), axis=0)
    return _forward(network, stack, no_evidence(stack))


def _forward(network: "nn.Module", stack: np.ndarray, known: np.ndarray) -> np.ndarray:
    """One forward pass of an input of whole tiles and its evidence."""
    import torch

    first = next(network.parameters())
    image = torch.from_numpy(np.ascontiguousarray(stack, dtype=np.float32))[None].to(first.device, first.dtype)
    with torch.inference_mode():
        out = network(image.to(memory_format=torch.channels_last), torch.from_numpy(known)[None].to(first.device))
    return out[0].float().cpu().numpy()


def _centre(image: np.ndarray) -> np.ndarray:
    """The middle of an image or of a stack of them, as large as a control is."""
    y, x = (max(0, (n - CONTROL_PX) // 2) for n in image.shape[-2:])
    return image[..., y : y + CONTROL_PX, x : x + CONTROL_PX]


def control_of(stack: np.ndarray) -> np.ndarray:
    """The middle of a network's input with random phases: a texture that shows nothing, ``(slices, y', x')``.

    Likeness along z is a sign of structure and must not be taken off it: each slice gets phases of its own.
    """
    return np.stack([_texture(part, seed) for seed, part in enumerate(_centre(stack))])


def _texture(image: np.ndarray, seed: int) -> np.ndarray:
    """The image with random phases and its own spread."""
    random = randomise_phases(image, seed)
    return random * (image.std() / max(float(random.std()), 1e-6))


def whole_tiles(image: np.ndarray) -> np.ndarray:
    """An image or a stack of them mirrored at its far edges to whole tiles."""
    pad = [(-n) % TILE_PX for n in image.shape[-2:]]
    if not any(pad):
        return image
    mode = "reflect" if min(image.shape[-2:]) > TILE_PX else "edge"
    return np.pad(image, [(0, 0)] * (image.ndim - 2) + [(0, pad[0]), (0, pad[1])], mode=mode)


def _middle(to_grey: grey.GreyMap, image: np.ndarray) -> np.ndarray:
    """The middle of a slice in steps of normal score."""
    return whole_tiles(to_grey(np.asarray(_centre(image), dtype=np.float32)))


def _stacks(data: Any, to_grey: grey.GreyMap) -> Iterator[tuple[int, np.ndarray]]:
    """Each slice with its neighbours as int8 ``(slices, y, x)``; every slice is read and mapped once."""
    count = data.shape[0]
    kept: dict[int, np.ndarray] = {}
    for z in range(count):
        wanted = grey.reflected(z + np.array(CONTEXT), count)
        for k in sorted({int(w) for w in wanted}):
            if k not in kept:
                kept[k] = to_grey(np.asarray(data[k], dtype=np.float32))
        yield z, np.stack([kept[int(k)] for k in wanted])
        if z % 16 == 15:
            forget(data)
        for k in [k for k in kept if k < z + CONTEXT[0] + 1 and k > 2 * max(CONTEXT)]:
            del kept[k]


def _in_threads(
    function: Callable[[int, np.ndarray], Result], items: Iterator[tuple[int, np.ndarray]], threads: int
) -> Iterator[tuple[int, Result]]:
    """Results in order, ``threads`` slices under way at once.

    One slice a thread with single-threaded kernels beats one slice at a time with threaded ones: the layers are
    too small to share.
    """
    import torch

    torch.set_num_threads(1)
    with ThreadPoolExecutor(threads) as pool:
        waiting: list[tuple[int, Future[Result]]] = []
        for z, stack in items:
            waiting.append((z, pool.submit(function, z, stack)))
            if len(waiting) > threads:
                first, future = waiting.pop(0)
                yield first, future.result()
        for z, future in waiting:
            yield z, future.result()


def tile_predictions(
    network: "nn.Module", example: "Example", *, single: bool = False
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """:func:`cryogauge.score.tiles.tile_values` of every slice of a training example.

    ``single`` takes each as a picture.
    """
    data, count = example.grey, len(example.grey)
    if single:
        pictures = (grey.fit_slice(image)(image).astype(np.float32) / grey.STEPS for image in data)
        return tile_values(np.stack([run_on_picture(network, picture) for picture in pictures]))
    known = reference(lambda z: data[z], count)
    stacks = (data[grey.reflected(z + np.array(CONTEXT), count)].astype(np.float32) / grey.STEPS for z in range(count))
    return tile_values(np.stack([run_network(network, stack, known) for stack in stacks]))
