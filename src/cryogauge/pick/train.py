"""One door to training a picker: what it learns from, what is kept out, what comes of it."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cryogauge import __version__
from cryogauge.learn.training import steps_done
from cryogauge.learn.training_page import write_training
from cryogauge.learn.weights import ModelCard
from cryogauge.pick.audit.agreement import agreement
from cryogauge.pick.audit.look import look
from cryogauge.pick.challenge.metric import ChallengeScore, score_picks
from cryogauge.pick.challenge.rules import Rules
from cryogauge.pick.labelled import LabelledSet, LabelledSource, read_labelled
from cryogauge.pick.masks import load_masks
from cryogauge.pick.model import Picker, load_picker, picker_card, save_picker
from cryogauge.pick.order import Split, claim_folder, digest_of_masks, digest_of_picks
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
        A preset or its name; :func:`cryogauge.pick.presets.varied` changes one.
    minutes, steps
        How long: one of the two.
    start
        Weights of a picker of the same preset and kinds to go on from.
    maps
        Folder of maps named as the kinds, to paint particles by their shapes; by spheres without.
    kept_out
        Runs that are not learned from; by default chosen at random among those that hold the most kinds.
    seed
        Of the choice, the start and the patches.
    device
        ``cpu``, ``cuda``, or ``auto`` for the second where there is one.
    clean
        Labels that are trusted, in other runs: thresholds are chosen on them, and an upper level judges by them.
    """

    source: LabelledSource
    preset: "str | Preset" = "fast"
    minutes: float | None = 60.0
    steps: int | None = None
    start: Path | None = None
    maps: Path | None = None
    kept_out: tuple[str, ...] = ()
    seed: int = 0
    device: str = "auto"
    clean: LabelledSource | None = None


@dataclass(frozen=True)
class _Training:
    """A training that nothing stands in the way of."""

    order: Order
    preset: "Preset"
    labelled: LabelledSet
    rules: Rules
    learned: list[str]
    kept: list[str]
    judged: LabelledSet


def train_picker(
    order: Order, folder: Path, *, stage_minutes: float = 55.0, say: Callable[[str], None] = print
) -> Path | None:
    """Train a picker, or a stage of it.

    Writes ``picker.safetensors`` with its card, ``kept_out_picks.csv``, ``report.html``, ``order.json`` (what was
    ordered, learned from and kept out) and, for the next stage, checkpoints and grey values.

    Returns
    -------
    Path of the weights, or None when another stage is needed.

    Raises
    ------
    BadInput
        When data, preset, maps or weights cannot be used, or the folder holds another training.
    """
    import torch

    if order.device == "cuda" and not torch.cuda.is_available():
        raise BadInput("there is no CUDA device here", "use --device cpu or auto")
    device = "cuda" if order.device != "cpu" and torch.cuda.is_available() else "cpu"
    preset = find_preset(order.preset) if isinstance(order.preset, str) else order.preset
    if order.maps is not None:
        if preset.target == "peaks":
            raise BadInput(f"{preset.network.name} learns peaks, not shapes", "leave --maps out, or choose deepfindet")
        preset = replace(preset, target="shapes")
    if order.clean is None and preset.robust is not None:
        raise BadInput(*_NEEDS_CLEAN)
    source = order.source if order.clean is None else _apart(order.source, order.clean)
    labelled = read_labelled(source, folder / "grey", on_read=lambda name: say(f"read {name}"))
    clean = None if order.clean is None else _clean(order, labelled, folder, say)
    start = None if order.start is None else _start(order.start, preset, labelled, device)
    masks = None if order.maps is None else _masks(order.maps, labelled)
    rules = _rules(labelled)
    learned, kept = claim_folder(
        folder, _ordered(order, preset, labelled, clean, start, masks), steps_done(folder / "training") > 0,
        lambda: _split(labelled, clean, order),
    )  # fmt: skip
    training = _Training(order, preset, labelled, rules, learned, kept, clean or labelled)
    say(_counted(labelled, learned, kept, "clean" if clean else "kept out"))
    network = train_network(
        [each for each in labelled.tomograms if each.name in learned], labelled.objects, labelled.voxel_size_A, preset,
        folder / "training", minutes=order.minutes, steps=order.steps, seed=order.seed,
        start=None if start is None else start.networks[0], masks=masks,
        clean=() if clean is None or preset.robust is None else clean.tomograms, stage_minutes=stage_minutes,
        device=device, say=say,
    )  # fmt: skip
    if network is None:
        say("the stage's time is up: call again to go on training")
        return None
    path = folder / WEIGHTS
    thresholds = dict(start.thresholds) if start is not None else {}
    score = None
    save_picker(network, _card(training, thresholds, score), path)  # whatever becomes of what follows
    if kept:
        say(f"choosing thresholds on {', '.join(kept)}")
        picks, evidence = _found(network, training.judged, preset, kept)
        truth = training.judged.picks[training.judged.picks["tomogram"].isin(kept)]
        thresholds |= tune_thresholds(truth, picks, rules)
        picks = above(picks, thresholds)
        score = score_picks(truth, picks, rules)
        agree = agreement(evidence, labelled.objects)
        unseen = agree.loc[~agree["agree"].astype(bool), "object"]
        if len(unseen):
            say(
                f"it sees labels of {', '.join(unseen)} that it has not learned no higher than random places: either "
                "it learned for too short a time, or the labels that it learned from are wrong"
            )
        picks.to_csv(folder / "kept_out_picks.csv", index=False)
    card = _card(training, thresholds, score)
    save_picker(network, card, path)
    uncut = [each.name for each in labelled.objects if each.name not in thresholds]
    if uncut:
        say(f"no threshold was chosen for {', '.join(uncut)}: all of their picks will be kept")
    say(f"weights written to {path}; report: {_write_report(training, card, score, folder)}")
    return path


_NEEDS_CLEAN = ("this preset learns from a clean set how to correct and weight labels", "name its runs by --clean")


def _apart(source: LabelledSource, clean: LabelledSource) -> LabelledSource:
    """The source without the clean runs; raises ``BadInput`` where it names one."""
    if not clean.runs:
        raise BadInput("the clean set names no run", "name those whose labels are trusted by --clean")
    both = sorted({*source.runs} & {*clean.runs})
    if both:
        raise BadInput(
            f"{both[0]} is both learned from and clean: the upper level would learn to trust what was memorised",
            "name it once",
        )
    return replace(source, without=(*source.without, *clean.runs))


def _clean(order: Order, labelled: LabelledSet, folder: Path, say: Callable[[str], None]) -> LabelledSet:
    """The clean set with the kinds of the noisy one; raises ``BadInput`` where it cannot judge them."""
    assert order.clean is not None
    if order.kept_out:
        raise BadInput("thresholds are chosen on the clean set: no run is kept out beside it", "leave --keep-out away")
    names = tuple(each.name for each in labelled.objects)
    source = replace(order.clean, kind=labelled.kind, voxel_size_A=labelled.voxel_size_A, objects=names)
    clean = read_labelled(source, folder / "grey", on_read=lambda name: say(f"read {name}, which is clean"))
    counts = clean.picks["object"].value_counts()
    lacking = [name for name in names if name not in counts]
    if lacking:
        say(f"the clean set holds no {', '.join(lacking)}: what is learned of them follows from the noisy labels alone")
    return clean


def _masks(folder: Path, labelled: LabelledSet) -> dict[int, np.ndarray]:
    """Shapes of the kinds; raises ``BadInput`` where one cannot be turned as its particle lies."""
    unknown = [each.name for each in labelled.tomograms if each.rotations is None]
    if unknown:
        raise BadInput(
            f"shapes need the particles' angles, which the picks of {unknown[0]} do not tell",
            "learn from spheres: leave --maps out",
        )
    return load_masks(folder, labelled.objects, labelled.voxel_size_A)


def _rules(labelled: LabelledSet) -> Rules:
    """What thresholds are chosen by; where no kind has a weight, as when that of weight 0 is learned alone, all do."""
    if any(each.weight for each in labelled.objects):
        return Rules(labelled.objects)
    return Rules(tuple(replace(each, weight=1.0) for each in labelled.objects))


def _ordered(
    order: Order,
    preset: "Preset",
    labelled: LabelledSet,
    clean: LabelledSet | None,
    start: Picker | None,
    masks: dict[int, np.ndarray] | None,
) -> dict[str, Any]:
    """All that a training depends on, by its name in words."""
    trusted = {} if clean is None else {
        "clean tomograms": clean.contents, "clean picks": digest_of_picks(clean.picks),
    }  # fmt: skip
    return trusted | {
        "preset": asdict(preset),
        "objects": [asdict(each) for each in labelled.objects],
        "runs": [each.name for each in labelled.tomograms],
        "runs to keep out": sorted(order.kept_out),
        "seed": order.seed,
        "weights to start from": None if start is None else start.checksums[0],
        "maps": None if masks is None else digest_of_masks(masks),
        "minutes": order.minutes,
        "steps": order.steps,
        "user": order.source.user,
        "session": order.source.session,
        "type of the tomograms": labelled.kind,
        "voxel size": labelled.voxel_size_A,
        "tomograms": labelled.contents,
        "picks": digest_of_picks(labelled.picks),
    }


def _split(labelled: LabelledSet, clean: LabelledSet | None, order: Order) -> Split:
    """Names of the tomograms to learn from, and of those kept out: the clean ones, where there are some."""
    names = [each.name for each in labelled.tomograms]
    if clean is not None:
        return names, [each.name for each in clean.tomograms]
    unknown = [name for name in order.kept_out if name not in names]
    if unknown:
        raise BadInput(f"no labelled tomogram is called {unknown[0]}", f"they are {', '.join(names)}")
    kept = sorted(set(order.kept_out))
    if not kept and len(names) >= 3:
        kept = _drawn(labelled, names, order.seed)
    learned = [name for name in names if name not in kept]
    if not learned:
        raise BadInput("every tomogram is kept out: none is left to learn from", "keep fewer out")
    return learned, kept


def _drawn(labelled: LabelledSet, names: Sequence[str], seed: int) -> list[str]:
    """Tomograms to keep out: at random, but so that they hold many kinds and leave each kind some to learn from."""
    has = pd.crosstab(labelled.picks["tomogram"], labelled.picks["object"]).loc[list(names)].to_numpy() > 0
    shuffled = np.random.default_rng(seed).permutation(len(names))
    kept = np.zeros(len(names), dtype=bool)
    for _ in range(max(1, round(len(names) / KEEP_OUT))):
        lost = (has & (has[~kept].sum(axis=0) == 1)).sum(axis=1)
        new = (has & ~has[kept].any(axis=0)).sum(axis=1)
        left = shuffled[~kept[shuffled]]
        kept[left[np.lexsort((-new[left], lost[left]))[0]]] = True
    return [name for name, out in zip(names, kept, strict=True) if out]


def _counted(labelled: LabelledSet, learned: Sequence[str], kept: Sequence[str], called: str) -> str:
    counts = labelled.picks[labelled.picks["tomogram"].isin(learned)]["object"].value_counts()
    kinds = ", ".join(f"{int(counts.get(each.name, 0))} {each.name}" for each in labelled.objects)
    lacking = [each.name for each in labelled.objects if each.name not in counts]
    told = f"learning from {len(learned)} tomograms ({kinds}); {len(kept)} {called}"
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


def _found(
    network: "nn.Module", labelled: LabelledSet, preset: "Preset", names: Sequence[str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Picks in some of the tomograms, and what the network says at their labels."""
    picks, evidence = [], []
    for each in labelled.tomograms:
        if each.name in names:
            map_ = probability_map([network], each.data, preset)
            how = (labelled.objects, labelled.voxel_size_A, preset, each.name)
            picks.append(picks_of(map_, *how))
            evidence.append(look(map_, labelled.picks, *how))
    return pd.concat(picks, ignore_index=True), pd.concat(evidence, ignore_index=True)


def _card(training: _Training, thresholds: dict[str, float], score: ChallengeScore | None) -> ModelCard:
    order, labelled = training.order, training.labelled
    learned = len(training.learned)
    limits = [f"Learned from {learned} tomograms at {labelled.voxel_size_A:g} Å of type {labelled.kind}."]
    accuracy = {}
    if score is not None:
        limits.append("Its thresholds were chosen on the tomograms that its accuracy was measured on.")
        if training.preset.robust is not None:
            limits.append("By these the correction and weighting of labels were learned too.")
        accuracy = {"weighted_f4_kept_out_thresholds_chosen_on_it": score.score}
    elif training.kept:
        limits.append("It was not judged yet: nothing is known of its accuracy, and its thresholds are not chosen.")
    else:
        limits.append("No tomogram was kept out: nothing is known of its accuracy, and its thresholds are not chosen.")
    return picker_card(
        training.preset, labelled.objects, labelled.voxel_size_A, thresholds, recipe=training.preset.network.name,
        data=f"{learned} tomograms of {Path(order.source.config).name}", seed=order.seed,
        code_version=__version__, accuracy=accuracy, limits=tuple(limits),
    )  # fmt: skip


def _write_report(training: _Training, card: ModelCard, score: ChallengeScore | None, folder: Path) -> Path:
    kept = ", ".join(training.kept)
    blocks = []
    if score is not None:
        shown = score.objects[["object", "references", "candidates", "tp", "precision", "recall", "f_beta"]]
        clean = training.order.clean is not None
        blocks.append(
            Block("Kinds", f"On {kept}, {'the clean set' if clean else 'kept out of training'}.", table=shown)
        )
    settings = {
        "preset": training.preset.network.name, "learned from": ", ".join(training.learned), "kept out": kept or "none",
    }  # fmt: skip
    logs = {"Training": folder / "training" / "log.jsonl"}
    return write_training(folder / "report.html", card, logs, settings, measured=("weighted_f4", "F4"), blocks=blocks)
