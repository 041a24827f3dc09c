"""How many of the labels that were taken away an audit finds again."""

from collections.abc import Sequence

import pandas as pd

from cryogauge.pick.audit.look import AXES
from cryogauge.pick.challenge.matching import match_one_to_one
from cryogauge.records import BadInput, PickObject


def audit_recall(suggestions: pd.DataFrame, removed: pd.DataFrame, objects: Sequence[PickObject]) -> float:
    """Part of the removed labels among the first suggestions, as many as were removed.

    Whatever stands among the first n of the list takes up a place, also a suggestion of another sort: it is what a
    person would look at. A removed label is found by a ``missing`` suggestion of its kind and tomogram within the
    kind's radius, one-to-one.

    Parameters
    ----------
    suggestions
        Of :func:`cryogauge.pick.audit.suggest.rank`, the surest first.
    removed
        A pick table of the labels that were taken away.
    objects
        The kinds, for their radii.

    Returns
    -------
    0–1: 1 where the first n suggestions are the n removed labels.

    Raises
    ------
    BadInput
        When none was removed.
    """
    if not len(removed):
        raise BadInput("no label was removed: there is nothing to find again", "take some away")
    first = suggestions.iloc[: len(removed)]
    first = first[first["kind"] == "missing"]
    found = 0
    for each in objects:
        lacking, given = removed[removed["object"] == each.name], first[first["object"] == each.name]
        for tomogram, there in lacking.groupby("tomogram"):
            near = given[given["tomogram"] == tomogram]
            pairs, _, _ = match_one_to_one(there[AXES].to_numpy(float), near[AXES].to_numpy(float), each.radius_A)
            found += len(pairs)
    return found / len(removed)
