"""How well grades agree with those that they should be."""

import numpy as np

from cryogauge.records.classes import score_of_grade

#: The grade up to which a class is kept (CryoSift, section 4).
KEEP_UP_TO = 3.5


def grade_accuracy(truth: np.ndarray, grades: np.ndarray) -> dict[str, float]:
    """Agreement of grades with the truth.

    Parameters
    ----------
    truth, grades
        Of the same classes, ``(class,)``, 1 best to 5 worst.

    Returns
    -------
    dict
        ``mse`` of scores on the 0–1 scale, ``spearman``, and ``auc_keep_3p5``: how often a class that is to be kept
        gets a better grade than one that is not. NaN where the classes do not tell.
    """
    from scipy.stats import rankdata

    mse = float(np.mean((score_of_grade(truth) - score_of_grade(grades)) ** 2))
    varied = len(truth) > 1 and np.ptp(truth) > 0 and np.ptp(grades) > 0
    kept = truth <= KEEP_UP_TO
    good, bad = int(kept.sum()), int((~kept).sum())
    auc = float("nan")
    if good and bad:
        ranks = rankdata(-np.asarray(grades))
        auc = float((ranks[kept].sum() - good * (good + 1) / 2) / (good * bad))
    return {
        "mse": mse,
        "spearman": float(np.corrcoef(rankdata(truth), rankdata(grades))[0, 1]) if varied else float("nan"),
        "auc_keep_3p5": auc,
    }
