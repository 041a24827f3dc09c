"""The feed of a watched folder: one JSON line an event, appended and never altered."""

import json
import os
import threading
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cryogauge.io.replace import no_space_is_retryable
from cryogauge.records import BadInput

#: Kinds of events.
SESSION_START, SCORED, FAILED, ALERT = "session_start", "scored", "failed", "alert"


class Feed:
    """Events in ``path``, the earliest first, each a JSON object of its own line with ``id``, ``event`` and ``at``.

    Ids count up from 1 without a gap. A line is on disk when :meth:`append` returns; one that a kill tore apart is
    cut off when the feed is opened again, so who follows the file should take whole lines only. One thread appends;
    any thread reads.

    Parameters
    ----------
    path
        The file, made when missing.

    Raises
    ------
    BadInput
        When the file is no feed, or cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        except OSError as error:
            reason = (error.strerror or "refused").lower()
            raise BadInput(f"cannot use the feed {path}: {reason}", "check the folder's permissions") from error
        self._grown = threading.Condition()
        try:
            self._events = self._read()
        except BadInput:
            self.close()
            raise

    def _read(self) -> list[dict[str, Any]]:
        content = self.path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):
            os.ftruncate(self._file, len(whole))
        events = []
        for number, line in enumerate(whole.splitlines(), 1):
            try:
                event = json.loads(line)
                fits = event["id"] == number and isinstance(event["event"], str)
            except (ValueError, KeyError, TypeError):
                fits = False
            if not fits:
                raise BadInput(
                    f"{self.path}, line {number} is no event of a feed",
                    "move the file away: what is scored is written again from the ledger",
                )
            events.append(event)
        return events

    def append(self, kind: str, /, **content: Any) -> dict[str, Any]:
        """Write an event to disk and return it.

        Parameters
        ----------
        kind
            What ``event`` says.
        content
            The rest, of JSON types; NaN is not among them.

        Raises
        ------
        Retryable
            When the disk is full; nothing of the event is then in the file.
        """
        event = {"id": len(self._events) + 1, "event": kind, "at": now_text(), **content}
        # A name that is no UTF-8 holds lone surrogates, for which this writes JSON's own escapes.
        line = (json.dumps(event, ensure_ascii=False, allow_nan=False) + "\n").encode("utf-8", "backslashreplace")
        end = os.fstat(self._file).st_size
        with no_space_is_retryable(self.path.parent):
            try:
                written = 0
                while written < len(line):
                    written += os.write(self._file, line[written:])
                os.fsync(self._file)
            except OSError:
                os.ftruncate(self._file, end)
                raise
        with self._grown:
            self._events.append(event)
            self._grown.notify_all()
        return event

    def after(self, last: int = 0) -> list[dict[str, Any]]:
        """The events whose id is larger than ``last``."""
        return self._events[last:]

    def wait(self, last: int, timeout_s: float) -> bool:
        """Wait until there are events after ``last``; whether there are."""
        with self._grown:
            return self._grown.wait_for(lambda: len(self._events) > last, timeout_s)

    def close(self) -> None:
        """Close the file; what was read and written stays at hand."""
        os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def now_text() -> str:
    """The time as events carry it: ISO 8601 in UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
