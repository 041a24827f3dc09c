"""The one way to a microscope: limits before motion, time-outs, cancelling, read-back, the journal."""

import math
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, Self, TypeVar

from cryogauge.collect.drivers.control import Control
from cryogauge.collect.drivers.journal import Journal
from cryogauge.collect.drivers.limits import check_defocus, check_dose, check_shift, check_stage
from cryogauge.collect.drivers.picture_check import check_picture
from cryogauge.records import BadInput, CryogaugeError
from cryogauge.records.faults import CameraFault, Cancelled, StageFault, TimedOut, Unsupported
from cryogauge.records.microscope import (
    Capability,
    Clock,
    Exposure,
    Limits,
    Microscope,
    Mode,
    Slot,
    StagePosition,
    Status,
)

_Result = TypeVar("_Result")

#: Seconds that a command may take; 60 for those not named.
TIMEOUTS_S: Mapping[str, float] = {
    "load_grid": 900.0,
    "move_stage": 120.0,
    "record": 180.0,
    "find_eucentricity": 300.0,
    "autofocus": 180.0,
    "wait_for_drift": 600.0,
    "refine_zero_loss": 180.0,
}
#: How far the stage may read from where it was sent.
READBACK: Mapping[str, float] = {"x_um": 2.0, "y_um": 2.0, "z_um": 1.0, "tilt_deg": 0.5}


class Guarded:
    """A microscope whose commands are held against its limits, timed, and written down. It is a ``Microscope`` too.

    Commands that are refused (:class:`Unsafe`, :class:`Unsupported`, :class:`BadInput`) never reach the driver. After
    a move the stage is read, and a picture is looked at: what cannot be right is a fault, not a result. Readings
    (``stage``, ``status``, ``slots``, ``arrivals``) are in the journal only when they fail.

    Parameters
    ----------
    driver
        The microscope.
    control
        The control it was connected with.
    journal
        Where commands are written down, or ``None``.
    timeouts_s
        Seconds by command, over :data:`TIMEOUTS_S`.

    Raises
    ------
    BadInput
        When the usual exposure of a mode is above the limit, or a time-out is for no command.
    """

    def __init__(
        self,
        driver: Microscope,
        control: Control,
        journal: Journal | None = None,
        timeouts_s: Mapping[str, float] | None = None,
    ) -> None:
        self.driver = driver
        self.control = control
        self.journal = journal
        self._turn = threading.RLock()  # threads that ask at once wait for each other
        self._timeouts_s = {**TIMEOUTS_S, **(timeouts_s or {})}
        unknown = sorted(set(self._timeouts_s) - set(dir(Microscope)))
        if unknown:
            raise BadInput(f"no command is called {unknown[0]!r}", "time-outs are by the names of Microscope's methods")
        for mode in driver.modes.values():
            if not 0 <= mode.dose_e_A2 <= driver.limits.dose_e_A2:
                raise BadInput(
                    f"the mode {mode.name} exposes {mode.dose_e_A2:g} e/Å², the limit is {driver.limits.dose_e_A2:g}",
                    "lower the one or raise the other",
                )

    @property
    def name(self) -> str:
        """Of the driver."""
        return self.driver.name

    @property
    def capabilities(self) -> frozenset[Capability]:
        """Of the driver."""
        return self.driver.capabilities

    @property
    def modes(self) -> Mapping[str, Mode]:
        """Of the driver."""
        return self.driver.modes

    @property
    def limits(self) -> Limits:
        """Of the driver."""
        return self.driver.limits

    @property
    def clock(self) -> Clock:
        """Of the driver."""
        return self.driver.clock

    # ------------------------------------------------------------------ readings
    def slots(self) -> list[Slot]:
        """See :class:`Microscope`."""
        return self._ask("slots", Capability.LOAD, self.driver.slots)

    def stage(self) -> StagePosition:
        """See :class:`Microscope`; a reading that is no number is a :class:`StageFault`."""
        return self._ask("stage", Capability.STAGE, self._read_stage)

    def status(self) -> Status:
        """See :class:`Microscope`."""
        return self._ask("status", Capability.STATUS, self.driver.status)

    def arrivals(self) -> list[Exposure]:
        """See :class:`Microscope`."""
        return self._ask("arrivals", Capability.WATCH, self.driver.arrivals)

    # ------------------------------------------------------------------ commands
    def load_grid(self, slot: int) -> None:
        """See :class:`Microscope`."""
        self._do("load_grid", Capability.LOAD, lambda: self.driver.load_grid(slot), {"slot": slot})

    def set_mode(self, name: str) -> None:
        """See :class:`Microscope`."""
        self._do(
            "set_mode",
            Capability.MODES,
            lambda: self.driver.set_mode(name),
            {"name": name},
            check=lambda: self._check_mode(name),
        )

    def move_stage(
        self,
        x_um: float | None = None,
        y_um: float | None = None,
        z_um: float | None = None,
        tilt_deg: float | None = None,
    ) -> None:
        """See :class:`Microscope`; the stage is read afterwards, and must be where it was sent."""
        asked = {"x_um": x_um, "y_um": y_um, "z_um": z_um, "tilt_deg": tilt_deg}
        asked = {name: value for name, value in asked.items() if value is not None}

        def check() -> None:
            if tilt_deg is not None:
                self._check_can("tilt", Capability.TILT)
            check_stage(self.limits, **asked)

        def move() -> StagePosition:
            self.driver.move_stage(**asked)
            read = self._read_stage()
            for name, value in asked.items():
                if abs(getattr(read, name) - value) > READBACK[name]:
                    raise StageFault(f"the stage was sent to {name} = {value:g} and reads {getattr(read, name):g}")
            return read

        self._do("move_stage", Capability.STAGE, move, asked, check=check)

    def set_image_shift(self, x_um: float, y_um: float) -> None:
        """See :class:`Microscope`."""
        self._shift("image_shift_um", Capability.IMAGE_SHIFT, self.driver.set_image_shift, x_um, y_um)

    def set_beam_shift(self, x_um: float, y_um: float) -> None:
        """See :class:`Microscope`."""
        self._shift("beam_shift_um", Capability.BEAM_SHIFT, self.driver.set_beam_shift, x_um, y_um)

    def set_defocus(self, defocus_A: float) -> None:
        """See :class:`Microscope`."""
        self._do(
            "set_defocus",
            Capability.DEFOCUS,
            lambda: self.driver.set_defocus(defocus_A),
            {"defocus_A": defocus_A},
            check=lambda: check_defocus(self.limits, defocus_A),
        )

    def record(self, dose_e_A2: float | None = None, frames: bool = False) -> Exposure:
        """See :class:`Microscope`; a picture that cannot be right is a :class:`CameraFault`."""

        def take() -> Exposure:
            exposure = self.driver.record(dose_e_A2, frames)
            check_picture(exposure.data)
            if not (math.isfinite(exposure.pixel_size_A) and exposure.pixel_size_A > 0):
                raise CameraFault(f"the picture's pixel size is {exposure.pixel_size_A} Å")
            return exposure

        def check() -> None:
            if frames and Capability.FRAMES not in self.capabilities:
                raise Unsupported(f"{self.name} does not save movies", "record without frames")
            if dose_e_A2 is not None:
                check_dose(self.limits, dose_e_A2)

        return self._do(
            "record", Capability.RECORD, take, {"dose_e_A2": dose_e_A2, "frames": frames}, check=check, tell=_told
        )

    def find_eucentricity(self) -> float:
        """See :class:`Microscope`; a height outside the limits is a :class:`StageFault`."""

        def find() -> float:
            z_um = self.driver.find_eucentricity()
            low, high = self.limits.z_um
            if not low <= z_um <= high:
                raise StageFault(f"eucentric height came out at {z_um:g} µm, outside {low:g} to {high:g}")
            return z_um

        return self._do("find_eucentricity", Capability.EUCENTRICITY, find, {})

    def autofocus(self, defocus_A: float) -> float:
        """See :class:`Microscope`."""
        return self._do(
            "autofocus",
            Capability.AUTOFOCUS,
            lambda: self.driver.autofocus(defocus_A),
            {"defocus_A": defocus_A},
            check=lambda: check_defocus(self.limits, defocus_A),
        )

    def wait_for_drift(self, rate_A_s: float) -> float:
        """See :class:`Microscope`."""

        def check() -> None:
            if not rate_A_s > 0:
                raise BadInput(f"a drift of {rate_A_s:g} Å/s is never reached", "give a positive rate")

        return self._do(
            "wait_for_drift",
            Capability.DRIFT,
            lambda: self.driver.wait_for_drift(rate_A_s),
            {"rate_A_s": rate_A_s},
            check=check,
        )

    def set_slit(self, inserted: bool) -> None:
        """See :class:`Microscope`."""
        self._do("set_slit", Capability.FILTER, lambda: self.driver.set_slit(inserted), {"inserted": inserted})

    def refine_zero_loss(self) -> None:
        """See :class:`Microscope`."""
        self._do("refine_zero_loss", Capability.ZERO_LOSS, self.driver.refine_zero_loss, {})

    def rest(self, mode: str) -> None:
        """Leave the microscope safe at the end of a session: no image shift, and a faint mode, as far as can be done.

        A command that cannot be written down is not given but here: a full disk must not leave the beam on a specimen.
        """
        for step in (lambda: self.set_image_shift(0.0, 0.0), lambda: self.set_mode(mode)):
            try:
                step()
            except CryogaugeError:
                journal, self.journal = self.journal, None
                try:
                    with suppress(CryogaugeError):
                        step()
                finally:
                    self.journal = journal

    def stop(self) -> None:
        """Call off what is running, and all that follows until ``control.cancelled`` is cleared."""
        self.control.cancelled.set()
        self.driver.stop()

    def reconnect(self) -> None:
        """See :class:`Microscope`."""
        self._do("reconnect", None, self.driver.reconnect, {})

    def close(self) -> None:
        """Let go of the microscope and the journal."""
        try:
            self.driver.close()
        finally:
            if self.journal is not None:
                self.journal.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ------------------------------------------------------------------ how
    def _do(
        self,
        command: str,
        needs: Capability | None,
        call: Callable[[], _Result],
        arguments: Mapping[str, Any],
        check: Callable[[], None] | None = None,
        tell: Callable[[_Result], Any] | None = None,
    ) -> _Result:
        with self._turn:
            number = self.journal.begin(command, arguments, self.clock.now_s) if self.journal else -1
            try:
                self._check_can(command, needs)
                if check is not None:
                    check()
            except CryogaugeError as error:
                self._ended(number, "refused", str(error), error)
                raise
            try:
                result = self._timed(command, call)
            except Exception as error:
                self._ended(number, "failed", str(error), error)
                raise
            self._ended(number, "done", tell(result) if tell else result)
            return result

    def _ask(self, command: str, needs: Capability, call: Callable[[], _Result]) -> _Result:
        with self._turn:
            try:
                self._check_can(command, needs)
                return self._timed(command, call)
            except Exception as error:
                if self.journal is not None:
                    number = self.journal.begin(command, {}, self.clock.now_s)
                    self._ended(number, "failed", str(error), error)
                raise

    def _timed(self, command: str, call: Callable[[], _Result]) -> _Result:
        try:
            with self.control.limit(self._timeouts_s.get(command, 60.0), command):
                self.control.check()
                return call()
        except (Cancelled, TimedOut):
            with suppress(CryogaugeError):  # the fault that matters is the first
                self.driver.stop()
            raise

    def _ended(self, number: int, outcome: str, result: Any, error: Exception | None = None) -> None:
        if self.journal is not None:
            self.journal.end(number, outcome, self.clock.now_s, result, type(error).__name__ if error else "")

    def _check_can(self, command: str, needs: Capability | None) -> None:
        if needs is not None and needs not in self.capabilities:
            raise Unsupported(f"{self.name} cannot {command.replace('_', ' ')}", f"it lacks: {needs}")

    def _check_mode(self, name: str) -> None:
        if name not in self.modes:
            raise BadInput(f"{self.name} has no mode {name!r}", f"one of: {', '.join(self.modes) or 'none'}")

    def _shift(
        self, kind: str, needs: Capability, call: Callable[[float, float], None], x_um: float, y_um: float
    ) -> None:
        self._do(
            f"set_{kind.removesuffix('_um')}",
            needs,
            lambda: call(x_um, y_um),
            {"x_um": x_um, "y_um": y_um},
            check=lambda: check_shift(self.limits, kind, x_um, y_um),
        )

    def _read_stage(self) -> StagePosition:
        read = self.driver.stage()
        if not math.isfinite(read.x_um + read.y_um + read.z_um + read.tilt_deg):
            raise StageFault(f"the stage reads {read}")
        return read


def _told(exposure: Exposure) -> dict[str, Any]:
    """What the journal keeps of a picture."""
    return {**vars(exposure), "data": None, "shape_px": exposure.data.shape}
