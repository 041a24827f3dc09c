"""What `robpicker` finds, and what its training costs, when its upper level learns more often or less; one seed.

The preset's does at every second step. Rows of :mod:`validation.robust` in as many steps; mean F1 of all species, picks
above thresholds chosen on other tomograms.
"""

from validation.robust import GROUPS, SEEDS, mean_of, row

FIGURES = (
    "schedule_every_step_f1_change",
    "schedule_every_step_time_ratio",
    "schedule_every_fifth_f1_change",
    "schedule_every_fifth_time_ratio",
)


def run(small: bool = False) -> dict[str, float]:
    """Measure by the first seed."""
    second, *others = (
        row(way, SEEDS[0], small=small) for way in ("robpicker", "robpicker-every-1", "robpicker-every-5")
    )
    found = [
        value
        for other in others
        for value in (
            mean_of(other, tuple(GROUPS)) - mean_of(second, tuple(GROUPS)),
            other["seconds"] / second["seconds"],
        )
    ]
    return dict(zip(FIGURES, found, strict=True))
