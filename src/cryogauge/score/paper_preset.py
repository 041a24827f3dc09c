"""The paper's training of ResNet101 on labelled slices, step by step as its Methods tell it (Tan et al. 2025)."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cryogauge.imaging.threads import thread_count
from cryogauge.io.lazy import forget
from cryogauge.learn.precision import mixed_precision
from cryogauge.records import BadInput, Volume
from cryogauge.score.accuracy import categories_of
from cryogauge.score.labelled import LabelledTomogram, smoothed
from cryogauge.score.labels.categories import CATEGORIES
from cryogauge.score.quality import RESNET_CROP_PX, cropped
from cryogauge.simulate.oracle import Z_SIGMA_SLICES

if TYPE_CHECKING:
    from torch import Tensor, nn


#: Quarter turns that slices of the scarce categories are taken in: 6 and more pixels (1), 4–5 pixels (2).
TURNS = {1: (0, 1, 2, 3), 2: (0, 1, 2)}
#: One tomogram in so many is not trained on: 16 of the paper's 114.
KEEP_OUT = 7
#: Memory that training takes for each slice of 960 × 960, float32: what a step of one slice was seen to take.
_SLICE_BYTES = 4.5e9


@dataclass(frozen=True)
class PaperSettings:
    """The numbers of the Methods.

    Attributes
    ----------
    per_category
        Slices drawn of each category; of the scarcest there may be fewer, and then as few of all.
    crop_px
        Edge of what is cut from the middle of a slice; tests take less.
    learning_rate, batch, epochs
        Adagrad's rate, slices a step, passes.
    z_sigma
        Smoothing of the labels along z, slices.
    seed
        Of the draw of slices and of their order.
    """

    per_category: int = 2500
    crop_px: int = RESNET_CROP_PX
    learning_rate: float = 5e-7
    batch: int = 8
    epochs: int = 200
    z_sigma: float = Z_SIGMA_SLICES
    seed: int = 1


@dataclass(frozen=True)
class PaperSlice:
    """One slice of the training set: of which tomogram, which z, by how many quarter turns, and its target."""

    tomogram: int
    z: int
    turns: int
    target: float


def paper_slices(tomograms: Sequence[LabelledTomogram], settings: PaperSettings) -> list[PaperSlice]:
    """The balanced training set: scarce categories turned first, then as many drawn of each.

    The category is that of the label itself, the target the label smoothed along z within its tomogram.

    Raises
    ------
    BadInput
        When the labels are all of one category.
    """
    pools: list[list[PaperSlice]] = [[] for _ in CATEGORIES]
    for place, tomogram in enumerate(tomograms):
        target = smoothed(tomogram.z, tomogram.score, settings.z_sigma)
        for z, kind, value in zip(tomogram.z, categories_of(tomogram.score), target, strict=True):
            pools[kind] += [PaperSlice(place, int(z), turns, float(value)) for turns in TURNS.get(int(kind), (0,))]
    held = [pool for pool in pools if pool]
    if len(held) < 2:
        raise BadInput("all labels are of one category: there is nothing to learn", "label slices of several")
    few = min(settings.per_category, min(len(pool) for pool in held))
    rng = np.random.default_rng(settings.seed)
    return [pool[int(i)] for pool in held for i in rng.permutation(len(pool))[:few]]


class SliceReader:
    """Reads slices as the paper's network takes them; volumes stay open, nothing is kept in memory."""

    def __init__(self, tomograms: Sequence[LabelledTomogram], crop_px: int) -> None:
        self._tomograms = tomograms
        self._crop_px = crop_px
        self._open: dict[int, Volume] = {}

    def __call__(self, wanted: PaperSlice) -> np.ndarray:
        """float32 ``(crop, crop)``, zero mean and unit spread, turned."""
        volume = self._open.get(wanted.tomogram)
        if volume is None:
            volume = self._open[wanted.tomogram] = self._tomograms[wanted.tomogram].open()
        image = cropped(volume.slice(wanted.z), self._crop_px)
        forget(volume.data)
        return np.ascontiguousarray(np.rot90(image, wanted.turns))


def micro_batch(settings: PaperSettings, device: str) -> int:
    """Slices that fit into memory at once: the whole batch, or a half of it, and so on down to one."""
    import torch

    need = _SLICE_BYTES * (settings.crop_px / RESNET_CROP_PX) ** 2
    if device == "cuda":
        free, need = torch.cuda.mem_get_info()[0], need / 2  # half precision
    else:
        free = _available_bytes()
    size = settings.batch
    while size > 1 and size * need > 0.8 * free:
        size //= 2
    return size


def _available_bytes() -> float:
    """Memory that could be had without swapping."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return 8e9
    return 1024.0 * next(float(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))


def train_paper(
    network: "nn.Module",
    slices: Sequence[PaperSlice],
    reader: Callable[[PaperSlice], np.ndarray],
    settings: PaperSettings,
    folder: Path,
    *,
    stage_minutes: float = 55.0,
    device: str = "cpu",
    micro: int | None = None,
    validate: "Callable[[nn.Module], dict[str, float]]" = lambda network: {},
    say: Callable[[str], None] = print,
) -> bool:
    """Train until the epochs are over or the stage's time is up; call again to go on from the last step saved.

    A batch that memory does not hold is computed in parts whose gradients add up. Its batch normalisation then sees
    each part by itself and not all eight slices: gradients are not quite those of the paper, which is said.

    Parameters
    ----------
    network
        Trained in place, from whatever it starts with.
    slices, reader
        The training set, and what makes pictures of it.
    folder
        Where ``checkpoint.pt`` and ``log.jsonl`` are kept.
    micro
        Slices computed at once; by default as many as fit (:func:`micro_batch`).
    validate
        Told the network after each epoch; what it returns is logged.

    Returns
    -------
    bool
        Whether all epochs are done.

    Raises
    ------
    BadInput
        When the folder holds a checkpoint of other settings or slices.
    """
    import torch

    torch.set_num_threads(thread_count())
    folder.mkdir(parents=True, exist_ok=True)
    micro = micro or micro_batch(settings, device)
    if micro < settings.batch:
        say(
            f"{micro} of {settings.batch} slices fit into memory at once: gradients are accumulated, and batch "
            f"normalisation sees {micro} at a time"
        )
    network.to(device)
    optimiser = torch.optim.Adagrad(network.parameters(), lr=settings.learning_rate)
    identity = json.dumps([asdict(settings), len(slices), float(sum(s.target for s in slices))])
    checkpoint = folder / "checkpoint.pt"
    epoch = batch = 0
    total = 0.0
    if checkpoint.exists():
        # our own file, and read as plain tensors all the same
        state = torch.load(checkpoint, weights_only=True, map_location=device)
        if state["identity"] != identity:
            raise BadInput(f"{checkpoint} belongs to other settings or labels", "use another folder, or delete it")
        network.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
        epoch, batch, total = int(state["epoch"]), int(state["batch"]), float(state["total"])

    def save() -> None:
        state = {
            "network": network.state_dict(), "optimiser": optimiser.state_dict(), "identity": identity,
            "epoch": epoch, "batch": batch, "total": total,
        }  # fmt: skip
        torch.save(state, checkpoint.with_suffix(".part"))
        checkpoint.with_suffix(".part").replace(checkpoint)

    batches = -(-len(slices) // settings.batch)
    started = saved = time.monotonic()
    seen = 0
    while epoch < settings.epochs:
        order = np.random.default_rng([settings.seed, epoch]).permutation(len(slices))
        network.train()
        while batch < batches:
            if time.monotonic() - started > 60.0 * stage_minutes:
                save()
                return False
            chosen = [slices[int(i)] for i in order[batch * settings.batch : (batch + 1) * settings.batch]]
            total += len(chosen) * _step(network, optimiser, chosen, reader, micro, device)
            seen += len(chosen)
            batch += 1
            if time.monotonic() - saved > 300.0:
                save()
                saved = time.monotonic()
        pace = (time.monotonic() - started) / max(seen, 1)
        epoch, batch = epoch + 1, 0
        line = {"epoch": epoch, "loss": total / len(slices), "seconds_a_slice": pace, **validate(network)}
        total = 0.0
        with (folder / "log.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")
        say(_epoch_line(line, pace, len(slices), settings))
        save()
        saved = time.monotonic()
    network.eval()
    return True


def _step(
    network: "nn.Module",
    optimiser: Any,
    chosen: Sequence[PaperSlice],
    reader: Callable[[PaperSlice], np.ndarray],
    micro: int,
    device: str,
) -> float:
    """One step of the optimiser; the mean squared error of the batch."""
    optimiser.zero_grad()
    loss = 0.0
    for part, target in _parts(chosen, reader, micro, device):
        with mixed_precision(device):
            guess = network(part)
        error = ((guess[:, 0].float() - target) ** 2).sum() / len(chosen)
        error.backward()
        loss += float(error.detach())
    optimiser.step()
    return loss


def _parts(
    chosen: Sequence[PaperSlice], reader: Callable[[PaperSlice], np.ndarray], micro: int, device: str
) -> "Iterator[tuple[Tensor, Tensor]]":
    """The batch in parts that fit: images ``(n, 1, y, x)`` and targets ``(n,)``."""
    import torch

    for first in range(0, len(chosen), micro):
        some = chosen[first : first + micro]
        images = torch.from_numpy(np.stack([reader(one) for one in some]))[:, None]
        yield images.to(device), torch.tensor([one.target for one in some], device=device)


def _epoch_line(line: dict[str, float], pace: float, count: int, settings: PaperSettings) -> str:
    """How an epoch went, and what the whole training takes at this pace."""
    seconds = pace * count
    text = f"epoch {line['epoch']} of {settings.epochs}: loss {line['loss']:.4f}"
    if "pearson_mean" in line:
        text += f", r {line['pearson_mean']:.3f} on tomograms kept out"
    return (
        f"{text}; {seconds:.0f} seconds an epoch, {seconds * settings.epochs / 3600:.1f} hours for "
        f"{settings.epochs} epochs"
    )
