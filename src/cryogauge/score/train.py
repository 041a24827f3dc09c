"""One door to training the slice-quality networks: which preset learns from what."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from cryogauge import __version__
from cryogauge.learn.training_page import write_training
from cryogauge.learn.weights import ModelCard, checksum, load_weights, save_weights
from cryogauge.score.accuracy import pearson
from cryogauge.score.examples import read_examples
from cryogauge.score.imagenet import start_from_imagenet
from cryogauge.score.labelled import (
    LabelledTomogram,
    find_labels,
    labelled_tomograms,
    labels_of_dataset,
    smoothed,
    split,
)
from cryogauge.score.network import resnet101
from cryogauge.score.paper_preset import (
    KEEP_OUT,
    PaperSettings,
    PaperSlice,
    SliceReader,
    micro_batch,
    paper_slices,
    train_paper,
)
from cryogauge.score.quality import shipped_weights
from cryogauge.score.train_labels import train_on_labels
from cryogauge.score.training import simulate_examples, train_compact
from cryogauge.simulate import simulate_dataset
from cryogauge.simulate.recipe import read_recipe

if TYPE_CHECKING:
    from torch import nn

#: Slices of each tomogram kept out that are scored after an epoch of the paper's preset.
_VALIDATED = 12


@dataclass(frozen=True)
class Order:
    """What to train on.

    Attributes
    ----------
    labels
        What :func:`cryogauge.score.labelled.find_labels` takes; None for none.
    recipe, simulate, count
        What to simulate, whether to, and how many tomograms in place of the recipe's number.
    start
        Weights to go on from, in place of the preset's own.
    epochs, per_category
        In place of the paper's numbers.
    """

    labels: str | None
    recipe: Path
    simulate: bool = False
    count: int | None = None
    start: Path | None = None
    epochs: int | None = None
    per_category: int | None = None


def train_slice_quality(
    preset: Literal["default", "paper"],
    order: Order,
    folder: Path,
    *,
    stage_minutes: float = 55.0,
    say: Callable[[str], None] = print,
) -> Path | None:
    """Train a preset, or a stage of it; the weights, or None when another stage is needed.

    Raises
    ------
    BadInput
        When labels, weights or recipe cannot be used.
    """
    if preset == "paper":
        return train_resnet101(order, folder, stage_minutes=stage_minutes, say=say)
    if order.labels is None:
        return train_compact(order.recipe, folder, count=order.count, stage_minutes=stage_minutes, say=say)
    tomograms = find_labels(order.labels)
    simulated = None
    if order.simulate:
        recipe = read_recipe(order.recipe)
        recipe = recipe if order.count is None else replace(recipe, count=order.count)
        if not simulate_examples(recipe, folder / "examples", stage_minutes, say):
            say("the stage's time is up: call again to go on simulating")
            return None
        simulated = read_examples(folder / "examples")
    start = order.start or shipped_weights("compact")
    return train_on_labels(tomograms, start, folder, simulated=simulated, stage_minutes=stage_minutes, say=say)


def train_resnet101(
    order: Order,
    folder: Path,
    *,
    settings: PaperSettings | None = None,
    stage_minutes: float = 55.0,
    say: Callable[[str], None] = print,
) -> Path | None:
    """The paper's preset: ResNet101 on labelled slices, simulated ones, or both.

    Tomograms kept out of training (one in seven, as in the paper) are scored after every epoch; training does not stop
    early for it. Writes ``resnet101.safetensors``, its card and ``report.html``.
    """
    import torch

    settings = settings or PaperSettings()
    settings = replace(
        settings, epochs=order.epochs or settings.epochs, per_category=order.per_category or settings.per_category
    )
    tomograms = find_labels(order.labels) if order.labels is not None else []
    if order.simulate:
        made = simulate_dataset(order.recipe, folder / "simulated", count=order.count)
        tomograms += labelled_tomograms(labels_of_dataset(made["tomograms"].parent))
    inside, out = split(tomograms, KEEP_OUT, settings.seed)
    training, kept = ([tomograms[i] for i in places] for places in (inside, out))
    slices = paper_slices(training, settings)
    torch.manual_seed(settings.seed)
    network, began = resnet101(), "random weights"
    if order.start is not None:
        began = _started(network, order.start)
    say(f"{len(slices)} slices of {len(training)} tomograms, {len(kept)} tomograms kept out; starting from {began}")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    micro = micro_batch(settings, device)
    done = train_paper(
        network,
        slices,
        SliceReader(training, settings.crop_px),
        settings,
        folder / "training",
        stage_minutes=stage_minutes,
        device=device,
        micro=micro,
        validate=lambda trained: _validated(trained, kept, settings, device),
        say=say,
    )
    if not done:
        say("the stage's time is up: call again to go on training")
        return None
    accuracy = {f"kept_out_{name}": value for name, value in _validated(network, kept, settings, device).items()}
    source = ("labelled", "simulated")[order.labels is None]
    card = ModelCard(
        name="resnet101",
        architecture={},
        recipe="the paper's preset",
        data=f"{len(slices)} {source} slices of {len(training)} tomograms, from {began}",
        seed=settings.seed,
        code_version=__version__,
        accuracy=accuracy,
        limits=(
            f"Trained on {len(slices)} slices for {settings.epochs} epochs; the paper took 15,000 for 200.",
            f"Batch normalisation saw {micro} of the {settings.batch} slices of a step at a time.",
            "It sees one slice at a time, its middle 960 × 960 pixels, and gives no uncertainty.",
        ),
    )
    path = folder / "resnet101.safetensors"
    save_weights(network.cpu(), card, path)
    logs = {"Training": folder / "training" / "log.jsonl"}
    write_training(folder / "report.html", card, logs, {"preset": "paper", "start": began, "slices": len(slices)})
    say(f"weights written to {path}; report: {folder / 'report.html'}")
    return path


def _started(network: "nn.Module", path: Path) -> str:
    """Fill the network from our own weights or torchvision's; what they are, in words."""
    if path.with_suffix(".json").exists():
        load_weights(network, path)
        return f"weights {checksum(path)}"
    start_from_imagenet(network, path)
    return f"ImageNet weights {checksum(path)}"


def _validated(
    network: "nn.Module", kept: list[LabelledTomogram], settings: PaperSettings, device: str
) -> dict[str, float]:
    """Mean Pearson r and absolute error over some slices of the tomograms kept out."""
    import torch

    if not kept:
        return {}
    reader = SliceReader(kept, settings.crop_px)
    network.eval()
    r, errors = [], []
    for place, tomogram in enumerate(kept):
        target = smoothed(tomogram.z, tomogram.score, settings.z_sigma)
        some = np.unique(np.linspace(0, len(target) - 1, _VALIDATED).round().astype(int))
        guess = np.empty(len(some))
        for k, i in enumerate(some):
            image = torch.from_numpy(reader(PaperSlice(place, int(tomogram.z[i]), 0, 0.0)))[None, None]
            with torch.inference_mode():
                guess[k] = float(network(image.to(device)))
        errors.append(np.abs(guess - target[some]))
        r.append(pearson(guess, target[some]))
    known = [value for value in r if np.isfinite(value)]
    found = {"abs_error_mean": float(np.concatenate(errors).mean())}
    return found | ({"pearson_mean": float(np.mean(known))} if known else {})
