"""Submissions and their scores in a SQLite file."""

import json
import sqlite3
import threading
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryogauge.pick.challenge.contest import Assessed, Contest
from cryogauge.pick.challenge.metric import ChallengeScore
from cryogauge.records import BadInput, Retryable

LONGEST_TEAM = 64
LONGEST_NOTE = 200
_VERSION = 1
_SCHEMA = """
CREATE TABLE cryogauge_challenge (version INTEGER NOT NULL, digest TEXT NOT NULL);
CREATE TABLE submissions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    team TEXT NOT NULL,
    note TEXT NOT NULL,
    submitted_at TEXT NOT NULL,
    picks INTEGER NOT NULL,
    public REAL NOT NULL,
    private REAL NOT NULL,
    kinds TEXT NOT NULL,
    content BLOB NOT NULL
);
CREATE INDEX submissions_of_team ON submissions (team);
"""


@dataclass(frozen=True)
class Entry:
    """A submission that counts.

    Attributes
    ----------
    number
        From 1, over all teams.
    team, note
        Who sent it, and what was said of it.
    submitted_at
        ISO 8601, UTC.
    picks
        How many picks it holds.
    public, private
        Its scores.
    public_kinds, private_kinds
        F_β of each kind.
    """

    number: int
    team: str
    note: str
    submitted_at: str
    picks: int
    public: float
    private: float
    public_kinds: dict[str, float]
    private_kinds: dict[str, float]


@dataclass(frozen=True)
class Standing:
    """A team's place.

    Attributes
    ----------
    team
        Its name.
    submissions
        How many it sent.
    best
        The submission with its best public score, the earliest of equals. Its private score is the team's.
    last_at
        When it last sent one.
    """

    team: str
    submissions: int
    best: Entry
    last_at: str


class Board:
    """The submissions to one challenge; safe to use from several threads and processes.

    Parameters
    ----------
    path
        SQLite file, made where there is none; on a disk of this machine.
    contest
        The challenge. A file belongs to one challenge: with another truth, split or rules it is refused.

    Raises
    ------
    BadInput
        When the file is of another challenge, no board, or cannot be used.
    Retryable
        When it is locked or the disk is full.
    """

    def __init__(self, path: str | Path, contest: Contest) -> None:
        self.contest = contest
        self._path = Path(path)
        self._scoring = threading.Lock()  # one submission at a time: scoring takes memory and processors
        if not self._path.parent.is_dir():
            raise BadInput(f"there is no folder {self._path.parent}", "make it first")
        with self._connection() as connection:
            self._prepare(connection)

    def __enter__(self) -> "Board":
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing stays open between calls."""

    def submit(self, team: str, content: bytes, *, note: str = "", sure: bool = False) -> tuple[Assessed, Entry | None]:
        """Score a submission and keep it.

        Parameters
        ----------
        team
            See :func:`check_team`.
        content
            The bytes of a CSV.
        note
            At most ``LONGEST_NOTE`` characters.
        sure
            Keep it although it looks like a slip.

        Returns
        -------
        What was found, and the entry; None where it was not kept: it has problems, or looks like a slip.

        Raises
        ------
        BadInput
            For a team or note that cannot be, and as :meth:`Contest.assess`.
        """
        team, note = check_team(team), check_note(note)
        with self._scoring:
            found = self.contest.assess(content)
        if found.public is None or found.private is None or (found.suspicions and not sure):
            return found, None
        at = datetime.now(UTC).isoformat(timespec="seconds")
        kinds = [_kinds(found.public), _kinds(found.private)]
        scores = (found.public.score, found.private.score)
        with self._connection() as connection:
            number = connection.execute(
                "INSERT INTO submissions (team, note, submitted_at, picks, public, private, kinds, content) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (team, note, at, found.picks, *scores, json.dumps(kinds), zlib.compress(content)),
            ).lastrowid
        return found, Entry(int(number or 0), team, note, at, found.picks, *scores, *kinds)

    def standings(self, *, by_private: bool = False) -> list[Standing]:
        """All teams by the public score of their best submission, or by its private score; the earlier of equals first.

        Whatever the order, a team's best submission is the one with its best *public* score.
        """
        teams: dict[str, list[Entry]] = {}
        for entry in self._entries("ORDER BY id", ()):
            teams.setdefault(entry.team, []).append(entry)
        found = [
            Standing(team, len(sent), max(sent, key=lambda each: (each.public, -each.number)), sent[-1].submitted_at)
            for team, sent in teams.items()
        ]
        return sorted(
            found, key=lambda each: (-(each.best.private if by_private else each.best.public), each.best.number)
        )

    def history(self, team: str) -> list[Entry]:
        """A team's submissions, the first first."""
        return self._entries("WHERE team = ? ORDER BY id", (team,))

    def content(self, number: int) -> bytes:
        """The CSV of a submission, as it was sent; raises ``BadInput`` where there is none."""
        with self._connection() as connection:
            row = connection.execute("SELECT content FROM submissions WHERE id = ?", (number,)).fetchone()
        if row is None:
            raise BadInput(f"there is no submission {number}", "see the list of submissions")
        return zlib.decompress(row[0])

    def count(self) -> int:
        """How many submissions there are."""
        with self._connection() as connection:
            return int(connection.execute("SELECT count(*) FROM submissions").fetchone()[0])

    def _entries(self, rest: str, values: tuple[object, ...]) -> list[Entry]:
        query = f"SELECT id, team, note, submitted_at, picks, public, private, kinds FROM submissions {rest}"
        with self._connection() as connection:
            return [Entry(*row[:-1], *json.loads(row[-1])) for row in connection.execute(query, values)]

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("BEGIN IMMEDIATE")  # two that come first at once must not both make the tables
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not tables:
            for statement in _SCHEMA.split(";"):
                connection.execute(statement)
            connection.execute("INSERT INTO cryogauge_challenge VALUES (?, ?)", (_VERSION, self.contest.digest))
        elif "cryogauge_challenge" not in tables:
            raise BadInput(f"{self._path} holds no leaderboard", "give another file")
        version, digest = connection.execute("SELECT version, digest FROM cryogauge_challenge").fetchone()
        if version != _VERSION:
            raise BadInput(f"{self._path} was written by another version of cryogauge", "begin another file")
        if digest != self.contest.digest:
            raise BadInput(
                f"{self._path} belongs to another challenge: its truth, split or rules were others",
                "give what it was begun with, or begin another file",
            )

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """A connection whose transaction is kept when all went well; the database's errors as ours."""
        try:
            # a transaction still open when the connection is closed is undone by SQLite
            with closing(sqlite3.connect(self._path, timeout=10, isolation_level=None)) as connection:
                yield connection
                if connection.in_transaction:
                    connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise _told(self._path, error) from error


def check_team(name: str) -> str:
    """A team's name without spaces around it.

    Raises
    ------
    BadInput
        When it is empty, longer than ``LONGEST_TEAM``, not printable, or begins with a sign.
    """
    name = " ".join(name.split())
    if not name or len(name) > LONGEST_TEAM or not name.isprintable() or not name[0].isalnum():
        raise BadInput("this is no name of a team", f"give 1 to {LONGEST_TEAM} characters, the first a letter or digit")
    return name


def check_note(note: str) -> str:
    """A note in one line; raises ``BadInput`` for one that is too long or not printable."""
    note = " ".join(note.split())
    if len(note) > LONGEST_NOTE or not note.isprintable():
        raise BadInput("this is no note", f"give at most {LONGEST_NOTE} characters")
    return note


def _kinds(score: ChallengeScore) -> dict[str, float]:
    return {str(name): float(f) for name, f in zip(score.objects["object"], score.objects["f_beta"], strict=True)}


def _told(path: Path, error: sqlite3.Error) -> BadInput | Retryable:
    code = getattr(error, "sqlite_errorname", "")
    if code == "SQLITE_FULL":
        return Retryable(f"no space is left for {path}", "free some space and submit again")
    if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return Retryable(f"{path} is locked by another program", "close it and try again")
    if code.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
        return BadInput(f"{path} is damaged or no leaderboard", "give another file")
    return BadInput(f"cannot use {path}: {error}", "check the path and what you may do there")
