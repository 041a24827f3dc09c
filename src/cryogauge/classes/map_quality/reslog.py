"""Resolution by the number of particles: the B factor of a data set, and of selections from it.

P. B. Rosenthal & R. Henderson, J. Mol. Biol. 333 (2003) 721: particles lose signal as exp(−B s² / 4) with the spatial
frequency s, so that 1/d² grows by 2/B with the logarithm of their number. S. M. Stagg et al., J. Struct. Biol. 185
(2014) 418, plot 1/d against the decimal logarithm (ResLog). More, or better, particles of a steeper line pay more.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from cryogauge.io.relion_refinement import read_refinement
from cryogauge.records import BadInput, CryogaugeError

#: A table of reconstructions: which selection the particles are of, how many, and what resolution they reached.
RECONSTRUCTION_COLUMNS = ("selection", "particles", "resolution_A", "pixel_size_A")
#: A resolution up to this many voxels may be the sampling's and not the particles'.
_NYQUIST_PX = 2.1


@dataclass(frozen=True)
class ResLog:
    """The line through one selection's reconstructions.

    Attributes
    ----------
    selection
        Its name.
    count
        Reconstructions.
    slope_1_A2, slope_low_1_A2, slope_high_1_A2
        Of 1/d² against ln N, and the ends of its confidence interval (Student's t); NaN ends for two reconstructions.
    intercept_1_A2
        Of the same line.
    b_factor_A2, b_low_A2, b_high_A2
        2 / slope, and the ends; infinite where the resolution does not grow with the particles.
    reslog_slope_1_A
        Of 1/d against log10 N.
    r_squared
        Of the first line.
    standard_error_1_A2
        Of its slope; NaN for two reconstructions.
    """

    selection: str
    count: int
    slope_1_A2: float
    slope_low_1_A2: float
    slope_high_1_A2: float
    intercept_1_A2: float
    b_factor_A2: float
    b_low_A2: float
    b_high_A2: float
    reslog_slope_1_A: float
    r_squared: float
    standard_error_1_A2: float

    def particles_for(self, resolution_A: float) -> float:
        """Particles at which the line reaches a resolution; infinite where it does not rise."""
        if self.slope_1_A2 <= 0:
            return float("inf")
        return float(np.exp((1.0 / resolution_A**2 - self.intercept_1_A2) / self.slope_1_A2))


def fit_reslog(
    particles: NDArray[np.floating], resolution_A: NDArray[np.floating], *, selection: str = "", level: float = 0.95
) -> ResLog:
    """Fit the line of one selection by least squares.

    Parameters
    ----------
    particles, resolution_A
        One value a reconstruction, ``(n,)``.
    selection
        Its name.
    level
        Of the confidence interval.

    Raises
    ------
    BadInput
        When there are fewer than two different numbers of particles, or one that is not positive.
    """
    n, d = np.asarray(particles, float), np.asarray(resolution_A, float)
    name = f"selection {selection}" if selection else "the table"
    if not (np.isfinite(n).all() and np.isfinite(d).all() and (n > 0).all() and (d > 0).all()):
        raise BadInput(f"{name} holds a number of particles or a resolution that is not above 0")
    if len(np.unique(n)) < 2:
        raise BadInput(
            f"{name} holds {len(np.unique(n))} number of particles: a line needs two, better four or more",
            "reconstruct from random parts of the particles too, such as 1/2, 1/4 and 1/8",
        )
    line: Any = stats.linregress(np.log(n), 1.0 / d**2)
    reslog: Any = stats.linregress(np.log10(n), 1.0 / d)
    slope, half = float(line.slope), float("nan")
    if len(n) > 2:
        half = float(stats.t.ppf(0.5 + level / 2, len(n) - 2) * line.stderr)
    low, high = slope - half, slope + half
    return ResLog(
        selection, len(n), slope, low, high, float(line.intercept), _b_factor(slope), _b_factor(high), _b_factor(low),
        float(reslog.slope), float(line.rvalue**2),
        float(line.stderr) if len(n) > 2 else float("nan"),
    )  # fmt: skip


def fit_selections(table: pd.DataFrame) -> tuple[list[ResLog], list[str]]:
    """Fit the line of each selection of a table of :data:`RECONSTRUCTION_COLUMNS`, in order of appearance.

    Returns
    -------
    The lines, and sentences on selections that have none and on what makes a line worth less than it seems.

    Raises
    ------
    BadInput
        When no selection has a line.
    """
    fits: list[ResLog] = []
    failed: list[BadInput] = []
    for selection, rows in table.groupby("selection", sort=False):
        particles, resolution_A = (rows[name].to_numpy(float) for name in ("particles", "resolution_A"))
        try:
            fits.append(fit_reslog(particles, resolution_A, selection=str(selection)))
        except BadInput as error:
            failed.append(error)
    if not fits:
        raise failed[0] if failed else BadInput("the table holds no reconstruction")
    return fits, [f"{error.message}." for error in failed] + _doubts(table, fits)


def compare_slopes(fits: Sequence[ResLog], *, level: float = 0.95) -> pd.DataFrame:
    """How the slope of each pair of selections differs, with a confidence interval (Welch's).

    Returns
    -------
    pandas.DataFrame
        ``selection, against, difference_1_A2, low_1_A2, high_1_A2, differs``; NaN ends, and false, where one of the two
        has two reconstructions alone.
    """
    rows = []
    for place, first in enumerate(fits):
        for second in fits[place + 1 :]:
            errors = np.array([first.standard_error_1_A2, second.standard_error_1_A2])
            freedom = np.array([first.count, second.count]) - 2
            half = float("nan")
            if (freedom > 0).all():
                variance = float((errors**2).sum())
                pooled = variance**2 / float((errors**4 / freedom).sum()) if variance > 0 else 1.0
                half = float(stats.t.ppf(0.5 + level / 2, pooled)) * variance**0.5
            difference = first.slope_1_A2 - second.slope_1_A2
            rows.append(
                (first.selection, second.selection, difference, difference - half, difference + half,
                 bool(abs(difference) > half))
            )  # fmt: skip
    names = ("selection", "against", "difference_1_A2", "low_1_A2", "high_1_A2", "differs")
    return pd.DataFrame(rows, columns=pd.Index(names))


def read_reconstructions(path: str | Path) -> pd.DataFrame:
    """A table of reconstructions from a CSV file; raises ``BadInput`` for one that is no such table.

    Columns ``particles`` and ``resolution_A`` are needed; without ``selection`` all rows are of one. ``pixel_size_A``
    is NaN where it is missing.
    """
    hint = "give a CSV with the columns particles, resolution_A and perhaps selection"
    path = Path(path)
    try:
        table = pd.read_csv(path, dtype={"selection": str}, skipinitialspace=True)
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise BadInput(f"{path} cannot be read as a table: {' '.join(str(error).split())}", hint) from error
    missing = [name for name in ("particles", "resolution_A") if name not in table.columns]
    if missing:
        raise BadInput(f"{path} has no column {' and '.join(missing)}", hint)
    if table.empty:
        raise BadInput(f"{path} holds no row", hint)
    table["selection"] = table["selection"].fillna("") if "selection" in table.columns else path.stem
    if "pixel_size_A" not in table.columns:
        table["pixel_size_A"] = np.nan
    table = table[list(RECONSTRUCTION_COLUMNS)]
    for name in RECONSTRUCTION_COLUMNS[1:]:
        try:
            table[name] = pd.to_numeric(table[name])
        except (ValueError, TypeError) as error:
            raise BadInput(f"{path} holds a {name} that is no number: {error}", hint) from error
    known = table[["particles", "resolution_A"]].to_numpy(float)
    if not (np.isfinite(known).all() and (known > 0).all()):
        raise BadInput(f"{path} holds a number of particles or a resolution that is not above 0", hint)
    return table


def reconstructions_of_runs(
    selection: str, paths: Iterable[str | Path]
) -> tuple[pd.DataFrame, dict[str, CryogaugeError]]:
    """A table of reconstructions from RELION's jobs (see ``read_refinement``), and why some could not be read."""
    rows: list[tuple[str, int, float, float | None]] = []
    failures: dict[str, CryogaugeError] = {}
    for path in paths:
        try:
            found = read_refinement(path)
        except CryogaugeError as error:
            failures[str(path)] = error
        else:
            rows.append((selection, found.particles, found.resolution_A, found.pixel_size_A))
    table = pd.DataFrame(rows, columns=pd.Index(RECONSTRUCTION_COLUMNS))
    return table.astype({"pixel_size_A": float}), failures


def _doubts(table: pd.DataFrame, fits: Sequence[ResLog]) -> list[str]:
    notes = []
    for fit in fits:
        rows = table[table["selection"].astype(str) == fit.selection].sort_values("particles")
        named = f"{fit.selection}: " if fit.selection else ""
        if fit.count < 4:
            notes.append(f"{named}a line through {fit.count} reconstructions says little; four or more do.")
        if not fit.slope_1_A2 > 0:
            notes.append(f"{named}the resolution does not grow with the particles: there is no B factor.")
        at_end = rows["resolution_A"] <= _NYQUIST_PX * rows["pixel_size_A"]
        if at_end.any():
            notes.append(
                f"{named}{int(at_end.sum())} reconstructions are at the Nyquist frequency: their resolution is the "
                "sampling's. Leave them out or use a smaller pixel."
            )
    return notes


def _b_factor(slope_1_A2: float) -> float:
    if np.isnan(slope_1_A2):
        return float("nan")
    return 2.0 / slope_1_A2 if slope_1_A2 > 0 else float("inf")
