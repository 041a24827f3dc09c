"""Averages of 2-D classes and what is said of them: the same from every program."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cryogauge.records.errors import BadInput

#: Columns of every class table; what a program did not tell is NaN.
CLASS_COLUMNS = (
    "class",  # int: the program's own number of the class; RELION and EMAN2 as they count, cryoSPARC from 0
    "resolution_A",  # the program's estimate, by Fourier ring correlation or spectral signal-to-noise
    "distribution",  # part of all particles that are in the class, 0–1
    "particles",  # how many these are
)

#: Grades run from 1, the best, to 5, the worst, and are open at both ends (CryoSift, section 3.1).
BEST_GRADE, WORST_GRADE = 1.0, 5.0

#: Letters of the paper's rubric (section 2.1.3) and the grades that they stand for.
RUBRIC = {
    "A": (1.0, "best: secondary structure, very sharp"),
    "B": (2.0, "decent: secondary structure, some fuzzy regions"),
    "C": (3.0, "acceptable: overall shape, some domains, little or no secondary structure"),
    "D": (4.0, "poor: like a particle, but fuzzy and with artefacts"),
    "F": (5.0, "unusable: nothing like a particle, artefacts in the background"),
}

#: Why a class may be poor.
REASONS = {
    "empty": "nothing but noise",
    "edge": "a grid edge, or a particle cut off by the box",
    "aggregate": "a clump of particles or contamination",
    "ice": "crystalline or contaminating ice",
    "carbon": "carbon support",
    "blurred": "a particle without detail: heterogeneous, badly aligned or too few",
    "off_centre": "the particle is not in the middle of the box",
    "neighbour": "a second particle in view",
}

#: Columns of a table of grades, one row a class, before the probabilities of ``REASONS`` as ``p_<reason>``.
GRADE_COLUMNS = (
    "class",
    "score",  # 0–1, higher is better: (5 − grade) / 4, clipped
    "grade",
    "uncertainty",  # standard deviation of the grade
    "flags",  # tuple of words: reasons, and out_of_domain
    "resolution_A",
    "distribution",
    "particles",
    "mass_kDa",
)


@dataclass(frozen=True)
class ClassStack:
    """Averages of the classes of one 2-D classification.

    Attributes
    ----------
    images
        float32 of shape ``(class, y, x)``, square, in the grey values of the file; may be a memory map.
    pixel_size_A
        Edge of a pixel in Å, or None where neither file nor user says.
    table
        One row an image, in the images' order, with at least ``CLASS_COLUMNS``.
    source
        The file or job they came from.
    program
        ``relion``, ``cryosparc``, ``eman2``, ``cryogauge`` or, for a plain stack, ``stack``.
    notes
        Sentences on what is missing or was assumed.

    Raises
    ------
    BadInput
        When images and table do not fit together, or the images are not square.
    """

    images: np.ndarray
    pixel_size_A: float | None
    table: pd.DataFrame
    source: str = ""
    program: str = "stack"
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        missing = [name for name in CLASS_COLUMNS if name not in self.table.columns]
        if missing:
            raise BadInput(f"the class table lacks {', '.join(missing)}", "give every column of CLASS_COLUMNS")
        if self.images.ndim != 3 or self.images.shape[1] != self.images.shape[2]:
            raise BadInput(
                f"class averages must be square images, not an array of {self.images.shape}",
                "give a stack of square images",
            )
        if len(self.table) != len(self.images):
            raise BadInput(f"{len(self.images)} images but {len(self.table)} rows in the class table")

    @property
    def box_px(self) -> int:
        """Edge of the images in pixels."""
        return int(self.images.shape[1])


def score_of_grade(grade: np.ndarray) -> np.ndarray:
    """Scores 0–1, higher is better, of grades of any shape: (5 − grade) / 4, clipped."""
    return np.clip((WORST_GRADE - np.asarray(grade, dtype=float)) / (WORST_GRADE - BEST_GRADE), 0.0, 1.0)
