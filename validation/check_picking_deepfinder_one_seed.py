"""Weighted F4 of ``deepfinder`` on three unseen phantoms, taught once: what ``picking_deepfinder`` begins with."""

from validation.picking import SEEDS, measure

FIGURES = ("phantom_f4_one_seed_deepfinder",)
_JUDGED = 3


def run(small: bool = False) -> dict[str, float]:
    """Train on the first training set and judge by the first of the phantoms."""
    return {FIGURES[0]: measure("deepfinder", SEEDS[0], small=small, judged=_JUDGED)}
