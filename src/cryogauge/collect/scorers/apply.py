"""Scores of a scorer in place of the finders' own, with the reason."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cryogauge.collect.plugins import SCORERS, Scorer, What, checked_scores, load_plugin
from cryogauge.collect.scorers.features import target_features
from cryogauge.collect.scorers.model import LearnedScorer, read_scorer

Rescore = Callable[[pd.DataFrame, NDArray[np.floating], float | None], pd.DataFrame]


def open_scorer(name: str) -> Scorer:
    """A scorer by the path of its file, or by the name that a plug-in registered.

    Raises
    ------
    BadInput
        When there is none of that name, or it cannot be used.
    """
    return read_scorer(Path(name)) if name.endswith(".json") or "/" in name else load_plugin(SCORERS, name)


def rescoring(name: str, what: What) -> Rescore:
    """What replaces the scores of a table by a scorer's, best first.

    The finders' own stay in ``default_score``. A hole that is no target, as near a bar, keeps the score 0.

    Raises
    ------
    BadInput
        When there is no such scorer; later, when it returns what are no scores.
    """
    scorer = open_scorer(name)
    said = Path(name).name

    def rescored(table: pd.DataFrame, image: NDArray[np.floating], pixel_size_A: float | None) -> pd.DataFrame:
        if table.empty:
            return table.assign(default_score=table["score"])
        scores = checked_scores(said, scorer(what, table, image, pixel_size_A), len(table))
        words = [f"{said} scores it {score:.2f}" for score in scores]
        if isinstance(scorer, LearnedScorer):
            reasons = scorer.words(target_features(table, what))
            words = [f"{told} ({reason})" for told, reason in zip(words, reasons, strict=True)]
        kept = table["target"].to_numpy(bool) if what == "holes" else np.ones(len(table), bool)
        return table.assign(
            default_score=table["score"],
            score=np.where(kept, np.round(scores, 4), 0.0),
            why=[f"{why}; {told}" if keep else why for why, told, keep in zip(table["why"], words, kept, strict=True)],
        ).sort_values("score", ascending=False, kind="stable", ignore_index=True)

    return rescored
