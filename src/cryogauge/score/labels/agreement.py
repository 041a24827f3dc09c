"""How well people agree on slices, with each other and with themselves."""

import pandas as pd

from cryogauge.jobs.agreement import agreement as agreement_of_people


def agreement(labels: pd.DataFrame) -> pd.DataFrame:
    """Agreement on slices, see :func:`cryogauge.jobs.agreement.agreement`; their number is ``slices``.

    Parameters
    ----------
    labels
        What :func:`cryogauge.score.labels.read_labels` gives.
    """
    return agreement_of_people(labels, thing=["uri", "z"], said="category", counted="slices")
