"""The table of a stack of averages, from what each program tells."""

import math

import numpy as np
import pandas as pd

from cryogauge.records import CLASS_COLUMNS

#: Programs write this, or more, for a resolution that they could not tell.
_NO_RESOLUTION_A = 999.0
#: Pixel sizes that differ by more are told.
_SAME_PIXEL = 0.01


def class_table(
    numbers: np.ndarray,
    *,
    resolution_A: np.ndarray | None = None,
    distribution: np.ndarray | None = None,
    particles: np.ndarray | None = None,
) -> pd.DataFrame:
    """``CLASS_COLUMNS`` of classes in the order of their images.

    Parameters
    ----------
    numbers
        The program's own numbers.
    resolution_A
        As the program wrote it; 999 and more, 0 and infinities become NaN.
    distribution
        Parts of all particles; those of ``particles`` where it is None.
    particles
        How many are in each class.
    """
    unknown = np.full(len(numbers), np.nan)
    resolution = unknown if resolution_A is None else np.asarray(resolution_A, dtype=np.float64)
    told = np.isfinite(resolution) & (resolution > 0) & (resolution < _NO_RESOLUTION_A)
    counts = unknown if particles is None else np.asarray(particles, dtype=np.float64)
    if distribution is None:
        total = counts.sum()
        distribution = counts / total if total > 0 else unknown
    shares = np.asarray(distribution, dtype=np.float64)
    columns = (
        np.asarray(numbers, dtype=np.int64),
        np.where(told, resolution, np.nan),
        np.where(np.isfinite(shares), shares, np.nan),
        counts,
    )
    return pd.DataFrame(dict(zip(CLASS_COLUMNS, columns, strict=True)))


def count_particles(class_of: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """How many particles are in each of these classes."""
    found, counts = np.unique(class_of, return_counts=True)
    return pd.Series(counts, index=found).reindex(numbers, fill_value=0).to_numpy(np.float64)


def choose_pixel_A(
    given: float | None, told: dict[str, float | None], notes: list[str], *, doubt_1: bool = False
) -> float | None:
    """The given pixel size, or the first that a source tells; what does not agree is noted.

    Parameters
    ----------
    given
        What the user says, Å.
    told
        Å by source, the most trusted first; None, 0 and what cannot be is not told.
    notes
        Gets a sentence on what is missing or does not agree.
    doubt_1
        Whether exactly 1 Å is a placeholder, as in headers of plain stacks.
    """
    known = {
        source: float(size)
        for source, size in told.items()
        if size is not None and math.isfinite(size) and 0 < size < 1000 and not (doubt_1 and size == 1)
    }
    chosen, origin = (given, "the one given") if given is not None else (None, "")
    for source, size in known.items():
        if chosen is None:
            chosen, origin = size, f"that of {source}"
        elif abs(size - chosen) > _SAME_PIXEL * chosen:
            notes.append(f"{source} says a pixel of {size:.5g} Å; {origin}, {chosen:.5g} Å, is used.")
    if chosen is None:
        placeholder = " beyond the placeholder of 1 Å" if any(size == 1 for size in told.values()) else ""
        notes.append(
            f"No pixel size is told{placeholder}: give it (--pixel-size, in Å) to have masses and resolutions judged."
        )
    return chosen
