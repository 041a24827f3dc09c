"""All that can be said of picks where the truth is known: the challenge's score and what stands behind it."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from cryogauge.pick.challenge.bootstrap import Interval, bootstrap
from cryogauge.pick.challenge.matching import RecallCurve, one_to_one, recall_curves
from cryogauge.pick.challenge.metric import ChallengeScore, score_picks
from cryogauge.pick.challenge.rules import Rules
from cryogauge.pick.challenge.suspicion import remarks, suspicions


@dataclass(frozen=True)
class Evaluation:
    """Picks against the truth.

    Attributes
    ----------
    result
        By the challenge's metric.
    interval, intervals
        Bootstrap over tomograms, of the score and of each kind's F_β.
    matching
        One-to-one, a row a kind; see :func:`cryogauge.pick.challenge.one_to_one`.
    curves
        Precision against recall of each kind; none where picks have no scores.
    suspicions
        What looks like a slip, in sentences.
    remarks
        What was noticed besides.
    """

    result: ChallengeScore
    interval: Interval
    intervals: dict[str, Interval]
    matching: pd.DataFrame
    curves: tuple[RecallCurve, ...]
    suspicions: tuple[str, ...]
    remarks: tuple[str, ...]

    def objects(self) -> pd.DataFrame:
        """The kinds with interval and average precision (NaN without scores) beside the metric's columns."""
        areas = {curve.object: curve.average_precision for curve in self.curves}
        names = self.result.objects["object"]
        return self.result.objects.assign(
            f_beta_low=[self.intervals[name].low for name in names],
            f_beta_high=[self.intervals[name].high for name in names],
            average_precision=[areas.get(name, float("nan")) for name in names],
        )

    def plain(self) -> dict[str, Any]:
        """As plain values, for JSON; None where a number does not apply."""
        return {
            "score": self.result.score,
            "interval": [self.interval.low, self.interval.high],
            "interval_level": self.interval.level,
            "rules": self.result.rules.described(),
            "objects": _records(self.objects()),
            "tomograms": _records(self.result.tomograms),
            "one_to_one": _records(self.matching),
            "suspicions": list(self.suspicions),
            "remarks": list(self.remarks),
        }


def evaluate(truth: pd.DataFrame, picks: pd.DataFrame, rules: Rules | None = None, *, seed: int = 0) -> Evaluation:
    """Score picks and look behind the score.

    Parameters
    ----------
    truth, picks
        Tables of ``PICK_COLUMNS``; scores of the truth play no part, those of the picks may be NaN.
    rules
        Those of the CZII challenge by default.
    seed
        Of the bootstrap.

    Raises
    ------
    BadInput
        As :func:`cryogauge.pick.challenge.score_picks`.
    """
    rules = rules or Rules()
    result = score_picks(truth, picks, rules)
    interval, intervals = bootstrap(result, seed=seed)
    return Evaluation(
        result,
        interval,
        intervals,
        one_to_one(truth, picks, rules),
        recall_curves(truth, picks, rules),
        tuple(suspicions(truth, picks, rules)),
        tuple(remarks(truth, picks, rules)),
    )


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    rows = table.to_dict("records")
    return [{str(key): None if value != value else value for key, value in row.items()} for row in rows]
