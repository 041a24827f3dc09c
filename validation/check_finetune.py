"""What 200 labelled slices of a kind of specimen never trained on are worth, on held-out tomograms of that kind.

A project is simulated for each kind: one microscope's voxel size, dose and tilt scheme, specimens and alignment that
differ from tomogram to tomogram. The labels are simulated too: the oracle's score rounded to the paper's categories,
of evenly spaced slices of some tomograms. The truth on the others is the oracle's score itself.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from cryogauge.io import open_volume
from cryogauge.score.accuracy import categories_of
from cryogauge.score.labelled import labelled_tomograms, labels_of_dataset
from cryogauge.score.quality import CompactQuality, available_threads, shipped_weights
from cryogauge.score.train_labels import train_on_labels
from cryogauge.simulate.dataset import DatasetItem, item_key, make_item
from cryogauge.simulate.recipe import Recipe, read_recipe
from validation.check_slices import correlation
from validation.held_out import PACKAGE, SMALL, WORK, digest

FIGURES = ("finetune_gap_closed", "finetune_pearson_before", "finetune_pearson_after")
#: Kinds of specimen that slices.yaml, the training set, leaves out.
KINDS = ("virions", "axoneme", "bacterium")
#: Tomograms with labels, slices labelled of each, and tomograms to be measured on.
LABELLED, SLICES, HELD_OUT = 20, 10, 16
#: What all tomograms of a project have in common, in place of the ranges of slices-test.yaml. Projects of another seed
#: chose how labels are learned from.
PROJECT = {
    "count": LABELLED + HELD_OUT, "seed": 8403, "shape": (96, 192, 192), "voxel_size_A": (12.0, 14.0),
    "dose_e_A2": (80.0, 120.0), "defocus_A": (30_000.0, 60_000.0), "tilt_range_deg": (52.0, 60.0),
    "tilt_step_deg": (2.0, 3.0), "denoised": 0.0, "looks": {}, "filters": {"ramp": 1.0},
}  # fmt: skip


def run(small: bool = False) -> dict[str, float]:
    """Measure the figures; a line a held-out tomogram is printed."""
    found: dict[str, float] = {}
    gaps, before_all, after_all = [], [], []
    for kind in KINDS[:1] if small else KINDS:
        before, after = _measure(kind, small=small)
        gaps.append((after - before) / (1.0 - before))
        before_all.append(before)
        after_all.append(after)
        found |= {f"finetune_gap_closed_{kind}": gaps[-1], f"finetune_pearson_before_{kind}": before}
        print(f"     {kind}: r {before:.3f} before, {after:.3f} after")
    return found | {
        "finetune_gap_closed": float(np.mean(gaps)),
        "finetune_pearson_before": float(np.mean(before_all)),
        "finetune_pearson_after": float(np.mean(after_all)),
    }


def _measure(kind: str, *, small: bool) -> tuple[float, float]:
    """Mean r on the held-out tomograms of a kind, before and after learning from its labels."""
    recipe = replace(read_recipe(PACKAGE / "recipes" / "slices-test.yaml"), kinds={kind: 1.0}, **PROJECT)
    folder = _project(recipe, kind, small=small)
    every = labels_of_dataset(folder)
    names = sorted(every["tomogram"].unique())
    labelled, held_out = names[:LABELLED], names[LABELLED:]
    if small:
        labelled, held_out = names[:SMALL], names[SMALL:]
    start = shipped_weights("compact")
    labels = labelled_tomograms(pd.concat(_labels(every, labelled)))
    out = folder / f"tuned-{digest([start])}-{len(labelled)}"
    made = train_on_labels(labels, start, out, say=lambda text: print(f"     {text}"))
    assert made is not None, "the stage's time was too short"
    means = []
    for weights in (start, made):
        quality = CompactQuality(weights, available_threads())
        found = {name: _pearson(every, name, quality) for name in held_out}
        print("     " + "  ".join(f"{name[-2:]} {r[0]:.2f}" if r else f"{name[-2:]} flat" for name, r in found.items()))
        means.append(float(np.mean([value for r in found.values() for value in r])))
    return means[0], means[1]


def _project(recipe: Recipe, kind: str, *, small: bool) -> Path:
    """The folder of a project's tomograms and truths, those that are missing simulated."""
    folder = WORK / f"finetune-{kind}-{hashlib.sha256(repr(recipe).encode()).hexdigest()[:8]}"
    count = 2 * SMALL if small else recipe.count
    for index in range(count):
        item = DatasetItem(recipe, index, folder)
        if not (folder / "tomograms" / f"{item.name}.mrc").exists():
            print(f"   simulating {kind} {index + 1} of {count}", flush=True)
            folder.mkdir(parents=True, exist_ok=True)
            make_item(item, item_key(item))
            (folder / "truth" / item.name / "biology.mrc").unlink()
    return folder


def _labels(every: pd.DataFrame, names: list[str]) -> Iterator[pd.DataFrame]:
    """Evenly spaced slices of some tomograms, labelled as one would who agrees with the oracle."""
    for name in names:
        one = every[every["tomogram"] == name]
        some = one.iloc[np.linspace(0, len(one) - 1, SLICES).round().astype(int)]
        yield some.assign(score=categories_of(some["score"].to_numpy()) / 5)


def _pearson(every: pd.DataFrame, name: str, quality: CompactQuality) -> list[float]:
    """Pearson's r of a held-out tomogram, over all of its slices; none where the truth is flat."""
    one = every[every["tomogram"] == name]
    score = quality.judge(open_volume(one["uri"].iloc[0])).score
    return correlation(score, one["score"].to_numpy())
