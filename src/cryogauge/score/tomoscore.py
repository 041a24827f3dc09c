"""From the scores of a tomogram's slices to one number, by the TomoScore paper's equations."""

import numpy as np
from numpy.typing import ArrayLike

from cryogauge.imaging.feature_scale import FEATURE_THRESHOLD, SCORE_KNOTS, score_of_feature_px, smallest_feature_px

__all__ = [
    "FEATURE_THRESHOLD",
    "SCORE_KNOTS",
    "score_of_feature_px",
    "smallest_feature_px",
    "thickness_slices",
    "tomoscore",
]


def thickness_slices(slice_scores: ArrayLike) -> int:
    """Number of slices that score above 0.2: the paper's estimate of the specimen's thickness, in slices.

    Parameters
    ----------
    slice_scores
        Scores 0-1 of shape ``(z,)``; NaN, a slice that could not be scored, does not count.
    """
    return int(np.count_nonzero(np.asarray(slice_scores) > FEATURE_THRESHOLD))


def tomoscore(slice_scores: ArrayLike) -> float:
    """Mean of the slice scores above 0.2: the paper's TomoScore.

    Parameters
    ----------
    slice_scores
        Scores 0-1 of shape ``(z,)``; NaN, a slice that could not be scored, does not count.

    Returns
    -------
    A number above 0.2, or 0 when no slice scores above 0.2, a case that the paper leaves open.
    """
    scores = np.asarray(slice_scores)
    seen = scores[scores > FEATURE_THRESHOLD]
    return float(seen.mean(dtype=float)) if seen.size else 0.0
