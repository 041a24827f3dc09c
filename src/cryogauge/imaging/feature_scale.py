"""The scale between a slice's score and its smallest discernible feature, after the TomoScore paper.

Annotators of the paper measured the width of the smallest feature they could make out, in pixels, and sorted
slices into six categories: none, 6 or more, 4-5, 3, 2 and 1 pixel, mapped evenly to 0, 0.2, ... 1. This module
makes that scale continuous. Simulated labels and judged slices both use it, so it lives below either.
"""

import numpy as np
from numpy.typing import ArrayLike

#: (width of the smallest discernible feature in pixels, score); linear in between. The category "4-5 pixels" sits at
#: 4.5. Nothing discernible has no width: the score reaches 0 at twice the width of the coarsest category.
SCORE_KNOTS = ((1.0, 1.0), (2.0, 0.8), (3.0, 0.6), (4.5, 0.4), (6.0, 0.2), (12.0, 0.0))
#: Score above which a slice is taken to show something biological.
FEATURE_THRESHOLD = 0.2

_WIDTHS_PX = np.array([width for width, _ in SCORE_KNOTS])
_SCORES = np.array([score for _, score in SCORE_KNOTS])


def score_of_feature_px(width_px: ArrayLike) -> np.ndarray:
    """Score 0-1 of a slice whose smallest discernible feature is ``width_px`` pixels wide.

    Parameters
    ----------
    width_px
        Widths in pixels, any shape. Infinity means that nothing can be made out.

    Returns
    -------
    Scores of the same shape, float64: 1 up to one pixel, 0 from twelve pixels; NaN stays NaN.
    """
    return np.interp(np.asarray(width_px, dtype=float), _WIDTHS_PX, _SCORES)


def smallest_feature_px(score: ArrayLike) -> np.ndarray:
    """Width in pixels of the smallest discernible feature: the inverse of :func:`score_of_feature_px`.

    Parameters
    ----------
    score
        Scores 0-1, any shape.

    Returns
    -------
    Widths in pixels of the same shape, float64, between 1 and 6; NaN where the score lies below 0.2, because a
    slice that shows nothing has no smallest feature.
    """
    scores = np.asarray(score)
    # Compared in the scores' own precision: 0.2 held in single precision is the threshold, not above it.
    return np.where(scores >= FEATURE_THRESHOLD, np.minimum(width_px_of_score(scores), 6.0), np.nan)


def width_px_of_score(score: ArrayLike) -> np.ndarray:
    """The scale read backwards all the way: 1 px at a score of 1, 12 px at 0; float64 of the same shape."""
    return np.interp(np.asarray(score, dtype=float), _SCORES[::-1], _WIDTHS_PX[::-1])
