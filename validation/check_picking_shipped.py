"""Weighted F4 of the picker that comes with the package, on phantoms of other seeds; see :mod:`validation.picking`."""

from cryogauge.pick.shipped import SHIPPED, picker_weights
from validation.held_out import WORK
from validation.picking import REVISION, digest, judge, settings_of

FIGURES = ("shipped_weighted_f4",)


def run(small: bool = False) -> dict[str, float]:
    """Judge; on three small phantoms when ``small``."""
    settings, weights = settings_of(small=small), picker_weights(SHIPPED)
    folder = WORK / f"shipped-{digest(settings, weights, REVISION)}"
    folder.mkdir(parents=True, exist_ok=True)
    return {FIGURES[0]: judge(weights, folder / "picked", settings)["weighted_f4"]}
