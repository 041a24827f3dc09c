"""How far a batch is: a bar on a terminal, a plain line a minute in a log; all of it on stderr."""

import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from cryogauge.cli.terminal import tell

if TYPE_CHECKING:
    from cryogauge.jobs import Outcome
    from cryogauge.report import Failure

Item = TypeVar("Item")


class Progress:
    """What is known of a batch under way.

    Parameters
    ----------
    total
        Number of items.
    what
        What the items are called, in the plural.
    """

    def __init__(self, total: int, what: str) -> None:
        self.total = total
        self.done = 0
        self.failed = 0
        self._worked = 0
        self._what = what
        self._start = time.monotonic()

    def advance(self, *, failed: bool = False, worked: bool = True) -> None:
        """Count an item; one that took no work (done by an earlier run) does not enter the estimate."""
        self.done += 1
        self.failed += failed
        self._worked += worked

    def say(self, text: str) -> None:
        """A line beside the bar."""
        tell(text)

    def count(self, name: str, outcome: "Outcome[Any]", *, debug: bool) -> None:
        """Count what became of an item of a batch; where it failed say why, with the traceback if asked for."""
        failure = outcome.failure
        self.advance(failed=failure is not None, worked=outcome.state != "already_done")
        if failure is None:
            return
        if debug and failure.traceback:
            self.say(failure.traceback.rstrip())
        self.say(f"failed: {name}: {failure.message}")
        if failure.hint:
            self.say(f"hint: {failure.hint}")

    def counter(self, *, debug: bool) -> "Callable[[Outcome[Any]], None]":
        """:meth:`count` for a batch that tells of each outcome, of items that have a name."""
        return lambda outcome: self.count(outcome.item.name, outcome, debug=debug)

    def line(self) -> str:
        """How far it is, in a sentence."""
        text = f"{self.done} of {self.total} {self._what}"
        if self.failed:
            text += f", {self.failed} failed"
        if self._worked and self.done < self.total:
            seconds = (time.monotonic() - self._start) / self._worked * (self.total - self.done)
            text += f", about {seconds / 60:.0f} min left" if seconds >= 60 else ", less than a minute left"
        return text


@contextmanager
def resumable(text: str = "what was done is kept; run the same command again to go on") -> Iterator[None]:
    """Ctrl-C within the context says what is left, and exits with 130."""
    try:
        yield
    except KeyboardInterrupt:
        tell(f"interrupted: {text}")
        raise typer.Exit(130) from None


def run_shown(
    outcomes: "Iterable[Outcome[Item]]",
    total: int,
    what: str,
    *,
    name: Callable[[Item], str] = lambda item: item.name,  # type: ignore[attr-defined] of items that have one
    debug: bool,
) -> "tuple[list[Outcome[Item]], list[Failure]]":
    """Run a batch to its end and show how far it is.

    Parameters
    ----------
    outcomes
        What the batch yields.
    total, what
        As of :func:`show_progress`.
    name
        What an item is called.
    debug
        Print the traceback of each failure.

    Returns
    -------
    What was done, in the order of finishing, and the rows of ``failed.csv``.
    """
    from cryogauge.report import Failure

    done, failures = [], []
    with resumable(), show_progress(total, what) as progress:
        for outcome in outcomes:
            progress.count(name(outcome.item), outcome, debug=debug)
            if outcome.failure is None:
                done.append(outcome)
            else:
                failures.append(Failure(name(outcome.item), outcome.failure.message, outcome.failure.hint))
    return done, failures


def series_failures(failures: "Iterable[Failure]") -> list[dict[str, str]]:
    """Tilt series that failed, as JSON tells of them."""
    return [{"series": each.tomogram, "message": each.message, "hint": each.hint} for each in failures]


@contextmanager
def show_progress(total: int, what: str, *, every_s: float = 60.0) -> Iterator[Progress]:
    """Show a batch's progress while the context lasts.

    Parameters
    ----------
    total
        Number of items.
    what
        What the items are called, in the plural.
    every_s
        Time between two lines where stderr is no terminal.
    """
    if sys.stderr.isatty():
        with _bar(total, what) as progress:
            yield progress
        return
    progress = Progress(total, what)
    over = threading.Event()

    def speak() -> None:
        while not over.wait(every_s):
            tell(progress.line())

    speaker = threading.Thread(target=speak, daemon=True)
    speaker.start()
    try:
        yield progress
    finally:
        over.set()
        speaker.join()


@contextmanager
def _bar(total: int, what: str) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, console=Console(stderr=True, highlight=False), transient=True) as bar:
        task = bar.add_task(what, total=total)

        class OnBar(Progress):
            def advance(self, *, failed: bool = False, worked: bool = True) -> None:
                super().advance(failed=failed, worked=worked)
                bar.update(task, completed=self.done)

            def say(self, text: str) -> None:
                bar.console.print(text, markup=False, soft_wrap=True)

        yield OnBar(total, what)
