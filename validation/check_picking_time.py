"""How long ``fast`` must learn to come within 5 % of what it reaches: the same training with less time.

Each time is a training of its own, whose rate falls within it; see :mod:`validation.picking`.
"""

from validation.picking import MINUTES, SEEDS, measure

FIGURES = ("train_hours_to_95pct",)
_TIMES = (4.0, 8.0, 15.0, MINUTES)


def run(small: bool = False) -> dict[str, float]:
    """Train for each time on the first training set; two equal short ones when ``small``."""
    scores = {minutes: measure("fast", SEEDS[0], small=small, minutes=minutes) for minutes in _TIMES}
    print("     " + "  ".join(f"{minutes:g} min {score:.3f}" for minutes, score in scores.items()))
    enough = min(minutes for minutes, score in scores.items() if score >= 0.95 * scores[MINUTES])
    return {"train_hours_to_95pct": enough / 60.0} | {f"f4_after_{m:g}_min": score for m, score in scores.items()}
