"""How long ``fast`` must learn on one core to come within 5 % of what it reaches in two hours.

Each time is a training of its own, whose rate falls within it; the shortest that is enough counts, and where none is
the figure is that of the longest. See :mod:`validation.picking`.
"""

from validation.picking import MINUTES, SEEDS, measure

FIGURES = ("train_hours_to_95pct",)
_TIMES, _LONGEST = (10.0, MINUTES, 60.0), 120.0


def run(small: bool = False) -> dict[str, float]:
    """Train on the first training set, for the longest time first."""
    whole = measure("fast", SEEDS[0], small=small, minutes=_LONGEST)
    print(f"     {_LONGEST:g} min {whole:.3f}")
    for minutes in _TIMES:
        score = measure("fast", SEEDS[0], small=small, minutes=minutes)
        print(f"     {minutes:g} min {score:.3f}")
        if score >= 0.95 * whole:
            return {"train_hours_to_95pct": minutes / 60.0}
    return {"train_hours_to_95pct": _LONGEST / 60.0}
