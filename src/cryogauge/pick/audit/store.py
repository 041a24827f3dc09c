"""What people said of suggestions: one SQLite file, each answer kept at once."""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from cryogauge.records import BadInput, Retryable

DECISIONS = "decisions.sqlite"
_APPLICATION_ID = 0x43475A41  # "CGZA" in SQLite's header
_VERSION = 1
_TABLES = """
CREATE TABLE audited (labels TEXT NOT NULL);
CREATE TABLE decisions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    suggestion TEXT NOT NULL,
    annotator TEXT NOT NULL,
    said TEXT,
    tomogram TEXT NOT NULL,
    kind TEXT NOT NULL,
    object TEXT NOT NULL,
    x_A REAL NOT NULL,
    y_A REAL NOT NULL,
    z_A REAL NOT NULL,
    seconds REAL NOT NULL,
    decided_at TEXT NOT NULL,
    UNIQUE (suggestion, annotator)
);
CREATE TABLE written (user TEXT NOT NULL, session TEXT NOT NULL, written_at TEXT NOT NULL, UNIQUE (user, session));
"""
_PLACE = ("tomogram", "kind", "object", "x_A", "y_A", "z_A")


@dataclass(frozen=True)
class Decision:
    """What people agree on about a place.

    Attributes
    ----------
    tomogram, x_A, y_A, z_A
        Where.
    label
        Kind of the label there; empty for a place without.
    said
        Kind of the particle there; empty for none.
    """

    tomogram: str
    x_A: float
    y_A: float
    z_A: float
    label: str
    said: str


class DecisionStore:
    """Answers to suggestions; safe to use from several threads and processes.

    Parameters
    ----------
    path
        The file, made where there is none.
    labels
        Digest of the labels that are judged: answers are about these and no others.

    Raises
    ------
    BadInput
        When the file is no such store, of another version, or about other labels.
    Retryable
        When it is locked, or the disk is full.
    """

    def __init__(self, path: Path, labels: str) -> None:
        self.path = path
        with self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            self._prepare(connection, labels)

    def _prepare(self, connection: sqlite3.Connection, labels: str) -> None:
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if not tables:
            connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {_VERSION}")
            for statement in _TABLES.strip().split(";\n"):
                connection.execute(statement)
            connection.execute("INSERT INTO audited VALUES (?)", (labels,))
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if (application, version) != (_APPLICATION_ID, _VERSION):
            raise BadInput(f"{self.path} holds no decisions, or those of another version", "audit into another folder")
        (about,) = connection.execute("SELECT labels FROM audited").fetchone()
        if about != labels:
            raise BadInput(
                f"the decisions in {self.path} are about other labels",
                "audit these into another folder, or delete the file to judge anew",
            )

    def add(self, suggestion: str, annotator: str, said: str | None, place: dict[str, Any], seconds: float) -> bool:
        """Keep an answer; False when this person has answered already, which stays.

        Parameters
        ----------
        suggestion
            Its id.
        annotator
            Who says it.
        said
            Kind of the particle there; empty for none, None for no opinion.
        place
            ``tomogram, kind, object, x_A, y_A, z_A`` of the suggestion.
        seconds
            From seeing it to the answer.
        """
        values = (
            suggestion, annotator, said, *(place[name] for name in _PLACE), seconds,
            datetime.now(UTC).isoformat(timespec="milliseconds"),
        )  # fmt: skip
        with self._connection() as connection:
            done = connection.execute(
                f"INSERT OR IGNORE INTO decisions (suggestion, annotator, said, {', '.join(_PLACE)}, seconds,"
                " decided_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                values,
            )
            return done.rowcount > 0

    def answered(self, annotator: str) -> dict[str, str | None]:
        """What somebody has said, by suggestion, the earliest first."""
        with self._connection() as connection:
            query = "SELECT suggestion, said FROM decisions WHERE annotator = ? ORDER BY id"
            return dict(connection.execute(query, (annotator,)).fetchall())

    def remove(self, suggestion: str, annotator: str) -> bool:
        """Take an answer back; False when there is none."""
        with self._connection() as connection:
            query = "DELETE FROM decisions WHERE suggestion = ? AND annotator = ?"
            return connection.execute(query, (suggestion, annotator)).rowcount > 0

    def rows(self) -> pd.DataFrame:
        """Every answer in the order of giving: ``suggestion, annotator, said`` and the place."""
        names = ["suggestion", "annotator", "said", *_PLACE]
        with self._connection() as connection:
            found = connection.execute(f"SELECT {', '.join(names)} FROM decisions ORDER BY id").fetchall()
        return pd.DataFrame(found, columns=pd.Index(names))

    def decided(self) -> list[Decision]:
        """What most of those who have an opinion say of each place; where as many say another thing, nothing."""
        out = []
        for _, told in self.rows().groupby("suggestion", sort=False):
            counts = Counter(said for said in told["said"] if isinstance(said, str)).most_common(2)
            if not counts or (len(counts) == 2 and counts[0][1] == counts[1][1]):
                continue
            row = told.iloc[0]
            label = "" if row["kind"] == "missing" else str(row["object"])
            place = (float(row["x_A"]), float(row["y_A"]), float(row["z_A"]))
            out.append(Decision(str(row["tomogram"]), *place, label, str(counts[0][0])))
        return out

    def note_written(self, user: str, session: str) -> None:
        """Remember that picks were written as these."""
        with self._connection() as connection:
            now = datetime.now(UTC).isoformat(timespec="milliseconds")
            connection.execute("INSERT OR REPLACE INTO written VALUES (?, ?, ?)", (user, session, now))

    def has_written(self, user: str, session: str) -> bool:
        """Whether picks were written as these from here."""
        with self._connection() as connection:
            query = "SELECT 1 FROM written WHERE user = ? AND session = ?"
            return connection.execute(query, (user, session)).fetchone() is not None

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """A transaction in a connection of its own; SQLite's errors as ours."""
        try:
            with closing(sqlite3.connect(self.path, timeout=10.0)) as connection, connection:
                yield connection
        except sqlite3.Error as error:
            name = getattr(error, "sqlite_errorname", "")
            if name == "SQLITE_FULL":
                raise Retryable(f"no space is left for {self.path}", "free some space and go on") from error
            if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
                raise Retryable(f"{self.path} is locked by another program", "close it and try again") from error
            raise BadInput(
                f"cannot use {self.path}: {error}", "check that it is a file of decisions and yours"
            ) from error
