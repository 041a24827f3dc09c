"""Weighted F4 of ``deepfinder`` on unseen phantoms, mean of three training sets; see :mod:`validation.picking`."""

from validation.picking import mean_of_seeds

FIGURES = ("phantom_weighted_f4_deepfinder",)


def run(small: bool = False) -> dict[str, float]:
    """Train on each set and judge; one set when ``small``."""
    return {FIGURES[0]: mean_of_seeds("deepfinder", small=small)}
