"""Who goes where in the rounds of a selection: functions of particles, classes and grades alone.

Particles are known by whole numbers, each its own: the row of a STAR file, a cryoSPARC uid.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cryogauge.classes.iterate.plan import IteratePlan
from cryogauge.records import BadInput

Ids = NDArray[np.integer]


@dataclass(frozen=True)
class Split:
    """What a round makes of its particles; together all of them, none twice, each part in rising order.

    Attributes
    ----------
    set_aside
        In good classes, out of the rounds.
    going_on
        To the next round.
    dropped
        In bad classes, out altogether.
    """

    set_aside: Ids
    going_on: Ids
    dropped: Ids

    @property
    def counts(self) -> dict[str, int]:
        """How many of each."""
        return {name: len(getattr(self, name)) for name in ("set_aside", "going_on", "dropped")}


def split_round(
    particles: Ids, classes: NDArray[np.integer], grades: Mapping[int, float], plan: IteratePlan, number: int
) -> Split:
    """Sort the particles of a round by the grades of their classes (CryoSift, section 3.2).

    Of the particles in classes graded ``plan.attract`` or better, the part ``plan.set_aside``, drawn at random, leaves
    the rounds, so that the attractors they are part of no longer rule the next classification. Those in classes graded
    ``plan.reject`` or worse are dropped. All others go on, those among them whose class has no grade or that no class
    took: nothing is known against them.

    Parameters
    ----------
    particles, classes
        Of equal length: each particle's number and its class.
    grades
        Of each class, 1 the best to 5; NaN where there is none.
    number
        Of the round; with the plan's seed it decides who is drawn.

    Raises
    ------
    BadInput
        When a particle is there twice or has no class.
    """
    particles, graded = _graded(particles, classes, grades)
    good, bad = graded <= plan.attract, graded >= plan.reject
    leaving = np.flatnonzero(good)
    drawn = np.random.default_rng([plan.seed, number]).permutation(len(leaving))
    aside = np.zeros(len(particles), dtype=bool)
    aside[leaving[drawn[: round(plan.set_aside * len(leaving))]]] = True
    return Split(particles[aside], particles[~aside & ~bad], particles[bad])


def pool(parts: Sequence[Ids]) -> Ids:
    """The particles of disjoint parts together, in rising order; raises ``BadInput`` when one is in two of them."""
    together = np.sort(np.concatenate([np.asarray(part) for part in parts]))
    if len(np.unique(together)) != len(together):
        raise BadInput("a particle is in two parts of a selection", "run anew into another folder")
    return together


def batches(
    particles: Ids, classes: NDArray[np.integer], grades: Mapping[int, float], plan: IteratePlan
) -> dict[float, Ids]:
    """Of each cut-off the particles in classes graded this or better, and better than ``plan.reject``.

    Each holds the one before it. Particles whose class has no grade are in none.

    Raises
    ------
    BadInput
        When a particle is there twice or has no class.
    """
    particles, graded = _graded(particles, classes, grades)
    return {cutoff: particles[(graded <= cutoff) & (graded < plan.reject)] for cutoff in plan.cutoffs}


def _graded(
    particles: Ids, classes: NDArray[np.integer], grades: Mapping[int, float]
) -> tuple[Ids, NDArray[np.float64]]:
    """Particles in rising order, since the program's plays no part in who is drawn, and the grade of each."""
    if len(particles) != len(classes):
        raise BadInput(f"{len(particles)} particles but classes of {len(classes)}")
    order = np.argsort(particles, kind="stable")
    particles = particles[order]
    if (particles[1:] == particles[:-1]).any():
        raise BadInput("a particle is in a classification twice", "take duplicates out of the particles")
    kinds, inverse = np.unique(classes[order], return_inverse=True)
    return particles, np.array([grades.get(int(kind), np.nan) for kind in kinds], dtype=float)[inverse]
