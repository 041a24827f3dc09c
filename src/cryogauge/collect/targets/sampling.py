"""Which of the found are taken: the best, a spread, neighbours, some of every kind. Each choice says why."""

from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cryogauge.records import BadInput

Strategy = Literal["best", "spread", "together", "clusters", "groups"]
STRATEGIES: tuple[Strategy, ...] = ("best", "spread", "together", "clusters", "groups")


def choose(
    table: pd.DataFrame,
    strategy: Strategy,
    count: int,
    *,
    by: str = "brightness",
    groups: int = 5,
    seed: int = 0,
    least_score: float = 0.0,
) -> pd.DataFrame:
    """Choose targets.

    Parameters
    ----------
    table
        Squares or holes with ``score``, ``x_px``, ``y_px`` and ``by``; what scores 0 is never chosen.
    strategy
        ``best``: the highest scores. ``spread``: the best first, then each time what lies farthest from all chosen,
        score weighed in. ``together``: one at random and those nearest to it, which image shift reaches from one place
        of the stage. ``clusters``: at random in turn from ``groups`` clusters of ``by``, as SmartScope samples five
        classes of size or grey value. ``groups``: ``count`` of the best from each of ``groups`` groups of equal number
        in the order of ``by``, as Smart Leginon does with the areas of squares.
    count
        How many; of ``groups`` how many from each.
    by
        Column by which clusters and groups are made, such as ``area_px`` or ``brightness``.
    groups
        How many there are.
    seed
        Decides what is left to chance; the same seed chooses the same.
    least_score
        What scores less is not chosen.

    Returns
    -------
    DataFrame
        The chosen rows in the order in which to visit them, with ``group`` (0 is the lowest of ``by``; −1 where there
        are none) and ``chosen_because``.

    Raises
    ------
    BadInput
        For an unknown strategy, a column that is unknown or holds no numbers at all, or numbers below 1.
    """
    if strategy not in STRATEGIES:
        raise BadInput(f"no strategy is called {strategy!r}", f"one of: {', '.join(STRATEGIES)}")
    if by not in table.columns:
        raise BadInput(f"the table has no column {by!r}", "such as brightness, area_px or ice_nm")
    if not pd.api.types.is_numeric_dtype(table[by]):
        raise BadInput(f"the column {by!r} is no number to group by", "such as brightness, area_px or ice_nm")
    if count < 1 or groups < 1:
        raise BadInput("choose one target or more, of one group or more")
    usable = table[(table["score"] > 0) & (table["score"] >= least_score)].reset_index(drop=True)
    if usable.empty:
        return usable.assign(group=pd.Series(dtype=int), chosen_because=pd.Series(dtype=str))
    if strategy == "best":
        order = np.argsort(-usable["score"].to_numpy(float), kind="stable")[:count]
        why = [f"score {usable['score'].iloc[k]:.2f}, place {n + 1} of {len(usable)}" for n, k in enumerate(order)]
        return _chosen(usable, order, np.full(len(usable), -1), why)
    if strategy == "spread":
        order = _spread(usable, count)
        why = ["the best score"] + ["good, and far from all chosen before"] * (len(order) - 1)
        return _chosen(usable, order, np.full(len(usable), -1), why)
    if strategy == "together":
        order = _together(usable, count, np.random.default_rng(seed))
        why = ["at random"] + ["one of the nearest to one at random"] * (len(order) - 1)
        return _chosen(usable, order, np.full(len(usable), -1), why)
    values = usable[by].to_numpy(float)
    if not np.isfinite(values).any():
        raise BadInput(
            f"nothing is known of {by!r}", "ice_nm needs the grey value of vacuum, sizes in µm need the pixel size"
        )
    made = natural_groups(values, groups) if strategy == "clusters" else equal_groups(values, groups)
    order = (
        _in_turn(made, count, np.random.default_rng(seed)) if strategy == "clusters" else _of_each(usable, made, count)
    )
    kind = "cluster" if strategy == "clusters" else "group"
    how = "at random from" if strategy == "clusters" else "of the best of"
    why = [f"{how} {kind} {made[k] + 1} of {made.max() + 1} by {by} ({_plain(values[k])})" for k in order]
    return _chosen(usable, order, made, why)


def _chosen(
    table: pd.DataFrame, order: NDArray[np.integer], group: NDArray[np.integer], why: list[str]
) -> pd.DataFrame:
    return table.assign(group=group).iloc[order].assign(chosen_because=why).reset_index(drop=True)


def equal_groups(values: NDArray[np.floating], groups: int) -> NDArray[np.int64]:
    """Groups of equal number in the order of values, 0 the lowest; what is not known counts as lowest."""
    rank = np.argsort(np.argsort(np.nan_to_num(values, nan=-np.inf), kind="stable"), kind="stable")
    return (rank * min(groups, len(values)) // len(values)).astype(np.int64)


def natural_groups(values: NDArray[np.floating], groups: int) -> NDArray[np.int64]:
    """Clusters of values on a line, 0 the lowest, so that their squared spread is the least there is.

    One-dimensional k-means without chance: Fisher's exact partition (J. Am. Stat. Assoc. 53, 789, 1958), on at most 400
    values; more are first averaged in the order of their size.
    """
    values = np.nan_to_num(values, nan=float(np.nanmin(values)) if np.isfinite(values).any() else 0.0)
    order = np.argsort(values, kind="stable")
    parts = np.array_split(values[order], min(len(values), 400))
    means, weights = np.array([p.mean() for p in parts]), np.array([len(p) for p in parts], float)
    groups = min(groups, len(np.unique(means)))
    total = np.concatenate([[0.0], np.cumsum(weights)])
    first = np.concatenate([[0.0], np.cumsum(weights * means)])
    second = np.concatenate([[0.0], np.cumsum(weights * means**2)])
    low, high = np.meshgrid(np.arange(len(means) + 1), np.arange(len(means) + 1), indexing="ij")
    inside = np.where(high > low, total[high] - total[low], 1.0)
    spread = second[high] - second[low] - (first[high] - first[low]) ** 2 / inside
    spread[high <= low] = np.inf
    cost, cuts = spread[0], []
    for _ in range(groups - 1):
        ways = cost[:, None] + spread
        cuts.append(ways.argmin(0))
        cost = ways.min(0)
    ends = [len(means)]
    for cut in reversed(cuts):
        ends.insert(0, int(cut[ends[0]]))
    of_part = np.searchsorted(ends, np.arange(len(means)), side="right")
    result = np.empty(len(values), np.int64)
    result[order] = np.repeat(of_part, [len(p) for p in parts])
    return result


def _spread(table: pd.DataFrame, count: int) -> NDArray[np.int64]:
    xy, score = table[["x_px", "y_px"]].to_numpy(float), table["score"].to_numpy(float)
    order = [int(score.argmax())]
    nearest = np.linalg.norm(xy - xy[order[0]], axis=1)
    while len(order) < min(count, len(xy)):
        worth = nearest * score
        worth[order] = -1.0
        order.append(int(worth.argmax()))
        nearest = np.minimum(nearest, np.linalg.norm(xy - xy[order[-1]], axis=1))
    return np.array(order)


def _together(table: pd.DataFrame, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    xy = table[["x_px", "y_px"]].to_numpy(float)
    away = np.linalg.norm(xy - xy[rng.integers(len(xy))], axis=1)
    return np.argsort(away, kind="stable")[:count]


def _in_turn(group: NDArray[np.int64], count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """One of each cluster in turn, each cluster in random order."""
    queues = [rng.permutation(np.flatnonzero(group == g)).tolist() for g in range(group.max() + 1)]
    order: list[int] = []
    while len(order) < min(count, len(group)):
        order += [queue.pop() for queue in queues if queue]
    return np.array(order[:count])


def _of_each(table: pd.DataFrame, group: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """The best of each group, group after group."""
    score = table["score"].to_numpy(float)
    best = np.argsort(-score, kind="stable")
    return np.concatenate([best[group[best] == g][:count] for g in range(group.max() + 1)])


def _plain(value: float) -> str:
    """Four digits, without an exponent where the number is large."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
