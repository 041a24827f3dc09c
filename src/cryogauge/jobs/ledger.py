"""What a batch has already done: one SQLite file beside its results."""

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cryogauge.jobs.failures import FREE_SPACE
from cryogauge.records.errors import BadInput, CryogaugeError, Retryable

_APPLICATION_ID = 0x43475A31  # "CGZ1" in SQLite's header tells our files from any other database
_VERSION = 1
_TABLE = """
CREATE TABLE results (
    item TEXT NOT NULL,
    content TEXT NOT NULL,
    weights TEXT NOT NULL,
    settings TEXT NOT NULL,
    row TEXT NOT NULL,
    artefacts TEXT NOT NULL,
    finished_at TEXT NOT NULL,
    PRIMARY KEY (item, content, weights, settings)
)
"""


@dataclass(frozen=True)
class LedgerKey:
    """What a result depends on; when any part differs, the work is done anew.

    Attributes
    ----------
    item
        What the item is called in the output: two copies of one file keep rows of their own.
    content
        Fingerprint of the input's content.
    weights
        Checksum of the weights used.
    settings
        Hash of every setting that can change the result.
    """

    item: str
    content: str
    weights: str
    settings: str

    @property
    def digest(self) -> str:
        """Twelve hexadecimal digits of all parts, for names of files and folders."""
        return hashlib.sha256("\0".join(astuple(self)).encode()).hexdigest()[:12]


def settings_digest(settings: Mapping[str, Any]) -> str:
    """Hash of settings, of JSON types, that can change a result, and of the version, which can too."""
    from cryogauge import __version__

    return hashlib.sha256(json.dumps({"version": __version__, **settings}, sort_keys=True).encode()).hexdigest()


class Ledger:
    """Results of a batch, kept in ``path``; only the process that drives the batch opens it.

    The file stays locked while it is open, so that two runs cannot write to one output folder. Each ``put`` is one
    transaction: what was put survives a kill of the process or a loss of power.

    Parameters
    ----------
    path
        The SQLite file, made when missing. Artefacts are recorded relative to its folder.

    Raises
    ------
    BadInput
        When the file is damaged, no ledger of cryogauge, of another version, in use by another run, or not writable.
    Retryable
        When the disk is full.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.folder = path.parent
        with self._clear_errors():
            self._connection = sqlite3.connect(path, timeout=1.0)
        try:
            with self._clear_errors():
                self._prepare()
        except CryogaugeError:
            self._connection.close()
            raise

    def _prepare(self) -> None:
        self._connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._connection.execute("BEGIN EXCLUSIVE")
        (tables,) = self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if tables == 0:
            self._connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            self._connection.execute(f"PRAGMA user_version = {_VERSION}")
            self._connection.execute(_TABLE)
        self._connection.commit()
        (application,) = self._connection.execute("PRAGMA application_id").fetchone()
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if application != _APPLICATION_ID:
            raise BadInput(f"{self.path} is no ledger of cryogauge", "choose another output folder")
        if version != _VERSION:
            raise BadInput(
                f"{self.path} was written by another version of cryogauge (ledger version {version}, not {_VERSION})",
                "choose another output folder, or delete the file to do everything anew",
            )
        (verdict,) = self._connection.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise self._damaged()

    def get(self, key: LedgerKey) -> dict[str, Any] | None:
        """The row put under ``key``; None when there is none or one of its artefacts is no longer on disk."""
        with self._clear_errors():
            found = self._connection.execute(
                "SELECT row, artefacts FROM results WHERE item = ? AND content = ? AND weights = ? AND settings = ?",
                astuple(key),
            ).fetchone()
        if found is None:
            return None
        try:
            row, artefacts = json.loads(found[0]), json.loads(found[1])
        except json.JSONDecodeError as error:
            raise self._damaged() from error
        return row if all((self.folder / artefact).exists() for artefact in artefacts) else None

    def results(self) -> Iterator[tuple[LedgerKey, dict[str, Any]]]:
        """All that was put and whose artefacts are still on disk, the earliest first."""
        with self._clear_errors():
            found = self._connection.execute(
                "SELECT item, content, weights, settings FROM results ORDER BY finished_at"
            ).fetchall()
        for parts in found:
            key = LedgerKey(*parts)
            row = self.get(key)
            if row is not None:
                yield key, row

    def put(self, key: LedgerKey, row: Mapping[str, Any], artefacts: Sequence[str] = ()) -> None:
        """Keep a result, replacing an earlier one under the same key.

        Parameters
        ----------
        key
            What the result depends on.
        row
            The result itself: small, of JSON types; NaN is allowed.
        artefacts
            Paths of the files and folders that belong to it, relative to the ledger's folder.
        """
        values = (*astuple(key), json.dumps(row), json.dumps(list(artefacts)), datetime.now(UTC).isoformat())
        with self._clear_errors(), self._connection:
            self._connection.execute("INSERT OR REPLACE INTO results VALUES (?, ?, ?, ?, ?, ?, ?)", values)

    def close(self) -> None:
        """Close the file and let others open it."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _damaged(self) -> BadInput:
        return BadInput(f"{self.path} is damaged or no ledger of cryogauge", "delete it to do everything anew")

    @contextmanager
    def _clear_errors(self) -> Iterator[None]:
        """SQLite's errors as ours."""
        try:
            yield
        except sqlite3.Error as error:
            name = getattr(error, "sqlite_errorname", "")
            if name == "SQLITE_FULL":
                raise Retryable(f"no space left on the disk of {self.folder}", FREE_SPACE) from error
            if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
                raise BadInput(
                    f"another run is using {self.folder}", "wait until it is done, or choose another output folder"
                ) from error
            if name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
                raise self._damaged() from error
            raise BadInput(f"cannot use the ledger {self.path}: {error}", "check the folder's permissions") from error
