"""Groups of averages that look like different species or oligomers, by mass and by shape.

Two averages of one thing, from whatever sides, share its mass, and their Fourier transforms share a line, since both
are sections through one transform (van Heel, Ultramicroscopy 21, 111, 1987). So views of one elongated particle stay
together, however different they look, while averages of two things have other masses, or no line in common. Grouping
by lines in common follows Verbeke et al., J. Struct. Biol. 209, 107416 (2020), with mass beside it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cryogauge.classes.mass import PUBLISHED_FACTOR, class_masses_kDa
from cryogauge.classes.views.frames import (
    Images,
    centred,
    comparable,
    filtered,
    flattening,
    reach_A,
    scale_for,
    shares_of,
    usable_classes,
)
from cryogauge.imaging.class2d.polar import Rings
from cryogauge.imaging.class2d.prepare import soft_circle
from cryogauge.records import ClassStack

COMPOSITION_COLUMNS = (
    "class",
    "share",  # of the particles in the classes looked at
    "species",  # number of the group, from 1, the group with most particles
    "belonging",  # −1 to 1: how much nearer to its own group than to the next; NaN with one group
    "mass_kDa",
    "longest_A",
    "shortest_A",  # axes of the ellipse with the moments of what stands out
    "gyration_A",  # radius of gyration in projection
)

#: Difference of logarithms of mass that counts as much as what is usual between lines; views of one thing have half.
_MASS_SPREAD = 0.25
#: Mean silhouette (Rousseeuw, J. Comput. Appl. Math. 20, 53, 1987) from which two groups are two, and where one of them
#: is only a pair of classes.
_TWO_FROM, _PAIR_FROM = 0.65, 0.8
#: Silhouettes asked for, one after another, until this part of resamplings gives the same groups.
_STRICTER, _SURE = (_TWO_FROM, 0.75, 0.85), 0.7
_FEWEST = 2  # classes in a group
_NEIGHBOURS = 5  # over which the usual distance to the own kind is taken
_CUTS = (2, 3, 4)
_RESAMPLINGS, _KEPT = 40, 0.8
_SHIFTS_PX = np.arange(-3.0, 3.5, 1.0)
_EVERY = 2  # of the directions on the rings


@dataclass(frozen=True)
class Composition:
    """Groups of averages.

    Attributes
    ----------
    table
        A row a class: :data:`COMPOSITION_COLUMNS`.
    species
        A row a group: ``species, classes, share, mass_kDa, mass_low_kDa, mass_high_kDa`` (median, and between which two
        thirds lie), ``longest_A`` and ``gyration_A`` (the largest view's).
    certainty
        Part of resamplings of four fifths of the classes that give the same groups.
    common_lines
        Best correlation of any line of each average with any of every other, ``(class, class)``.
    averages
        As they were compared.
    sentences
        What came out, in words.
    """

    table: pd.DataFrame
    species: pd.DataFrame
    certainty: float
    common_lines: NDArray[np.float64]
    averages: Images
    sentences: tuple[str, ...]


def find_composition(
    stack: ClassStack,
    *,
    grades: pd.DataFrame | None = None,
    cutoff: float | None = None,
    mass_factor: float = PUBLISHED_FACTOR,
    finest_A: float = 12.0,
    seed: int = 0,
) -> Composition:
    """Group averages by mass and by lines in common.

    Two groups are made only where they are well apart and resampling bears it out. The scale of masses plays no part.
    Blurred classes have no clear lines, and junk has a mass as well: leave both out by their grades.

    About 1 s for 50 classes of 128 px on one core; the time grows with the square of their number.

    Parameters
    ----------
    stack
        The averages.
    grades, cutoff
        Classes up to this grade alone.
    mass_factor
        kDa for a grey value of 1 on 1 Å², see :func:`cryogauge.classes.mass.calibrate_mass`.
    finest_A
        Finest detail that is compared.
    seed
        Of the resampling.

    Raises
    ------
    BadInput
        When the averages cannot be used.
    """
    rows, framing = usable_classes(stack, grades, cutoff)
    scale = scale_for(reach_A(stack, framing, rows), finest_A)
    images, _ = centred(comparable(stack, framing, rows, scale))
    masses = class_masses_kDa(stack.images, stack.pixel_size_A, mass_factor, framing=framing)[rows]
    lines = common_lines(filtered(images, flattening(images)), scale.rings)
    groups, certainty = _sure_groups(lines, masses, np.random.default_rng(seed))
    longest, shortest, gyration = sizes_A(images, scale.pixel_size_A)
    shares = shares_of(stack, rows)
    heaviest = np.argsort([-shares[groups == k].sum() for k in range(groups.max() + 1)], kind="stable")
    species = np.argsort(heaviest)[groups] + 1
    table = pd.DataFrame(
        {
            "class": stack.table["class"].to_numpy()[rows],
            "share": shares,
            "species": species,
            "belonging": silhouettes(_distances(lines, masses), species),
            "mass_kDa": masses,
            "longest_A": longest,
            "shortest_A": shortest,
            "gyration_A": gyration,
        }
    )
    summary = _summary(table)
    return Composition(table, summary, certainty, lines, images, _in_words(summary, certainty, len(table)))


def common_lines(images: Images, rings: int) -> NDArray[np.float64]:
    """Best correlation of any central line of the transform of each image with any of every other.

    Parameters
    ----------
    images
        Bright protein in the middle, ``(image, n, n)``.
    rings
        Frequencies that a line has, in cycles per edge.

    Returns
    -------
    float64 ``(image, image)``, symmetric, 1 with itself.
    """
    edge = images.shape[-1]
    on_rings = Rings(rings, edge, edge / 2)
    values = on_rings.on_rings(images * soft_circle(edge, 0.45 * edge))
    lines = values.transpose(0, 2, 1)[:, ::_EVERY]
    lines = lines / np.maximum(np.linalg.norm(lines, axis=-1, keepdims=True), 1e-30)
    count, directions, _ = lines.shape
    flat = lines.reshape(-1, rings)
    # real and imaginary part side by side: their product is the real part of one with the conjugate of the other
    known = np.concatenate(
        [np.concatenate([flat.real, flat.imag], axis=1), np.concatenate([flat.real, -flat.imag], axis=1)]
    )
    best = np.full((count, count), -1.0)
    for shift in _SHIFTS_PX:
        turned = lines * _shift(rings, shift / edge)
        for image in range(count):
            there = np.concatenate([turned[image].real, turned[image].imag], axis=1)
            found = (there @ known.T).max(axis=0).reshape(2, count, directions).max(axis=(0, 2))
            best[image] = np.maximum(best[image], found)
    best = np.maximum(best, best.T)
    np.fill_diagonal(best, 1.0)
    return best


def _shift(rings: int, part_of_edge: float) -> NDArray[np.complex64]:
    """What moves a line's image by a part of its edge, ``(ring,)``."""
    return np.exp(-2j * np.pi * np.arange(1, rings + 1) * part_of_edge).astype(np.complex64)


def group_classes(
    lines: NDArray[np.floating], masses: NDArray[np.floating], two_from: float = _TWO_FROM
) -> NDArray[np.intp]:
    """Group of each class, counted from 0, by splitting in two for as long as the two are well apart.

    Parameters
    ----------
    lines
        Of :func:`common_lines`.
    masses
        In any unit; NaN where not known, which then says nothing.
    two_from
        Mean silhouette from which two groups are two.
    """
    groups = np.zeros(len(lines), dtype=np.intp)
    waiting, done = [np.arange(len(lines))], 0
    while waiting:
        members = waiting.pop()
        halves = _halves(lines[np.ix_(members, members)], masses[members], two_from)
        if halves is None:
            groups[members] = done
            done += 1
        else:
            waiting += [members[halves], members[~halves]]
    return groups


def _halves(lines: NDArray[np.floating], masses: NDArray[np.floating], two_from: float) -> NDArray[np.bool_] | None:
    """Which belong to the first of two groups; None where there is one."""
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    if len(lines) < 2 * _FEWEST:
        return None
    apart = _distances(lines, masses)
    tree = linkage(squareform(apart, checks=False), "average")
    for cuts in _CUTS:
        labels = fcluster(tree, cuts, "maxclust")
        large = [label for label in range(1, cuts + 1) if (labels == label).sum() >= _FEWEST]
        if len(large) < 2:
            continue  # what was split off is a single class, which says nothing of the others
        nearest = np.stack([apart[:, labels == label].mean(axis=1) for label in large]).argmin(axis=0)
        joined = np.where(np.isin(labels, large), np.searchsorted(large, labels), nearest)
        if joined.max() > 1:  # the two that were parted last are one for now
            joined = np.minimum(joined, 1)
        enough = max(_PAIR_FROM, two_from) if np.bincount(joined).min() <= _FEWEST else two_from
        return joined == 0 if float(silhouettes(apart, joined).mean()) >= enough else None
    return None


def _distances(lines: NDArray[np.floating], masses: NDArray[np.floating]) -> NDArray[np.float64]:
    """How far apart classes are: by their lines, in units of what is usual between near ones, and by mass."""
    apart = 1.0 - np.asarray(lines, dtype=float)
    others = np.sort(np.where(np.eye(len(apart), dtype=bool), np.inf, apart), axis=1)[:, :_NEIGHBOURS]
    others = np.where(np.isfinite(others), others, np.nan)
    usual = np.maximum(np.nanmedian(others, axis=1), 1e-6) if len(apart) > 1 else np.ones(1)
    heavier = np.log(np.asarray(masses, dtype=float))
    by_mass = np.nan_to_num((heavier[:, None] - heavier) / _MASS_SPREAD, nan=0.0) ** 2
    total = apart / np.sqrt(usual[:, None] * usual) + by_mass
    np.fill_diagonal(total, 0.0)
    return total


def silhouettes(apart: NDArray[np.floating], groups: NDArray[np.integer]) -> NDArray[np.float64]:
    """How much nearer each is to its own group than to the next, −1 to 1 (Rousseeuw 1987); NaN with one group."""
    names = np.unique(groups)
    if len(names) < 2:
        return np.full(len(groups), np.nan)
    to_each = np.stack([apart[:, groups == name].sum(axis=1) for name in names], axis=1)
    sizes = np.array([(groups == name).sum() for name in names])
    own = groups[:, None] == names
    alone = sizes[own.argmax(axis=1)] == 1
    inside = to_each[own] / np.maximum(sizes[own.argmax(axis=1)] - 1, 1)
    outside = np.where(own, np.inf, to_each / sizes).min(axis=1)
    return np.where(alone, 0.0, (outside - inside) / np.maximum(np.maximum(outside, inside), 1e-30))


def sizes_A(images: Images, pixel_size_A: float) -> tuple[NDArray[np.float64], ...]:
    """Longest and shortest axis, and radius of gyration, of what stands out in each image, Å."""
    edge = images.shape[-1]
    axis = (np.arange(edge) - edge // 2) * pixel_size_A
    places = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    rim = np.hypot(*places.T) > 0.85 * edge / 2 * pixel_size_A
    found = []
    for image in images.reshape(len(images), -1):
        low, middle, high = np.quantile(image[rim], [0.25, 0.5, 0.75])
        above = image - middle
        out = above > max(3 * (high - low) / 1.349, 0.1 * float(above.max()))
        weights = np.where(out, above, 0.0)
        if not out.any():
            found.append((np.nan, np.nan, np.nan))
            continue
        lengths = 4 * np.sqrt(np.maximum(np.linalg.eigvalsh(np.cov(places[out].T, bias=True)), 0.0))
        away = places - np.average(places, axis=0, weights=weights)
        found.append((lengths[1], lengths[0], float(np.sqrt(np.average((away**2).sum(axis=1), weights=weights)))))
    longest, shortest, gyration = np.array(found, dtype=float).T
    return longest, shortest, gyration


def _sure_groups(
    lines: NDArray[np.floating], masses: NDArray[np.floating], rng: np.random.Generator
) -> tuple[NDArray[np.intp], float]:
    """Groups that resampling bears out, the more the better, and the part of resamplings that does."""
    for two_from in _STRICTER:
        groups = group_classes(lines, masses, two_from)
        certainty = _certainty(lines, masses, groups, two_from, rng)
        if certainty >= _SURE:
            return groups, certainty
    groups = np.zeros(len(lines), dtype=np.intp)
    return groups, _certainty(lines, masses, groups, _TWO_FROM, rng)


def _certainty(
    lines: NDArray[np.floating],
    masses: NDArray[np.floating],
    species: NDArray[np.integer],
    two_from: float,
    rng: np.random.Generator,
) -> float:
    """Part of resamplings in which the classes kept fall into the same groups."""
    count = len(lines)
    kept = max(round(_KEPT * count), min(count, 2 * _FEWEST))
    agree = 0
    for _ in range(_RESAMPLINGS):
        part = rng.choice(count, kept, replace=False)
        groups = group_classes(lines[np.ix_(part, part)], masses[part], two_from)
        pairs = {(int(a), int(b)) for a, b in zip(species[part], groups, strict=True)}
        agree += len(pairs) == len(set(species[part].tolist())) == groups.max() + 1
    return float(agree / _RESAMPLINGS)


def _summary(table: pd.DataFrame) -> pd.DataFrame:
    rows = [
        {
            "species": int(str(number)),
            "classes": len(members),
            "share": float(members["share"].sum()),
            "mass_kDa": float(members["mass_kDa"].median()),
            "mass_low_kDa": float(members["mass_kDa"].quantile(1 / 6)),
            "mass_high_kDa": float(members["mass_kDa"].quantile(5 / 6)),
            "longest_A": float(members["longest_A"].max()),
            "gyration_A": float(members["gyration_A"].max()),
        }
        for number, members in table.groupby("species")
    ]
    return pd.DataFrame(rows)


def _in_words(species: pd.DataFrame, certainty: float, classes: int) -> tuple[str, ...]:
    sure = f"{100 * certainty:.0f} % of resamplings of the classes give the same"
    if len(species) == 1:
        return (f"All {classes} classes can be views of one species: {sure}. Two of one mass and shape look the same.",)
    said = [f"The classes fall into {len(species)} groups: {sure}."]
    rows: Sequence[dict] = species.to_dict("records")
    lightest = min(row["mass_kDa"] for row in rows)
    for row in rows:
        told = (
            f"Species {row['species']}: {row['classes']} classes, {100 * row['share']:.0f} % of the particles, about"
            f" {row['mass_kDa']:.0f} kDa ({row['mass_low_kDa']:.0f} to {row['mass_high_kDa']:.0f}), up to"
            f" {row['longest_A']:.0f} Å long"
        )
        ratio = row["mass_kDa"] / lightest
        if ratio > 1.5 and abs(ratio - round(ratio)) < 0.15 * ratio:
            told += f"; {ratio:.1f} times the lightest, as {round(ratio)} copies of it would be"
        said.append(f"{told}.")
    return tuple(said)
