"""The comparison of :mod:`validation.check_robpicker` for its first seed alone, and what that costs."""

from validation.robust import SEEDS
from validation.robust_table import summary

_COMPARED = (
    "robpicker_small_f1_gain", "robpicker_large_f1_loss", "dr_only_f1_gain", "lc_only_f1_gain", "label_errors_f1_cost",
    "robpicker_over_plain_f1_gain",
)  # fmt: skip
_OF_TABLE = (*_COMPARED, *(f"{name}_untuned" for name in _COMPARED))
FIGURES = (*(f"{name}_one_seed" for name in _OF_TABLE), "table_minutes_cpu")


def run(small: bool = False) -> dict[str, float]:
    """Measure the rows of the first seed."""
    found = summary(SEEDS[:1], small=small)
    return {name: found[name.removesuffix("_one_seed")] for name in FIGURES}
