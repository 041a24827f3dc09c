"""When a session calls for a person."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from cryogauge.records import BadInput


@dataclass(frozen=True)
class AlertRule:
    """The last ``count`` scores all lie below ``below``.

    Attributes
    ----------
    below
        A TomoScore, 0–1.
    count
        How many in a row.

    Raises
    ------
    BadInput
        When no score could ever meet it, or any would.
    """

    below: float = 0.3
    count: int = 5

    def __post_init__(self) -> None:
        if not (math.isfinite(self.below) and 0 < self.below <= 1) or self.count < 1:
            raise BadInput(
                f"no alert can be raised for the last {self.count} below {self.below}",
                "give a score above 0 and up to 1, and a count of 1 or more",
            )

    @property
    def words(self) -> str:
        """The rule as it names itself in the feed."""
        return f"last {self.count} below {self.below:g}"

    def holds(self, scores: Sequence[float]) -> bool:
        """Whether the rule is met by scores in the order in which they came."""
        last = scores[-self.count :]
        return len(last) == self.count and all(score < self.below for score in last)
