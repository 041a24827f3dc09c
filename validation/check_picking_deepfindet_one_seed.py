"""Weighted F4 of ``deepfindet`` on unseen phantoms, taught once: what ``picking_deepfindet`` begins with."""

from validation.picking import SEEDS, measure

FIGURES = ("phantom_f4_one_seed_deepfindet",)


def run(small: bool = False) -> dict[str, float]:
    """Train on the first training set and judge."""
    return {FIGURES[0]: measure("deepfindet", SEEDS[0], small=small)}
