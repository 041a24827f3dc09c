"""What RobPicker gains over plain training, and its halves, over three seeds; see :mod:`validation.robust_table`."""

from validation.robust import SEEDS
from validation.robust_table import summary

_COMPARED = (
    "robpicker_small_f1_gain", "robpicker_large_f1_loss", "dr_only_f1_gain", "lc_only_f1_gain", "label_errors_f1_cost",
    "robpicker_over_plain_f1_gain", "robpicker_small_f1_gain_sd",
)  # fmt: skip
FIGURES = (*_COMPARED, *(f"{name}_untuned" for name in _COMPARED))


def run(small: bool = False) -> dict[str, float]:
    """Measure all rows; one seed when ``small``."""
    found = summary(SEEDS[: 1 if small else None], small=small)
    return {name: found[name] for name in FIGURES}
