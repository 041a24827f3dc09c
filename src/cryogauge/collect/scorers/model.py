"""A scorer learned from selections: for each feature a parabola, their sum a chance of being selected.

Logistic regression on each feature and its square, with a ridge: a person who likes ice neither thin nor thick can be
learned from tens of selections, each feature's part can be told in words, and the whole fits into a small JSON file.
"""

import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from cryogauge.collect.plugins import What
from cryogauge.collect.scorers.features import FEATURES, target_features
from cryogauge.io.json_file import read_json_file, write_json_file
from cryogauge.records import BadInput

FORMAT = "cryogauge-scorer/1"
#: Features are kept within so many standard deviations.
_FAR = 3.0
_HINT = "give a file that cryogauge collect train-scorer wrote"


@dataclass(frozen=True)
class LearnedScorer:
    """What :func:`fit_scorer` learned.

    Attributes
    ----------
    what
        ``squares`` or ``holes``.
    features
        Names, of ``FEATURES``.
    mean, scale
        Of each feature among the targets learned from.
    linear, quadratic
        Weights of each feature, so scaled, and of its square less 1.
    bias
        Of the sum.
    penalty
        Of the ridge.
    learned_from, kept_out
        What it learned from, and how it did on grids that it did not learn from; for people.
    """

    what: What
    features: tuple[str, ...]
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    linear: tuple[float, ...]
    quadratic: tuple[float, ...]
    bias: float
    penalty: float
    learned_from: dict[str, Any] = field(default_factory=dict)
    kept_out: dict[str, Any] = field(default_factory=dict)

    def __call__(
        self, what: What, table: pd.DataFrame, image: NDArray[np.floating], pixel_size_A: float | None
    ) -> NDArray[np.float64]:
        """Scores of the squares or holes of one image, as a :class:`~cryogauge.collect.plugins.Scorer` gives them.

        Raises
        ------
        BadInput
            When it learned from the others, or a column is missing.
        """
        if what != self.what:
            raise BadInput(f"this scorer learned from {self.what}, not from {what}", "choose one of the same")
        return self.scores(target_features(table, what))

    def scores(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Scores by features of shape ``(targets, features)``."""
        return expit(self.bias + self.parts(features).sum(1))

    def parts(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """What each feature adds, in logarithms of odds, shape ``(targets, features)``."""
        scaled = _scaled(features, np.array(self.mean), np.array(self.scale))
        return scaled * np.array(self.linear) + (scaled**2 - 1) * np.array(self.quadratic)

    def words(self, features: NDArray[np.float64]) -> list[str]:
        """Of each target the two features that say most, and which way."""
        names = [FEATURES[self.what][name] for name in self.features]
        told = []
        for parts in self.parts(features):
            most = np.argsort(-np.abs(parts), kind="stable")[:2]
            told.append(", ".join(f"{'for' if parts[k] >= 0 else 'against'} it {names[k]}" for k in most))
        return told


def fit_scorer(
    what: What, features: NDArray[np.float64], chosen: NDArray[np.float64], penalty: float
) -> LearnedScorer:  # fmt: skip
    """Learn from targets.

    Parameters
    ----------
    what
        ``squares`` or ``holes``.
    features
        Shape ``(targets, features)``, NaN where unknown.
    chosen
        1 for those selected, 0 for those left, or a rating between.
    penalty
        Of the ridge, against the mean loss of a target times their number.
    """
    with np.errstate(all="ignore"):
        known = np.isfinite(features)
        count = np.maximum(known.sum(0), 1)
        mean = np.where(known, features, 0.0).sum(0) / count
        scale = np.sqrt((np.where(known, features - mean, 0.0) ** 2).sum(0) / count)
    scale[scale < 1e-6] = 1.0
    scaled = _scaled(features, mean, scale)
    design = np.column_stack([np.ones(len(scaled)), scaled, scaled**2 - 1])
    ridge = np.full(design.shape[1], penalty)
    ridge[0] = 0.0

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        odds = design @ weights
        value = np.logaddexp(0.0, odds).sum() - chosen @ odds + 0.5 * ridge @ weights**2
        return float(value), design.T @ (expit(odds) - chosen) + ridge * weights

    best = minimize(loss, np.zeros(design.shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 1000})
    bias, rest = float(best.x[0]), best.x[1:]
    middle = len(rest) // 2
    return LearnedScorer(
        what, tuple(FEATURES[what]), tuple(mean.tolist()), tuple(scale.tolist()), tuple(rest[:middle].tolist()),
        tuple(rest[middle:].tolist()), bias, penalty,
    )  # fmt: skip


def write_scorer(path: Path, scorer: LearnedScorer, version: str) -> None:
    """Write a scorer as JSON."""
    write_json_file(path, {"format": FORMAT, "version": version, **asdict(scorer)})


def read_scorer(path: Path) -> LearnedScorer:
    """Read a scorer.

    Raises
    ------
    BadInput
        When the file is none, or a number in it cannot be.
    """
    read = read_json_file(path, _HINT)
    if not isinstance(read, dict) or read.get("format") != FORMAT:
        raise BadInput(f"{path} is no scorer of format {FORMAT}", _HINT)
    kinds: dict[str, What] = {"squares": "squares", "holes": "holes"}
    what = kinds.get(str(read.get("what")))
    if what is None or read.get("features") != list(FEATURES[what]):
        raise BadInput(f"{path} is of features that this version does not know", "train it again")
    try:
        mean, scale, linear, quadratic = lists = [
            tuple(float(value) for value in read[name]) for name in ("mean", "scale", "linear", "quadratic")
        ]
        bias, penalty = float(read["bias"]), float(read["penalty"])
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(f"{path} is damaged: {error}", "train it again") from error
    everything = [value for each in lists for value in each] + [bias, penalty]
    if {len(each) for each in lists} != {len(FEATURES[what])} or not all(map(math.isfinite, everything)):
        raise BadInput(f"{path} is damaged: numbers are missing or not finite", "train it again")
    if min(scale) <= 0:
        raise BadInput(f"{path} is damaged: a scale is not above 0", "train it again")
    learned_from, kept_out = (
        read[name] if isinstance(read.get(name), dict) else {} for name in ("learned_from", "kept_out")
    )
    return LearnedScorer(
        what, tuple(FEATURES[what]), mean, scale, linear, quadratic, bias, penalty, learned_from, kept_out
    )  # fmt: skip


def _scaled(
    features: NDArray[np.float64], mean: NDArray[np.float64], scale: NDArray[np.float64]
) -> NDArray[np.float64]:  # fmt: skip
    """Features in standard deviations; what is unknown is usual, what is far is kept near."""
    return np.clip(np.nan_to_num((features - mean) / scale, nan=0.0), -_FAR, _FAR)
