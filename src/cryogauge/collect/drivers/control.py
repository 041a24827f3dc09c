"""Time-outs and cancelling: how long a driver may take, by which clock, and whether it was called off."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from queue import Empty, SimpleQueue
from typing import TypeVar

from cryogauge.records.faults import Cancelled, TimedOut
from cryogauge.records.microscope import Clock

_Result = TypeVar("_Result")
_SLICE_S = 0.05  # how soon a waiting command notices that it was called off


class WallClock:
    """The time of the world, as the machine's clock had it at first: setting that one anew moves no time-out."""

    def __init__(self) -> None:
        self._began_s = time.time() - time.monotonic()

    @property
    def now_s(self) -> float:
        """Seconds since 1970."""
        return self._began_s + time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(max(seconds, 0.0))


class VirtualClock:
    """A time that passes only when somebody lets it: days of a session in seconds.

    Parameters
    ----------
    now_s
        Where it begins.
    """

    def __init__(self, now_s: float = 0.0) -> None:
        self.now_s = now_s

    def sleep(self, seconds: float) -> None:
        """Let time pass at once."""
        self.now_s += max(seconds, 0.0)


class Control:
    """What a driver asks while it works: may it go on, and for how long.

    One is shared by a driver and those who command it. ``cancelled`` may be set from any thread.

    Parameters
    ----------
    clock
        Time that time-outs are measured in.
    cancelled
        Set to call everything off.
    """

    def __init__(self, clock: Clock | None = None, cancelled: threading.Event | None = None) -> None:
        self.clock: Clock = clock or WallClock()
        self.cancelled = cancelled or threading.Event()
        self._deadline_s = float("inf")
        self._what = "the command"
        self._jobs: SimpleQueue[Callable[[], object] | None] | None = None
        self._done: SimpleQueue[tuple[bool, object]] = SimpleQueue()
        self._owed = 0  # answers that nobody waits for any more

    @contextmanager
    def limit(self, seconds: float, what: str) -> Iterator[None]:
        """Give what is done inside so much time; the shorter of nested limits counts."""
        outer = self._deadline_s, self._what
        self._deadline_s, self._what = min(self._deadline_s, self.clock.now_s + seconds), what
        try:
            yield
        finally:
            self._deadline_s, self._what = outer

    @property
    def remaining_s(self) -> float:
        """Time left, infinite outside any limit."""
        return self._deadline_s - self.clock.now_s

    def check(self) -> None:
        """Go on only if nothing speaks against it.

        Raises
        ------
        Cancelled
            When called off.
        TimedOut
            When the time is over.
        """
        if self.cancelled.is_set():
            raise Cancelled(f"{self._what} was called off")
        if self.remaining_s <= 0:
            raise TimedOut(f"{self._what} took too long", "see what the microscope does before going on")

    def wait(self, seconds: float) -> None:
        """Let time pass, but not beyond the limit nor after the call to stop; raises as :meth:`check`."""
        end_s = self.clock.now_s + seconds
        self.check()
        if isinstance(self.clock, VirtualClock):
            self.clock.now_s = min(end_s, self._deadline_s)
            return self.check() if end_s > self._deadline_s else None
        while (left_s := min(end_s, self._deadline_s) - self.clock.now_s) > 0:
            self.cancelled.wait(min(left_s, _SLICE_S))
            self.check()
        if end_s > self._deadline_s:
            self.check()

    def poll(self, receive: "SimpleQueue[_Result]") -> _Result:
        """Take what comes first from a queue: the next result, the call to stop, or the end of the time."""
        while True:
            self.check()
            try:
                return receive.get(timeout=max(min(self.remaining_s, _SLICE_S), 0.001))
            except Empty:
                continue

    def run(self, function: Callable[..., _Result], *arguments: object, **named: object) -> _Result:
        """Run a call that blocks, and stop waiting for it when it is called off or out of time.

        All calls run in one thread, as vendors' objects often demand. A call that was left alone goes on there, since
        nothing can halt it; until it has ended no other is begun.

        Raises
        ------
        Cancelled, TimedOut
            As :meth:`check`; also while a call that was left alone still runs.
        """
        while self._owed:
            self.poll(self._done)
            self._owed -= 1
        self.check()
        if self._jobs is None:
            self._jobs, self._done = SimpleQueue(), SimpleQueue()
            worker = threading.Thread(target=_work, args=(self._jobs, self._done), daemon=True, name="microscope")
            worker.start()
        self._owed += 1
        self._jobs.put(partial(function, *arguments, **named))
        good, result = self.poll(self._done)
        self._owed -= 1
        if not good:
            raise result  # type: ignore[misc]
        return result  # type: ignore[return-value]

    def leave(self, function: Callable[[], object]) -> None:
        """Have a call made as soon as what runs has ended, called off or not, and wait for nothing."""
        if self._jobs is not None:
            self._owed += 1
            self._jobs.put(function)

    def forget(self) -> None:
        """Let go of the thread of :meth:`run`, whatever it does; the next call begins another."""
        if self._jobs is not None:
            self._jobs.put(None)
        self._jobs, self._owed = None, 0


def _work(jobs: "SimpleQueue[Callable[[], object] | None]", done: "SimpleQueue[tuple[bool, object]]") -> None:
    while (job := jobs.get()) is not None:
        try:
            done.put((True, job()))
        except Exception as error:  # noqa: BLE001 raised again in the thread that asked
            done.put((False, error))
        del job
