"""A session's hands and memory: the microscope with patience, its log, and when it must stop."""

import math
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from cryogauge.collect.drivers.guard import Guarded
from cryogauge.collect.judge.exposure import Exposure as Judgeable
from cryogauge.collect.judge.judge import JudgeSettings, judge_exposure
from cryogauge.collect.screen.log import Log
from cryogauge.collect.screen.orders import Orders, read_orders
from cryogauge.collect.screen.pace import FAR_UM, Focus, Settling
from cryogauge.collect.screen.particles import CENTRES
from cryogauge.collect.screen.rounds import Rounds
from cryogauge.collect.screen.settings import SessionSettings
from cryogauge.collect.targets.holes import Holes, find_holes
from cryogauge.collect.targets.realign import Placement
from cryogauge.collect.targets.squares import Squares, find_squares
from cryogauge.jobs.ledger import Ledger
from cryogauge.records import ClassStack, CryogaugeError, Retryable
from cryogauge.records.faults import ConnectionLost, FocusFault, TimedOut
from cryogauge.records.microscope import Capability

_Result = TypeVar("_Result")
_PAUSE_S = 1.0
_SPARE_BYTES = 50e6
_DEWARS_S, _DEWARS_MOST_S = 60.0, 7200.0


class Ended(CryogaugeError):
    """The session ends here, safely; the message says why."""


class Lost(CryogaugeError):
    """A target was lost to a fault; the session goes on with the next."""


class Skipped(CryogaugeError):
    """A target is left out; the message says why."""


class Exchanged(CryogaugeError):
    """The grid that is worked on is not in the column any more; it is to be loaded again."""


def _judged(image: NDArray[np.floating], pixel_size_A: float, settings: JudgeSettings) -> dict[str, Any]:
    judged = judge_exposure(Judgeable(np.asarray(image, np.float32), pixel_size_A), settings)
    step_A = pixel_size_A * max(image.shape) / max(judged.picture.shape)
    return {**judged.row, CENTRES: judged.particles.centres_px * step_A}


@dataclass(frozen=True)
class Eyes:
    """What looks at pictures.

    Attributes
    ----------
    squares, holes
        As :func:`find_squares` and :func:`find_holes`: picture and pixel size in Å.
    judge
        A row of ``EXPOSURE_COLUMNS`` for picture, pixel size and settings; ``score``, ``ctf_resolution_A``,
        ``defocus_A``, ``said`` and the parts are used, and ``centres_A`` where it tells them: (y, x) of particles.
    classes
        What is said of averages of the particles, as ``cryogauge.classes.on_the_fly`` says it; without, none are made.
    """

    squares: Callable[[NDArray[np.floating], float], Squares] = find_squares
    holes: Callable[[NDArray[np.floating], float], Holes] = find_holes
    judge: Callable[[NDArray[np.floating], float, JudgeSettings], dict[str, Any]] = _judged
    classes: Callable[[ClassStack], dict[str, Any]] | None = None


@dataclass
class Session:
    """A session under way.

    Attributes
    ----------
    settings, folder, scope, log, ledger, eyes
        What it works with; the ledger holds the judgements and keeps other runs out.
    weights
        Checksum of the judge's network.
    settling, focus
        What was learned; of settling after moves that were far, and after others.
    moved_s, at_um, far
        When and where to the stage moved last, and whether it has gone far since it was last settled.
    aside_um
        Image shift (x, y) that brings to the middle what the stage was sent to last, ``None`` while it is not known.
    placed
        How a grid (``3``) or square (``3/17``) lies now, against how it lay when its atlas was taken.
    loaded
        Slot of the grid in the column, 0 while unknown.
    rounds
        Classification that goes on beside it.
    lost_in_a_row
        Targets lost to faults since the last success.
    drift_A_s
        Of the specimen when it was last looked at.
    """

    settings: SessionSettings
    folder: Path
    scope: Guarded
    log: Log
    ledger: Ledger
    eyes: Eyes
    weights: str
    settling: dict[bool, Settling] = field(default_factory=lambda: {True: Settling(), False: Settling()})
    focus: Focus = field(default_factory=Focus)
    loaded: int = 0
    rounds: Rounds = field(default_factory=Rounds)
    lost_in_a_row: int = 0
    drift_A_s: float = math.nan
    moved_s: float = 0.0
    at_um: tuple[float, float] = (math.inf, math.inf)
    far: bool = True
    aside_um: NDArray[np.float64] | None = None
    placed: dict[str, Placement] = field(default_factory=dict)

    def can(self, capability: Capability) -> bool:
        """Whether the microscope can."""
        return capability in self.scope.capabilities

    def patiently(self, what: str, call: Callable[[], _Result]) -> _Result:
        """Give a command, and again while its fault lets one hope.

        Raises
        ------
        Ended
            When the connection stays lost, or the disk full.
        Retryable
            The last fault, when all tries failed.
        """
        rules, wait_s = self.settings.faults, self.settings.faults.wait_s
        lost = Retryable(what)
        for left in range(rules.tries - 1, -1, -1):
            try:
                return call()
            except FocusFault:
                raise  # elsewhere, not again
            except Retryable as error:
                self.log.say(f"{what}: {error}" + (f"; tried again in {wait_s:g} s" if left else ""))
                lost = error
                if left:
                    self.scope.clock.sleep(wait_s)
            if isinstance(lost, (ConnectionLost, TimedOut)):
                with suppress(Retryable):
                    self.scope.reconnect()
            wait_s *= 2
        if type(lost) is Retryable:
            raise Ended(f"{what}: {lost}", lost.hint or "see to it, then run again")
        if isinstance(lost, ConnectionLost):
            raise Ended(f"the microscope does not answer: {lost}", "see to the microscope program, then run again")
        raise lost

    def tells(self, slot: int, **state: bool) -> bool:
        """Whether the loader says of a slot that it is ``occupied``, or ``loaded``, or not."""
        with suppress(CryogaugeError):
            here = [each for each in self.scope.slots() if each.number == slot]
            return any(getattr(each, name) is value for each in here for name, value in state.items())
        return False

    def orders(self, *, working: bool = True) -> Orders:
        """What people want; waits while the session is paused.

        A pause lets people use the microscope: what was known of stage, focus and settling is not known after it.

        Parameters
        ----------
        working
            Whether the grid in the column is being worked on.

        Raises
        ------
        Ended
            When somebody stopped it.
        Exchanged
            When after a pause the loader does not say any more that the grid which is worked on is in the column.
        """
        orders = read_orders(self.folder)
        if was_paused := bool(orders.paused) and not orders.stopped:
            self.log.say(f"paused by {orders.paused}")
            while orders.paused and not orders.stopped and not self.scope.control.cancelled.is_set():
                time.sleep(_PAUSE_S)
                orders = read_orders(self.folder)
            self.log.say("the pause is over")
            self.aside_um, self.at_um, self.far, self.focus = None, (math.inf, math.inf), True, Focus()
        if orders.stopped:
            raise Ended(f"stopped by {orders.stopped}", "run again to go on")
        if was_paused and self.loaded and self.can(Capability.LOAD) and not self.tells(self.loaded, loaded=True):
            gone, self.loaded = self.loaded, 0
            if working:
                raise Exchanged(f"grid {gone} is not in the column any more")
        return orders

    def ready_to_expose(self, picture_bytes: float) -> None:
        """Wait for dewars and pumps; refuse what could not be kept.

        Raises
        ------
        Ended
            When the disk is too full for a picture, or dewars do not stop being filled.
        """
        if shutil.disk_usage(self.folder).free < picture_bytes + _SPARE_BYTES:
            raise Ended(f"the disk of {self.folder} is full: nothing is exposed that could not be kept",
                        "free some space, then run again")  # fmt: skip
        if not self.can(Capability.STATUS):
            return
        waited_s = 0.0
        while (status := self.patiently("status", self.scope.status)).dewars_filling or status.pumping:
            if not waited_s:
                self.log.say("waiting while dewars are filled or a pump runs")
            if waited_s > _DEWARS_MOST_S:
                raise Ended(f"dewars or pumps have not come to rest in {waited_s / 60:.0f} min", "see to them")
            self.scope.clock.sleep(_DEWARS_S)
            self.scope.control.check()
            waited_s += _DEWARS_S

    def move(self, x_um: float, y_um: float, z_um: float | None = None) -> None:
        """Move the stage, image shift at zero."""
        self.aside_um = None
        if self.can(Capability.IMAGE_SHIFT):
            self.patiently("image shift", lambda: self.scope.set_image_shift(0.0, 0.0))
        self.patiently("stage", lambda: self.scope.move_stage(x_um, y_um, z_um))
        self.far |= not math.dist(self.at_um, (x_um, y_um)) <= FAR_UM
        self.at_um, self.moved_s = (x_um, y_um), self.scope.clock.now_s

    def placement(self, target: str) -> Placement:
        """How a square (``3/17``) or a grid (``3``) lies against how it lay when the atlas was taken."""
        return self.placed.get(target) or self.placed.get(target.split("/")[0]) or Placement()

    def missed(self, error: CryogaugeError) -> None:
        """Count a target lost to a fault.

        Raises
        ------
        Ended
            When too many were lost after one another.
        """
        self.lost_in_a_row += 1
        if self.lost_in_a_row >= self.settings.faults.in_a_row:
            raise Ended(
                f"{self.lost_in_a_row} targets after one another were lost to faults, the last by: {error}",
                "see to the microscope, then run again",
            )
