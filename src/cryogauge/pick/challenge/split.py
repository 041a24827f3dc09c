"""Train, public and private tomograms with like numbers of each kind of particle.

Tomograms are sorted into bins of like counts; each subset draws from all bins in proportion; of many random draws the
one is kept whose subsets differ least by the two-sample Kolmogorov–Smirnov statistic of every kind.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cryogauge.io.replace import replacing
from cryogauge.records import BadInput

SUBSETS = ("train", "public", "private")


@dataclass(frozen=True)
class Split:
    """Which tomogram belongs to which subset.

    Attributes
    ----------
    table
        A row a tomogram: ``tomogram, subset, bin``, then the number of particles of each kind.
    tests
        A row a kind and pair of subsets: ``object, first, second, statistic, p_value`` of the two-sample
        Kolmogorov–Smirnov test of their counts. The draw was chosen by these: they describe it and test nothing.
    """

    table: pd.DataFrame
    tests: pd.DataFrame

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds that were counted."""
        return tuple(str(name) for name in self.table.columns[3:])


def split_tomograms(
    counts: pd.DataFrame,
    *,
    train: int = 7,
    public: float = 0.25,
    bins: int = 16,
    draws: int = 200,
    seed: int = 0,
) -> Split:
    """Divide tomograms by the counts of their particles.

    Parameters
    ----------
    counts
        A row a tomogram (its index), a column a kind; see :func:`count_particles`.
    train
        Tomograms to learn from.
    public
        Part of the others whose score everybody sees; the rest is private.
    bins
        Groups of tomograms with like counts.
    draws
        Random divisions, of which the best is kept.
    seed
        Of the drawing.

    Raises
    ------
    BadInput
        When a subset would be empty, or there are more bins than tomograms.
    """
    shared = len(counts) - train
    sizes = (train, round(shared * public), shared - round(shared * public))
    if train < 1 or min(sizes) < 1:
        raise BadInput(
            f"{len(counts)} tomograms cannot be divided into {train} for training, {100 * public:g} % of the rest "
            "public and the others private",
            "take fewer for training, or give more tomograms",
        )
    if not 1 <= bins <= len(counts):
        raise BadInput(f"{len(counts)} tomograms cannot be sorted into {bins} bins", "take fewer bins")
    if draws < 1:
        raise BadInput(f"{draws} draws choose nothing", "draw at least once")
    values = counts.to_numpy(float)
    bin_of = bins_of_like_counts(values, bins)
    rng = np.random.default_rng(seed)
    trials = (_draw(bin_of, sizes, rng) for _ in range(draws))
    subset = min(trials, key=lambda drawn: _worst_difference(values, drawn))
    table = pd.DataFrame(
        {"tomogram": counts.index.astype(str), "subset": np.array(SUBSETS, object)[subset], "bin": bin_of}
    )
    table = pd.concat([table, counts.reset_index(drop=True)], axis=1)
    return Split(table, _tests(table, [str(name) for name in counts.columns]))


def count_particles(truth: pd.DataFrame, kinds: Sequence[str], tomograms: Sequence[str] | None = None) -> pd.DataFrame:
    """How many particles of each kind each tomogram has.

    Parameters
    ----------
    truth
        Table with ``tomogram`` and ``object``.
    kinds
        The columns.
    tomograms
        The rows; by default those of the truth, sorted. A tomogram without any particle is known only from here.
    """
    table = pd.crosstab(truth["tomogram"].astype(str), truth["object"].astype(str))
    rows = sorted(table.index) if tomograms is None else list(tomograms)
    return table.reindex(index=rows, columns=list(kinds), fill_value=0).rename_axis(index=None, columns=None)


def bins_of_like_counts(values: np.ndarray, bins: int) -> np.ndarray:
    """Sort tomograms into bins of equal size, to one, and like counts; bins count from 0.

    Counts ``(tomogram, kind)`` are set to mean 0 and standard deviation 1 a kind. The tomograms are then halved again
    and again at the middle of the kind in which they spread most: 16 bins are four halvings.
    """
    spread = values.std(axis=0)
    scaled = (values - values.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    result = np.zeros(len(values), int)

    def divide(rows: np.ndarray, first: int, number: int) -> None:
        if number == 1:
            result[rows] = first
            return
        kind = int(np.argmax(scaled[rows].std(axis=0)))
        ordered = rows[np.argsort(scaled[rows, kind], kind="stable")]
        left = number // 2
        middle = round(len(rows) * left / number)
        divide(ordered[:middle], first, left)
        divide(ordered[middle:], first + left, number - left)

    divide(np.arange(len(values)), 0, bins)
    return result


def write_split(path: Path, split: Split) -> None:
    """Write the table of a split as CSV."""
    with replacing(path) as temporary:
        split.table.to_csv(temporary, index=False)


def read_split(path: str | Path) -> dict[str, str]:
    """The subset of each tomogram, from a CSV with ``tomogram`` and ``subset``.

    Raises
    ------
    BadInput
        When it cannot be read, lacks a column, names a tomogram twice or knows other subsets than ``SUBSETS``.
    """
    hint = f"give a CSV with the columns tomogram and subset ({', '.join(SUBSETS)})"
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {(error.strerror or 'refused').lower()}", hint) from error
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} is no table: {error}", hint) from error
    if not {"tomogram", "subset"} <= set(table.columns):
        raise BadInput(f"{path} lacks the column tomogram or subset", hint)
    doubled = table.loc[table["tomogram"].duplicated(), "tomogram"]
    if len(doubled):
        raise BadInput(f"{path} names {doubled.iloc[0]} twice", hint)
    unknown = sorted(set(table["subset"]) - set(SUBSETS))
    if unknown:
        raise BadInput(f"{path} names an unknown subset '{unknown[0]}'", hint)
    return dict(zip(table["tomogram"], table["subset"], strict=True))


def _draw(bin_of: np.ndarray, sizes: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """A subset a tomogram: the tomograms, shuffled within their bins, are dealt out evenly along all bins.

    Each subset takes the places that divide the row of bins evenly, so that it holds of each bin its share to one.
    """
    row = np.lexsort((rng.random(len(bin_of)), bin_of))
    # A member of a subset of size n wants the places (k + u) / n of the row, with a common random u.
    wanted = [(np.arange(size) + rng.random()) / size for size in sizes]
    owner = np.repeat(np.arange(len(sizes)), sizes)
    subset = np.empty(len(bin_of), int)
    subset[row] = owner[np.argsort(np.concatenate(wanted), kind="stable")]
    return subset


def _worst_difference(values: np.ndarray, subset: np.ndarray) -> float:
    """Largest Kolmogorov–Smirnov statistic over kinds and pairs of subsets, each scaled by √(nm / (n + m))."""
    worst = 0.0
    for kind in values.T:
        parts = [np.sort(kind[subset == number]) for number in range(len(SUBSETS))]
        places = np.unique(kind)
        rising = [np.searchsorted(part, places, side="right") / len(part) for part in parts]
        for first, second in combinations(range(len(SUBSETS)), 2):
            n, m = len(parts[first]), len(parts[second])
            worst = max(worst, float(np.abs(rising[first] - rising[second]).max()) * (n * m / (n + m)) ** 0.5)
    return worst


def _tests(table: pd.DataFrame, kinds: Sequence[str]) -> pd.DataFrame:
    from scipy.stats import ks_2samp

    rows = []
    for kind in kinds:
        parts = {name: table.loc[table["subset"] == name, kind].to_numpy() for name in SUBSETS}
        for first, second in combinations(SUBSETS, 2):
            with warnings.catch_warnings():
                # Where its exact p overflows, scipy takes the asymptotic one, and says so.
                warnings.simplefilter("ignore", RuntimeWarning)
                found: Any = ks_2samp(parts[first], parts[second])
            rows.append((kind, first, second, float(found.statistic), float(found.pvalue)))
    return pd.DataFrame(rows, columns=pd.Index(["object", "first", "second", "statistic", "p_value"]))
