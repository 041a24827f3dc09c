"""How the score rises with dose, and how much dose is enough."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cryogauge.records import BadInput

_DRAWS = 2000
_LEVEL = 0.95
#: A score within this part of the best one cannot be told from it.
_AS_GOOD = 0.99


@dataclass(frozen=True)
class LogFit:
    """Percentage of the full score against log₂ of the dose: a line by least squares.

    Attributes
    ----------
    slope, intercept
        Percentage gained by each doubling, and at 1 e⁻/Å².
    r_squared, p_value
        Of the line; the second for a slope of zero (Student's t).
    doses
        How many doses were fitted.
    """

    slope: float
    intercept: float
    r_squared: float
    p_value: float
    doses: int


@dataclass(frozen=True)
class Reached:
    """A dose and its interval.

    Attributes
    ----------
    percent
        Of the score at full dose.
    dose_e_A2
        At which the mean curve reaches it; infinite where it does not, and the lowest dose there is where that has it.
    low_e_A2, high_e_A2
        The middle 95 % of bootstrap draws over tilt series.
    below_range
        The lowest dose of all reaches it, so that the dose is an upper bound.
    """

    percent: float
    dose_e_A2: float
    low_e_A2: float
    high_e_A2: float
    below_range: bool = False

    def __str__(self) -> str:
        if math.isinf(self.dose_e_A2):
            return "not reached"
        about = "at most " if self.below_range else ""
        high = "beyond" if math.isinf(self.high_e_A2) else f"{self.high_e_A2:.0f}"
        return f"{about}{self.dose_e_A2:.0f} ({self.low_e_A2:.0f}–{high}) e⁻/Å²"


def dose_curve(tomograms: pd.DataFrame) -> pd.DataFrame:
    """Mean percentage of each series at each dose.

    Parameters
    ----------
    tomograms
        Rows of a study: ``series, kind, level, dose_e_A2, percent``. Rows of one kind and level, such as the four
        quarters, are one dose.

    Returns
    -------
    ``series, kind, level, dose_e_A2, percent``, a row a series and dose.
    """
    grouped = tomograms.groupby(["series", "kind", "level"], sort=False, as_index=False)
    return grouped[["dose_e_A2", "percent"]].mean()


def fit_log_dose(curve: pd.DataFrame) -> LogFit:
    """Fit the mean over series against log₂ of the dose, as in the paper's Fig. 5b; whole exposures are left out.

    Raises
    ------
    BadInput
        With fewer than three doses.
    """
    from scipy.stats import linregress

    parts = curve[curve["kind"] != "whole"]
    means = parts.groupby(["kind", "level"], as_index=False)[["dose_e_A2", "percent"]].mean()
    if len(means) < 3:
        raise BadInput(f"a line cannot be fitted to {len(means)} doses", "split into three doses or more")
    fit = linregress(np.log2(means["dose_e_A2"]), means["percent"])
    r = float(fit.rvalue)  # type: ignore[attr-defined] scipy's result object
    return LogFit(float(fit.slope), float(fit.intercept), r * r, float(fit.pvalue), len(means))  # type: ignore[attr-defined]


def dose_that_reaches(curve: pd.DataFrame, percent: float, seed: int = 0) -> Reached:
    """The dose at which the mean curve, made monotonic, reaches a percentage of the full score.

    Between doses the percentage is a straight line in log₂ of the dose. The interval is that of a bootstrap over
    tilt series; with one series it is NaN.

    Parameters
    ----------
    curve
        Of :func:`dose_curve`, the whole exposures with it.
    percent
        Such as 90.
    seed
        Of the draws.
    """
    doses, table = _table(curve)
    found = _crossing(doses, table.mean(axis=0), percent)
    low, high = _interval(table, lambda mean: _crossing(doses, mean, percent), seed)
    return Reached(percent, found, low, high, below_range=found == doses[0])


def dose_that_stops_helping(curve: pd.DataFrame, seed: int = 0) -> Reached:
    """The lowest dose within 1 % of the best, for the first parts of each tilt.

    Parameters and intervals as in :func:`dose_that_reaches`; ``percent`` is what the curve has at its best.
    """
    doses, table = _table(curve)

    def first(mean: NDArray[np.float64]) -> float:
        return float(doses[np.flatnonzero(mean >= _AS_GOOD * mean.max())[0]])

    mean = table.mean(axis=0)
    low, high = _interval(table, first, seed)
    return Reached(float(mean.max()), first(mean), low, high)


def _table(curve: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Doses, rising, and percentages ``(series, dose)``; series that lack a dose are left out."""
    wide = curve.pivot_table(index="series", columns=["kind", "level"], values="percent")
    doses = curve.groupby(["kind", "level"])["dose_e_A2"].mean()
    order = sorted(wide.columns, key=lambda column: float(doses[column]))
    complete = wide[order].dropna()
    if complete.empty:
        raise BadInput("no tilt series has every dose", "split all of them alike")
    return np.array([float(doses[column]) for column in order]), complete.to_numpy(dtype=np.float64)


def _crossing(doses: NDArray[np.float64], mean: NDArray[np.float64], percent: float) -> float:
    from scipy.optimize import isotonic_regression

    rising = isotonic_regression(mean).x
    above = np.flatnonzero(rising >= percent - 1e-9)
    if not len(above):
        return math.inf
    k = int(above[0])
    if k == 0:
        return float(doses[0])
    share = (percent - rising[k - 1]) / (rising[k] - rising[k - 1])
    return float(2 ** (np.log2(doses[k - 1]) + share * np.log2(doses[k] / doses[k - 1])))


def _interval(table: NDArray[np.float64], statistic, seed: int) -> tuple[float, float]:
    if len(table) < 2:
        return math.nan, math.nan
    rng = np.random.default_rng(seed)
    draws = [statistic(table[rng.integers(0, len(table), len(table))].mean(axis=0)) for _ in range(_DRAWS)]
    tail = (1 - _LEVEL) / 2
    ordered = np.sort(draws)  # quantiles by place, since a draw may be infinite
    return float(ordered[int(tail * _DRAWS)]), float(ordered[int((1 - tail) * _DRAWS) - 1])
