"""New weights of ``compact`` from labels: prepare, find out how long to learn, learn from all of it, calibrate."""

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from cryogauge import __version__
from cryogauge.imaging.threads import thread_count
from cryogauge.learn.training import Schedule, fit
from cryogauge.learn.training_page import read_log, write_training
from cryogauge.learn.weights import ModelCard, checksum, load_weights, read_card, save_weights
from cryogauge.records import BadInput
from cryogauge.score import finetune
from cryogauge.score.examples import Example
from cryogauge.score.examples import batches as simulated_batches
from cryogauge.score.labelled import LabelledTomogram, prepare, read_prepared
from cryogauge.score.network import compact
from cryogauge.score.training import ONLY_SIMULATED

if TYPE_CHECKING:
    from torch import nn

#: Steps of two batches each; how often one looks at the tomograms kept out; and the rate.
SCHEDULE = Schedule(steps=200, learning_rate=1e-3, warm_up=0.1, weight_decay=0.0, averaging=0.97)
REPORT_EVERY, SEED = 20, 1
#: How often some tomograms are kept out.
FOLDS = 4
#: Batches of a step: one thread each, the same number on every machine.
_BATCHES = 2
#: Steps where there is but one tomogram and nothing tells when to stop.
_BLIND_STEPS = 40
#: Slices of a simulated batch beside the labels.
_SIMULATED = 4
LIMIT = (
    "Trained on from labels of {slices} slices of {tomograms} tomograms: best for specimens and imaging like theirs."
)


def train_on_labels(
    tomograms: Sequence[LabelledTomogram],
    start: Path,
    folder: Path,
    *,
    simulated: list[Example] | None = None,
    schedule: Schedule = SCHEDULE,
    stage_minutes: float = 55.0,
    say: Callable[[str], None] = print,
) -> Path | None:
    """Fine-tune ``compact`` on people's labels, or go on with it.

    Every tomogram is kept out once, some at a time: this tells after how many steps it is best to stop, and how well
    calibrated the result is. The weights then learn from all tomograms for so many steps.

    Parameters
    ----------
    tomograms
        The labels.
    start
        Weights to go on from, with their card.
    folder
        Where prepared slices, checkpoints, ``compact.safetensors``, its card and ``report.html`` are kept.
    simulated
        Examples to learn from beside the labels; none by default.
    schedule
        Steps and rate at most.
    stage_minutes
        Stop after about this long; call again to go on.
    say
        Told what is going on, a line at a time.

    Returns
    -------
    pathlib.Path or None
        The weights, or None when another stage is needed.

    Raises
    ------
    BadInput
        When the weights are not those of ``compact``, or a labelled tomogram cannot be read.
    """
    started = time.monotonic()
    card, network = load_start(start)
    paths = prepare(tomograms, folder / "slices", say=say)
    say("looking at the labelled slices with the starting weights")
    materials = list(_gathered(network, card, tomograms, paths))
    identity = [checksum(start), *map(str, paths), *(str(t.score.tolist()) for t in tomograms), simulated is None]
    training = folder / f"training-{hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:12]}"

    def learn(name: str, places: Sequence[int], out: Sequence[int], stop_after: int | None) -> "Any | None":
        """A network that learned from some of the tomograms, or None when the time is up."""
        model = finetune.learning_part(load_start(start)[1])
        moving = {name: p.detach().clone() for name, p in model.named_parameters() if p.requires_grad}
        kept = [materials[i] for i in out]
        left = stage_minutes - (time.monotonic() - started) / 60.0
        done = fit(
            model,
            _batches([materials[i] for i in places], simulated),
            partial(finetune.label_loss, moving),
            schedule,
            training / name,
            stage_minutes=left,
            report_every=min(REPORT_EVERY, schedule.steps),
            threads=_BATCHES,
            measure=lambda averaged: (
                finetune.measured([finetune.judged(averaged, one) for one in kept]) if kept else {}
            ),
            stop_after=stop_after,
        )
        return model if done else None

    folds = _folds(tomograms)
    before, after = (list[finetune.Found](), list[finetune.Found]())
    curves = []
    for number, (inside, out) in enumerate(folds):
        say(f"learning from {len(inside)} tomograms, {len(out)} kept out")
        model = learn(f"fold-{number}", inside, out, None)
        if model is None:
            return _another_stage(say)
        untaught = [finetune.judged(finetune.learning_part(network), materials[i]) for i in out]
        curves.append(read_log(training / f"fold-{number}" / "log.jsonl"))
        curves[-1].loc[-1] = {"step": 0, **finetune.measured(untaught)}
        before += untaught
        after += [finetune.judged(model, materials[i]) for i in out]
    steps = _best_steps(curves) if curves else min(_BLIND_STEPS, schedule.steps)
    say(f"learning from all {len(tomograms)} tomograms for {steps} steps")
    model = learn("all", range(len(tomograms)), (), steps) if steps else finetune.learning_part(network)
    if model is None:
        return _another_stage(say)
    slices = sum(len(one.z) for one in tomograms)
    taught = replace(
        card,
        recipe="labels" if simulated is None else "labels and simulation",
        data=f"{slices} labelled slices of {len(tomograms)} tomograms, from weights {checksum(start)} ({card.data})",
        seed=SEED,
        code_version=__version__,
        limits=(
            LIMIT.format(slices=slices, tomograms=len(tomograms)),
            *(limit for limit in card.limits if limit != ONLY_SIMULATED),
        ),
    )
    taught = replace(taught, accuracy={f"start_{name}": value for name, value in card.accuracy.items()})
    if after:
        measured = {"before": finetune.measured(before), "after": finetune.measured(after)}
        own = {f"labelled_{when}_{name}": value for when, each in measured.items() for name, value in each.items()}
        taught = replace(
            taught,
            accuracy=own | taught.accuracy,
            tables={**card.tables, "calibration": finetune.recalibrated(card, after if steps else before)},
            settings={**card.settings, **finetune.uncertainty_settings(card, after if steps else before)},
        )
    path = folder / "compact.safetensors"
    save_weights(model.get_submodule("network"), taught, path)
    logs = {
        f"Tomograms kept out, {k + 1} of {len(folds)}": training / f"fold-{k}" / "log.jsonl" for k in range(len(folds))
    }
    settings = {"preset": "default", "start": str(start), "steps": steps, "labelled slices": slices}
    write_training(folder / "report.html", taught, logs, settings)
    say(f"weights written to {path}; report: {folder / 'report.html'}")
    return path


def _another_stage(say: Callable[[str], None]) -> None:
    say("the stage's time is up: call again to go on training")


def load_start(path: Path) -> "tuple[ModelCard, nn.Module]":
    """The card and the network of ``compact``'s weights; raises ``BadInput`` for those of another."""
    card = read_card(path)
    if card.name != "compact":
        raise BadInput(f"{path} holds weights of {card.name}", "labels teach compact further; give weights of compact")
    network = compact(**card.architecture)
    load_weights(network, path)
    return card, network.eval()


def _gathered(
    network: "nn.Module", card: ModelCard, tomograms: Sequence[LabelledTomogram], paths: Sequence[Path]
) -> Iterator[finetune.Material]:
    """The material of every tomogram, several at a time on single-threaded kernels."""
    from concurrent.futures import ThreadPoolExecutor

    import torch

    torch.set_num_threads(1)
    with ThreadPoolExecutor(thread_count()) as pool:
        yield from pool.map(
            lambda pair: finetune.gather(network, card, pair[0], read_prepared(pair[1])),
            zip(tomograms, paths, strict=True),
        )


def _folds(tomograms: Sequence[LabelledTomogram]) -> list[tuple[list[int], list[int]]]:
    """Who learns and who is kept out: every tomogram is kept out once, at most :data:`FOLDS` times some; none of one.

    A few tomograms kept out once would say more of themselves than of how long to learn. Along the order of their
    mean scores they are dealt out in turn, so that each fold holds good and poor ones.
    """
    count = len(tomograms)
    if count < 2:
        return []
    order = sorted(range(count), key=lambda i: (float(tomograms[i].score.mean()), tomograms[i].uri))
    folds = min(FOLDS, count)
    return [([i for i in order if i not in out], out) for out in (order[first::folds] for first in range(folds))]


def _batches(materials: Sequence[finetune.Material], simulated: list[Example] | None) -> Iterator[dict[str, Any]]:
    """Labelled batches, each with a simulated one where there are examples."""
    labelled = finetune.batches(materials, SEED)
    if simulated is None:
        yield from labelled
        return
    for batch, other in zip(labelled, simulated_batches(simulated, _SIMULATED, SEED), strict=False):
        yield {**batch, "simulated": other}


def _best_steps(curves: Sequence[pd.DataFrame]) -> int:
    """The number of steps with the least error and the most likeness together, mean over the folds."""
    mean = pd.concat(curves).groupby("step")[["pearson_mean", "abs_error_mean"]].mean()
    miss = mean["abs_error_mean"] + finetune.LIKENESS * (1.0 - mean["pearson_mean"].fillna(0.0))
    return int(mean.index.to_numpy()[miss.to_numpy().argmin()])
