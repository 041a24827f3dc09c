"""Slice scores and TomoScores of held-out simulated tomograms against the oracle's."""

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.stats import spearmanr

from cryogauge.score.tomoscore import tomoscore
from cryogauge.simulate.oracle import Z_SIGMA_SLICES
from validation.held_out import held_out, judged

FIGURES = (
    "slice_pearson_mean",
    "slice_pearson_nonempty",
    "slice_pearson_baseline",
    "slice_pearson_nonempty_baseline",
    "slice_abs_error_mean",
    "slice_abs_error_nonempty",
    "tomoscore_spearman",
    "empty_below_0p1_fraction",
    "uncertainty_coverage_90",
)
#: Truths that vary less than this along z, and runs shorter than that, have no correlation to speak of.
_LEAST_SD, _LEAST_SLICES = 0.02, 8


def run(small: bool = False) -> dict[str, float]:
    """Measure the figures; a line a tomogram is printed."""
    pearson: dict[str, list[float]] = {"all": [], "nonempty": [], "box": [], "box nonempty": []}
    errors, structured, inside, totals = [], [], [], []
    empty_scores: list[float] = []
    print("     kind        Å/px  e⁻/Å²  truth  score      r  |err|  flags")
    for tomogram in held_out("slices-test", small=small):
        judgement = judged(tomogram.path)
        score = judgement.slices["score"].to_numpy(float)
        truth, full = tomogram.score, tomogram.structure > 0
        box = _box(full)
        for name, guess, where in (
            ("all", score, np.ones_like(full)),
            ("nonempty", score, full),
            ("box", box, np.ones_like(full)),
            ("box nonempty", box, full),
        ):
            pearson[name].extend(correlation(guess[where], truth[where]))
        errors.append(np.abs(score - truth))
        structured.append(full)
        inside.append(errors[-1] <= judgement.slices["uncertainty"].to_numpy(float))
        # the labels are smoothed along z, so that an empty slice beside a full one is not quite empty
        empty_scores.extend(score[(tomogram.structure == 0) & (truth < 0.02)])
        totals.append((tomoscore(truth), judgement.tomoscore))
        r = (correlation(score, truth) or [float("nan")])[0]
        print(
            f"     {tomogram.kind:10} {tomogram.voxel_size_A:5.1f} {tomogram.dose_e_A2:6.0f} {totals[-1][0]:6.2f} "
            f"{totals[-1][1]:6.2f} {r:6.3f} {errors[-1].mean():6.3f}  {' '.join(judgement.flags)}"
        )
    error, full = np.concatenate(errors), np.concatenate(structured)
    covered, total = np.concatenate(inside), np.array(totals)
    return {
        "slice_pearson_mean": float(np.mean(pearson["all"])),
        "slice_pearson_median": float(np.median(pearson["all"])),
        "slice_pearson_nonempty": float(np.mean(pearson["nonempty"])),
        "slice_pearson_baseline": float(np.mean(pearson["box"])),
        "slice_pearson_nonempty_baseline": float(np.mean(pearson["box nonempty"])),
        "slice_abs_error_mean": float(error.mean()),
        "slice_abs_error_nonempty": float(error[full].mean()),
        "tomoscore_spearman": float(np.array(spearmanr(total[:, 0], total[:, 1]))[0]),
        "tomoscore_abs_error_mean": float(np.abs(total[:, 0] - total[:, 1]).mean()),
        "empty_below_0p1_fraction": float(np.mean(np.array(empty_scores) < 0.1)),
        "uncertainty_coverage_90": float(covered.mean()),
        "uncertainty_coverage_90_nonempty": float(covered[full].mean()),
    }


def _box(full: np.ndarray) -> np.ndarray:
    """What one would say who knows only the first and the last slice that hold something.

    Smoothed along z as the labels are.
    """
    box = np.zeros(len(full))
    where = np.flatnonzero(full)
    if len(where):
        box[where[0] : where[-1] + 1] = 1.0
    return gaussian_filter1d(box, Z_SIGMA_SLICES, mode="nearest")


def correlation(guess: np.ndarray, truth: np.ndarray) -> list[float]:
    """Pearson's r in a list, empty where the truth is too flat or too short for one; 0 for a flat guess."""
    if len(truth) < _LEAST_SLICES or truth.std() < _LEAST_SD:
        return []
    return [float(np.corrcoef(guess, truth)[0, 1]) if guess.std() > 1e-6 else 0.0]
