"""What an engine of the selection is: it classifies, extracts anew and makes first models."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cryogauge.classes.iterate.plan import IteratePlan
from cryogauge.classes.iterate.rounds import Ids
from cryogauge.records import ClassStack

Say = Callable[[str], None]


@dataclass(frozen=True)
class Particles:
    """What there is to select from.

    Attributes
    ----------
    ids
        A whole number for each, in the order of the source.
    box_px, pixel_size_A
        Of the images as they are classified.
    extraction_box_px
        Edge of the box before binning, by which a particle counts as small or large.
    fingerprint
        Of the source: another run goes on only where it is the same.
    source
        What it is called.
    """

    ids: Ids
    box_px: int
    pixel_size_A: float
    extraction_box_px: int
    fingerprint: str
    source: str


@dataclass(frozen=True)
class Classified:
    """Averages, and the class of each particle by the numbers of ``stack.table["class"]``.

    Attributes
    ----------
    stack
        The averages.
    particles, classes
        Of equal length.
    """

    stack: ClassStack
    particles: Ids
    classes: NDArray[np.integer]


@dataclass(frozen=True)
class Extracted:
    """The particles of a batch, ready for 3-D.

    Attributes
    ----------
    source
        A STAR file, or an output of a job.
    note
        What they are, such as whether they are unbinned.
    """

    source: str
    note: str


class Engine(Protocol):
    """A program that does the work.

    Every method may take hours, leaves all its files in ``folder`` (which exists, and may hold what a run that was
    killed has left), and raises ``Retryable`` when the program fails and ``BadInput`` when it cannot do what is asked.
    """

    @property
    def name(self) -> str:
        """``relion``, ``cryosparc`` or ``builtin``."""
        ...

    @property
    def makes_models(self) -> bool:
        """Whether there is :meth:`ab_initio`."""
        ...

    def particles(self) -> Particles:
        """What there is to select from."""
        ...

    def classify(self, ids: Ids, classes: int, plan: IteratePlan, folder: Path, say: Say) -> Classified:
        """Sort particles into so many classes."""
        ...

    def reextract(self, ids: Ids, last: Path, plan: IteratePlan, folder: Path, say: Say) -> Extracted:
        """Give the particles without binning where that can be had; the note says so where it cannot.

        ``last`` is the folder of the last classification, which knows how far each lies from the middle of its box.
        """
        ...

    def ab_initio(self, extracted: Extracted, plan: IteratePlan, folder: Path, say: Say) -> Path:
        """A first model of them without symmetry, as an MRC file in ``folder``."""
        ...
