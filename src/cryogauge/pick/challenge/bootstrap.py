"""How far a score would move with other tomograms of the same kind."""

from dataclasses import dataclass

import numpy as np

from cryogauge.pick.challenge.metric import ChallengeScore, f_beta


@dataclass(frozen=True)
class Interval:
    """The middle part of the bootstrap's scores.

    Attributes
    ----------
    low, high
        Its ends.
    level
        The part, such as 0.95.
    """

    low: float
    high: float
    level: float


def bootstrap(
    result: ChallengeScore, *, level: float = 0.95, draws: int = 2000, seed: int = 0
) -> tuple[Interval, dict[str, Interval]]:
    """Percentile intervals of the score and of each kind's F_β, drawing tomograms with replacement.

    Tomograms are what is drawn, not picks: picks of one tomogram are right or wrong together.

    Parameters
    ----------
    result
        Of :func:`cryogauge.pick.challenge.score_picks`.
    level
        Part of the draws between the ends.
    draws
        How many times the tomograms are drawn.
    seed
        Of the drawing.
    """
    names = result.rules.names
    counts = result.counts[["references", "candidates", "tp"]].to_numpy(float).reshape(-1, len(names), 3)
    rng = np.random.default_rng(seed)
    times = rng.multinomial(len(counts), np.full(len(counts), 1 / len(counts)), size=draws)
    sums = np.tensordot(times.astype(float), counts, axes=1)  # (draw, kind, count)
    single = f_beta(sums[..., 2], sums[..., 1], sums[..., 0], result.rules.beta)
    weights = np.array([each.weight for each in result.rules.objects])
    ends = [(1 - level) / 2, (1 + level) / 2]

    def interval(values: np.ndarray) -> Interval:
        low, high = np.quantile(values, ends)
        return Interval(float(low), float(high), level)

    total = interval(single @ weights / weights.sum())
    return total, {name: interval(single[:, k]) for k, name in enumerate(names)}
