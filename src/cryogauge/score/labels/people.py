"""The people who label: their names, and what each has done."""

import pandas as pd

from cryogauge.records import BadInput
from cryogauge.score.labels.categories import CATEGORIES

LONGEST_NAME = 64


def check_name(name: str) -> str:
    """A person's name without spaces around it.

    Raises
    ------
    BadInput
        When it is empty, longer than ``LONGEST_NAME``, not printable, or begins with a sign: a spreadsheet would
        take such a cell of the exported table for a formula.
    """
    name = " ".join(name.split())
    if not name or len(name) > LONGEST_NAME or not name.isprintable() or not name[0].isalnum():
        raise BadInput(
            "this is no name to label under", f"give 1 to {LONGEST_NAME} characters, the first a letter or digit"
        )
    return name


def per_person(labels: pd.DataFrame) -> pd.DataFrame:
    """A row a person: ``annotator, labels, repeats, seconds, categories``.

    ``seconds`` is the median a slice, ``categories`` how often each was given, a list from 0 to 5.
    """
    rows = []
    for name, said in labels.groupby("annotator"):
        counts = said["category"].value_counts().reindex([each.number for each in CATEGORIES], fill_value=0)
        rows.append((name, len(said), int(said["repeat"].sum()), float(said["seconds"].median()), counts.tolist()))
    return pd.DataFrame(rows, columns=pd.Index(["annotator", "labels", "repeats", "seconds", "categories"]))
