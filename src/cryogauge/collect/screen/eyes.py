"""What looks at a session's pictures when its settings name scorers or judges besides ours."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cryogauge.collect.judge.batch import with_judges
from cryogauge.collect.judge.exposure import Exposure
from cryogauge.collect.judge.judge import JudgeSettings
from cryogauge.collect.plugins import JUDGES, What, load_plugin
from cryogauge.collect.scorers.apply import Rescore, rescoring
from cryogauge.collect.screen.session import Eyes
from cryogauge.collect.screen.settings import SessionSettings
from cryogauge.collect.targets.holes import Holes
from cryogauge.collect.targets.squares import Squares
from cryogauge.records import BadInput


def eyes_of(settings: SessionSettings, eyes: Eyes | None = None) -> Eyes:
    """The finders and judge of a session, with the scorers and judges that its settings name.

    A scorer that fails at a picture ends no session: the finders' own score then stands, and ``why`` says so.

    Parameters
    ----------
    settings
        Of the session.
    eyes
        What they are added to; our own when not given.

    Raises
    ------
    BadInput
        When there is no such scorer or judge.
    """
    eyes = eyes or Eyes()
    for name in settings.judge.judges:
        load_plugin(JUDGES, name)
    squares, holes, judge = eyes.squares, eyes.holes, eyes.judge
    by_square, by_hole = _rescore(settings.squares.scorer, "squares"), _rescore(settings.holes.scorer, "holes")

    def scored_squares(image: NDArray[np.floating], pixel_size_A: float) -> Squares:
        found = squares(image, pixel_size_A)
        return found if by_square is None else replace(found, table=by_square(found.table, image, pixel_size_A))

    def scored_holes(image: NDArray[np.floating], pixel_size_A: float) -> Holes:
        found = holes(image, pixel_size_A)
        return found if by_hole is None else replace(found, table=by_hole(found.table, image, pixel_size_A))

    def judged(image: NDArray[np.floating], pixel_size_A: float, how: JudgeSettings) -> dict[str, Any]:
        row = judge(image, pixel_size_A, how)
        return with_judges(row, Exposure(np.asarray(image, np.float32), pixel_size_A), how.judges)

    return replace(eyes, squares=scored_squares, holes=scored_holes, judge=judged)


def _rescore(scorer: str, what: What) -> Rescore | None:
    if not scorer:
        return None
    rescore = rescoring(scorer, what)

    def safely(table: pd.DataFrame, image: NDArray[np.floating], pixel_size_A: float | None) -> pd.DataFrame:
        try:
            return rescore(table, image, pixel_size_A)
        except BadInput as error:
            told = f"; {error.message}: the finder's own score stands"
            return table.assign(why=table["why"] + told) if len(table) else table

    return safely
