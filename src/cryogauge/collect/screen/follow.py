"""A session read while it goes on, by those who only look: each time no more than the lines that are new."""

import json
import math
import os
import socket
import threading
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from cryogauge.collect.drivers.journal import Entry
from cryogauge.collect.screen.log import BEGUN, ENDED, JUDGED, STEPS, WORDS, Key
from cryogauge.collect.screen.orders import ORDERS, Orders, read_orders

#: Where a session stands.
State = Literal["not begun", "running", "pausing", "paused", "stopping", "cut off", "stopped", "finished"]
#: Sentences that are kept.
MOST_WORDS = 400
#: Of what was seen of a square: a page that shows another one does without, and there may be thousands.
_LONG = ("queue", "left")
_LAST_BYTES = 20_000
#: In place of a step's name and target, that orders were given.
ORDERED: Key = ("", ORDERS)


class Tail:
    """Whole lines of a file that is appended to.

    Parameters
    ----------
    path
        The file; it may come later.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offset = 0
        self._inode = 0

    def lines(self) -> tuple[bool, list[tuple[int, bytes]]]:
        """Whether the file begins anew, since another took its place, and where (in bytes) each line since the last
        call begins, and the line.

        A last line without its end is left for later.

        Raises
        ------
        OSError
            When the file is there and cannot be read.
        """
        try:
            file = self.path.open("rb")
        except FileNotFoundError:
            anew, self._offset, self._inode = self._offset > 0, 0, 0
            return anew, []
        with file:
            status = os.fstat(file.fileno())
            anew = self._offset > 0 and (status.st_ino != self._inode or status.st_size < self._offset)
            self._offset, self._inode = 0 if anew else self._offset, status.st_ino
            if status.st_size == self._offset:
                return anew, []
            file.seek(self._offset)
            content = file.read()
        lines = []
        for line in content.split(b"\n")[:-1]:
            lines.append((self._offset, line))
            self._offset += len(line) + 1
        return anew, lines


class Followed:
    """What a session's folder tells so far.

    Not safe for several threads by itself: hold ``lock`` while reading.

    Parameters
    ----------
    folder
        Of the session.

    Attributes
    ----------
    steps
        As :func:`cryogauge.collect.screen.log.read_steps` gives them, without the holes of squares.
    rows
        Exposures as they were judged, by name, in the order in which they were begun.
    of
        The steps of each name, by their targets.
    shots
        Names of the exposures that were judged, by grid (``3``) and by square (``3/17``).
    lost
        Exposures that failed, and why.
    changed
        Name and target of every step that changed, in order; grows only, until ``life`` changes.
    starts_s
        Microscope's times at which the session was begun or taken up.
    now_s
        The microscope's clock, when it last did something.
    orders, pauses
        Of people; pauses from and to, in seconds since 1970.
    words, said
        The last sentences (``YYYY-MM-DD HH:MM:SS  text``), and how many there were.
    problems
        What cannot be read, in words, by file.
    life
        Counts how often the folder was begun anew.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lock = threading.RLock()
        self.life = 0
        self._tails = {name: Tail(folder / name) for name in (STEPS, WORDS, ORDERS)}
        self._forget()

    def _forget(self) -> None:
        self.steps: dict[Key, Entry] = {}
        self.rows: dict[str, dict[str, Any]] = {}
        self.of: dict[str, dict[str, Entry]] = {}
        self.shots: dict[str, dict[str, None]] = {}
        self.lost: dict[str, str] = {}
        self.changed: list[Key] = []
        self.starts_s: list[float] = []
        self.now_s = 0.0
        self.orders = Orders()
        self.pauses: list[tuple[float, float]] = []
        self.words: deque[str] = deque(maxlen=MOST_WORDS)
        self.said = 0
        self.problems: dict[str, str] = {}
        self._keys: dict[int, Key] = {}
        self._lines = self._unread = 0
        self._places: dict[str, int] = {}

    def refresh(self) -> None:
        """Read what is new; what cannot be read is told in ``problems``."""
        anew, lines = self._read(STEPS)
        if anew:
            self._forget()
            self.life += 1
            self._tails |= {name: Tail(self.folder / name) for name in (WORDS, ORDERS)}
        for offset, line in lines:
            self._lines += 1
            try:
                self._take(json.loads(line), offset)
            except (ValueError, KeyError, TypeError, AttributeError):
                self._unread += 1
                many = f"{self._unread} lines" if self._unread > 1 else "a line"
                told = f"{many} of {STEPS} cannot be read, the last line {self._lines}; what was told there is missing"
                self.problems[STEPS] = told
        _, lines = self._read(WORDS)
        self.said += len(lines)
        self.words.extend(line.decode("utf-8", "replace") for _, line in lines)
        _, lines = self._read(ORDERS)
        if lines:
            try:
                self.orders = read_orders(self.folder)
            except OSError as error:
                self.problems[ORDERS] = f"the orders cannot be read: {error}"
            for _, line in lines:
                try:
                    self._mind_pause(json.loads(line))
                except (ValueError, KeyError, TypeError):
                    self.problems[ORDERS] = f"a line of {ORDERS} is no order; it pauses the session"
            self.changed.append(ORDERED)

    def _mind_pause(self, order: dict[str, Any]) -> None:
        open_ended = bool(self.pauses) and self.pauses[-1][1] == math.inf
        if order["order"] == "pause" and not open_ended:
            self.pauses.append((float(order["at"]), math.inf))
        elif order["order"] in ("go on", "stop") and open_ended:
            self.pauses[-1] = (self.pauses[-1][0], float(order["at"]))

    def _read(self, name: str) -> tuple[bool, list[tuple[int, bytes]]]:
        try:
            return self._tails[name].lines()
        except OSError as error:
            self.problems[name] = f"{name} cannot be read: {(error.strerror or 'refused').lower()}"
            return False, []

    def _take(self, line: dict[str, Any], offset: int) -> None:
        number, at_s = int(line["n"]), float(line["at"])
        if "command" in line:
            key = (str(line["command"]), str(line["arguments"]["target"]))
            self._keys[number] = key
            entry = Entry(number, key[0], line["arguments"], at_s)
            if key[0] == BEGUN:
                self.starts_s.append(at_s)
                self.steps.pop((ENDED, ""), None)
                self.of.pop(ENDED, None)
        else:
            key = self._keys.pop(number)
            begun = self.steps[key]
            if begun.number != number:
                return  # begun again since
            result: Any = line.get("result")
            if line["outcome"] == "done" and not isinstance(result, dict):
                raise ValueError("every step that was done has a result")
            if key[0] == "square" and line["outcome"] == "done":
                self._places[key[1]] = offset
                result = {name: value for name, value in result.items() if name not in _LONG}
            entry = Entry(
                number, begun.command, begun.arguments, begun.begun_s, str(line["outcome"]), at_s, result,
                str(line.get("fault", "")),
            )  # fmt: skip
            if key[0] == JUDGED and entry.outcome == "done":
                self.rows[key[1]] = dict(result)
                grid, square = key[1].split("/")[:2]
                for place in (grid, f"{grid}/{square}"):
                    self.shots.setdefault(place, {})[key[1]] = None
            if key[0] == "expose" and entry.outcome == "failed":
                self.lost[key[1]] = str(result)
        self.steps[key] = self.of.setdefault(key[0], {})[key[1]] = entry
        self.now_s = at_s
        self.changed.append(key)

    def result(self, step: str, target: str) -> Any:
        """What a step gave, ``None`` unless it ended well."""
        entry = self.steps.get((step, target))
        return entry.result if entry is not None and entry.outcome == "done" else None

    def seen(self, square: str) -> dict[str, Any] | None:
        """What was seen of a square (``3/17``), its holes too; ``None`` before it was looked at."""
        if square not in self._places or self.result("square", square) is None:
            return None
        try:
            with (self.folder / STEPS).open("rb") as file:
                file.seek(self._places[square])
                return dict(json.loads(file.readline())["result"])
        except (OSError, ValueError, KeyError, TypeError):  # the next refresh tells what became of the file
            return None

    def about(self) -> dict[str, Any]:
        """What the session said of itself when it began; empty before."""
        return self.result(BEGUN, "") or {}

    def under_way(self) -> Entry | None:
        """The step that was begun last, unless it has ended."""
        key = next((key for key in reversed(self.changed) if key != ORDERED), None)
        entry = self.steps.get(key) if key is not None else None
        return entry if entry is not None and not entry.outcome else None

    def state(self) -> tuple[State, str]:
        """Where it stands, and a sentence on it."""
        orders, ended, about = self.orders, self.result(ENDED, ""), self.about()
        if ended is not None:
            return _ending(ended)
        if not self.steps:
            return "not begun", "The session has not begun."
        if about and _gone(about):
            return "cut off", "The session was killed or crashed: its process is gone. Run it again to go on."
        if orders.stopped:
            return "stopping", f"It stops before its next action: wanted by {orders.stopped}."
        if orders.paused:
            if self.under_way() is None:
                return "paused", f"Paused by {orders.paused}."
            return "pausing", f"It pauses before its next action: wanted by {orders.paused}."
        return "running", "The session is running."


def _gone(about: dict[str, Any]) -> bool:
    """Whether the process that ran it is no more; another machine's cannot be asked."""
    if about.get("host") != socket.gethostname():
        return False
    try:
        os.kill(int(about["pid"]), 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # somebody else's, but there
        return False
    return False


def _ending(ended: dict[str, Any]) -> tuple[State, str]:
    return ("finished" if ended["finished"] else "stopped"), str(ended["why"])


def read_ending(folder: Path) -> tuple[State, str] | None:
    """How a session ended and why, by the last lines of its log; ``None`` when that is not told there."""
    try:
        with (folder / STEPS).open("rb") as file:
            file.seek(max(os.fstat(file.fileno()).st_size - _LAST_BYTES, 0))
            begun, ended = (json.loads(line) for line in file.read().split(b"\n")[-3:-1])
        return _ending(ended["result"]) if (begun["command"], begun["n"]) == (ENDED, ended["n"]) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def find_sessions(folder: Path) -> Iterator[Path]:
    """Session folders at ``folder``: itself, or those in it; itself too when there are none, since one may come."""
    if not (folder / STEPS).exists():
        try:
            below = sorted(each for each in folder.iterdir() if (each / STEPS).is_file())
        except OSError:
            below = []
        if below:
            yield from below
            return
    yield folder
