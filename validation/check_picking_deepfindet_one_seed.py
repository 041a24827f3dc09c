"""Weighted F4 of ``deepfindet`` on three unseen phantoms, taught once: what ``picking_deepfindet`` begins with."""

from validation.picking import SEEDS, measure

FIGURES = ("phantom_f4_one_seed_deepfindet",)
_JUDGED = 3


def run(small: bool = False) -> dict[str, float]:
    """Train on the first training set and judge by the first of the phantoms."""
    return {FIGURES[0]: measure("deepfindet", SEEDS[0], small=small, judged=_JUDGED)}
