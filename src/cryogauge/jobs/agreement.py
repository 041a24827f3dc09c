"""How well people who judge the same things agree, with each other and with themselves."""

from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike


def agreement(labels: pd.DataFrame, *, thing: list[str], said: str, counted: str) -> pd.DataFrame:
    """Agreement of every two people on what both have judged, and of each with herself on repeats.

    Parameters
    ----------
    labels
        A row a judgement, with ``annotator`` and ``repeat``.
    thing
        The columns that say what was judged.
    said
        The column of the judgement, a number; 1 apart is the next better or worse.
    counted
        What the column with the number of things is called.

    Returns
    -------
    Table ``first, second, <counted>, exact, within_one, kappa``: both names are the same in the rows on repeats.
    ``exact`` and ``within_one`` are fractions of the things, NaN where there are none.
    """
    people = sorted(labels["annotator"].unique())
    by_person = {
        (name, bool(repeat)): rows.drop_duplicates(thing, keep="last").set_index(thing)[said]
        for (name, repeat), rows in labels.groupby(["annotator", "repeat"])
    }
    nothing = pd.Series(dtype=float, index=pd.MultiIndex.from_arrays([[], []], names=thing))
    pairs = [((name, False), (name, True)) for name in people]
    pairs += [((a, False), (b, False)) for a, b in combinations(people, 2)]
    rows = []
    for one, other in pairs:
        both = pd.concat([by_person.get(each, nothing) for each in (one, other)], axis=1, join="inner").to_numpy(float)
        apart = np.abs(both[:, 0] - both[:, 1])
        exact, near = (float(np.mean(apart <= limit)) if len(both) else float("nan") for limit in (0, 1))
        rows.append((one[0], other[0], len(both), exact, near, weighted_kappa(both[:, 0], both[:, 1])))
    return pd.DataFrame(rows, columns=pd.Index(["first", "second", counted, "exact", "within_one", "kappa"]))


def weighted_kappa(first: ArrayLike, second: ArrayLike) -> float:
    """Cohen's kappa of two people's judgements with quadratic weights (Cohen, Psychol. Bull. 70, 213, 1968).

    By chance the square of a difference is the variances' sum and the square of the means' difference, so that
    judgements need not be whole numbers.

    Parameters
    ----------
    first, second
        Judgements of the same things, shape ``(n,)``.

    Returns
    -------
    1 for full agreement, 0 for that of chance; NaN where it is not defined: no things, or one and the same judgement
    throughout.
    """
    a, b = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if not len(a):
        return float("nan")
    by_chance = float(np.var(a) + np.var(b) + (np.mean(a) - np.mean(b)) ** 2)
    return 1.0 - float(np.mean((a - b) ** 2)) / by_chance if by_chance > 0 else float("nan")
