"""Making the shipped weights: simulate, train in stages, calibrate on tomograms kept out of training."""

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cryogauge import __version__
from cryogauge.imaging.threads import thread_count
from cryogauge.jobs import Ledger, LedgerKey, run_batch
from cryogauge.learn.training import Schedule, fit
from cryogauge.learn.training_page import write_training
from cryogauge.learn.weights import ModelCard, save_weights
from cryogauge.records import BadInput, CryogaugeError, Volume
from cryogauge.score import domain
from cryogauge.score.examples import ALIKE, Example, batches, make_example, read_examples, write_example
from cryogauge.score.network import CONTEXT, ERROR, QUALITY, STRUCTURE, compact, folded
from cryogauge.score.quality import tile_predictions
from cryogauge.score.tiles import calibrated, scores_of_tiles, slice_errors
from cryogauge.simulate.dataset import DatasetItem, item_key
from cryogauge.simulate.oracle import PERCENTILE
from cryogauge.simulate.recipe import Recipe, read_recipe

if TYPE_CHECKING:
    from torch import Tensor, nn

#: One tomogram in this many is kept out of training, for calibration and the card's accuracy.
KEEP_OUT = 32
#: One training tomogram in this many tells what the training set is like.
DOMAIN_EVERY = 10
BATCH = 12
#: What the copies count beside the labels, and the least part of its quality that a worse copy should lose.
COPIES_WEIGHT, LEAST_LOSS = 0.4, 0.1
SCHEDULE = Schedule(steps=16_000, learning_rate=2e-3)
SEED = 1
ARCHITECTURE = {"slices": len(CONTEXT), "width": 16}

ONLY_SIMULATED = "Trained on simulated tomograms only; no person's label and no real file was used for training."
LIMITS = (
    ONLY_SIMULATED,
    "The score counts pixels: bin a tomogram and its score rises. Compare the feature size in nm.",
    "A volume without empty slices gives the network no noise to refer to; its scores are less certain.",
    "Volumes narrower than 64 pixels or thinner than 9 slices leave the network little context.",
)


def tile_loss(network: "nn.Module", batch: Mapping[str, np.ndarray]) -> "Tensor":
    """Soft cross-entropy of the tiles' quality and structure, the slices' own score, and the size of the error.

    The paper's mean squared error acts on the slice's score; the tiles carry the rest of the signal. The error
    channel learns the scale of a Laplace distribution of the quality's error, and does not disturb the quality.
    Copies (:func:`cryogauge.score.examples.batches`) are held against what they were made of: those that are alike by
    how far they differ, those that are worse by how far they come up to it.
    """
    import torch
    import torch.nn.functional as F

    image = torch.from_numpy(batch["input"]).to(memory_format=torch.channels_last)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = network(image, torch.from_numpy(batch["evidence"]))
    out = out.float()
    copied, change = torch.from_numpy(batch["copied"]), torch.from_numpy(batch["change"])
    labelled = torch.cat([torch.ones(len(out) - len(copied), dtype=torch.bool), change == ALIKE])
    held = _copies_loss(torch.sigmoid(out[:, QUALITY]), torch.from_numpy(batch["structure"]), copied, change)
    out, quality, structure = (
        values[labelled] for values in (out, torch.from_numpy(batch["quality"]), torch.from_numpy(batch["structure"]))
    )
    tiles = F.binary_cross_entropy_with_logits(out[:, QUALITY], quality)
    presence = F.binary_cross_entropy_with_logits(out[:, STRUCTURE], structure)
    guess = torch.sigmoid(out[:, QUALITY])
    slices = guess.new_zeros(())
    full = structure.flatten(1).mean(1) > 0.04
    for q, t, m in zip(guess[full], quality[full], structure[full] > 0.5, strict=True):
        slices = slices + (torch.quantile(q[m], PERCENTILE / 100) - torch.quantile(t[m], PERCENTILE / 100)) ** 2
    empty = guess[~full].flatten(1)
    if len(empty):
        slices = slices + (empty.topk(max(1, empty.shape[1] // 20), dim=1).values.mean(1) ** 2).sum()
    slices = slices / len(out)
    log_scale = out[:, ERROR].clamp(-6, 1)
    error = (guess.detach() - quality).abs() * torch.exp(-log_scale) + log_scale
    return tiles + 0.3 * presence + 2.0 * slices + 0.05 * error.mean() + COPIES_WEIGHT * held


def _copies_loss(guess: "Tensor", structure: "Tensor", copied: "Tensor", change: "Tensor") -> "Tensor":
    """Mean over the copies and over the tiles with structure of what a copy's quality is off by.

    A copy that is worse should lose :data:`LEAST_LOSS` of the quality of what it was made of.
    """
    total, first = guess.new_zeros(()), len(guess) - len(copied)
    for copy, original, mask, what in zip(guess[first:], copied, structure[first:], change, strict=True):
        difference = copy - guess[original]
        if what == ALIKE:
            total = total + difference.abs().mean()
        elif mask.any():
            least = LEAST_LOSS * guess[original].detach()
            total = total + (difference + least).clamp_min(0)[mask > 0.5].mean()
    return total / max(1, len(copied))


def train_compact(
    recipe_path: Path,
    folder: Path,
    *,
    count: int | None = None,
    stage_minutes: float = 55.0,
    schedule: Schedule = SCHEDULE,
    say: Callable[[str], None] = print,
) -> Path | None:
    """Make the weights of ``compact``, or a stage of them.

    Simulates the recipe's tomograms into ``folder/examples`` (those that are there stay), trains in
    ``folder/training`` from the last checkpoint, and when the schedule is done calibrates and writes
    ``folder/compact.safetensors`` and its card. Call it again until it returns the path.

    Parameters
    ----------
    recipe_path
        What to simulate.
    folder
        Where all of it is kept.
    count
        Tomograms, in place of the recipe's number.
    stage_minutes
        Stop after about this long.
    schedule
        Steps and rate.
    say
        Told what is going on, a line at a time.

    Returns
    -------
    pathlib.Path or None
        The weights, or None when another stage is needed.
    """
    started = time.monotonic()
    recipe = read_recipe(recipe_path)
    recipe = recipe if count is None else replace(recipe, count=count)
    if not simulate_examples(recipe, folder / "examples", stage_minutes, say):
        say("the stage's time is up: call again to go on simulating")
        return None
    examples = read_examples(folder / "examples")
    kept_out = examples[::KEEP_OUT]
    training = [example for i, example in enumerate(examples) if i % KEEP_OUT]
    if not training:
        raise BadInput(f"{len(examples)} tomograms are too few to train on", "raise the recipe's count")
    left = stage_minutes - (time.monotonic() - started) / 60.0
    network = train_network(training, folder / "training", schedule, left)
    if network is None:
        say("the stage's time is up: call again to go on training")
        return None
    card = calibrated_card(network, kept_out, training, recipe, recipe_path.name)
    path = folder / "compact.safetensors"
    save_weights(network, card, path)
    log = {"Training": folder / "training" / "log.jsonl"}
    write_training(folder / "report.html", card, log, {"preset": "default", "recipe": recipe_path.name})
    say(f"weights written to {path}; report: {folder / 'report.html'}")
    return path


def simulate_examples(recipe: Recipe, folder: Path, minutes: float, say: Callable[[str], None]) -> bool:
    """Make the examples that are missing, on all cores; False when the time ran out first.

    Raises
    ------
    CryogaugeError
        When one of them cannot be made.
    """
    folder.mkdir(parents=True, exist_ok=True)
    until = time.monotonic() + 60.0 * minutes

    def items() -> Iterator[DatasetItem]:
        for index in range(recipe.count):
            if time.monotonic() > until:
                return
            yield DatasetItem(recipe, index, folder)

    there = made = 0
    with Ledger(folder / "ledger.sqlite") as ledger:
        outcomes = run_batch(
            _make_item, items(), key=item_key, ledger=ledger, artefacts=_example_files, workers=thread_count()
        )
        for outcome in outcomes:
            if outcome.failure is not None:
                raise CryogaugeError(f"example {outcome.item.name}: {outcome.failure.message}", outcome.failure.hint)
            there += 1
            made += outcome.state == "done"
            if outcome.state == "done" and made % 100 == 1:
                say(f"simulated {there} of {recipe.count} tomograms")
    return there == recipe.count


def _make_item(item: DatasetItem, key: LedgerKey) -> dict[str, Any]:
    write_example(make_example(item.recipe, item.index), item.out / f"{item.name}.npz")
    return {}


def _example_files(item: DatasetItem, key: LedgerKey) -> tuple[str, ...]:
    return (f"{item.name}.npz",)


def train_network(examples: list[Example], folder: Path, schedule: Schedule, minutes: float) -> "nn.Module | None":
    """Train from the last checkpoint; the network with its averaged weights, or None when the time ran out."""
    import torch

    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    network = compact(**ARCHITECTURE)
    drawn = prefetched(batches(examples, BATCH, SEED + _restarts(folder)))
    done = fit(network, drawn, tile_loss, schedule, folder, stage_minutes=minutes, threads=thread_count())
    return network if done else None


def _restarts(folder: Path) -> int:
    """How many stages there have been, so that each draws other batches."""
    log = folder / "log.jsonl"
    return len(log.read_text().splitlines()) if log.exists() else 0


def prefetched(items: Iterator[Any], ahead: int = 4) -> Iterator[Any]:
    """The same items, drawn in a thread while the network computes."""
    import queue
    import threading

    waiting: queue.Queue[Any] = queue.Queue(ahead)

    def draw() -> None:
        for item in items:
            waiting.put(item)

    threading.Thread(target=draw, daemon=True).start()
    while True:
        yield waiting.get()


def calibrated_card(
    network: "nn.Module", kept_out: list[Example], training: list[Example], recipe: Recipe, recipe_name: str
) -> ModelCard:
    """The card: accuracy and the uncertainty's scale on tomograms kept out, and what the training set is like."""
    import torch

    ready = folded(network).to(torch.bfloat16)
    volumes, pictures = (predicted(ready, kept_out, single=single) for single in (False, True))
    card = ModelCard(
        name="compact",
        architecture=ARCHITECTURE,
        recipe=recipe_name,
        data=f"{len(training) + len(kept_out)} simulated tomograms, one in {KEEP_OUT} kept out",
        seed=recipe.seed,
        code_version=__version__,
        limits=LIMITS,
        tables={
            "calibration": calibration(volumes, kept_out),
            "picture_calibration": calibration(pictures, kept_out),
            "domain": domain.table(_volumes(training[::DOMAIN_EVERY]), _volumes(kept_out)),
        },
    )
    card = replace(card, settings=uncertainty_settings(volumes, kept_out, card))
    accuracy = {f"kept_out_{k}": v for k, v in evaluate(volumes, kept_out, card).items()}
    accuracy |= {f"kept_out_as_pictures_{k}": v for k, v in evaluate(pictures, kept_out, card, single=True).items()}
    return replace(card, accuracy=accuracy)


def _volumes(examples: list[Example]) -> list[Volume]:
    return [Volume(example.grey, 10.0) for example in examples]  # the voxel size plays no part in what is asked of them


#: A network's tiles for one tomogram: quality, probability of structure and error, each ``(z, y', x')``.
Tiles = tuple[np.ndarray, np.ndarray, np.ndarray]


def predicted(network: "nn.Module", examples: list[Example], *, single: bool = False) -> list[Tiles]:
    """The network's tiles for every slice of the examples; ``single`` takes each slice as a picture."""
    import torch

    torch.set_num_threads(1)
    with ThreadPoolExecutor(thread_count()) as pool:
        return list(pool.map(lambda example: tile_predictions(network, example, single=single), examples))


def calibration(tiles: list[Tiles], examples: list[Example], *, knots: int = 17) -> dict[str, list[float]]:
    """Where the network's slice scores and the oracle's have the same rank: quantile against quantile.

    Least squares would be closer on average and keep to the middle of the scale; a ranking of tomograms wants the
    whole of it.
    """
    found = np.concatenate([scores_of_tiles(quality, presence) for quality, presence, _ in tiles])
    truth = np.concatenate([example.score for example in examples])
    level = np.linspace(0.0, 1.0, knots)
    network_at, oracle_at = np.quantile(found, level), np.quantile(truth, level)
    network_at, first = np.unique(np.concatenate([[0.0], network_at, [1.0]]), return_index=True)
    oracle_at = np.maximum.accumulate(np.concatenate([[0.0], oracle_at, [1.0]]))[first]
    return {"network": network_at.tolist(), "oracle": oracle_at.tolist()}


def uncertainty_settings(tiles: list[Tiles], examples: list[Example], card: ModelCard) -> dict[str, float]:
    """Scale and floor that make the error channel the half width of a 90 % interval."""
    errors, expected = [], []
    for (quality, presence, error), example in zip(tiles, examples, strict=True):
        errors.append(np.abs(scores_of_tiles(calibrated(quality, card), presence) - example.score))
        expected.append(slice_errors(error, presence))
    error, scale = np.concatenate(errors), np.concatenate(expected)
    floor = 0.02
    ratio = float(np.quantile(np.maximum(error - floor, 0) / scale, 0.9))
    return {"uncertainty_scale": ratio, "uncertainty_floor": floor}


def evaluate(tiles: list[Tiles], examples: list[Example], card: ModelCard, *, single: bool = False) -> dict[str, float]:
    """Mean Pearson r a tomogram, mean absolute error, and the part of the empty slices below 0.1."""
    rows, errors, empty = [], [], []
    for (quality, presence, _), example in zip(tiles, examples, strict=True):
        score = scores_of_tiles(calibrated(quality, card, single=single), presence)
        truth = example.score
        errors.append(np.abs(score - truth))
        if truth.std() > 0.02:
            rows.append(np.corrcoef(score, truth)[0, 1] if score.std() > 0 else 0.0)
        empty.extend(score[example.structure.mean(axis=(1, 2)) == 0])
    found = {"pearson_mean": float(np.mean(rows)), "abs_error_mean": float(np.concatenate(errors).mean())}
    return found | ({"empty_below_0p1": float(np.mean(np.array(empty) < 0.1))} if empty else {})
