"""How well people agree, with each other and with themselves."""

from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from cryogauge.score.labels.categories import CATEGORIES


def weighted_kappa(first: ArrayLike, second: ArrayLike) -> float:
    """Cohen's kappa of two people's categories with quadratic weights (Cohen, Psychol. Bull. 70, 213, 1968).

    Parameters
    ----------
    first, second
        Categories 0–5 of the same slices, shape ``(n,)``.

    Returns
    -------
    float
        1 for full agreement, 0 for that of chance; NaN where it is not defined: no slices, or one and the same
        category throughout.
    """
    a, b = np.asarray(first, dtype=int), np.asarray(second, dtype=int)
    if not len(a):
        return float("nan")
    number = len(CATEGORIES)
    counts_a, counts_b = (np.bincount(each, minlength=number) / len(each) for each in (a, b))
    distance = (np.arange(number)[:, None] - np.arange(number)) ** 2
    by_chance = float(counts_a @ distance @ counts_b)
    return 1.0 - float(np.mean((a - b) ** 2)) / by_chance if by_chance > 0 else float("nan")


def agreement(labels: pd.DataFrame) -> pd.DataFrame:
    """Agreement of every two people on the slices both have labelled, and of each with herself on repeats.

    Parameters
    ----------
    labels
        What :func:`cryogauge.score.labels.read_labels` gives.

    Returns
    -------
    Table ``first, second, slices, exact, within_one, kappa``: both names are the same in the rows on repeats.
    ``exact`` and ``within_one`` are fractions of the slices, NaN where there are none.
    """
    people = sorted(labels["annotator"].unique())
    keys = ["uri", "z"]
    said = {
        (name, repeat): rows.drop_duplicates(keys, keep="last").set_index(keys)["category"]
        for (name, repeat), rows in labels.groupby(["annotator", "repeat"])
    }
    nothing = pd.Series(dtype=int, index=pd.MultiIndex.from_arrays([[], []], names=keys))
    pairs = [((name, False), (name, True)) for name in people]
    pairs += [((a, False), (b, False)) for a, b in combinations(people, 2)]
    rows = []
    for one, other in pairs:
        both = pd.concat([said.get(one, nothing), said.get(other, nothing)], axis=1, join="inner").to_numpy(dtype=int)
        apart = np.abs(both[:, 0] - both[:, 1])
        exact, near = (float(np.mean(apart <= limit)) if len(both) else float("nan") for limit in (0, 1))
        kappa = weighted_kappa(both[:, 0], both[:, 1])
        rows.append((one[0], other[0], len(both), exact, near, kappa))
    return pd.DataFrame(rows, columns=pd.Index(["first", "second", "slices", "exact", "within_one", "kappa"]))
