"""The journal of a session: every command with its outcome, a JSON line each, so that a session can take up again.

A line is written before a command goes to the microscope and another when it has ended. A command whose second line is
missing was under way when the program was killed: whether it was carried out is unknown, and :func:`interrupted` tells.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, is_dataclass
from pathlib import Path
from typing import Any

from cryogauge.io.replace import no_space_is_retryable
from cryogauge.records import BadInput


@dataclass(frozen=True)
class Entry:
    """A command, and how it ended.

    Attributes
    ----------
    number
        From 0, without gaps.
    command, arguments
        As they were called.
    begun_s
        By the microscope's clock.
    outcome
        ``done``, ``refused`` (before anything moved), ``failed``, or empty when it never ended.
    ended_s
        NaN when it never ended.
    result
        What it returned, pictures left out; or the message of the fault.
    fault
        Name of the fault's class.
    """

    number: int
    command: str
    arguments: Mapping[str, Any]
    begun_s: float
    outcome: str = ""
    ended_s: float = float("nan")
    result: Any = None
    fault: str = ""


class Journal:
    """Appends to a file; safe against being killed at any moment, and against a full disk.

    A command that cannot be written down is not begun. An outcome that cannot be written down is kept and written
    before the next command.

    Parameters
    ----------
    path
        The file; what is there is kept and continued.

    Raises
    ------
    BadInput
        When it is no journal or may not be written.
    Retryable
        When the disk is full.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        entries = read_journal(path) if path.exists() else []
        self._next = len(entries)
        self._unwritten = b""
        try:
            with no_space_is_retryable(path.parent):
                self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
                self._size = path.read_bytes().rfind(b"\n") + 1  # a kill may have cut a line short
                os.ftruncate(self._file, self._size)
        except (FileNotFoundError, NotADirectoryError, PermissionError) as error:
            raise BadInput(f"{path} cannot be written", "choose a folder that exists and is yours") from error

    def begin(self, command: str, arguments: Mapping[str, Any], now_s: float) -> int:
        """Write down a command that is about to be given; its number.

        Raises
        ------
        BadInput
            When another program has written to the file; the command must not be given.
        Retryable
            When the disk is full; the command must not be given.
        """
        number = self._next
        self._write({"n": number, "command": command, "arguments": dict(arguments), "at": now_s})
        self._next += 1
        return number

    def end(self, number: int, outcome: str, now_s: float, result: Any = None, fault: str = "") -> None:
        """Write down how it ended, at once or, while the disk is full, later."""
        line = {"n": number, "outcome": outcome, "at": now_s}
        line |= {} if result is None else {"result": result}
        line |= {"fault": fault} if fault else {}
        self._unwritten += _line(line)
        try:
            self._flush()
        except (OSError, BadInput):
            return  # told at the next command, which is not begun

    def close(self) -> None:
        """Write what is left, unless the disk is still full, and let go of the file."""
        if self._file >= 0:
            with suppress(OSError, BadInput):  # to those who read it the last command then never ended, as after a kill
                self._flush()
            os.close(self._file)
            self._file = -1

    def _write(self, line: Mapping[str, Any]) -> None:
        self._flush()
        self._append(_line(line))

    def _flush(self) -> None:
        self._append(self._unwritten)
        self._unwritten = b""

    def _append(self, left: bytes) -> None:
        """Write all of it or nothing."""
        size = os.fstat(self._file).st_size
        if size != self._size:
            raise BadInput(f"another program writes to {self.path} too", "end that one, then start this one again")
        with no_space_is_retryable(self.path.parent):
            try:
                while left:
                    left = left[os.write(self._file, left) :]
            except OSError:
                os.ftruncate(self._file, size)
                raise
        self._size = os.fstat(self._file).st_size


def _line(line: Mapping[str, Any]) -> bytes:
    return json.dumps(line, ensure_ascii=False, default=_plain).encode() + b"\n"


def _plain(value: Any) -> Any:
    return vars(value) if is_dataclass(value) else str(value)


def read_journal(path: Path) -> list[Entry]:
    """All commands of a journal in their order. A last line cut short by a kill is left out.

    Raises
    ------
    BadInput
        When it is no journal.
    """
    entries: list[Entry] = []
    for number, line in _lines(path):
        try:
            if "command" in line:
                if line["n"] != len(entries):
                    raise KeyError(line["n"])
                entries.append(Entry(line["n"], line["command"], line["arguments"], line["at"]))
            else:
                begun = entries[line["n"]]
                ended = (line["outcome"], line["at"], line.get("result"), line.get("fault", ""))
                entries[line["n"]] = Entry(begun.number, begun.command, begun.arguments, begun.begun_s, *ended)
        except (KeyError, IndexError, TypeError) as error:
            raise BadInput(
                f"{path} is no journal of a session (line {number})", "give the session's own file"
            ) from error
    return entries


def _lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path} cannot be read", "give the session's own file") from error
    for number, line in enumerate(content.split(b"\n")[:-1], start=1):
        try:
            yield number, json.loads(line)
        except ValueError as error:
            raise BadInput(
                f"{path} is no journal of a session (line {number})", "give the session's own file"
            ) from error


def interrupted(entries: list[Entry]) -> Entry | None:
    """The command that was under way when the session was killed, if any."""
    return entries[-1] if entries and not entries[-1].outcome else None


def loaded_slot(entries: list[Entry]) -> int | None:
    """The slot whose grid was loaded last, ``None`` when none was or the loading did not end well."""
    for entry in reversed(entries):
        if entry.command == "load_grid" and entry.outcome != "refused":
            return int(entry.arguments["slot"]) if entry.outcome == "done" else None
    return None
