"""Eighteen labelled thumbnails of real micrographs, three of each class, sorted by the network that comes along.

It learned from simulated micrographs alone. With so few pictures an accuracy is uncertain: the limits of its exact
binomial interval (Clopper & Pearson, 95 %) stand beside it. Great and decent are steps of one scale, so that the
accuracy with both as one class is told too. What acts on exposures is their score, so it is told how often a good one
(great or decent) has a higher score than one that is not.
"""

import numpy as np
from scipy.stats import binomtest
from sklearn.metrics import roc_auc_score

from cryogauge.collect.judge.classify import classify, small_picture
from cryogauge.collect.judge.exposure import read_exposure
from cryogauge.collect.judge.judge import JudgeSettings, judge_exposure
from cryogauge.simulate.micrographs import MICROGRAPH_CLASSES
from validation.real_files import data_folder

FIGURES = (
    "micrograph_accuracy_real18",
    "micrograph_accuracy_real18_low",
    "micrograph_accuracy_real18_high",
    "micrograph_accuracy_real18_five",
    "micrograph_score_auc_real18",
)
_PICTURES = "micrographs_labelled/Automatic-cryoEM-preprocessing"


def run(small: bool = False) -> dict[str, float]:
    """Measure; the same when ``small``."""
    folder = data_folder()
    files = [] if folder is None else sorted((folder / _PICTURES).glob("[0-5]*.png"))
    if not files:
        print("   not measured: CRYOGAUGE_DATA does not name the folder of real files")
        return {}
    kinds = tuple(MICROGRAPH_CLASSES)
    confusion = np.zeros((len(kinds), len(kinds)), dtype=int)
    # the names begin with the number of the class, in the order of ours
    true = [int(file.name[0]) for file in files]
    scores = []
    for file, number in zip(files, true, strict=True):
        exposure = read_exposure(file)
        scores.append(judge_exposure(exposure, JudgeSettings()).row["score"])
        confusion[number, kinds.index(classify(small_picture(exposure.image)).kind)] += 1
    for kind, row in zip(kinds, confusion, strict=True):
        said = ", ".join(f"{count} {kinds[k]}" for k, count in enumerate(row) if count)
        print(f"     {kind}: taken for {said}")
    right, total = int(np.trace(confusion)), int(confusion.sum())
    interval = binomtest(right, total).proportion_ci(0.95)
    usable = int(confusion[:2, :2].sum() + np.trace(confusion[2:, 2:]))
    return {
        "micrograph_accuracy_real18": right / total,
        "micrograph_accuracy_real18_low": float(interval.low),
        "micrograph_accuracy_real18_high": float(interval.high),
        "micrograph_accuracy_real18_five": usable / total,
        "micrograph_score_auc_real18": float(roc_auc_score([number < 2 for number in true], scores)),
    }
