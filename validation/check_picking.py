"""The best of the presets on unseen phantoms, each taught for the same time; see :mod:`validation.picking`."""

from validation.picking import mean_of_seeds

FIGURES = ("phantom_weighted_f4",)


def run(small: bool = False) -> dict[str, float]:
    """Measure all presets; what was measured before is taken from ``work/``."""
    found = {f"{FIGURES[0]}_{name}": mean_of_seeds(name, small=small) for name in ("fast", "deepfinder", "deepfindet")}
    return {FIGURES[0]: max(found.values()), **found}
