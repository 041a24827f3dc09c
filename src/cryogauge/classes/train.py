"""One door to training a grader: from simulated averages, from people's labels, or from both."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cryogauge import __version__
from cryogauge.classes.accuracy import grade_accuracy
from cryogauge.classes.augment import augmented, told_less
from cryogauge.classes.examples import Examples, load_examples, make_examples, save_examples, split
from cryogauge.classes.model import Predicted, domain_table, predict, save_grader
from cryogauge.classes.network import Output, build
from cryogauge.classes.presets import Preset, find_preset, with_steps
from cryogauge.io.json_file import read_json_file, write_json_file
from cryogauge.learn.training import Schedule, fit, steps_done
from cryogauge.learn.training_page import write_training
from cryogauge.learn.weights import ModelCard, checksum, read_card
from cryogauge.records import BadInput
from cryogauge.records.classes import WORST_GRADE

if TYPE_CHECKING:
    from torch import Tensor, nn

WEIGHTS = "class-grader.safetensors"
ORDER = "order.json"
#: Part of the structures that is kept out, to judge on and to calibrate the uncertainty by.
KEPT_OUT = 0.125
#: Weights of the losses of uncertainty, of reasons and of what parts two looks of an average, beside the squared error.
_SPREAD, _REASONS, _PARTED = 0.3, 0.5, 0.5
_GOING_ON = 0.25  # of the learning rate, where weights are there already
_MEASURED_ON = 512  # kept-out averages that the curve is measured on
_SEEN = 4000  # averages learned from, by which strange ones are told
_HINT = "use another folder, or delete it to start anew"


@dataclass(frozen=True)
class Order:
    """What to train.

    Attributes
    ----------
    sources
        Folders that ``cryogauge simulate classes`` wrote, and people's labels.
    preset
        ``grader``, ours, or ``cryosift``, as published.
    steps, minutes
        How long, in place of the preset's steps: one of the two.
    start
        Weights of a grader of the same network to go on from. Where the network has grown since, it begins as what it
        was: what was added begins without a say.
    seed
        Of the split, the start and what is changed at random.
    device
        ``cpu``, ``cuda``, or ``auto`` for the second where there is one.
    """

    sources: tuple[str, ...]
    preset: str = "grader"
    steps: int | None = None
    minutes: float | None = None
    start: Path | None = None
    seed: int = 0
    device: str = "auto"


def train_grader(
    order: Order, folder: Path, *, stage_minutes: float = 55.0, say: Callable[[str], None] = print
) -> Path | None:
    """Train a grader, or a stage of it.

    Writes ``class-grader.safetensors`` with its card, ``report.html``, ``order.json`` and, for the next stage, the
    prepared averages and checkpoints.

    Returns
    -------
    Path of the weights, or None when another stage is needed.

    Raises
    ------
    BadInput
        When labels or weights cannot be used, or the folder holds another training.
    """
    from cryogauge.classes.labelled import read_labelled

    preset = with_steps(find_preset(order.preset), order.steps)
    _claim(folder, order, preset)
    examples = load_examples(folder)
    if examples is None:
        examples = make_examples(
            read_labelled(order.sources, say=say), preset, on_set=lambda count: say(f"prepared {count} averages")
        )
        save_examples(examples, folder)
    return train_on(examples, preset, order, folder, stage_minutes=stage_minutes, say=say)


def train_on(
    examples: Examples,
    preset: Preset,
    order: Order,
    folder: Path,
    *,
    stage_minutes: float = 55.0,
    say: Callable[[str], None] = print,
) -> Path | None:
    """Train on prepared examples, or a stage of it; what :func:`train_grader` does once they are there."""
    import torch

    device = _device(order.device)
    learned, kept = split(examples, KEPT_OUT, order.seed)
    say(f"learning from {len(learned)} averages; {len(kept)} of other structures are kept out")
    torch.manual_seed(order.seed)
    network = build(preset.network)
    if order.start is not None:
        take_over(network, order.start, preset)
        preset = replace(preset, learning_rate=_GOING_ON * preset.learning_rate)
    network = network.to(device).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue] no stub
    schedule = Schedule(
        preset.steps, preset.learning_rate, 0.05 if preset.falling else 0.0, 0.0, preset.averaging, preset.falling,
        order.minutes,
    )  # fmt: skip
    rng = np.random.default_rng([order.seed, steps_done(folder / "training")])
    judged = np.sort(np.random.default_rng(order.seed).permutation(kept)[:_MEASURED_ON])
    done = fit(
        network, _batches(examples, learned, preset, rng, device), _loss(preset), schedule, folder / "training",
        stage_minutes=stage_minutes, report_every=max(1, min(250, preset.steps // 20)),
        measure=lambda model: _measure(model, replace(preset, symmetries=False), examples, judged),
    )  # fmt: skip
    if not done:
        say("the stage's time is up: call again to go on training")
        return None
    return _finish(network, preset, examples, learned, kept, order, folder, say)


def _device(wanted: str) -> str:
    import torch

    if wanted == "cuda" and not torch.cuda.is_available():
        raise BadInput("there is no CUDA device here", "use --device cpu or auto")
    return "cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu"


def take_over(network: "nn.Module", path: Path, preset: Preset) -> None:
    """Give a network the weights of another of its kind, or of what it was before inputs were added at the ends."""
    import torch
    from safetensors.torch import load_file

    held = read_card(path).architecture.get("network")
    if held != preset.network:
        raise BadInput(f"{path} is a {held}, not a {preset.network}", "choose its preset")
    own = network.state_dict()
    for name, other in load_file(path).items():
        if name not in own or other.ndim != own[name].ndim or any(map(int.__gt__, other.shape, own[name].shape)):
            raise BadInput(f"{path} holds {name} in a form that does not fit", "give weights of this network")
        own[name] = torch.zeros_like(own[name])
        own[name][tuple(slice(length) for length in other.shape)] = other
    network.load_state_dict(own)


def _claim(folder: Path, order: Order, preset: Preset) -> None:
    """Write what is ordered into a folder; raises ``BadInput`` where another training is under way there."""
    ordered = {
        "preset": asdict(preset), "sources": list(order.sources), "seed": order.seed, "minutes": order.minutes,
        "start": None if order.start is None else checksum(order.start),
    }  # fmt: skip
    path = folder / ORDER
    if path.exists():
        held = read_json_file(path, _HINT)
        differing = [name for name in ordered if not isinstance(held, dict) or held.get(name) != ordered[name]]
        if differing:
            raise BadInput(f"{folder} holds a training that differs in {', '.join(differing)}", _HINT)
        return
    write_json_file(path, ordered)


def _batches(
    examples: Examples, learned: np.ndarray, preset: Preset, rng: np.random.Generator, device: str
) -> "Iterator[tuple[Tensor, ...]]":
    """Endless batches of images, features, what is missing of them, grades and reasons.

    Where a preset changes looks, the second half of a batch shows the averages of the first half otherwise.
    """
    import torch

    size = min(preset.batch // 2 if preset.augmented else preset.batch, len(learned))
    while True:
        order = rng.permutation(learned)
        for start in range(0, len(order) - size + 1, size):
            rows = np.sort(order[start : start + size])
            images = torch.from_numpy(examples.frames[rows].astype(np.float32))[:, None]
            features = torch.from_numpy(examples.features[rows])
            missing = torch.from_numpy(examples.missing[rows])
            grade, reasons = torch.from_numpy(examples.grade[rows]), torch.from_numpy(examples.reasons[rows])
            if preset.augmented:
                images, worse = augmented(images.repeat(2, 1, 1, 1), preset.edge_px, rng)
                grade = grade.repeat(2)
                grade = torch.minimum(grade + worse, grade.clamp_min(WORST_GRADE))
                features, missing = (each.repeat(2, 1) for each in told_less(features, missing, rng))
                reasons = reasons.repeat(2, 1)
            yield tuple(each.to(device) for each in (images, features, missing, grade, reasons))


def _loss(preset: Preset) -> "Callable[[nn.Module, tuple[Tensor, ...]], Tensor]":
    """Mean squared error of the grade; ours learns its uncertainty and the known reasons beside it."""
    import torch
    from torch.nn import functional

    def loss(model: "nn.Module", batch: "tuple[Tensor, ...]") -> "Tensor":
        images, features, missing, grade, reasons = batch
        with torch.autocast(images.device.type, torch.bfloat16, enabled=preset.half):
            said = Output(*(each.float() for each in model(images, features, missing)))
        errors = said.grade - grade
        squares = errors**2
        decay = 0.5 * preset.weight_decay * sum((each**2).sum() for each in model.parameters())
        total = squares.mean() + decay
        if preset.augmented:
            first, second = errors.chunk(2)
            total = total + _PARTED * ((first - second) ** 2).mean()
        if preset.network == "cryosift":
            return total
        unsure = 0.5 * (said.log_variance + squares.detach() * torch.exp(-said.log_variance))
        known = torch.isfinite(reasons)
        named = functional.binary_cross_entropy_with_logits(
            said.reasons, torch.nan_to_num(reasons), weight=known.float(), reduction="sum"
        )
        return total + _SPREAD * unsure.mean() + _REASONS * named / known.sum().clamp_min(1)

    return loss


def _measure(model: "nn.Module", preset: Preset, examples: Examples, rows: np.ndarray) -> dict[str, float]:
    model.eval()
    said = _predicted(model, preset, examples, rows)
    return {f"{name}_kept_out": value for name, value in grade_accuracy(examples.grade[rows], said.grade).items()}


def _predicted(model: "nn.Module", preset: Preset, examples: Examples, rows: np.ndarray) -> Predicted:
    """What a network says of examples without their margin, in the order of ``rows``."""
    edge, shown = examples.frames.shape[-1], preset.edge_px
    start = edge // 2 - shown // 2
    frames = examples.frames[rows][:, start : start + shown, start : start + shown].astype(np.float32)
    return predict(model, preset, frames, examples.features[rows], examples.missing[rows])


def _finish(
    network: "nn.Module",
    preset: Preset,
    examples: Examples,
    learned: np.ndarray,
    kept: np.ndarray,
    order: Order,
    folder: Path,
    say: Callable[[str], None],
) -> Path:
    """Judge, calibrate, and write weights, card and report."""
    network.eval()
    judged = np.sort(kept if len(kept) else learned)
    said = _predicted(network, preset, examples, judged)
    errors = said.grade - examples.grade[judged]
    spread = float(np.sqrt(np.mean((errors / said.spread) ** 2)))
    where = "kept_out_structures" if len(kept) else "what_was_learned_from"
    accuracy = {f"{k}_{where}": v for k, v in grade_accuracy(examples.grade[judged], said.grade).items()}
    seen = np.sort(np.random.default_rng(order.seed).permutation(learned)[:_SEEN])
    domain = domain_table(_predicted(network, preset, examples, seen).inside, said.inside)
    limits = [
        f"Learned from {len(learned)} averages of {len(np.unique(examples.structure[learned]))} structures or jobs."
    ]
    if not len(kept):
        limits.append("Nothing was kept out: how good it is on other structures is not known.")
    about: dict[str, Any] = {
        "recipe": order.preset, "data": ", ".join(Path(each).name for each in order.sources), "seed": order.seed,
        "code_version": __version__, "accuracy": {k: v for k, v in accuracy.items() if np.isfinite(v)},
        "limits": tuple(limits), "settings": {"spread": spread}, "tables": {"domain": domain},
    }  # fmt: skip
    path = folder / WEIGHTS
    save_grader(network, preset, path, **about)
    card: ModelCard = read_card(path)
    settings = {"preset": order.preset, "steps": steps_done(folder / "training"), "seed": order.seed}
    logs = {"Training": folder / "training" / "log.jsonl"}
    measured = ("spearman_kept_out", "Spearman’s ρ")
    report = write_training(folder / "report.html", card, logs, settings, measured=measured)
    say(f"weights written to {path}; report: {report}")
    return path
