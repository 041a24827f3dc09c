"""Grades that people gave as tables: one a class, how well people agree, what each has done."""

from itertools import combinations

import numpy as np
import pandas as pd

from cryogauge.records.classes import RUBRIC

_CLASS = ["file", "class"]


def agreed_grades(labels: pd.DataFrame) -> pd.DataFrame:
    """One grade a class: the mean over people, of each the mean of what she gave.

    Parameters
    ----------
    labels
        What :func:`cryogauge.classes.labels.store.read_class_labels` gives.

    Returns
    -------
    Table ``file, class, grade, people, pixel_size_A``, by file and class: what training reads.
    """
    if labels.empty:
        return pd.DataFrame(columns=pd.Index([*_CLASS, "grade", "people", "pixel_size_A"]))
    of_person = labels.groupby([*_CLASS, "annotator"], as_index=False).agg({"grade": "mean", "pixel_size_A": "first"})
    found = of_person.groupby(_CLASS).agg(
        grade=("grade", "mean"), people=("grade", "size"), pixel_size_A=("pixel_size_A", "first")
    )
    return found.reset_index()


def grade_agreement(labels: pd.DataFrame) -> pd.DataFrame:
    """Agreement of every two people on the classes both have graded, and of each with herself on repeats.

    Returns
    -------
    Table ``first, second, classes, exact, within_one, kappa``; both names are the same in the rows on repeats.
    ``exact`` and ``within_one`` are fractions of the classes, NaN where there are none.
    """
    people = sorted(labels["annotator"].unique())
    said = {
        (name, bool(repeat)): rows.drop_duplicates(_CLASS, keep="last").set_index(_CLASS)["grade"]
        for (name, repeat), rows in labels.groupby(["annotator", "repeat"])
    }
    nothing = pd.Series(dtype=float, index=pd.MultiIndex.from_arrays([[], []], names=_CLASS))
    pairs = [((name, False), (name, True)) for name in people]
    pairs += [((a, False), (b, False)) for a, b in combinations(people, 2)]
    rows = []
    for one, other in pairs:
        both = pd.concat([said.get(one, nothing), said.get(other, nothing)], axis=1, join="inner").to_numpy(float)
        apart = np.abs(both[:, 0] - both[:, 1])
        exact, near = (float(np.mean(apart <= limit)) if len(both) else float("nan") for limit in (0, 1))
        rows.append((one[0], other[0], len(both), exact, near, weighted_kappa(both[:, 0], both[:, 1])))
    return pd.DataFrame(rows, columns=pd.Index(["first", "second", "classes", "exact", "within_one", "kappa"]))


def weighted_kappa(first: np.ndarray, second: np.ndarray) -> float:
    """Cohen's kappa of two people's grades with quadratic weights (Cohen, Psychol. Bull. 70, 213, 1968).

    By chance the square of a difference is the variances' sum and the square of the means' difference, so that grades
    need not be whole numbers. NaN where it is not defined: no classes, or one and the same grade throughout.
    """
    if not len(first):
        return float("nan")
    by_chance = float(np.var(first) + np.var(second) + (np.mean(first) - np.mean(second)) ** 2)
    return 1.0 - float(np.mean((first - second) ** 2)) / by_chance if by_chance > 0 else float("nan")


def per_person(labels: pd.DataFrame) -> pd.DataFrame:
    """A row a person: ``annotator, labels, repeats, seconds, letters``.

    ``seconds`` is the median a class, ``letters`` how often each of the rubric's was given, from A to F.
    """
    grades = [grade for grade, _ in RUBRIC.values()]
    rows = [
        (
            name, len(said), int(said["repeat"].sum()), float(said["seconds"].median()),
            [int((said["grade"] == grade).sum()) for grade in grades],
        )
        for name, said in labels.groupby("annotator")
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=pd.Index(["annotator", "labels", "repeats", "seconds", "letters"]))


def labels_csv(table: pd.DataFrame) -> str:
    """A table as the text of a CSV file."""
    return table.to_csv(index=False, float_format="%.6g", lineterminator="\n")
