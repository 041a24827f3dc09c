"""Found squares and holes against those that are there."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree


@dataclass(frozen=True)
class Count:
    """How many of the sought were found, and how many of the found are right."""

    sought: int = 0
    hit: int = 0
    found: int = 0
    right: int = 0

    def __add__(self, other: "Count") -> "Count":
        return Count(
            self.sought + other.sought, self.hit + other.hit, self.found + other.found, self.right + other.right
        )

    @property
    def recall(self) -> float:
        """Found of those sought, 0–1."""
        return self.hit / self.sought if self.sought else float("nan")

    @property
    def precision(self) -> float:
        """Right of those found, 0–1."""
        return self.right / self.found if self.found else float("nan")

    @property
    def smaller(self) -> float:
        """The smaller of precision and recall."""
        return min(self.recall, self.precision)


def count(
    found: NDArray[np.floating], sought: NDArray[np.floating], allowed: NDArray[np.floating], within_px: float
) -> Count:
    """Compare positions.

    Parameters
    ----------
    found
        (x, y) of what a finder says, shape ``(n, 2)``.
    sought
        Of what it must find.
    allowed
        Of what it may find besides.
    within_px
        A position this near is the same.
    """
    near = _near(sought, found, within_px)
    right = _near(found, np.concatenate([sought, allowed]), within_px)
    return Count(len(sought), int(near.sum()), len(found), int(right.sum()))


def _near(points: NDArray[np.floating], others: NDArray[np.floating], within_px: float) -> NDArray[np.bool_]:
    if len(points) == 0 or len(others) == 0:
        return np.zeros(len(points), bool)
    return np.asarray(KDTree(others).query(points)[0]) < within_px
