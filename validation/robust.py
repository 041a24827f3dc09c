"""Learning from labels with errors, beside plain training: tomograms like SHREC's, one row a way of learning.

Four tomograms whose labels lack 40 % of the particles and are wrong in 10 %, one whose labels are trusted, four to be
judged by; twelve species in four sizes. Every row sees the same five tomograms and has the same network:

- ``true`` learns from what is there, everywhere: no way of learning from errors can do better;
- ``plain`` learns from noisy and trusted labels together;
- ``tuned`` does, for three quarters of its time, and then goes on from the trusted ones alone;
- ``robpicker``, and ``dr`` and ``lc`` with one half of it, learn from the noisy labels, the trusted ones judging.

Rows are compared at equal steps, and at equal time: the plain ways get as many steps as they make in the processor
seconds that ``robpicker`` took for its own, so that a row is the same whatever else the machine does. Thresholds are
chosen on half of the judged tomograms and used on the other half, for all rows alike: what a row has seen does not
help it.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from cryogauge.io.json_file import write_json_file
from cryogauge.pick.challenge.matching import one_to_one
from cryogauge.pick.challenge.rules import Rules
from cryogauge.pick.networks import NetworkPlan
from cryogauge.pick.patches import LabelledTomogram, Sampling, normalised
from cryogauge.pick.predict import picks_of, probability_map
from cryogauge.pick.presets import Preset, find_preset
from cryogauge.pick.robust.plan import Robust
from cryogauge.pick.thresholds import above, tune_thresholds
from cryogauge.pick.training import train_network
from cryogauge.records import PickObject
from cryogauge.records.shrec import SHREC_CLASSES, SHREC_GROUPS, SHREC_KINDS, SHREC_VOXEL_A
from cryogauge.simulate.label_noise import LabelNoise, noisy_picks
from cryogauge.simulate.shrec import ShrecSettings, make_shrec
from validation.held_out import PACKAGE, WORK
from validation.picking import DECIDING, REVISION, digest, kept_row

SEEDS = (0, 1, 2)
STEPS = 1500
NOISE = LabelNoise(miss_rate=0.4, false_rate=0.1)
_NOISY, _CLEAN, _JUDGED = 4, 1, 4
#: A training that is interrupted loses no more than this.
_STAGE_MINUTES = 5.0
_DECIDING = (
    *DECIDING,
    PACKAGE / "learn" / "bilevel.py",
    *sorted((PACKAGE / "pick" / "robust").glob("*.py")),
    *sorted((PACKAGE / "simulate" / "shrec").glob("*.py")),
)
#: The first seed of the tomograms that all are judged by; those of the training sets follow ``1000 (seed + 1)``.
_JUDGED_SEED = 900
_KINDS = {each.name: each for each in SHREC_KINDS}
OBJECTS = tuple(PickObject(name, i, _KINDS[name].radius_A) for i, name in enumerate(SHREC_CLASSES[2019], start=1))
GROUPS = {group: [each.name for each in OBJECTS if _KINDS[each.name].group == group] for group in SHREC_GROUPS}
RULES = Rules(OBJECTS, beta=1.0, radius_factor=1.0)
#: ``fast``, narrower, on smaller patches: a step takes a third of the time.
BASE = replace(
    find_preset("fast"), network=NetworkPlan("fast", stride=2, multiple=8, architecture={"width": 16}),
    sampling=Sampling((48, 48, 48), batch=4), averaging=0.99,
)  # fmt: skip
_OURS = find_preset("robpicker").robust
assert _OURS is not None
LEVELS: dict[str, Robust | None] = {
    "true": None,
    "plain": None,
    "tuned": None,
    "dr": replace(_OURS, correction="none"),
    "lc": replace(_OURS, reweighting="none"),
    "robpicker": _OURS,
}


#: `robpicker` with its upper level learning at every step, and at every fifth.
SCHEDULES = {f"robpicker-every-{steps}": replace(_OURS, every=steps) for steps in (1, 5)}
#: Ways that are also given as much time as ``robpicker`` took, and how such a row is called.
PLAIN, EQUAL_TIME = ("plain", "tuned"), ", equal time"
WAYS = (*LEVELS, *(f"{name}{EQUAL_TIME}" for name in PLAIN))
#: Before a species' name: F1 without thresholds of its own.
UNTUNED = "untuned "


@dataclass(frozen=True)
class World:
    """Tomograms with what is labelled in them, and with what is there."""

    tomograms: tuple[np.ndarray, ...]
    labels: pd.DataFrame
    truth: pd.DataFrame
    names: tuple[str, ...]
    removed: pd.DataFrame

    def labelled(self, *, true: bool = False, first: int = 0, last: int | None = None) -> list[LabelledTomogram]:
        """Some of them, with their labels or, when ``true``, with what is there."""
        numbers = {each.name: each.label for each in OBJECTS}
        out = []
        for name, data in list(zip(self.names, self.tomograms, strict=True))[first:last]:
            table = self.truth if true else self.labels
            there = table[table["tomogram"] == name]
            places = there[["z_A", "y_A", "x_A"]].to_numpy(float) / SHREC_VOXEL_A
            out.append(LabelledTomogram(name, data, places, there["object"].map(numbers).to_numpy(int)))
        return out


def training_world(seed: int, *, small: bool) -> World:
    """Noisy tomograms first, then the trusted one, whose labels are as they are."""
    names, tomograms, truth = _tomograms(1000 * (seed + 1), 3 if small else _NOISY + _CLEAN, small=small)
    wrong = truth[truth["tomogram"] != names[-1]]
    z_A, y_A, x_A = (SHREC_VOXEL_A * (n - 1) for n in tomograms[0].shape)
    edges = dict.fromkeys(names, (z_A, y_A, x_A))
    made = noisy_picks(wrong, NOISE, seed=seed, shapes_A=edges, objects=OBJECTS)
    labels = pd.concat([made.labels, truth[truth["tomogram"] == names[-1]]], ignore_index=True)
    return World(tomograms, labels, truth, names, made.removed)


def judged_world(*, small: bool) -> World:
    """Tomograms that no row has seen."""
    names, tomograms, truth = _tomograms(_JUDGED_SEED, 2 if small else _JUDGED, small=small)
    return World(tomograms, truth, truth, names, truth.iloc[:0])


@lru_cache(maxsize=4)
def _tomograms(first: int, count: int, *, small: bool) -> tuple[tuple[str, ...], tuple[np.ndarray, ...], pd.DataFrame]:
    settings = ShrecSettings(shape=(40, 96, 96) if small else (64, 224, 224))
    folder = WORK / f"robust-{digest(settings, code=())}"
    folder.mkdir(parents=True, exist_ok=True)
    names, tomograms, tables = [], [], []
    for seed in range(first, first + count):
        grey, table = folder / f"{seed}.npy", folder / f"{seed}.csv"
        if not table.exists():
            made = make_shrec(settings, seed)
            np.save(grey, normalised(made.data))
            places = made.particles[["x", "y", "z"]].to_numpy(float) * SHREC_VOXEL_A
            picks = pd.DataFrame(places, columns=["x_A", "y_A", "z_A"]).assign(
                tomogram=f"t{seed}", object=made.particles["object"].to_numpy(), score=1.0,
                **{angle: made.particles[angle].to_numpy() for angle in ("rot", "tilt", "psi")},
            )  # fmt: skip
            picks.to_csv(table, index=False)
        names.append(f"t{seed}")
        tomograms.append(np.load(grey, mmap_mode="r"))
        tables.append(pd.read_csv(table))
    return tuple(names), tuple(tomograms), pd.concat(tables, ignore_index=True)


class Plan(NamedTuple):
    """What decides a row, and the name that it is kept under."""

    name: str
    preset: Preset
    steps: int
    stem: str


def planned(way: str, seed: int, *, small: bool) -> Plan:
    """How a row's network learns."""
    name = way.removesuffix(EQUAL_TIME)
    preset, steps, timed = replace(BASE, robust=(LEVELS | SCHEDULES)[name]), 12 if small else STEPS, "steps"
    if name != way:
        seconds = row("robpicker", seed, small=small)["seconds"]
        steps, timed = round(steps * seconds / row(name, seed, small=small)["seconds"]), "time"
    key = digest(preset, NOISE, steps, small, REVISION, code=_DECIDING)
    return Plan(name, preset, steps, f"robust-{name}-{timed}-{seed}-{key}")


def row(way: str, seed: int, *, small: bool) -> dict[str, float]:
    """F1 of each species, steps made, and the processor seconds that learning took.

    What was measured before is taken from ``validation/rows/``, which is kept with the code.
    """
    plan = planned(way, seed, small=small)
    return kept_row(plan.stem, lambda: _measured(plan, seed, small=small), small=small)


def _measured(plan: Plan, seed: int, *, small: bool) -> dict[str, float]:
    network, spent = taught(plan, seed, small=small)
    return {"steps": plan.steps, "seconds": spent} | f1_by_kind(network, plan.preset, judged_world(small=small))


def taught(plan: Plan, seed: int, *, small: bool) -> tuple[torch.nn.Module, float]:
    """A row's network, and the processor seconds that it took on one core, stages before this one included."""
    world, folder = training_world(seed, small=small), WORK / plan.stem
    clean = world.labelled(true=True, first=-1)
    if plan.preset.robust is None:
        learned = world.labelled(true=plan.name == "true")
        parts: list[tuple[Sequence[LabelledTomogram], float]] = [(learned, 1.0)]
        if plan.name == "tuned":
            parts = [(learned, 0.75), (clean, 0.25)]
        trusted: Sequence[LabelledTomogram] = ()
    else:
        parts, trusted = [(world.labelled(last=-1), 1.0)], clean
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    known = folder / "seconds.json"
    spent = float(json.loads(known.read_text())["seconds"]) if known.exists() else 0.0
    network = None
    try:
        for number, (tomograms, part) in enumerate(parts):
            start, network = network, None
            while network is None:
                began = time.process_time()
                network = train_network(
                    tomograms, OBJECTS, SHREC_VOXEL_A, plan.preset, folder / f"part-{number}", seed=seed, start=start,
                    clean=trusted, steps=round(part * plan.steps), stage_minutes=_STAGE_MINUTES,
                )  # fmt: skip
                spent += time.process_time() - began
                write_json_file(known, {"seconds": spent})
    finally:
        torch.set_num_threads(threads)
    assert network is not None
    return network, spent


def found(network: torch.nn.Module, preset: Preset, world: World) -> pd.DataFrame:
    """Picks in every tomogram, above no threshold."""
    tables = [
        picks_of(probability_map([network], data, preset), OBJECTS, SHREC_VOXEL_A, preset, name)
        for name, data in zip(world.names, world.tomograms, strict=True)
    ]
    return pd.concat(tables, ignore_index=True)


def f1_by_kind(network: torch.nn.Module, preset: Preset, world: World) -> dict[str, float]:
    """F1 of each species: a pick inside a particle of its kind, one to one (RobPicker, equations 16–18).

    Beside it, named ``untuned KIND``, that of the picks whose probability is a half and more, which is where an arg
    max between particle and background, the paper's rule, would fall.
    """
    picks = found(network, preset, world)
    return _f1(world, above_thresholds(picks, world)) | {
        f"{UNTUNED}{name}": value for name, value in _f1(world, above_half(picks)).items()
    }


def above_thresholds(picks: pd.DataFrame, world: World) -> pd.DataFrame:
    """The picks above thresholds of each kind, in either half of the tomograms those that suit the other half best."""
    half = len(world.names) // 2
    kept = []
    for chosen, used in ((world.names[:half], world.names[half:]), (world.names[half:], world.names[:half])):
        thresholds = tune_thresholds(
            world.truth[world.truth["tomogram"].isin(chosen)], picks[picks["tomogram"].isin(chosen)], RULES
        )
        kept.append(above(picks[picks["tomogram"].isin(used)], thresholds))
    return pd.concat(kept, ignore_index=True)


def above_half(picks: pd.DataFrame) -> pd.DataFrame:
    """The picks of a probability of a half and more."""
    return picks[picks["score"] >= 0.5]


def _f1(world: World, picks: pd.DataFrame) -> dict[str, float]:
    table = one_to_one(world.truth, picks, RULES).set_index("object")
    return {str(name): float(value) for name, value in table["f1"].items()}


def mean_of(row: dict[str, float], groups: Sequence[str], rule: str = "") -> float:
    """Mean F1 of the species of some groups of sizes, with thresholds or as :data:`UNTUNED`."""
    return float(np.mean([row[f"{rule}{name}"] for group in groups for name in GROUPS[group]]))
