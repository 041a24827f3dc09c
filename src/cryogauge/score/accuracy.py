"""How well a network agrees with labels: Pearson's r, thickness, categories, and what its uncertainty is worth."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cryogauge.score.labelled import LabelledTomogram, smoothed
from cryogauge.score.labels.categories import CATEGORIES
from cryogauge.score.quality import SliceQuality
from cryogauge.score.tomoscore import FEATURE_THRESHOLD, thickness_slices
from cryogauge.simulate.oracle import Z_SIGMA_SLICES

#: Labels that vary less than this along z have no correlation to speak of, nor have so few.
LEAST_SD, LEAST_SLICES = 0.02, 5
#: Probabilities that the intervals are tried at.
LEVELS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
_RANSAC_TRIALS = 2000


@dataclass(frozen=True)
class Compared:
    """One tomogram: what the network says of all its slices and what the labels say of some.

    Attributes
    ----------
    name, voxel_size_A
        Which tomogram.
    score, uncertainty
        The network's, ``(z,)``.
    z, label
        Labelled slices and their labels as given, ``(n,)``.
    """

    name: str
    voxel_size_A: float
    score: np.ndarray
    uncertainty: np.ndarray
    z: np.ndarray
    label: np.ndarray

    @property
    def smooth_label(self) -> np.ndarray:
        """Labels smoothed along z as in the paper, ``(n,)``."""
        return smoothed(self.z, self.label, Z_SIGMA_SLICES)

    @property
    def pearson(self) -> float:
        """Pearson’s r of score and smoothed label over the labelled slices; NaN where the labels hardly vary."""
        return pearson(self.score[self.z], self.smooth_label)

    @property
    def label_thickness_slices(self) -> float:
        """Slices above 0.2 by the labels, interpolated between labelled slices; NaN with too few of them."""
        if len(self.z) < LEAST_SLICES:
            return float("nan")
        every = np.arange(self.z[0], self.z[-1] + 1)
        return float(np.count_nonzero(np.interp(every, self.z, self.smooth_label) > FEATURE_THRESHOLD))

    @property
    def score_thickness_slices(self) -> float:
        """The same by the network, over the same range of z; NaN where the labels' is."""
        if len(self.z) < LEAST_SLICES:
            return float("nan")
        return float(thickness_slices(self.score[self.z[0] : self.z[-1] + 1]))


def compare(tomogram: LabelledTomogram, quality: SliceQuality) -> Compared:
    """Judge a labelled tomogram; raises ``BadInput`` when it cannot be read or is not the one that was labelled."""
    volume = tomogram.open()
    judged = quality.judge(volume)
    return Compared(tomogram.name, volume.voxel_size_A, judged.score, judged.uncertainty, tomogram.z, tomogram.score)


def pearson(guess: np.ndarray, truth: np.ndarray) -> float:
    """Pearson's r; 0 for a guess that is flat, NaN where the truth is, or where there are too few values."""
    if len(truth) < LEAST_SLICES or truth.std() < LEAST_SD:
        return float("nan")
    return float(np.corrcoef(guess, truth)[0, 1]) if guess.std() > 1e-6 else 0.0


def accuracy_table(compared: Sequence[Compared]) -> pd.DataFrame:
    """One row a tomogram, in the order given: r, mean |score − label|, thickness by both, coverage at 90 %."""
    rows = []
    for one in compared:
        guess, label = one.score[one.z], one.smooth_label
        nm = one.voxel_size_A / 10.0
        rows.append(
            {
                "tomogram": one.name,
                "labelled_slices": len(one.z),
                "pearson": one.pearson,
                "abs_error": float(np.abs(guess - label).mean()),
                "label_thickness_nm": one.label_thickness_slices * nm,
                "score_thickness_nm": one.score_thickness_slices * nm,
                "covered_90": float((np.abs(guess - label) <= one.uncertainty[one.z]).mean())
                if np.isfinite(one.uncertainty).all()
                else float("nan"),
            }
        )
    return pd.DataFrame(rows)


def slice_table(compared: Sequence[Compared]) -> pd.DataFrame:
    """One row a labelled slice: ``tomogram, z, label, smooth_label, score, uncertainty``."""
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "tomogram": one.name, "z": one.z, "label": one.label, "smooth_label": one.smooth_label,
                    "score": one.score[one.z], "uncertainty": one.uncertainty[one.z],
                }
            )
            for one in compared
        ],
        ignore_index=True,
    )  # fmt: skip


def categories_of(score: np.ndarray) -> np.ndarray:
    """The paper's category 0–5 that each score is nearest to."""
    last = len(CATEGORIES) - 1
    return np.clip(np.rint(np.asarray(score, float) * last), 0, last).astype(int)


def confusion(slices: pd.DataFrame) -> np.ndarray:
    """Counts ``(label, score)`` of the categories, int64 ``(6, 6)``."""
    counts = np.zeros((len(CATEGORIES), len(CATEGORIES)), dtype=np.int64)
    np.add.at(counts, (categories_of(slices["label"].to_numpy()), categories_of(slices["score"].to_numpy())), 1)
    return counts


def coverage(slices: pd.DataFrame) -> pd.DataFrame:
    """How many labels lie within the network's intervals: ``probability, covered``; empty without uncertainties.

    The uncertainty is the half width of the 90 % interval; the others follow as those of a Laplace distribution,
    which is what the error channel is trained as.
    """
    known = slices[np.isfinite(slices["uncertainty"])]
    error = (known["score"] - known["smooth_label"]).abs().to_numpy()
    half = known["uncertainty"].to_numpy()
    rows = [(level, float((error <= half * np.log(1 - level) / np.log(0.1)).mean())) for level in LEVELS if len(known)]
    return pd.DataFrame(rows, columns=["probability", "covered"])


def ransac_line(x: np.ndarray, y: np.ndarray, seed: int = 0) -> tuple[float, float]:
    """Slope and intercept of the line that most points lie near (Fischler & Bolles 1981).

    Lines through two random points are tried; near is within the median absolute deviation of ``y``. The least-squares
    line through the points near the best one is returned; NaN for fewer than five points or only one ``x``. With so
    generous a rejection of outliers it says little of the outliers.
    """
    known = np.isfinite(x) & np.isfinite(y)
    x, y = np.asarray(x, float)[known], np.asarray(y, float)[known]
    if len(x) < 5 or np.ptp(x) == 0:
        return float("nan"), float("nan")
    rng = np.random.default_rng(seed)
    tolerance = float(np.median(np.abs(y - np.median(y))))
    best, most = np.ones(len(x), dtype=bool), 0
    for _ in range(_RANSAC_TRIALS):
        i, j = rng.choice(len(x), 2, replace=False)
        if x[i] == x[j]:
            continue
        slope = (y[j] - y[i]) / (x[j] - x[i])
        near = np.abs(y - y[i] - slope * (x - x[i])) <= tolerance
        if near.sum() > most:
            most, best = int(near.sum()), near
    slope, intercept = np.polyfit(x[best], y[best], 1)
    return float(slope), float(intercept)


def figures(compared: Sequence[Compared]) -> dict[str, float]:
    """The findings by name: ``pearson_mean`` and ``_median`` over tomograms, errors, agreement, coverage, thickness."""
    table, slices = accuracy_table(compared), slice_table(compared)
    counts, covered = confusion(slices), coverage(slices)
    slope, intercept = ransac_line(table["label_thickness_nm"].to_numpy(), table["score_thickness_nm"].to_numpy())
    same = np.trace(counts)
    near = same + np.trace(counts, 1) + np.trace(counts, -1)
    at_90 = covered.loc[covered["probability"] == 0.9, "covered"]
    return {
        "tomograms": float(len(table)),
        "labelled_slices": float(len(slices)),
        "pearson_mean": float(table["pearson"].mean()),
        "pearson_median": float(table["pearson"].median()),
        "abs_error_mean": float((slices["score"] - slices["smooth_label"]).abs().mean()),
        "same_category": float(same / max(counts.sum(), 1)),
        "within_one_category": float(near / max(counts.sum(), 1)),
        "covered_90": float(at_90.iloc[0]) if len(at_90) else float("nan"),
        "thickness_slope": slope,
        "thickness_intercept_nm": intercept,
    }
