"""The pool of a lab: averages of many jobs with the grades that people gave for others to use."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from cryogauge.classes.grade import averages_checksum
from cryogauge.classes.labels.session import ClassLabelSession
from cryogauge.classes.labels.store import ClassLabelStore
from cryogauge.classes.labels.table import agreed_grades, labels_csv
from cryogauge.io.classes import write_graded_star
from cryogauge.io.replace import replacing
from cryogauge.jobs.turns import Showing
from cryogauge.records import ClassStack

#: What a person agrees to who grades for the pool.
CONSENT = (
    "My grades, with my name and today’s date, and the averages that they are of may be kept in this server’s pool and "
    "used to train graders. Averages that I graded stay in the pool when the job that they came from is deleted."
)


class LabelPool:
    """Averages and grades in one folder; safe to use from several threads.

    Averages come into the pool with their first grade, as ``<checksum>.star`` and ``.mrcs`` with what the program told
    of them, so that they can be learned from when the job is gone. Grades are in ``labels.sqlite``.

    Parameters
    ----------
    folder
        It is made.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.store = ClassLabelStore(folder / "labels.sqlite")

    def close(self) -> None:
        """Close all connections."""
        self.store.close()

    def session(self, stack: ClassStack) -> ClassLabelSession:
        """A round of labelling the averages of one job; raises ``BadInput`` when none of them can be seen."""
        return _PooledSession(self, stack)

    def keep(self, stack: ClassStack, name: str) -> None:
        """Take averages into the pool, as ``<name>``; does nothing where they are."""
        path = self._folder / name
        if path.is_file():
            return
        ungraded = stack.table.assign(grade=np.nan)
        write_graded_star(path, replace(stack, program="stack"), ungraded)

    def labels(self) -> pd.DataFrame:
        """Every grade, as :data:`cryogauge.classes.labels.store.CLASS_LABEL_COLUMNS` says."""
        return self.store.table()

    def write(self, name: str) -> Path:
        """Write one grade a class into a table that training reads, beside the averages; its path."""
        path = self._folder / name
        with replacing(path) as temporary:
            temporary.write_text(labels_csv(agreed_grades(self.labels())), encoding="utf-8")
        return path


class _PooledSession(ClassLabelSession):
    """Averages that come into the pool with their first grade."""

    def __init__(self, pool: LabelPool, stack: ClassStack) -> None:
        self._pool = pool
        self._stack = stack
        self._file = f"{averages_checksum(stack)}.star"
        super().__init__(pool.store, [stack], files=[self._file], consent=CONSENT)

    def label(self, annotator: str, showing: Showing, grade: float, *, seconds: float, agreed: bool = False) -> bool:
        if agreed:
            self._pool.keep(self._stack, self._file)
        return super().label(annotator, showing, grade, seconds=seconds, agreed=agreed)
