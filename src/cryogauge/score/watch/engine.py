"""Judge what lands in a folder, as it lands: complete things only, each once, however often the process is killed."""

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cryogauge import __version__
from cryogauge.jobs import Failure, Ledger, Outcome, run_batch
from cryogauge.records import BadInput, Retryable
from cryogauge.score import ScoreSettings
from cryogauge.score.batch import LEDGER, RESULTS, artefacts, result_folder
from cryogauge.score.watch.alerts import AlertRule
from cryogauge.score.watch.feed import ALERT, FAILED, SCORED, SESSION_START, Feed
from cryogauge.score.watch.found import Found, Mark, mark_of
from cryogauge.score.watch.judge import WatchItem, found_from, judge_landed, key_of, settings_digest
from cryogauge.score.watch.landing import Landing, Patience, Waiting
from cryogauge.score.watch.scan import Scanner

FEED = "feed.jsonl"
_TICK_S, _BUSY_TICK_S = 0.2, 0.05
_DISK_S = 5.0


@dataclass(frozen=True)
class WatchSettings:
    """What to watch, and how.

    Attributes
    ----------
    folder
        The watched folder; nothing in it is altered.
    out
        The output folder, which exists. It may lie within the watched one.
    score
        How things are judged.
    interval_s
        Time between two looks at the folder.
    patience
        How long things must not have changed.
    tilt_series
        Judge tilt series too, by a quick reconstruction.
    workers
        Things judged at a time.
    alert
        When to raise an alert.
    gain
        Path of the gain reference of tilt series whose images are not corrected.
    """

    folder: Path
    out: Path
    score: ScoreSettings = field(default_factory=ScoreSettings)
    interval_s: float = 5.0
    patience: Patience = field(default_factory=Patience)
    tilt_series: bool = True
    workers: int = 1
    alert: AlertRule = field(default_factory=AlertRule)
    gain: str | None = None


class _Stopped(Exception):
    """Ends a batch without waiting for what is under way."""


class Watch:
    """A watched folder.

    Results go to the ledger in the output folder, then to its feed; what a kill leaves between the two is put right
    at the next start.

    Parameters
    ----------
    settings
        What to watch, and how.
    weights_checksum
        Checksum of the weights that the settings choose.
    on_event
        Called with every event of the feed as it is written.
    say
        Called with a sentence on what is no event.

    Raises
    ------
    BadInput
        When the folder is none, the feed is damaged, or another run uses the output folder.
    """

    def __init__(
        self,
        settings: WatchSettings,
        *,
        weights_checksum: str,
        on_event: Callable[[dict[str, Any]], None] = lambda event: None,
        say: Callable[[str], None] = lambda text: None,
    ) -> None:
        if not settings.folder.is_dir():
            raise BadInput(f"{settings.folder} is no folder", "give the folder in which tomograms land")
        folder, out = settings.folder.resolve(), settings.out.resolve()
        if folder == out:
            raise BadInput(f"{settings.out} is the watched folder itself", "give another folder by --out")
        self.settings = replace(settings, folder=folder, out=out)
        self._scanner = Scanner(folder, out, tilt_series=settings.tilt_series)
        self._checksum = weights_checksum
        self._on_event = on_event
        self._say = say
        self._ledger = Ledger(out / LEDGER)
        try:
            self.feed = Feed(out / FEED)
        except BadInput:
            self._ledger.close()
            raise
        self._stop = threading.Event()
        self._begun = False
        self._looks = 0
        self._scan_problem = ""
        self._crash: BaseException | None = None
        self._landing = Landing(settings.patience, self._known())
        self._latest = {each["name"]: each for each in self.feed.after() if each["event"] in (SCORED, FAILED)}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the output folder."""
        self.feed.close()
        self._ledger.close()

    def stop(self) -> None:
        """End :meth:`run` soon, from any thread; what is under way is done again at the next start."""
        self._stop.set()

    @property
    def scan_problem(self) -> str:
        """Why the folder cannot be looked at just now; empty when it can."""
        return self._scan_problem

    def waiting(self) -> list[Waiting]:
        """What has landed and is not judged yet."""
        return self._landing.waiting(time.monotonic(), time.time())

    def counts(self) -> tuple[int, int, int]:
        """Numbers of things scored, broken and waiting, those of earlier sessions included."""
        kinds = [event["event"] for event in self._latest.values()]
        return kinds.count(SCORED), kinds.count(FAILED), len(self.waiting()) + len(self.under_way())

    def latest(self) -> list[dict[str, Any]]:
        """The last ``scored`` or ``failed`` event of each thing."""
        return list(self._latest.values())

    def under_way(self) -> list[str]:
        """Names of what is being judged."""
        return self._landing.under_way()

    def run(self, *, once: bool = False) -> None:
        """Watch until :meth:`stop`.

        Parameters
        ----------
        once
            Judge what is complete and return; what is still being written is left for the next call.

        Raises
        ------
        BadInput
            When the ledger cannot be used any longer.
        Retryable
            When workers do not start and ``once`` is set.
        """
        self.begin()
        scanner = threading.Thread(target=self._look_again_and_again, name="look", daemon=True)
        scanner.start()
        try:
            while not self._stop.is_set():
                try:
                    for outcome in self._batch(once):
                        self._settle(outcome)
                    return
                except _Stopped:
                    return
                except Retryable as error:  # the workers do not start, or all of them are gone
                    if once:
                        raise
                    self._say(f"{error.message}; trying again")
                    self._landing.put_back()
                    self._stop.wait(_DISK_S)
        finally:
            self._stop.set()
            scanner.join()

    # ---------------------------------------------------------------- start

    def _known(self) -> dict[str, Mark]:
        """Marks of what the ledger holds for these settings and weights."""
        known = {}
        for key, row in self._ledger.results():
            if "found" not in row:  # written by cryogauge score
                continue
            found = found_from(row["found"])
            if (key.weights, key.settings) == (
                self._checksum,
                settings_digest(found, self.settings.score, self.settings.gain),
            ):
                known[found.name] = found.mark
        return known

    def begin(self) -> None:
        """Remove what a kill left, tell what it kept from being told, and open the session, if that is not done."""
        if self._begun:
            return
        self._begun = True
        for partial in (self.settings.out / RESULTS).glob("*.part"):
            shutil.rmtree(partial, ignore_errors=True)
        told = {event["key"] for event in self.feed.after() if event["event"] == SCORED}
        for key, row in self._ledger.results():
            if "found" in row and key.digest not in told:
                self._tell_scored(key.digest, row)
        self._mind_alerts()
        self._tell(
            SESSION_START,
            version=__version__,
            watched=str(self.settings.folder),
            model=self.settings.score.model,
            weights_checksum=self._checksum,
            alert=self.settings.alert.words,
        )

    # ---------------------------------------------------------------- looking

    def _look_again_and_again(self) -> None:
        try:
            while not self._stop.is_set():
                self._look()
                self._stop.wait(self.settings.interval_s)
        except BaseException as error:  # noqa: BLE001 raised again in the thread that runs the watch
            self._crash = error

    def _look(self) -> None:
        try:
            found = self._scanner.look()
        except OSError as error:
            problem = f"{self.settings.folder} cannot be read: {(error.strerror or 'refused').lower()}"
            if problem != self._scan_problem:
                self._say(f"{problem}; waiting for it to come back")
            self._scan_problem = problem
            return
        self._scan_problem = ""
        for name in self._landing.observe(found, time.monotonic()):
            self._say(f"vanished before it was judged: {name}")
        self._looks += 1

    # ---------------------------------------------------------------- judging

    def _batch(self, once: bool) -> Iterator[Outcome[WatchItem]]:
        return run_batch(
            judge_landed,
            self._items(once),
            key=lambda item: key_of(item, self._checksum),
            ledger=self._ledger,
            artefacts=lambda item, key: artefacts(item.out, result_folder(key)),
            workers=self.settings.workers,
            threads_per_worker=self.settings.score.threads,
        )

    def _items(self, once: bool) -> Iterator[WatchItem | None]:
        """What is complete, as workers become free; None while there is nothing."""
        until = time.monotonic() + self.settings.patience.settle_s + 2 * self.settings.interval_s
        while not self._stop.is_set():
            if self._crash is not None:
                raise self._crash
            busy = len(self._landing.under_way())
            if busy < self.settings.workers:
                found = self._landing.take(time.monotonic(), time.time())
                if found is not None:
                    yield WatchItem(found, self.settings.out, self.settings.score, self.settings.gain)
                    continue
            settled = self._looks >= 2 and not self._landing.settling(time.monotonic(), time.time())
            if once and not busy and (settled or time.monotonic() > until):
                return
            yield None
            self._stop.wait(_BUSY_TICK_S if busy else _TICK_S)
        raise _Stopped

    def _settle(self, outcome: Outcome[WatchItem]) -> None:
        found = outcome.item.found
        if outcome.failure is not None:
            self._settle_failure(found, outcome.failure)
            return
        self._landing.done(found)
        key = outcome.row["folder"].rpartition("-")[2]
        latest = self._latest.get(found.name)
        if latest is None or latest.get("key") != key:
            self._tell_scored(key, outcome.row | {"found": asdict(found)})
            self._mind_alerts()

    def _settle_failure(self, found: Found, failure: Failure) -> None:
        if mark_of(found.paths) is None:
            self._landing.gone(found)
            self._say(f"vanished before it was judged: {found.name}")
            return
        final = self._landing.failed(found, failure.message, time.monotonic(), time.time(), retryable=failure.retryable)
        if not final:
            return
        about = _about(found) | {"message": failure.message, "hint": failure.hint}
        latest = self._latest.get(found.name, {})
        if {name: latest.get(name) for name in about} != about:  # else an earlier session has told it
            self._tell(FAILED, **about)

    # ---------------------------------------------------------------- telling

    def _tell_scored(self, key: str, row: dict[str, Any]) -> None:
        about = _about(found_from(row["found"]))
        plain = {name: None if value != value else value for name, value in row["scores"].items()}  # NaN is no JSON
        self._tell(SCORED, **about, key=key, folder=row["folder"], scores=plain)

    def _mind_alerts(self) -> None:
        """Raise the alert, or end it, when the scores say so and the feed does not yet."""
        rule = self.settings.alert
        events = self.feed.after()
        scored = [event for event in events if event["event"] == SCORED]
        scores = [event["scores"]["tomoscore"] for event in scored]
        told = [event["state"] for event in events if event["event"] == ALERT and event["rule"] == rule.words]
        raised = bool(told) and told[-1] == "raised"
        if rule.holds(scores) != raised:
            last = [{"name": event["name"], "tomoscore": event["scores"]["tomoscore"]} for event in scored]
            self._tell(ALERT, state="over" if raised else "raised", rule=rule.words, last=last[-rule.count :])

    def _tell(self, kind: str, /, **content: Any) -> None:
        """Write an event, waiting for space where the disk is full."""
        while True:
            try:
                event = self.feed.append(kind, **content)
                break
            except Retryable as error:
                self._say(f"{error.message}; {error.hint}")
                if self._stop.wait(_DISK_S):
                    return  # the ledger has it: it is told at the next start
        if kind in (SCORED, FAILED):
            self._latest[content["name"]] = event
        self._on_event(event)


def _about(found: Found) -> dict[str, Any]:
    """What events say of a thing."""
    mark = found.mark
    return {
        "name": found.name,
        "kind": found.kind,
        "path": found.uri,
        "size_bytes": mark.size_bytes,
        "newest_ns": mark.newest_ns,
    }
