"""Faults of a simulated microscope, by plan or by chance, the same for the same seed."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cryogauge.records import BadInput

#: What can go wrong, and at which commands.
KINDS: Mapping[str, str] = {
    "lost connection": "any command: no answer until reconnected; it may or may not have been carried out",
    "hang": "any command that takes time: it never ends",
    "stuck stage": "move_stage: nothing moves",
    "wrong readback": "stage: it reads 50 µm off",
    "jam": "load_grid: the loader stops, the column stays empty",
    "blank": "record: a picture of nothing",
    "half image": "record: the lower half is missing",
    "saturated": "record: every pixel at its largest value",
    "full disk": "record with frames: the camera's disk is full",
}


@dataclass(frozen=True)
class Fault:
    """One fault: it strikes at the ``at``-th command (from 0) of those that such a fault can befall."""

    kind: str
    at: int

    def __post_init__(self) -> None:
        _check(self.kind)


class Faults:
    """When faults strike.

    Parameters
    ----------
    planned
        Faults by plan.
    rates
        Probability by kind, at each command it can befall.
    seed
        Of the chance.

    Attributes
    ----------
    struck
        Kinds of those that did, in their order.
    """

    def __init__(self, planned: Sequence[Fault], rates: Mapping[str, float], seed: int) -> None:
        for kind, rate in rates.items():
            _check(kind)
            if not (isinstance(rate, (int, float)) and 0 <= rate <= 1):
                raise BadInput(f"the rate of the fault {kind!r} is {rate}", "give a probability, 0 to 1")
        self.struck: list[str] = []
        self._planned = frozenset((fault.kind, fault.at) for fault in planned)
        self._rates = dict(rates)
        self._chance = {kind: np.random.default_rng([seed, number]) for number, kind in enumerate(KINDS)}
        self._seen: Counter[str] = Counter()

    def strikes(self, kind: str) -> bool:
        """Whether it does now; asked once at each command it can befall."""
        at, rate = self._seen[kind], self._rates.get(kind, 0.0)
        self._seen[kind] += 1
        struck = (kind, at) in self._planned or (rate > 0 and self._chance[kind].random() < rate)
        if struck:
            self.struck.append(kind)
        return struck

    def even(self, kind: str) -> bool:
        """A coin."""
        return bool(self._chance[kind].random() < 0.5)

    def spoil(self, picture: NDArray[np.float32]) -> NDArray[np.float32]:
        """What the camera makes of a picture."""
        if self.strikes("blank"):
            picture = np.zeros_like(picture)
        if self.strikes("half image"):
            picture[len(picture) // 2 :] = 0
        if self.strikes("saturated"):
            picture = np.full_like(picture, 65535)
        return picture


def _check(kind: str) -> None:
    if kind not in KINDS:
        raise BadInput(f"no fault is called {kind!r}", f"one of: {', '.join(KINDS)}")
