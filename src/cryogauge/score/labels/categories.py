"""The six categories of the TomoScore paper: the width of the smallest feature that can be told apart."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Category:
    """One of the six.

    Attributes
    ----------
    number
        0 (nothing can be made out) to 5 (features of one pixel): also the key to press.
    name
        What it is called.
    below_px
        Widths from the next finer category's limit up to this one, exclusive, belong to it.
    """

    number: int
    name: str
    below_px: float

    @property
    def score(self) -> float:
        """The score 0–1 that the category stands for."""
        return self.number / 5


#: By number. The paper takes measurements within about a pixel for the same: limits lie half-way.
CATEGORIES = (
    Category(0, "nothing", math.inf),
    Category(1, "6 px or more", math.inf),
    Category(2, "4–5 px", 5.5),
    Category(3, "3 px", 3.5),
    Category(4, "2 px", 2.5),
    Category(5, "1 px", 1.5),
)
