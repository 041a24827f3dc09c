"""What a session did and said: one file from which it takes up again after a kill at any moment.

The file is a journal as that of the microscope's commands: a line before each step and one when it has ended. What
ended well is not done again; an exposure that was begun is never begun again at the same place.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from cryogauge.collect.drivers.journal import Entry, Journal, read_journal
from cryogauge.io.replace import no_space_is_retryable
from cryogauge.records.microscope import Clock

STEPS, WORDS = "session.jsonl", "session.log"
#: Steps for those who follow: what the session is, how an exposure was judged, how it ended.
BEGUN, JUDGED, ENDED = "begun", "judged", "ended"
#: Holes of a square by the place of the stage from which image shift reaches them.
GROUPS = "groups"
#: A grid was brought into the column; how it lies was told.
LOAD, PLACED = "load", "placed"
Key = tuple[str, str]


class Log:
    """Steps and sentences of a session.

    Parameters
    ----------
    folder
        Of the session; ``session.jsonl`` (steps) and ``session.log`` (sentences) in it are continued.
    tell
        Gets each sentence.
    """

    def __init__(self, folder: Path, tell: Callable[[str], None]) -> None:
        self._path = folder / STEPS
        self.steps: dict[Key, Entry] = _last(read_journal(self._path)) if self._path.exists() else {}
        self._journal = Journal(self._path)
        self._words = folder / WORDS
        self._tell = tell
        self.clock: Clock | None = None

    def result(self, step: str, target: str) -> Any:
        """What a step gave, ``None`` unless it ended well."""
        entry = self.steps.get((step, target))
        return entry.result if entry is not None and entry.outcome == "done" else None

    def begun(self, step: str, target: str) -> bool:
        """Whether it was begun, however it ended."""
        return (step, target) in self.steps

    def outcome(self, step: str, target: str) -> str:
        """``done``, ``failed``, or empty for one that was cut off or never begun."""
        entry = self.steps.get((step, target))
        return entry.outcome if entry is not None else ""

    def do(self, step: str, target: str, call: Callable[[], Any]) -> Any:
        """Do a step unless it ended well before; its result is of JSON types, and never ``None``.

        Raises
        ------
        Retryable
            When the disk is full; the step was not begun.
        Exception
            Whatever ``call`` raises; the step failed.
        """
        if (kept := self.result(step, target)) is not None:
            return kept
        number = self._journal.begin(step, {"target": target}, self._now_s)
        self.steps[step, target] = Entry(number, step, {"target": target}, self._now_s)
        try:
            result = call()
        except Exception as error:
            self._end(number, step, target, "failed", str(error), type(error).__name__)
            raise
        self._end(number, step, target, "done", result)
        return result

    def settle(self, step: str, target: str, result: Any) -> None:
        """Write down a step whose result is known already."""
        self.do(step, target, lambda: result)

    def forget(self, step: str, target: str) -> None:
        """Have a step done again, though it was done before."""
        self.steps.pop((step, target), None)

    def renew(self, step: str, target: str, result: Any) -> None:
        """Write down a result in place of an earlier one, for those who follow the session from outside."""
        self.forget(step, target)
        self.settle(step, target, result)

    def say(self, text: str) -> None:
        """Tell, and write down for people; a full disk keeps nobody from hearing."""
        self._tell(text)
        line = f"{time.strftime('%Y-%m-%d %H:%M:%S')}  {text}\n"
        try:
            with no_space_is_retryable(self._words.parent), self._words.open("a", encoding="utf-8") as file:
                file.write(line)
        except OSError as error:
            self._tell(f"this could not be written down: {error}")

    def results(self, step: str) -> Iterator[tuple[str, Any]]:
        """(target, result) of all steps of a name that ended well, in the order in which they were begun."""
        for (name, target), entry in self.steps.items():
            if name == step and entry.outcome == "done":
                yield target, entry.result

    def taken_s(self) -> float:
        """How long all runs together took by the microscope's clock, which may begin at 1970 or anew at each run."""
        runs: list[tuple[float, float]] = []
        for entry in read_journal(self._path):
            last_s = entry.ended_s if entry.outcome else entry.begun_s
            if entry.command == BEGUN:
                runs.append((entry.begun_s, last_s))
            elif runs:
                runs[-1] = (runs[-1][0], max(runs[-1][1], last_s))
        return sum(last_s - first_s for first_s, last_s in runs)

    def close(self) -> None:
        """Let go of the file."""
        self._journal.close()

    @property
    def _now_s(self) -> float:
        return self.clock.now_s if self.clock is not None else 0.0

    def _end(self, number: int, step: str, target: str, outcome: str, result: Any, fault: str = "") -> None:
        begun = self.steps[step, target]
        self._journal.end(number, outcome, self._now_s, result, fault)
        ended = (outcome, self._now_s, result, fault)
        self.steps[step, target] = Entry(number, step, begun.arguments, begun.begun_s, *ended)


def _last(entries: list[Entry]) -> dict[Key, Entry]:
    """The last entry of each step and target, in the order in which they were first begun."""
    steps: dict[Key, Entry] = {}
    for entry in entries:
        steps[entry.command, str(entry.arguments["target"])] = entry
    return steps


def read_steps(folder: Path) -> Mapping[Key, Entry]:
    """Steps of a session by name and target, for those who only look; empty before it has begun.

    Raises
    ------
    BadInput
        When the file is none.
    """
    path = folder / STEPS
    return _last(read_journal(path)) if path.exists() else {}
