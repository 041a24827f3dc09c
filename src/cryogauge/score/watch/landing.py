"""Which things of a watched folder are complete, under way, done or broken: a state machine without a disk."""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from cryogauge.score.watch.found import Found, Mark

State = Literal["waiting", "under_way", "done", "broken"]
_SOONEST_S, _LATEST_S = 2.0, 60.0  # between two tries of what failed through no fault of its own


@dataclass(frozen=True)
class Patience:
    """How long to wait for what.

    Attributes
    ----------
    settle_s
        A file is complete when it has not changed for this long, and over two looks.
    series_settle_s
        The same for a tilt series.
    grace_s
        What cannot be judged is broken when it has not changed for this long; until then it may be half-written.
    """

    settle_s: float = 10.0
    series_settle_s: float = 30.0
    grace_s: float = 120.0


@dataclass(frozen=True)
class Waiting:
    """Something that is not judged yet.

    Attributes
    ----------
    name
        Of the thing.
    reason
        What it waits for.
    """

    name: str
    reason: str


@dataclass
class _Entry:
    found: Found
    since_s: float  # when it was first seen with its mark, on a clock that never goes back
    looks: int = 1
    state: State = "waiting"
    not_before_s: float = 0.0
    tries: int = 0
    reason: str = ""


class Landing:
    """What is known of each thing, by name. Times are seconds: ``now_s`` monotonic, ``wall_s`` since 1970.

    Any thread may call it.

    Parameters
    ----------
    patience
        How long to wait.
    known
        Marks of what an earlier run has judged: seen with the same mark, it is done.
    """

    def __init__(self, patience: Patience, known: Mapping[str, Mark]) -> None:
        self._patience = patience
        self._known = dict(known)
        self._entries: dict[str, _Entry] = {}
        self._lock = threading.Lock()

    def observe(self, found: Iterable[Found], now_s: float) -> list[str]:
        """Take in what a look at the folder found; names of what vanished before it was judged."""
        with self._lock:
            seen = {each.name: each for each in found}
            for name, each in seen.items():
                entry = self._entries.get(name)
                if entry is None:
                    state: State = "done" if self._known.get(name) == each.mark else "waiting"
                    self._entries[name] = _Entry(each, now_s, state=state)
                elif entry.found != each:
                    state = "under_way" if entry.state == "under_way" else "waiting"
                    self._entries[name] = _Entry(each, now_s, state=state)
                else:
                    entry.looks += 1
            gone = [name for name, e in self._entries.items() if name not in seen and e.state == "waiting"]
            for name in gone:
                del self._entries[name]
            return gone

    def take(self, now_s: float, wall_s: float) -> Found | None:
        """Something that is complete, now under way; None when there is nothing."""
        with self._lock:
            for entry in self._entries.values():
                if entry.state == "waiting" and self._is_due(entry, now_s, wall_s):
                    entry.state = "under_way"
                    return entry.found
            return None

    def done(self, found: Found) -> None:
        """It was judged; if it has changed since, it waits again."""
        with self._lock:
            entry = self._entries.get(found.name)
            if entry is not None:
                entry.state = "done" if entry.found.mark == found.mark else "waiting"

    def failed(self, found: Found, reason: str, now_s: float, wall_s: float, *, retryable: bool) -> bool:
        """It could not be judged; whether that is final until it changes.

        Parameters
        ----------
        found
            As it was taken.
        reason
            Why not.
        now_s, wall_s
            The time.
        retryable
            The fault lies elsewhere: it is tried again, however long that takes.
        """
        with self._lock:
            entry = self._entries.get(found.name)
            if entry is None:
                return False
            entry.state = "waiting"
            if entry.found.mark != found.mark:
                return False
            entry.reason = reason
            entry.tries += 1
            age = _age_s(entry, now_s, wall_s)
            if retryable:
                entry.not_before_s = now_s + min(_SOONEST_S * 2 ** (entry.tries - 1), _LATEST_S)
            elif age < self._patience.grace_s:
                entry.not_before_s = now_s + self._patience.grace_s - age
            else:
                entry.state = "broken"
            return entry.state == "broken"

    def gone(self, found: Found) -> None:
        """It was no longer there when its turn came."""
        with self._lock:
            self._entries.pop(found.name, None)

    def put_back(self) -> None:
        """Nothing is under way any more: the workers are gone."""
        with self._lock:
            for name, entry in self._entries.items():
                if entry.state == "under_way":
                    self._entries[name] = replace(entry, state="waiting")

    def settling(self, now_s: float, wall_s: float) -> bool:
        """Whether something may be complete soon, or is and has not had its turn."""
        with self._lock:
            return any(
                entry.state == "waiting"
                and ((entry.tries == 0 and not entry.found.lacks) or self._is_due(entry, now_s, wall_s))
                for entry in self._entries.values()
            )

    def under_way(self) -> list[str]:
        """Names of what is being judged."""
        with self._lock:
            return [name for name, entry in self._entries.items() if entry.state == "under_way"]

    def waiting(self, now_s: float, wall_s: float) -> list[Waiting]:
        """What is not judged yet, and why."""
        with self._lock:
            return [
                Waiting(name, entry.reason or self._reason(entry, now_s, wall_s))
                for name, entry in self._entries.items()
                if entry.state == "waiting"
            ]

    def _reason(self, entry: _Entry, now_s: float, wall_s: float) -> str:
        if entry.found.lacks:
            return entry.found.lacks
        return "in the queue" if self._is_due(entry, now_s, wall_s) else "still being written"

    def _is_due(self, entry: _Entry, now_s: float, wall_s: float) -> bool:
        patience = self._patience
        settle = patience.series_settle_s if entry.found.kind == "tilt_series" else patience.settle_s
        if entry.found.lacks:  # what lies elsewhere is told of in the end
            settle = max(settle, patience.grace_s)
        return entry.looks >= 2 and now_s >= entry.not_before_s and _age_s(entry, now_s, wall_s) >= settle


def _age_s(entry: _Entry, now_s: float, wall_s: float) -> float:
    """How long it has not changed: as long as it was watched, or longer by its own time of modification."""
    return max(now_s - entry.since_s, wall_s - entry.found.mark.newest_ns / 1e9)
