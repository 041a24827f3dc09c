"""Whether labels agree with anything that a network sees: the question before which of them are wrong."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from cryogauge.records import PickObject

#: Fewer labels of a kind than this say nothing.
_FEWEST = 5
#: Labels of which less is seen higher than random places agree with nothing, whatever their number.
_CHANCE = 0.6


def agreement(evidence: pd.DataFrame, objects: Sequence[PickObject]) -> pd.DataFrame:
    """How much higher the network sees labels than random places, a row a kind with labels.

    Parameters
    ----------
    evidence
        Rows of :data:`cryogauge.pick.audit.look.EVIDENCE_COLUMNS`, of any number of tomograms.
    objects
        The kinds.

    Returns
    -------
    ``object``; ``labels``, how many; ``above``, of all pairs of a label and a place the part in which the label is seen
    higher, draws as halves (Mann and Whitney's U: 0.5 by chance, 1 where all labels stand out); ``agree``, whether that
    is more than chance makes of so many, also where there are too few to say.
    """
    rows = []
    for each in objects:
        of_kind = evidence[evidence["object"] == each.name]
        labels, places = (
            of_kind.loc[of_kind["role"] == role, "probability"].to_numpy(float) for role in ("label", "place")
        )
        n, m = len(labels), len(places)
        if not n or not m:
            continue
        ranks = rankdata(np.concatenate([labels, places]))[:n]
        above = (ranks.sum() - n * (n + 1) / 2) / (n * m)
        deviation = np.sqrt((n + m + 1) / (12 * n * m))
        rows.append((each.name, n, above, n < _FEWEST or above >= max(_CHANCE, 0.5 + 2 * deviation)))
    return pd.DataFrame(rows, columns=["object", "labels", "above", "agree"])


def told(table: pd.DataFrame) -> str:
    """What :func:`agreement` says of labels that agree with nothing, in words; empty where all agree."""
    lost = table.loc[~table["agree"].astype(bool), "object"].tolist()
    if not lost:
        return ""
    if len(lost) == len(table):
        return (
            "the labels agree with nothing that the network sees: no kind's are seen higher than random places. Either "
            "they are of other tomograms or another sampling, or the network has learned nothing; no suggestion counts"
        )
    return (
        f"the labels of {', '.join(lost)} agree with nothing that the network sees: they are seen no higher than "
        "random places. What is suggested of them does not count"
    )
