"""A challenge that is held: what is scored in public, what in private, and what a submission is worth."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from cryogauge.pick.challenge.metric import AXES, ChallengeScore, comparable, score_picks
from cryogauge.pick.challenge.rules import Rules
from cryogauge.pick.challenge.submission import RowProblem, read_submission
from cryogauge.pick.challenge.suspicion import remarks, suspicions
from cryogauge.records import BadInput


@dataclass(frozen=True)
class Assessed:
    """A submission that was looked at.

    Attributes
    ----------
    picks
        How many picks can be used.
    problems, problem_count
        The first rows that cannot be used, and how many there are; with any, there are no scores.
    suspicions
        What looks like a slip; the sender is asked before it counts.
    remarks
        What was noticed besides.
    public, private
        Scores on the two subsets, None with problems.
    """

    picks: int
    problems: tuple[RowProblem, ...]
    problem_count: int
    suspicions: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    public: ChallengeScore | None = None
    private: ChallengeScore | None = None


@dataclass(frozen=True)
class Contest:
    """Truth and rules of a challenge.

    Attributes
    ----------
    public, private
        The known positions of the two subsets.
    rules
        How picks are scored.
    """

    public: pd.DataFrame
    private: pd.DataFrame
    rules: Rules

    @classmethod
    def of(cls, truth: pd.DataFrame, split: Mapping[str, str], rules: Rules | None = None) -> "Contest":
        """Divide the truth by a split; the tomograms for training are left out.

        Raises
        ------
        BadInput
            When a tomogram of the truth is in no subset, or the public or private subset has no particle.
        """
        rules = rules or Rules()
        subset = truth["tomogram"].map(dict(split))
        lost = truth.loc[subset.isna(), "tomogram"]
        if len(lost):
            raise BadInput(f"the split does not know the tomogram {lost.iloc[0]}", "make the split from this truth")
        parts = [truth[subset == name].reset_index(drop=True) for name in ("public", "private")]
        for name, part in zip(("public", "private"), parts, strict=True):
            if part.empty:
                raise BadInput(f"the {name} tomograms hold no particle", "make the split from this truth")
            comparable(part, part, rules)
        return cls(parts[0], parts[1], rules)

    @cached_property
    def digest(self) -> str:
        """Tells this challenge from any other: of its positions, subsets and rules."""
        digest = hashlib.sha256(json.dumps(self.rules.described(), sort_keys=True).encode())
        for part in (self.public, self.private):
            digest.update(part[["tomogram", "object", *AXES]].to_csv(index=False).encode())
        return digest.hexdigest()

    def told(self) -> str:
        """How large it is, in words."""
        public, private = self.public["tomogram"].nunique(), self.private["tomogram"].nunique()
        return f"{public} public and {private} private tomograms, F{self.rules.beta:g}"

    def assess(self, content: bytes) -> Assessed:
        """Read and score the bytes of a CSV.

        Raises
        ------
        BadInput
            When it is no CSV of picks at all, or none of its picks lies in a tomogram of the challenge.
        """
        found = read_submission(content, self.rules)
        if found.problems:
            return Assessed(len(found.picks), found.problems, found.problem_count)
        truth = pd.concat([self.public, self.private], ignore_index=True)
        if not found.picks["tomogram"].isin(truth["tomogram"].unique()).any():
            raise BadInput(
                f"no pick lies in a tomogram of this challenge; the first is in {found.picks['tomogram'].iloc[0]}",
                "name the tomograms as they were given",
            )
        return Assessed(
            len(found.picks),
            (),
            0,
            tuple(suspicions(truth, found.picks, self.rules)),
            tuple(remarks(truth, found.picks, self.rules)),
            score_picks(self.public, found.picks, self.rules),
            score_picks(self.private, found.picks, self.rules),
        )
