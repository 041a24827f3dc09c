"""What a selection comes to, round by round."""

from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from cryogauge.classes.iterate.engine import Classified, Extracted, Particles
from cryogauge.classes.iterate.plan import IteratePlan
from cryogauge.classes.iterate.rounds import Ids, Split


@dataclass(frozen=True)
class Round:
    """A classification and what its grades made of the particles; no split for the last one."""

    name: str
    classified: Classified
    grades: pd.DataFrame
    split: Split | None


@dataclass
class Batch:
    """Particles of classes graded ``cutoff`` or better, and what was made of them so far."""

    cutoff: float
    ids: Ids
    extracted: Extracted | None = None
    model: Path | None = None
    failure: str = ""


@dataclass
class Selection:
    """All that is known of a selection under way or done.

    Attributes
    ----------
    plan, engine, particles
        What it works by and on.
    out
        Its folder.
    rounds
        Those done, the last classification included.
    batches
        Empty until the last classification is done.
    notes
        Sentences on what was not as planned.
    """

    plan: IteratePlan
    engine: str
    particles: Particles
    out: Path
    rounds: list[Round] = field(default_factory=list)
    batches: list[Batch] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def page(self) -> Path:
        """The page that shows it."""
        return self.out / "report.html"

    @property
    def failed(self) -> list[Batch]:
        """Batches of which something failed."""
        return [batch for batch in self.batches if batch.failure]

    def counts(self) -> list[dict[str, int | str]]:
        """A row a round: its name, particles, classes, and how many were set aside, go on and were dropped."""
        return [
            {
                "round": each.name,
                "particles": len(each.classified.particles),
                "classes": len(each.classified.stack.table),
                **(each.split.counts if each.split else {}),
            }
            for each in self.rounds
        ]
