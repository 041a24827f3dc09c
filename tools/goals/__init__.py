"""What is measured, and what would be good enough: the one place where goals are stated."""

from tools.goals import classes, collect, picking, tomograms
from tools.goals.figure import Figure

__all__ = ["FIGURES", "Figure"]

FIGURES: tuple[Figure, ...] = (*tomograms.FIGURES, *picking.FIGURES, *classes.FIGURES, *collect.FIGURES)
