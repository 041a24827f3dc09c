"""Conformance of scorers of squares and holes and of judges of exposures: call these from a test of your own.

Register the function under the entry-point group ``cryogauge.scorers`` or ``cryogauge.judges`` and let pytest run::

    from cryogauge.testing.collect import check_judge, check_scorer

    def test_conforms():
        check_scorer(my_score, "squares")
        check_judge(my_judge)
"""

import numpy as np
import pandas as pd

from cryogauge.collect.plugins import Judge, Scorer, What, checked_scores, checked_verdict
from cryogauge.collect.targets.holes import find_holes
from cryogauge.collect.targets.squares import find_squares
from cryogauge.records import BadInput


def check_scorer(scorer: Scorer, what: What) -> None:
    """Try a scorer on the squares or holes of a small picture.

    Parameters
    ----------
    scorer
        The function.
    what
        Which it scores.

    Raises
    ------
    AssertionError
        With a sentence that says what the scorer should have done.
    """
    image = _picture(what)
    table = find_squares(image).table if what == "squares" else find_holes(image).table
    before, looked_at = table.copy(deep=True), image.copy()
    scores = _scores(scorer, what, table, image, None)
    pd.testing.assert_frame_equal(table, before, obj="the table, which a scorer leaves as it is,")
    assert np.array_equal(image, looked_at), "a scorer must not change the picture"
    again = _scores(scorer, what, table, image, None)
    assert np.array_equal(scores, again), "the same picture must be scored the same"
    _scores(scorer, what, table, image, 2000.0)
    turned = table.iloc[::-1].reset_index(drop=True)
    assert np.allclose(_scores(scorer, what, turned, image, None), scores[::-1]), (
        "scores belong to rows: turning the table over must turn the scores over"
    )
    _scores(scorer, what, table.head(0), image, None)
    _scores(scorer, what, table.head(1), image, None)


def check_judge(judge: Judge) -> None:
    """Try a judge on a small exposure.

    Raises
    ------
    AssertionError
        With a sentence that says what the judge should have done.
    """
    image = np.random.default_rng(3).poisson(30, (256, 240)).astype(np.float32)
    before = image.copy()
    first = _verdict(judge, image, 1.0)
    assert np.array_equal(image, before), "a judge must not change the exposure"
    again = _verdict(judge, image, 1.0)
    assert list(first) == list(again), "a judge must return the same names for every exposure"
    assert np.array_equal(list(first.values()), list(again.values()), equal_nan=True), (
        "the same exposure must be judged the same"
    )
    unknown = _verdict(judge, image, float("nan"))
    assert list(first) == list(unknown), "without a pixel size the names are the same; what cannot be told is NaN"


def _scores(
    scorer: Scorer, what: What, table: pd.DataFrame, image: np.ndarray, pixel_size_A: float | None
) -> np.ndarray:  # fmt: skip
    try:
        return checked_scores("tried", scorer(what, table, image, pixel_size_A), len(table))
    except BadInput as error:
        raise AssertionError(error.message) from error


def _verdict(judge: Judge, image: np.ndarray, pixel_size_A: float) -> dict[str, float]:
    try:
        return checked_verdict("tried", judge(image, pixel_size_A))
    except BadInput as error:
        raise AssertionError(error.message) from error


def _picture(what: What) -> np.ndarray:
    """Squares of a mesh, bright on dark, or round holes in film, some of them dim."""
    rng = np.random.default_rng(5)
    y, x = np.mgrid[:160, :176].astype(float)
    pitch = 40.0
    column, row = np.round((x - 20) / pitch), np.round((y - 18) / pitch)
    dx, dy = x - 20 - pitch * column, y - 18 - pitch * row
    level = 0.6 + 0.4 * rng.random((8, 8))[row.astype(int) % 8, column.astype(int) % 8]
    if what == "squares":
        picture = np.where((np.abs(dx) < 13) & (np.abs(dy) < 13), 400 * level, 20)
    else:
        picture = np.where(np.hypot(dx, dy) < 11, 300 + 80 * level, 290)
    return rng.poisson(picture).astype(np.float32)
