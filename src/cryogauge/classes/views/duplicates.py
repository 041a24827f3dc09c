"""Averages that show the same view of the same thing, and classes that draw in what fits nowhere else."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cryogauge.classes.views.frames import (
    Images,
    centred,
    comparable,
    filtered,
    flattening,
    moved,
    reach_A,
    scale_for,
    shares_of,
    usable_classes,
)
from cryogauge.imaging.class2d import polar_correlation
from cryogauge.imaging.fourier import low_pass
from cryogauge.records import ClassStack

DUPLICATE_COLUMNS = (
    "class",
    "share",  # of the particles in the classes looked at
    "resolution_A",
    "group",  # number of the group of averages that show the same, from 1; 0 for one of its own
    "most_like",  # the class most like it
    "correlation",  # with that
    "blurred_copies",  # how many others look like it blurred
    "attractor",
)

#: Correlation of two averages, spectra evened out by half, from which they show the same.
ALIKE = 0.9
#: An attractor has this many times the usual share, this many blurred copies, or a resolution so many times the usual.
_CROWDED, _COPIES, _COARSE = 2.0, 2, 1.3
#: How much better a blurred copy fits when the sharp average is blurred, and blurs tried: frequency over the finest.
_BETTER = 0.02
_BLURS = (0.75, 0.5, 0.33)
_MAX_SHIFT_PX = 2
_BATCH = 32


@dataclass(frozen=True)
class Duplicates:
    """What is seen more than once.

    Attributes
    ----------
    table
        A row a class: :data:`DUPLICATE_COLUMNS`.
    correlations
        Of every average with every other at the best turn and shift, ``(class, class)``; 1 with itself.
    sentences
        What came out, in words, one an attractor.
    averages
        As they were compared.
    """

    table: pd.DataFrame
    correlations: NDArray[np.float64]
    sentences: tuple[str, ...]
    averages: Images


def find_duplicates(
    stack: ClassStack,
    *,
    grades: pd.DataFrame | None = None,
    cutoff: float | None = None,
    mirror: bool = False,
    alike: float = ALIKE,
    finest_A: float = 10.0,
) -> Duplicates:
    """Find averages that show the same after turn and shift, and attractors.

    An attractor (Sorzano et al., J. Struct. Biol. 171, 197, 2010) takes more than twice the usual share of the
    particles while others look like blurred copies of it, or while its resolution is worse than usual. A blurred copy
    counts for the fullest of the classes that show the view it is most like.

    About 2 s for 50 classes of 128 px on one core; the time grows with the square of their number.

    Parameters
    ----------
    stack
        The averages.
    grades, cutoff
        Classes up to this grade alone.
    mirror
        Whether mirror images count as the same; they are the view from the other side.
    alike
        Correlation from which two averages are the same.
    finest_A
        Finest detail that is compared.

    Raises
    ------
    BadInput
        When the averages cannot be used.
    """
    rows, framing = usable_classes(stack, grades, cutoff)
    scale = scale_for(reach_A(stack, framing, rows), finest_A)
    images, _ = centred(comparable(stack, framing, rows, scale))
    factors = flattening(images)
    even = filtered(images, factors)
    correlations = all_correlations(even, even, scale.rings, mirror=mirror)
    finest = scale.rings / scale.edge_px
    blurred = np.max(
        [all_correlations(even, low_pass(even, part * finest), scale.rings, mirror=mirror) for part in _BLURS], axis=0
    )
    copies = (blurred >= alike) & (blurred > correlations + _BETTER)
    original = np.where(copies, blurred, -1.0).argmax(axis=1)
    correlations = np.maximum(correlations, correlations.T)
    np.fill_diagonal(correlations, 1.0)
    others = correlations - 2 * np.eye(len(rows))
    groups, shares = _groups(correlations >= alike), shares_of(stack, rows)
    fullest = [_fullest(row, groups, shares) for row in original]
    copies = copies.any(axis=1)[:, None] & (np.array(fullest)[:, None] == np.arange(len(rows)))
    numbers = stack.table["class"].to_numpy()[rows]
    single = len(rows) == 1
    table = pd.DataFrame(
        {
            "class": numbers,
            "share": shares,
            "resolution_A": stack.table["resolution_A"].to_numpy(dtype=float)[rows],
            "group": groups,
            "most_like": numbers if single else numbers[others.argmax(axis=1)],
            "correlation": np.nan if single else others.max(axis=1),
            "blurred_copies": copies.sum(axis=0),
        }
    )
    table["attractor"], said = _attractors(table, copies)
    return Duplicates(table, correlations, (*_in_words(table), *said), images)


def all_correlations(images: Images, references: Images, rings: int, *, mirror: bool = False) -> NDArray[np.float64]:
    """Correlations ``(image, reference)`` at the best turn, and shift of up to two pixels."""
    y, x = np.mgrid[-_MAX_SHIFT_PX : _MAX_SHIFT_PX + 1, -_MAX_SHIFT_PX : _MAX_SHIFT_PX + 1].reshape(2, -1)
    shifts = np.stack([y, x], axis=1)[np.hypot(y, x) <= _MAX_SHIFT_PX]
    found = np.full((len(images), len(references)), -1.0)
    for first in range(0, len(images), _BATCH):
        part = images[first : first + _BATCH]
        for shift in shifts:
            there = moved(part, np.tile(shift, (len(part), 1)).astype(float))
            _, correlation, _ = polar_correlation(there, references, mirror=mirror, rings=rings)
            found[first : first + _BATCH] = np.maximum(found[first : first + _BATCH], correlation)
    return found


def _groups(same: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Numbers of groups in which each is the same as at least half of the others, from 1; 0 alone."""
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    if len(same) < 2:
        return np.zeros(len(same), dtype=np.int64)
    apart = np.where(same | same.T, 0.0, 1.0)
    np.fill_diagonal(apart, 0.0)
    labels = fcluster(linkage(squareform(apart), "average"), 0.5, "distance")
    sizes = np.bincount(labels)
    kept = [label for label in dict.fromkeys(labels.tolist()) if sizes[label] > 1]
    return np.array([kept.index(label) + 1 if label in kept else 0 for label in labels.tolist()], dtype=np.int64)


def _fullest(row: int, groups: NDArray[np.int64], shares: NDArray[np.float64]) -> int:
    """Of the classes that show the same as one, that with most particles."""
    members = np.flatnonzero(groups == groups[row]) if groups[row] else np.array([row])
    return int(members[shares[members].argmax()])


def _attractors(table: pd.DataFrame, copies: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], list[str]]:
    share = table["share"].to_numpy()
    resolution = table["resolution_A"].to_numpy()
    usual, usual_A = 1 / len(table), float(np.nanmedian(resolution)) if np.isfinite(resolution).any() else np.nan
    crowded = share > _CROWDED * usual
    blurred = table["blurred_copies"].to_numpy() >= _COPIES
    coarse = resolution > _COARSE * usual_A
    numbers, said = table["class"].to_numpy(), []
    for row in np.flatnonzero(crowded & (blurred | coarse)):
        why = f"Class {numbers[row]} looks like an attractor: it holds {100 * share[row]:.0f} % of the particles"
        why += f", {share[row] / usual:.1f} times its share"
        if blurred[row]:
            likes = ", ".join(str(number) for number in numbers[copies[:, row]][:8])
            why += f", and {int(copies[:, row].sum())} classes look like blurred copies of it ({likes})"
        if coarse[row]:
            why += f", yet resolves only {resolution[row]:.1f} Å where {usual_A:.1f} Å is usual"
        said.append(f"{why}.")
    return crowded & (blurred | coarse), said


def _in_words(table: pd.DataFrame) -> list[str]:
    grouped = table[table["group"] > 0]
    if grouped.empty:
        return ["No two averages show the same view."]
    said = []
    for _, members in grouped.groupby("group"):
        numbers = ", ".join(str(number) for number in members["class"])
        said.append(
            f"Classes {numbers} show the same view, with {100 * members['share'].sum():.0f} % of the particles."
        )
    return said
