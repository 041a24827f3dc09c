"""How long ``fast`` must learn on one core to come within 5 % of what is recorded of it, where all presets get longer.

Each time is a training of its own, whose rate falls within it, on the first training set; the shortest that is enough
counts. What more than the presets' time would bring is not known from this. See :mod:`validation.picking`.
"""

from tools.figures import load
from validation.picking import MINUTES, SEEDS, measure

FIGURES = ("train_hours_to_95pct",)
_WHOLE = "phantom_weighted_f4_fast"
_TIMES = (10.0, 20.0, MINUTES)


def run(small: bool = False) -> dict[str, float]:
    """Train, for the shortest time first."""
    if _WHOLE not in load():
        raise SystemExit("what `fast` reaches is not measured yet\nhint: python -m validation picking_fast")
    enough = 0.95 * float(load()[_WHOLE]["value"])
    for minutes in _TIMES:
        score = measure("fast", SEEDS[0], small=small, minutes=minutes)
        print(f"     {minutes:g} min {score:.3f}; enough is {enough:.3f}")
        if small or score >= enough:
            return {FIGURES[0]: minutes / 60.0}
    print("     not reached in the longest of these times")
    return {}
