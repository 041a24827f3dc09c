"""Rounds of 2-D classification as particles come: each in a thread beside the session, which never waits for one.

A round is begun when enough particles are new, of exposures whose contrast transfer fits well. What came of it is a
step of the session's log; one that a kill or stop cut off is made again. It reads no more particles than the settings
allow, so that its time and memory do not grow with the session.
"""

import math
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cryogauge.collect.judge.judge import JudgeSettings
from cryogauge.collect.screen.averages import make_averages
from cryogauge.collect.screen.log import JUDGED
from cryogauge.collect.screen.particles import centres_path, read_centres, usual_diameter_A
from cryogauge.io.mrc_write import MrcWriter
from cryogauge.records import ClassStack, CryogaugeError

if TYPE_CHECKING:
    from cryogauge.collect.screen.session import Session

#: The step of a session's log: its target is ``GRID/ROUND``, rounds from 1.
CLASSES = "classes"
#: Columns of ``classes.csv``, and what a round's step holds beside ``each``, a row a class.
ROUND_COLUMNS = (
    "grid", "round", "at_s", "exposures", "particles", "used", "classes", "diameter_A", "good_share", "best_grade",
    "best_resolution_A", "shown", "shown_share", "views", "views_of_nine", "crowd_share", "views_covered",
    "fourier_covered", "scf", "spread_by", "flags", "said", "averages", "seconds",
)  # fmt: skip
_IN_A_CLASS, _FEWEST_CLASSES = 40, 5
_LONGEST_WAIT_S = 1800.0


class Rounds:
    """The round that is under way, if any; used by the session's own thread alone."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._made: dict[str, Any] | None = None

    def look(self, session: "Session") -> None:
        """Write down a round that has ended, and begin the next when one is due; takes no time."""
        if self._thread is not None:
            if self._thread.is_alive():
                return
            self._settle(session)
        work = next((each for each in (_due(session, slot) for slot in session.settings.grids) if each), None)
        if work is None:
            return
        self._thread = threading.Thread(target=self._make, args=(work,), daemon=True, name="classes")
        self._thread.start()

    def finish(self, session: "Session") -> None:
        """Wait for the round that is under way and those that are due."""
        until = time.monotonic() + _LONGEST_WAIT_S
        self.look(session)
        while self._thread is not None and time.monotonic() < until:
            self._thread.join(max(until - time.monotonic(), 0.0))
            self.look(session)

    def _make(self, work: Callable[[], dict[str, Any]]) -> None:
        self._made = work()

    def _settle(self, session: "Session") -> None:
        assert self._made is not None
        row = {**self._made, "at_s": session.scope.clock.now_s}
        self._thread, self._made = None, None
        session.log.settle(CLASSES, f"{row['grid']}/{row['round']}", row)
        session.log.say(f"classes of grid {row['grid']}: {row['said']}")


def rounds_of(session: "Session") -> list[dict[str, Any]]:
    """What came of the rounds so far, in their order."""
    return [result for _, result in session.log.results(CLASSES)]


def _due(session: "Session", slot: int) -> Callable[[], dict[str, Any]] | None:
    """What makes the round of a grid that is due, if any is; it touches nothing of the session."""
    plan, eye = session.settings.classes, session.eyes.classes
    if not plan.every or eye is None:
        return None
    usable = _usable(session, slot)
    done = [row for row in rounds_of(session) if row["grid"] == slot]
    number, particles = len(done) + 1, sum(int(row["particles"]) for row in usable)
    if particles - (done[-1]["particles"] if done else 0) < plan.every:
        return None
    told = {
        "grid": slot, "round": number, "exposures": len(usable), "particles": particles, "used": 0,
        "diameter_A": usual_diameter_A(usable),
    }  # fmt: skip
    chosen, folder, judge = _chosen(usable, plan.most, number), session.folder, session.settings.judge
    return lambda: _round(told, chosen, folder, judge, plan.count, eye)


def _round(
    told: dict[str, Any],
    chosen: list[dict[str, Any]],
    folder: Path,
    judge: JudgeSettings,
    most_classes: int,
    eye: Callable[[ClassStack], dict[str, Any]],
) -> dict[str, Any]:
    """Classify the particles of the chosen exposures and look at the averages; what came of it."""
    began = time.monotonic()
    try:
        exposures = [
            (folder / row["picture"], read_centres(centres_path(folder / row["picture"])), row) for row in chosen
        ]
        told["used"] = sum(len(centres_A) for _, centres_A, _ in exposures)
        classes = int(np.clip(told["used"] // _IN_A_CLASS, _FEWEST_CLASSES, most_classes))
        source = f"grid {told['grid']}, round {told['round']}"
        stack = make_averages(exposures, told["diameter_A"], judge, classes, source)
        seen = eye(stack)
        path = Path("grids") / f"{told['grid']:02d}" / f"classes_{told['round']:03d}.mrcs"
        _write(folder / path, stack)
    except CryogaugeError as error:
        return {**_nothing(str(error)), **told}
    except Exception as error:  # noqa: BLE001 an indicator ends no session
        return {**_nothing(f"{type(error).__name__}: {error}"), **told}
    told |= {"classes": len(seen["each"]), "averages": path.as_posix(), "seconds": time.monotonic() - began}
    return {**told, **seen}


def _usable(session: "Session", slot: int) -> list[dict[str, Any]]:
    """Rows of a grid's exposures that particles are taken from, in the order in which they were judged."""
    good_A, of_it = session.settings.skip.good_resolution_A, f"{slot}/"
    return [
        row
        for target, row in session.log.results(JUDGED)
        if target.startswith(of_it) and row["ctf_resolution_A"] <= good_A and row["particles"] > 0
    ]


def _chosen(usable: list[dict[str, Any]], most: int, seed: int) -> list[dict[str, Any]]:
    """Exposures by chance until they hold as many particles as may be used."""
    order = np.random.default_rng([seed, 23]).permutation(len(usable))
    counts = np.array([usable[k]["particles"] for k in order]).cumsum()
    return [usable[k] for k in sorted(order[: max(int(np.searchsorted(counts, most, side="right")), 1)])]


def _nothing(why: str) -> dict[str, Any]:
    """What is told of a round that came to nothing."""
    numbers = dict.fromkeys(
        ("good_share", "best_grade", "best_resolution_A", "shown_share", "views", "views_of_nine", "crowd_share",
         "views_covered", "fourier_covered", "scf", "seconds"),
        math.nan,
    )  # fmt: skip
    return {
        **numbers, "classes": 0, "shown": 0, "spread_by": "", "flags": "", "averages": "", "each": [],
        "said": f"No classes were made: {why}.",
    }  # fmt: skip


def _write(path: Path, stack: ClassStack) -> None:
    assert stack.pixel_size_A is not None
    with MrcWriter(path, stack.images.shape, stack.pixel_size_A, stack=True) as writer:
        writer.append(stack.images)
