"""SerialEM as a microscope, by the script commands of its own Python module.

Names, arguments and returned values are those of SerialEM 4.0 to 4.2 as its published source has them; where they
differ between versions both are understood.
"""

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from cryogauge.collect.drivers.control import Control
from cryogauge.collect.drivers.limits import check_stage
from cryogauge.collect.drivers.loader import Loader
from cryogauge.collect.drivers.options import options_from
from cryogauge.collect.drivers.serialem_calls import SerialEMCalls
from cryogauge.records import BadInput, CryogaugeError
from cryogauge.records.faults import (
    CameraFault,
    ConnectionLost,
    FocusFault,
    LoaderFault,
    StageFault,
    Unsafe,
    Unsupported,
)
from cryogauge.records.microscope import Capability, Clock, Exposure, Mode, Settings, Slot, StagePosition, Status

#: Low Dose areas: the command that takes a picture there, and the letter of its camera parameters.
AREAS: Mapping[str, tuple[str, str]] = {
    "S": ("Search", "S"),
    "V": ("View", "V"),
    "F": ("Focus", "F"),
    "T": ("Trial", "T"),
    "R": ("Record", "R"),
}
_TAKES = {"Search": "S", "View": "V", "Focus": "F", "Trial": "T", "Record": "R", "Preview": "P"}
#: Tilts that SerialEM's rough and fine eucentricity go to.
_ROUGH_DEG, _FINE_DEG = 10.0, 24.0
_FILTER = frozenset({Capability.FILTER, Capability.ZERO_LOSS})
_BASE = frozenset(Capability) - _FILTER - {Capability.LOAD, Capability.WATCH}


@dataclass(frozen=True)
class Options:
    """Options of the SerialEM driver.

    Attributes
    ----------
    states
        By mode: ``{"area": "V"}`` for a Low Dose area, or ``{"state": "Atlas"}`` for an imaging state of the
        Navigator, with ``{"take": "Record"}`` for the command that takes the picture there.
    host, port
        Where SerialEM listens.
    module_folder
        Folder with the ``serialem`` module.
    slots
        Places of the loader; 0 where there is none.
    loaded
        Slot whose grid is in the column when the driver connects, 0 when none or unknown: SerialEM reports its slot as
        empty. After a restart :func:`cryogauge.collect.drivers.journal.loaded_slot` tells.
    energy_filter
        Whether there is one.
    """

    states: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    host: str = "127.0.0.1"
    port: int = 48888
    module_folder: str = ""
    slots: int = 0
    loaded: int = 0
    energy_filter: bool = False


class SerialEM:
    """A microscope driven by SerialEM.

    Calibrations, Low Dose areas, imaging states and exposures are set up in SerialEM. Image shifts are along the
    stage's axes. Exposures are given by scaling the exposure time, from a mode's usual dose.

    Parameters
    ----------
    settings
        The modes, limits, and the options of :class:`Options`.
    control
        Time-outs and cancelling.
    """

    name = "serialem"

    def __init__(self, settings: Settings, control: Control) -> None:
        self._options = _options_from(settings)
        self.modes: Mapping[str, Mode] = dict(settings.modes)
        self.limits = settings.limits
        self.capabilities = capabilities_of(self._options)
        self._control = control
        self._mode: Mode | None = None
        self._changed = ""  # letter of the camera parameters that are not the user's now
        self._slots = range(1, self._options.slots + 1)
        self._loader = Loader(
            self._in_slot,
            lambda opened: self._sem("SetColumnOrGunValve", int(opened), fault=LoaderFault),
            lambda slot: self._sem("LoadCartridge", slot, fault=LoaderFault),
            self._options.loaded,
        )
        self._image_shift_um = (0.0, 0.0)
        self._beam_shift_um: tuple[float, float] | None = (0.0, 0.0)  # None where it is not known
        self._sem = SerialEMCalls(control, self._options.host, self._options.port, self._options.module_folder)
        try:
            self._prepare()
        except BaseException:
            self._sem.close()
            raise

    @property
    def clock(self) -> Clock:
        """The control's."""
        return self._control.clock

    # ------------------------------------------------------------------ loader and optics
    def slots(self) -> list[Slot]:
        """See :class:`Microscope`."""
        self._need(Capability.LOAD)
        return self._loader.slots(self._slots)

    def load_grid(self, slot: int) -> None:
        """See :class:`Microscope`. Column valves are closed for it and opened afterwards."""
        self._need(Capability.LOAD)
        self._loader.load(slot, self._slots)

    def set_mode(self, name: str) -> None:
        """See :class:`Microscope`."""
        if name not in self.modes:
            raise BadInput(f"there is no mode {name!r}", f"one of: {', '.join(self.modes)}")
        state, self._mode = self._options.states[name], None  # half way there is no mode to take pictures in
        if "area" in state:
            self._sem("SetLowDoseMode", 1, fault=CameraFault)
            self._sem("GoToLowDoseArea", state["area"], fault=CameraFault)
        elif _first(self._sem("GoToImagingState", state["state"], fault=CameraFault)):
            raise CameraFault(
                f"SerialEM has no imaging state {state['state']!r}", "save it in SerialEM under that name"
            )
        self._mode = self.modes[name]

    def set_image_shift(self, x_um: float, y_um: float) -> None:
        """See :class:`Microscope`. A shift beyond SerialEM's own limit is no error there, it is not done."""
        self._sem("SetImageShift", 0.0, 0.0, fault=StageFault)
        self._image_shift_um = (0.0, 0.0)
        if _first(self._sem("ImageShiftByStageDiff", float(x_um), float(y_um), fault=StageFault)):
            raise StageFault(
                f"SerialEM refused an image shift of {math.hypot(x_um, y_um):.1f} µm as too large",
                "give the limit image_shift_um what SerialEM allows",
            )
        self._image_shift_um = (x_um, y_um)

    def set_beam_shift(self, x_um: float, y_um: float) -> None:
        """See :class:`Microscope`; from where the beam was when this driver connected first."""
        before, self._beam_shift_um = self._beam_shift_um, None
        if before is None:
            raise StageFault("a beam shift was not answered: its place is not known", "centre it, then start anew")
        try:
            self._sem("MoveBeamByMicrons", float(x_um - before[0]), float(y_um - before[1]), fault=StageFault)
        except StageFault:  # refused: it did not move
            self._beam_shift_um = before
            raise
        self._beam_shift_um = (x_um, y_um)

    def set_defocus(self, defocus_A: float) -> None:
        """See :class:`Microscope`. SerialEM's own is in µm, negative for underfocus."""
        self._sem("SetDefocus", -defocus_A / 1e4, fault=FocusFault)

    def set_slit(self, inserted: bool) -> None:
        """See :class:`Microscope`."""
        self._need(Capability.FILTER)
        self._sem("SetSlitIn", int(inserted), fault=CameraFault)

    def refine_zero_loss(self) -> None:
        """See :class:`Microscope`."""
        self._need(Capability.ZERO_LOSS)
        self._sem("RefineZLP", fault=CameraFault)

    # ------------------------------------------------------------------ stage
    def stage(self) -> StagePosition:
        """See :class:`Microscope`."""
        x_um, y_um, z_um = self._sem("ReportStageXYZ", fault=StageFault)
        return StagePosition(x_um, y_um, z_um, _first(self._sem("ReportTiltAngle", fault=StageFault)))

    def move_stage(
        self,
        x_um: float | None = None,
        y_um: float | None = None,
        z_um: float | None = None,
        tilt_deg: float | None = None,
    ) -> None:
        """See :class:`Microscope`."""
        if x_um is not None or y_um is not None or z_um is not None:
            there = self.stage()
            target = [there.x_um if x_um is None else x_um, there.y_um if y_um is None else y_um]
            check_stage(self.limits, x_um=target[0], y_um=target[1])  # an axis that stays is sent too
            target += [] if z_um is None else [z_um]
            self._sem("MoveStageTo", *(float(value) for value in target), fault=StageFault)
        if tilt_deg is not None:
            self._sem("TiltTo", float(tilt_deg), fault=StageFault)

    def find_eucentricity(self) -> float:
        """See :class:`Microscope`; SerialEM's rough and fine eucentricity, or the rough alone where limits of the tilt
        do not allow for the fine; within the limits of the height where SerialEM can be told them.
        """
        tilt_deg = min(-self.limits.tilt_deg[0], self.limits.tilt_deg[1])
        if tilt_deg < _ROUGH_DEG:
            raise Unsafe(f"SerialEM tilts to ±{_ROUGH_DEG:g}° for eucentric height, beyond the limits", "set z by hand")
        z_um = self.stage().z_um
        room_um = min(z_um - self.limits.z_um[0], self.limits.z_um[1] - z_um)
        if room_um <= 0:
            raise FocusFault(f"the stage is at z = {z_um:g} µm, outside the limits", "move it by hand")
        if "LimitNextRoughEucen" in self._sem.known:
            self._sem("LimitNextRoughEucen", float(room_um), fault=FocusFault)
        self._sem("Eucentricity", 3 if tilt_deg >= _FINE_DEG else 1, fault=FocusFault)
        if "ReportRoughEucenFailed" in self._sem.known and _first(
            self._sem("ReportRoughEucenFailed", fault=FocusFault)
        ):
            raise FocusFault("SerialEM did not find eucentric height", "go to another place")
        return self.stage().z_um

    def autofocus(self, defocus_A: float) -> float:
        """See :class:`Microscope`."""
        now_um = _first(self._sem("ReportDefocus", fault=FocusFault))
        low_um, high_um = (-limit / 1e4 for limit in reversed(self.limits.defocus_A))
        self._sem("FocusChangeLimits", low_um - now_um, high_um - now_um, fault=FocusFault)
        self._sem("SetTargetDefocus", -defocus_A / 1e4, fault=FocusFault)
        self._sem("AutoFocus", fault=FocusFault)
        told = self._sem("ReportAutoFocus", fault=FocusFault)
        if isinstance(told, list) and told[1:2] and told[1] != 0:  # that it failed, or was given up: no error there
            raise FocusFault("SerialEM's autofocus failed, or was outside the limits", "focus by hand, or elsewhere")
        return -1e4 * _first(told)

    def wait_for_drift(self, rate_A_s: float) -> float:
        """See :class:`Microscope`."""
        most_s = max(min(self._control.remaining_s, 3600.0) - 5.0, 1.0)
        self._sem("DriftWaitTask", float(rate_A_s), "A", most_s, 0.0, -1, fault=FocusFault)
        rate_nm_s, failed = self._sem("GetWaitTaskDrift", fault=FocusFault)[:2]
        if failed:
            raise FocusFault(f"drift is still {10 * rate_nm_s:g} Å/s after {most_s:.0f} s", "wait longer or go on")
        return 10.0 * rate_nm_s

    # ------------------------------------------------------------------ camera
    def record(self, dose_e_A2: float | None = None, frames: bool = False) -> Exposure:
        """See :class:`Microscope`; the picture is the one of SerialEM's buffer A, its rows as they are there."""
        if self._mode is None:
            raise BadInput("no mode was set", "set one first")
        mode, state = self._mode, self._options.states[self._mode.name]
        take, letter = AREAS[state["area"]] if "area" in state else (state["take"], _TAKES[state["take"]])
        with suppress(CameraFault):  # when SerialEM has done so by itself
            self._restore_camera()  # a time-out may have kept the last picture from it
        self._changed = ""
        try:
            self._set_exposure(mode, letter, dose_e_A2)
            if frames:
                self._changed = letter
                self._sem("SetDoseFracParams", letter, 1, 1, 0, fault=CameraFault)
            self._sem(take, fault=CameraFault)
        finally:
            self._restore_camera()
        width, height, _, _, pixel_nm = self._sem("ImageProperties", "A", fault=CameraFault)[:5]
        data = self._sem("bufferImage", "A", fault=CameraFault)
        if data.shape != (int(height), int(width)):
            raise CameraFault(f"the picture is {data.shape}, SerialEM says ({height:.0f}, {width:.0f})")
        path = _path(self._sem("ReportLastFrameFile", fault=CameraFault)) if frames else ""
        return Exposure(
            data=data,
            pixel_size_A=10.0 * pixel_nm or mode.pixel_size_A,
            mode=mode.name,
            stage=self.stage(),
            image_shift_um=self._image_shift_um,
            defocus_A=-1e4 * _first(self._sem("ReportDefocus", fault=CameraFault)),
            dose_e_A2=mode.dose_e_A2 if dose_e_A2 is None else dose_e_A2,
            slit_in=self._slit_in(),
            pixel_to_stage_um=self._pixel_to_stage(),
            frames=path,
            recorded_at_s=self.clock.now_s,
        )

    # ------------------------------------------------------------------ condition
    def status(self) -> Status:
        """See :class:`Microscope`."""
        valves = self._told("ReportColumnOrGunValve")
        return Status(
            dewars_filling=self._told("AreDewarsFilling"), pumping=self._told("IsPVPRunning"), valves_open=valves
        )

    def arrivals(self) -> list[Exposure]:
        """SerialEM's own pictures are not followed."""
        raise Unsupported("the SerialEM driver does not follow pictures that SerialEM takes by itself", "record them")

    def stop(self) -> None:
        """SerialEM takes no command while it works; what it has begun it ends."""

    def reconnect(self) -> None:
        """See :class:`Microscope`."""
        self._sem.connect()
        self._prepare()

    def close(self) -> None:
        """See :class:`Microscope`; ends SerialEM's external control."""
        with suppress(CryogaugeError), self._control.limit(5.0, "leaving SerialEM"):
            self._sem("Exit", 1)
        self._sem.close()

    # ------------------------------------------------------------------ how
    def _prepare(self) -> None:
        self._sem("SuppressReports", 1, fault=ConnectionLost)
        self._sem("ErrorsToLog", 1, fault=ConnectionLost)  # or SerialEM waits for somebody to press a button
        self._sem("NoMessageBoxOnError", 1, fault=ConnectionLost)
        self._sem("SetImageShift", 0.0, 0.0, fault=StageFault)
        self._image_shift_um = (0.0, 0.0)

    def _need(self, capability: Capability) -> None:
        if capability not in self.capabilities:
            raise Unsupported(f"this SerialEM was set up without: {capability}", "set slots or energy_filter")

    def _in_slot(self, number: int) -> tuple[bool | None, str]:
        """A number and a name; five numbers and a name at a JEOL loader."""
        told = self._sem("ReportSlotStatus", number, fault=LoaderFault)
        told = told if isinstance(told, list) else [told]
        name = told[-1] if isinstance(told[-1], str) else ""
        return None if told[0] == -1 and len(told) < 5 else told[0] > 0, name

    def _set_exposure(self, mode: Mode, letter: str, dose_e_A2: float | None) -> None:
        if dose_e_A2 is None or dose_e_A2 == mode.dose_e_A2:
            return
        if not mode.dose_e_A2 > 0:
            raise Unsupported(f"the dose of the mode {mode.name} is not known", "give the mode its dose_e_A2")
        usual_s = _first(self._sem("ReportExposure", letter, fault=CameraFault))
        self._changed = letter
        self._sem("SetExposure", letter, usual_s * dose_e_A2 / mode.dose_e_A2, fault=CameraFault)

    def _restore_camera(self) -> None:
        """Put the exposure back: as the usual one is read from there, doses would else grow from picture to picture."""
        if self._changed:
            self._sem("RestoreCameraSet", self._changed, fault=CameraFault)
            self._changed = ""

    def _pixel_to_stage(self) -> tuple[tuple[float, float], tuple[float, float]] | None:
        try:
            a, b, c, d = self._sem("BufImageToStageMatrix", "A", 1, fault=CameraFault)[:4]
        except CameraFault:  # no calibration, or the Navigator is not open
            return None
        return (a, b), (c, d)

    def _slit_in(self) -> bool | None:
        if not self._options.energy_filter:
            return None
        return bool(self._sem("ReportEnergyFilter", fault=CameraFault)[2])

    def _told(self, call: str) -> bool | None:
        """What a question is answered with, ``None`` where the microscope does not have it."""
        try:
            return bool(_first(self._sem(call, fault=FocusFault)))
        except FocusFault:
            return None


def connect(settings: Settings, control: Control) -> SerialEM:
    """Connect to SerialEM; see :class:`SerialEM` and :class:`Options`."""
    return SerialEM(settings, control)


def capabilities_of(options: Options) -> frozenset[Capability]:
    """What SerialEM can do when it is set up so."""
    loader = frozenset({Capability.LOAD} if options.slots else ())
    return _BASE | loader | (_FILTER if options.energy_filter else frozenset())


def _options_from(settings: Settings) -> Options:
    options = options_from(Options, settings.options, "the SerialEM driver")
    for mode in settings.modes:
        state = options.states.get(mode, {})
        good = isinstance(state, Mapping) and (
            state["area"] in AREAS if "area" in state else "state" in state and state.get("take") in _TAKES
        )
        if not good:
            raise BadInput(
                f"states does not say what the mode {mode!r} is in SerialEM",
                f'{{"area": one of {" ".join(AREAS)}}}, or {{"state": its name, "take": one of {" ".join(_TAKES)}}}',
            )
    return options


def _first(told: Any) -> float:
    """The first of the values, for versions that report more than one."""
    value = told[0] if isinstance(told, list) else told
    return 0.0 if value is None else float(value)


def _path(told: Any) -> str:
    return str(told[0] if isinstance(told, list) else told)
