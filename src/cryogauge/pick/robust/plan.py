"""Which of the upper level's networks a preset has, and how they learn."""

from dataclasses import dataclass
from typing import Literal

from cryogauge.records import BadInput

Correction = Literal["none", "features", "prediction"]
Reweighting = Literal["none", "example", "voxel"]


@dataclass(frozen=True)
class Robust:
    """The upper level of a preset.

    Attributes
    ----------
    correction
        What labels are mixed with: ``features``, as in the paper, is what convolutions of the upper level make of the
        network's last features; ``prediction`` what the network itself says, so that the upper level learns the mixing
        alone; ``none`` leaves labels as they are.
    reweighting
        What is weighted by its loss: each ``example``, as in the paper; each ``voxel``, as in the authors' code; or
        ``none``.
    rate
        Of Adam, for the upper parameters.
    every
        Steps of the network between two of the upper level.
    mixing
        Part of the label that is replaced when nothing is learned yet, 0–1.
    """

    correction: Correction = "features"
    reweighting: Reweighting = "example"
    rate: float = 2e-4
    every: int = 1
    mixing: float = 0.5

    def __post_init__(self) -> None:
        if self.correction == self.reweighting == "none":
            raise BadInput("an upper level without correction and reweighting has nothing to learn", "leave one on")
        if not 0 < self.mixing < 1 or self.every < 1 or self.rate <= 0:
            raise BadInput(
                f"an upper level with mixing {self.mixing:g}, rate {self.rate:g}, every {self.every} steps",
                "mixing lies between 0 and 1, the rate above 0, the steps are 1 or more",
            )
