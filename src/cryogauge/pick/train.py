"""One door to training a picker: what it learns from, what is kept out, what comes of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cryogauge import __version__
from cryogauge.io.json_file import write_json_file
from cryogauge.learn.training_page import write_training
from cryogauge.pick.challenge.metric import ChallengeScore, score_picks
from cryogauge.pick.challenge.rules import Rules
from cryogauge.pick.labelled import LabelledSet, LabelledSource, read_labelled
from cryogauge.pick.masks import load_masks
from cryogauge.pick.model import Picker, load_picker, picker_card, save_picker
from cryogauge.pick.predict import picks_of, probability_map
from cryogauge.pick.presets import find_preset
from cryogauge.pick.thresholds import above, tune_thresholds
from cryogauge.pick.training import train_network
from cryogauge.records import BadInput
from cryogauge.report import Block

if TYPE_CHECKING:
    from torch import nn

    from cryogauge.pick.presets import Preset

#: One tomogram in so many is kept out of training, to choose the thresholds on; none of fewer than three.
KEEP_OUT = 7
WEIGHTS = "picker.safetensors"


@dataclass(frozen=True)
class Order:
    """What to train.

    Attributes
    ----------
    source
        What is learned from.
    preset
        Name of the preset.
    minutes, steps
        How long: one of the two.
    start
        Weights of a picker of the same preset and kinds to go on from.
    maps
        Folder of maps named as the kinds, to paint particles by their shapes; by spheres without.
    kept_out
        Runs that are not learned from; chosen at random by default.
    seed
        Of the choice, the start and the patches.
    device
        ``cpu``, ``cuda``, or ``auto`` for the second where there is one.
    """

    source: LabelledSource
    preset: str = "fast"
    minutes: float | None = 60.0
    steps: int | None = None
    start: Path | None = None
    maps: Path | None = None
    kept_out: tuple[str, ...] = ()
    seed: int = 0
    device: str = "auto"


def train_picker(
    order: Order, folder: Path, *, stage_minutes: float = 55.0, say: Callable[[str], None] = print
) -> Path | None:
    """Train a picker, or a stage of it.

    Writes ``picker.safetensors`` with its card, ``kept_out_picks.csv``, ``report.html`` and, for the next stage,
    checkpoints and grey values.

    Returns
    -------
    Path of the weights, or None when another stage is needed.

    Raises
    ------
    BadInput
        When data, preset, maps or weights cannot be used.
    """
    import torch

    if order.device == "cuda" and not torch.cuda.is_available():
        raise BadInput("there is no CUDA device here", "use --device cpu or auto")
    device = "cuda" if order.device != "cpu" and torch.cuda.is_available() else "cpu"
    preset = find_preset(order.preset)
    if order.maps is not None:
        if preset.target == "peaks":
            raise BadInput(f"{order.preset} learns peaks, not shapes", "leave --maps out, or choose deepfindet")
        preset = replace(preset, target="shapes")
    labelled = read_labelled(order.source, folder / "grey", on_read=lambda name: say(f"read {name}"))
    learned, kept = _split(labelled, order)
    say(_counted(labelled, learned, kept))
    start = None if order.start is None else _start(order.start, preset, labelled, device)
    masks = None if order.maps is None else load_masks(order.maps, labelled.objects, labelled.voxel_size_A)
    network = train_network(
        [each for each in labelled.tomograms if each.name in learned], labelled.objects, labelled.voxel_size_A, preset,
        folder / "training", minutes=order.minutes, steps=order.steps, seed=order.seed,
        start=None if start is None else start.networks[0], masks=masks, stage_minutes=stage_minutes, device=device,
        say=say,
    )  # fmt: skip
    if network is None:
        say("the stage's time is up: call again to go on training")
        return None
    thresholds = dict(start.thresholds) if start is not None else {}
    score = None
    if kept:
        say(f"choosing thresholds on {', '.join(kept)}")
        picks = _found(network, labelled, preset, kept)
        truth = labelled.picks[labelled.picks["tomogram"].isin(kept)]
        rules = Rules(labelled.objects)
        thresholds |= tune_thresholds(truth, picks, rules)
        picks = above(picks, thresholds)
        score = score_picks(truth, picks, rules)
        picks.to_csv(folder / "kept_out_picks.csv", index=False)
    return _write(order, folder, network, preset, labelled, learned, kept, thresholds, score, say)


def _split(labelled: LabelledSet, order: Order) -> tuple[list[str], list[str]]:
    """Names of the tomograms to learn from, and of those kept out."""
    names = [each.name for each in labelled.tomograms]
    unknown = [name for name in order.kept_out if name not in names]
    if unknown:
        raise BadInput(f"no labelled tomogram is called {unknown[0]}", f"they are {', '.join(names)}")
    kept = list(order.kept_out)
    if not kept and len(names) >= 3:
        count = max(1, round(len(names) / KEEP_OUT))
        chosen = np.random.default_rng(order.seed).choice(len(names), count, replace=False)
        kept = [names[i] for i in sorted(chosen)]
    learned = [name for name in names if name not in kept]
    if not learned:
        raise BadInput("every tomogram is kept out: none is left to learn from", "keep fewer out")
    return learned, kept


def _counted(labelled: LabelledSet, learned: Sequence[str], kept: Sequence[str]) -> str:
    counts = labelled.picks[labelled.picks["tomogram"].isin(learned)]["object"].value_counts()
    kinds = ", ".join(f"{int(counts.get(each.name, 0))} {each.name}" for each in labelled.objects)
    lacking = [each.name for each in labelled.objects if each.name not in counts]
    told = f"learning from {len(learned)} tomograms ({kinds}); {len(kept)} kept out"
    return told if not lacking else f"{told}. No particle of {', '.join(lacking)} to learn from"


def _start(path: Path, preset: "Preset", labelled: LabelledSet, device: str) -> Picker:
    start = load_picker([path], device)
    if (start.preset.network, start.preset.target == "peaks") != (preset.network, preset.target == "peaks"):
        raise BadInput(f"{path} is a {start.preset.network.name}, not a {preset.network.name}", "choose its preset")
    if [each.name for each in start.objects] != [each.name for each in labelled.objects]:
        raise BadInput(
            f"{path} knows {', '.join(each.name for each in start.objects)}; these are "
            f"{', '.join(each.name for each in labelled.objects)}",
            "go on from weights of the same kinds in the same order",
        )
    start.check_voxel_size(labelled.voxel_size_A)
    return start


def _found(network: "nn.Module", labelled: LabelledSet, preset: "Preset", names: Sequence[str]) -> pd.DataFrame:
    parts = []
    for each in labelled.tomograms:
        if each.name in names:
            map_ = probability_map([network], each.data, preset)
            parts.append(picks_of(map_, labelled.objects, labelled.voxel_size_A, preset, each.name))
    return pd.concat(parts, ignore_index=True)


def _write(
    order: Order,
    folder: Path,
    network: "nn.Module",
    preset: "Preset",
    labelled: LabelledSet,
    learned: Sequence[str],
    kept: Sequence[str],
    thresholds: dict[str, float],
    score: ChallengeScore | None,
    say: Callable[[str], None],
) -> Path:
    limits = [f"Learned from {len(learned)} tomograms at {labelled.voxel_size_A:g} Å of type {labelled.kind}."]
    accuracy = {}
    blocks = []
    if score is None:
        limits.append("No tomogram was kept out: nothing is known of its accuracy, and its thresholds are not chosen.")
    else:
        limits.append("Its thresholds were chosen on the tomograms that its accuracy was measured on.")
        accuracy = {"weighted_f4_kept_out_thresholds_chosen_on_it": score.score}
        shown = score.objects[["object", "references", "candidates", "tp", "precision", "recall", "f_beta"]]
        blocks.append(Block("Kinds", f"On {', '.join(kept)}, kept out of training.", table=shown))
    card = picker_card(
        preset, labelled.objects, labelled.voxel_size_A, thresholds, recipe=order.preset,
        data=f"{len(learned)} tomograms of {Path(order.source.config).name}", seed=order.seed,
        code_version=__version__, accuracy=accuracy, limits=tuple(limits),
    )  # fmt: skip
    path = folder / WEIGHTS
    save_picker(network, card, path)
    settings = {"preset": order.preset, "learned from": ", ".join(learned), "kept out": ", ".join(kept) or "none"}
    write_json_file(folder / "split.json", {"learned": list(learned), "kept_out": list(kept)})
    logs = {"Training": folder / "training" / "log.jsonl"}
    report = write_training(folder / "report.html", card, logs, settings, measured=("weighted_f4", "F4"), blocks=blocks)
    say(f"weights written to {path}; report: {report}")
    return path
