"""The kit of a picking challenge: its metric, its split, its β, what may be submitted, and the board of results."""

from cryogauge.pick.challenge.beta import BetaChoice, choose_beta
from cryogauge.pick.challenge.board import Board
from cryogauge.pick.challenge.bootstrap import Interval, bootstrap
from cryogauge.pick.challenge.contest import Assessed, Contest
from cryogauge.pick.challenge.evaluation import Evaluation, evaluate
from cryogauge.pick.challenge.matching import RecallCurve, match_one_to_one, one_to_one, recall_curves
from cryogauge.pick.challenge.metric import ChallengeScore, f_beta, score_picks
from cryogauge.pick.challenge.page import write_beta, write_evaluation, write_split_pages
from cryogauge.pick.challenge.rules import Rules, read_objects
from cryogauge.pick.challenge.sources import make_rules, read_positions
from cryogauge.pick.challenge.split import (
    Split,
    count_particles,
    read_split,
    split_tomograms,
    write_split,
)
from cryogauge.pick.challenge.submission import Submission, read_submission
from cryogauge.pick.challenge.suspicion import suspicions

__all__ = [
    "Assessed",
    "BetaChoice",
    "Board",
    "ChallengeScore",
    "Contest",
    "Evaluation",
    "Interval",
    "RecallCurve",
    "Rules",
    "Split",
    "Submission",
    "bootstrap",
    "choose_beta",
    "count_particles",
    "evaluate",
    "f_beta",
    "make_rules",
    "match_one_to_one",
    "one_to_one",
    "read_objects",
    "read_positions",
    "read_split",
    "read_submission",
    "recall_curves",
    "score_picks",
    "split_tomograms",
    "suspicions",
    "write_beta",
    "write_evaluation",
    "write_split",
    "write_split_pages",
]
