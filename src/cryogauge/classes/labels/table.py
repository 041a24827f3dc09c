"""Grades that people gave as tables: one a class, how well people agree, what each has done."""

import pandas as pd

from cryogauge.jobs.agreement import agreement
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
    """Agreement on classes, see :func:`cryogauge.jobs.agreement.agreement`; their number is ``classes``."""
    return agreement(labels, thing=_CLASS, said="grade", counted="classes")


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
