"""Class averages of a session that goes on: are they good, and from how many sides is the specimen seen?"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cryogauge.classes.accuracy import KEEP_UP_TO
from cryogauge.classes.grade import grade_classes
from cryogauge.classes.views.directions import symmetry_turns
from cryogauge.classes.views.duplicates import find_duplicates
from cryogauge.classes.views.orientations import find_orientations
from cryogauge.classes.views.projections import load_map
from cryogauge.records import BadInput, ClassStack, Volume

#: Grade up to which an average shows enough of a particle to tell its view from others.
SHOWN_UP_TO = 4.25
#: Part of the particles in classes that show anything below which classes are poor, the best grade that none of them
#: may reach then, and particles from which one can tell; fewer make no good averages of good particles either.
POOR_BELOW, POOR_BEST, TOLD_FROM = 0.2, 4.0, 1000
#: Views that hold nine of ten particles, up to which these are one-sided: of two there are often averages of three
#: sorts, for some particles lie badly or are spoilt. Part of the particles that must show anything for views to be told
#: at all, and to be called one-sided; and how many classes there must have been room for.
FEW_VIEWS, NINE_IN_TEN, SEEN_FROM, SURE_FROM, FEWEST_CLASSES = 3, 0.9, 0.2, 0.5, 5
#: Correlation from which averages show one view, and the finest detail that is compared: over their resolution, where
#: noise is as strong as what they show, within limits.
_ALIKE, _OVER_RESOLUTION, _FINEST_A, _COARSEST_A = 0.85, 1.5, 15.0, 30.0
_NUMBERS = {1: "one view", 2: "two views", 3: "three views"}


def class_eye(reference_map: str = "", symmetry: str = "C1") -> Callable[[ClassStack], dict[str, Any]]:
    """What a session asks of its class averages: :func:`look_at_classes`, with a map that is read once.

    Parameters
    ----------
    reference_map
        A map of the specimen with bright protein; empty for none.
    symmetry
        Of the map: ``C1``, ``C4``, ``D2`` …, ``O``.

    Raises
    ------
    BadInput
        When the map cannot be read, or there is no such symmetry.
    """
    symmetry_turns(symmetry)
    volume = load_map(Path(reference_map)) if reference_map else None
    return lambda stack: look_at_classes(stack, volume, symmetry)


def look_at_classes(stack: ClassStack, volume: Volume | None = None, symmetry: str = "C1") -> dict[str, Any]:
    """Grade averages, and tell how many views of the specimen they show.

    With a map, views are directions on it (:func:`cryogauge.classes.views.orientations.find_orientations`). Without
    one, averages that show the same after turn, shift and mirroring are one view
    (:func:`cryogauge.classes.views.duplicates.find_duplicates`); the effective number of views is then one over the sum
    of their squared shares (Simpson, Nature 163, 688, 1949), and a particle that looks alike from all sides has one.

    Returns
    -------
    dict
        ``good_share`` (part of the particles in classes of grade 3.5 or better), ``best_grade`` and
        ``best_resolution_A`` of the best class; ``shown`` and ``shown_share``, how many classes the views are told of
        and the part of the particles in them;
        ``views`` (effective number), ``views_of_nine`` (how many hold nine of ten particles) and ``crowd_share`` (part
        in the fullest); with a map ``views_covered``, ``fourier_covered`` and ``scf``; ``spread_by`` (``map``,
        ``likeness`` or empty), ``flags`` (``poor_classes``, ``one_sided``), ``said``; and ``each``: a row a class, the
        best first. What cannot be told is NaN.

    Raises
    ------
    BadInput
        When the averages cannot be graded.
    """
    grades = grade_classes(stack)
    grade, share = grades["grade"].to_numpy(float), np.nan_to_num(grades["distribution"].to_numpy(float))
    best = int(np.argmin(grade))
    shown = grade <= SHOWN_UP_TO
    told: dict[str, Any] = {
        "good_share": float(share[grade <= KEEP_UP_TO].sum()), "best_grade": float(grade[best]),
        "best_resolution_A": float(grades["resolution_A"].iloc[best]), "shown_share": float(share[shown].sum()),
        **dict.fromkeys(("views", "views_of_nine", "crowd_share", "views_covered", "fourier_covered", "scf"), math.nan),
        "spread_by": "",
    }  # fmt: skip
    told["shown"] = int(shown.sum())
    particles = int(np.nansum(grades["particles"]))
    flags, said = _quality(told, particles)
    view = np.zeros(len(grades), dtype=int)
    if told["shown"] and told["shown_share"] >= SEEN_FROM:
        view[shown] = _by_likeness(stack, grades, told)
        # of few particles blurred averages look alike, whatever they are of
        plain = particles >= TOLD_FROM or told["good_share"] >= SURE_FROM
        sure = plain and told["shown_share"] >= SURE_FROM and len(grades) >= FEWEST_CLASSES
        one_sided, how = sure and told["views_of_nine"] <= FEW_VIEWS, ""
        if volume is not None:
            uneven, how = _by_map(stack, grades, volume, symmetry, told, one_sided)
            one_sided = sure and uneven
        said.append(how or _likeness_in_words(told, one_sided))
        flags += ["one_sided"] if one_sided else []
    else:
        said.append("Too few particles are in classes that show anything to tell from how many sides they are seen.")
    rows = [
        {"class": int(row["class"]), "grade": round(float(row["grade"]), 2), "flags": " ".join(row["flags"]),
         "resolution_A": float(row["resolution_A"]), "share": float(row["distribution"]), "view": int(view[number]),
         "picture": number}
        for number, row in enumerate(grades.to_dict("records"))
        if row["particles"] != 0
    ]  # fmt: skip
    rows.sort(key=lambda row: row["grade"])
    return {**told, "flags": " ".join(flags), "said": " ".join(said), "each": rows}


def _quality(told: dict[str, Any], particles: int) -> tuple[list[str], list[str]]:
    good = f"{100 * told['good_share']:.0f} % of the particles are in classes graded {KEEP_UP_TO:g} or better"
    best = f"the best class is graded {told['best_grade']:.1f}"
    if math.isfinite(told["best_resolution_A"]):
        best += f" and resolves {told['best_resolution_A']:.0f} Å"
    if told["shown_share"] < POOR_BELOW and told["best_grade"] > POOR_BEST and particles >= TOLD_FROM:
        shown = f"only {100 * told['shown_share']:.0f} % of {particles} particles are in classes that show anything"
        return ["poor_classes"], [f"Poor classes: {shown} (graded {SHOWN_UP_TO:g} or better); {best}."]
    few = "" if told["good_share"] >= POOR_BELOW or particles >= TOLD_FROM else " That may be for want of particles."
    return [], [f"{good}; {best}.{few}"]


def _by_likeness(stack: ClassStack, grades: pd.DataFrame, told: dict[str, Any]) -> NDArray[np.int_]:
    """Number of the view, from 1, that each class shows; fills in what is told of them."""
    shown = grades["grade"].to_numpy(float) <= SHOWN_UP_TO
    resolution_A = grades["resolution_A"].to_numpy(float)[shown]
    known_A = float(np.median(resolution_A[np.isfinite(resolution_A)])) if np.isfinite(resolution_A).any() else 0.0
    finest_A = float(np.clip(_OVER_RESOLUTION * known_A, _FINEST_A, _COARSEST_A))
    found = find_duplicates(
        stack, grades=grades, cutoff=SHOWN_UP_TO, mirror=True, alike=_ALIKE, finest_A=finest_A
    ).table
    group = found["group"].to_numpy(int).copy()
    alone = np.flatnonzero(group == 0)
    group[alone] = group.max() + 1 + np.arange(len(alone))
    shares = np.bincount(group, found["share"])[1:]
    fullest_first = np.sort(shares)[::-1]
    told["views"] = float(1.0 / np.square(shares).sum())
    told["views_of_nine"] = int(np.searchsorted(fullest_first.cumsum(), NINE_IN_TEN - 1e-9) + 1)
    told["crowd_share"] = float(shares.max())
    told["spread_by"] = "likeness"
    return group


def _likeness_in_words(told: dict[str, Any], one_sided: bool) -> str:
    few = int(told["views_of_nine"])
    how = "views are told by how alike averages are, without a map"
    if one_sided:
        return (
            f"One-sided: nine in ten of the particles in classes that show anything show {_NUMBERS[few]}, unless the "
            f"particle looks alike from all sides ({how})."
        )
    return (
        f"Nine in ten of the particles in classes that show anything show {_NUMBERS.get(few, f'{few} views')}, "
        f"{100 * told['crowd_share']:.0f} % the fullest ({how})."
    )


def _by_map(
    stack: ClassStack, grades: pd.DataFrame, volume: Volume, symmetry: str, told: dict[str, Any], one_sided: bool
) -> tuple[bool, str]:
    """Whether the views are uneven on a map, and a sentence; what likeness tells where the map does not fit."""
    try:
        found = find_orientations(stack, volume, symmetry=symmetry, grades=grades, cutoff=SHOWN_UP_TO)
    except BadInput as error:
        return one_sided, f"The map tells nothing of the views: {error.message}. {_likeness_in_words(told, one_sided)}"
    told |= {
        "views_covered": found.views_covered, "fourier_covered": found.fourier_covered, "scf": found.scf,
        "crowd_share": found.crowd_share, "spread_by": "map",
    }  # fmt: skip
    return found.preferred, " ".join(found.sentences[:2])
