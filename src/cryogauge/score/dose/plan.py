"""Which dose fractions of every tilt make a tomogram of less dose.

Halves are those of the paper: the fractions in even and in odd places, and again within each half. Evenly spaced parts
take so many fractions spread over the exposure; cumulative ones take the first so many of each tilt. The
damage in either is nearly that of the whole: what earlier tilts did is in every fraction of the later ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cryogauge.records import BadInput

Kind = Literal["whole", "halves", "even", "cumulative"]


@dataclass(frozen=True)
class Subset:
    """A rule that says which dose fractions of an exposure to add up.

    Attributes
    ----------
    kind
        ``whole``, ``halves``, ``even`` (evenly spaced) or ``cumulative``.
    path
        Of halves: ``e`` and ``o`` for the even or odd places at each halving, such as ``eo``.
    share
        Of the others: the part of the exposure that is wanted, 0–1.
    asked_e_A2
        Of the others: the dose that was asked for; 0 where a share was.
    """

    kind: Kind
    path: str = ""
    share: float = 1.0
    asked_e_A2: float = 0.0

    @property
    def level(self) -> float:
        """What is the same for all series: the number of halvings, or the dose or share asked for."""
        return float(len(self.path)) if self.kind == "halves" else self.asked_e_A2 or self.share

    @property
    def name(self) -> str:
        """Short and fit for a file name, such as ``halves_eo`` or ``even_64e``."""
        if self.kind == "whole":
            return "whole"
        if self.kind == "halves":
            return f"halves_{self.path}"
        return f"{self.kind}_{self.asked_e_A2:g}e" if self.asked_e_A2 else f"{self.kind}_{self.share:.4f}"

    def fractions(self, count: int) -> NDArray[np.intp]:
        """Places of the chosen dose fractions among ``count`` of them, rising.

        Raises
        ------
        BadInput
            When there are too few fractions for it.
        """
        places = np.arange(count)
        if self.kind == "whole":
            return places
        if self.kind == "halves":
            for half in self.path:
                places = places[0::2] if half == "e" else places[1::2]
            wanted = len(places)
        else:
            wanted = round(self.share * count)
            spread = np.floor((np.arange(wanted) + 0.5) * count / max(wanted, 1)).astype(np.intp)
            places = places[spread] if self.kind == "even" else places[:wanted]
        if not wanted:
            raise BadInput(
                f"{count} dose fractions are too few for {self.name.replace('_', ' ')}",
                "ask for fewer halvings or more dose",
            )
        return places


WHOLE = Subset("whole")


def halvings(depth: int) -> list[Subset]:
    """All halves down to ``depth`` halvings: 2, then 4, …; raises ``BadInput`` for a depth outside 1–10.

    A pair of halves stands side by side, the even one first.
    """
    if not 1 <= depth <= 10:
        raise BadInput(f"{depth} halvings cannot be made", "give between 1 and 10")
    paths = [""]
    made: list[Subset] = []
    for _ in range(depth):
        paths = [path + half for path in paths for half in "eo"]
        made += [Subset("halves", path) for path in paths]
    return made


def parts(kind: Literal["even", "cumulative"], doses_e_A2: Sequence[float], total_e_A2: float) -> list[Subset]:
    """Evenly spaced or cumulative subsets of the wanted doses, as near as the number of fractions allows.

    Raises
    ------
    BadInput
        When the total is unknown, or a dose is not below it.
    """
    if not total_e_A2 > 0:
        raise BadInput("the dose of the whole series is not known", "give it with --dose")
    for dose in doses_e_A2:
        if not 0 < dose < total_e_A2:
            raise BadInput(f"{dose:g} e⁻/Å² cannot be had of {total_e_A2:g} e⁻/Å²", "ask for less than the whole")
    return [Subset(kind, share=dose / total_e_A2, asked_e_A2=float(dose)) for dose in sorted(doses_e_A2)]


@dataclass(frozen=True)
class Plan:
    """The subsets of one tilt series, and the groups of fractions that they share.

    Attributes
    ----------
    subsets
        What tomograms are wanted of.
    atoms
        For each tilt the group, 0 … ``groups`` − 1, of each of its fractions; fractions of one group are always taken
        together.
    groups
        How many groups there are.
    members
        bool ``(subset, group)``: which groups a subset is the sum of.
    counts
        int ``(subset, tilt)``: fractions in it.
    """

    subsets: tuple[Subset, ...]
    atoms: tuple[NDArray[np.intp], ...]
    groups: int
    members: NDArray[np.bool_]
    counts: NDArray[np.intp]


def make_plan(subsets: Sequence[Subset], fractions: Sequence[int]) -> Plan:
    """Group the fractions of every tilt by the subsets they belong to.

    Reading each fraction once is all that is needed then: 63 tomograms by five halvings are sums of 32 groups.

    Parameters
    ----------
    subsets
        What is wanted.
    fractions
        Number of dose fractions of each tilt; they need not be equal.

    Raises
    ------
    BadInput
        When a tilt has too few fractions for a subset.
    """
    known: dict[bytes, int] = {}
    atoms, counts = [], np.zeros((len(subsets), len(fractions)), dtype=np.intp)
    for tilt, count in enumerate(fractions):
        belongs = np.zeros((count, len(subsets)), dtype=bool)
        for k, subset in enumerate(subsets):
            chosen = subset.fractions(count)
            belongs[chosen, k] = True
            counts[k, tilt] = len(chosen)
        # fractions that no subset wants form a group as well, which no subset is the sum of
        atoms.append(np.array([known.setdefault(row.tobytes(), len(known)) for row in belongs], dtype=np.intp))
    members = np.stack([np.frombuffer(signature, dtype=bool) for signature in known], axis=1)
    return Plan(tuple(subsets), tuple(atoms), len(known), members, counts)
