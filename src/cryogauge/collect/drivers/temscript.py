"""A Thermo Fisher microscope by its scripting interface, through the object model of the package ``pytemscript``.

``pytemscript`` runs on the microscope's computer, or elsewhere against its server there. It is not installed with
cryogauge. The scripting interface has no autofocus, no eucentricity and no measurement of drift: what needs them must
be done from pictures, and is missing from the capabilities.

Nothing else keeps the beam off the specimen there, so the driver blanks it as it connects, lets it through for each
picture, and leaves it blanked.
"""

import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from cryogauge.collect.drivers.control import Control
from cryogauge.collect.drivers.loader import Loader
from cryogauge.collect.drivers.options import options_from
from cryogauge.records import BadInput, CryogaugeError
from cryogauge.records.faults import CameraFault, ConnectionLost, FocusFault, LoaderFault, StageFault, Unsupported
from cryogauge.records.microscope import Capability, Clock, Exposure, Mode, Settings, Slot, StagePosition, Status

_Result = TypeVar("_Result")
_Matrix = tuple[tuple[float, float], tuple[float, float]]
_ALWAYS = frozenset(
    {Capability.MODES, Capability.STAGE, Capability.TILT, Capability.BEAM_SHIFT, Capability.DEFOCUS, Capability.RECORD}
) | {Capability.STATUS}


@dataclass(frozen=True)
class Options:
    """Options of the temscript driver.

    Attributes
    ----------
    states
        By mode: ``magnification_index`` (not the magnification: to look for one, pytemscript goes through all of them),
        ``camera`` (its name in the scripting interface), ``exposure_s``, and where wanted ``binning``, ``spot``,
        ``illuminated_area_um``, ``acquire`` (further options of ``acquire_tem_image``) and ``pixel_to_stage_um``
        (((a, b), (c, d)), µm a pixel, as calibrated).
    connection, host, port
        As of ``pytemscript.Microscope``: ``direct``, ``socket`` or ``utapi``.
    loader
        Whether there is an autoloader.
    loaded
        Slot whose grid is in the column when the driver connects, 0 when none or unknown: its slot reads as empty.
        After a restart :func:`cryogauge.collect.drivers.journal.loaded_slot` tells.
    slit_eV
        Width of the energy filter's slit, 0 where there is no filter.
    shift_to_stage
        ((a, b), (c, d)): an image-beam shift of (x, y) µm in the interface's own axes moves the picture to stage
        positions by a·x + b·y, c·x + d·y. Without this calibration the driver shifts no images.
    """

    states: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    connection: str = "direct"
    host: str = "127.0.0.1"
    port: int = 39000
    loader: bool = False
    loaded: int = 0
    slit_eV: float = 0.0
    shift_to_stage: _Matrix | None = None


class Temscript:
    """A Thermo Fisher microscope.

    Parameters
    ----------
    settings
        The modes, limits, and the options of :class:`Options`.
    control
        Time-outs and cancelling.
    """

    name = "temscript"

    def __init__(self, settings: Settings, control: Control) -> None:
        self._options = _options_from(settings)
        self.modes: Mapping[str, Mode] = dict(settings.modes)
        self.limits = settings.limits
        self.capabilities = capabilities_of(self._options)
        self._control = control
        self._mode: Mode | None = None
        self._loader = Loader(self._in_slot, self._valves, self._bring, self._options.loaded)
        self._image_shift_um = (0.0, 0.0)
        self._slit_in: bool | None = None
        self._tem: Any = None
        self.reconnect()

    @property
    def clock(self) -> Clock:
        """The control's."""
        return self._control.clock

    # ------------------------------------------------------------------ loader and optics
    def slots(self) -> list[Slot]:
        """See :class:`Microscope`."""
        self._need(Capability.LOAD)
        return self._loader.slots(self._slots())

    def load_grid(self, slot: int) -> None:
        """See :class:`Microscope`. Column valves are closed for it and opened afterwards."""
        self._need(Capability.LOAD)
        self._loader.load(slot, self._slots())

    def set_mode(self, name: str) -> None:
        """See :class:`Microscope`."""
        if name not in self.modes:
            raise BadInput(f"there is no mode {name!r}", f"one of: {', '.join(self.modes)}")
        state, self._mode = self._options.states[name], None  # half way there is no mode to take pictures in
        optics = self._tem.optics
        self._set(CameraFault, optics.projection, "magnification_index", int(state["magnification_index"]))
        if "spot" in state:
            self._set(CameraFault, optics.illumination, "spotsize", int(state["spot"]))
        if "illuminated_area_um" in state:
            self._set(CameraFault, optics.illumination, "illuminated_area", float(state["illuminated_area_um"]))
        self._mode = self.modes[name]

    def set_image_shift(self, x_um: float, y_um: float) -> None:
        """See :class:`Microscope`; the interface's image-beam shift, by the calibration ``shift_to_stage``."""
        self._need(Capability.IMAGE_SHIFT)
        shift = np.linalg.solve(np.asarray(self._options.shift_to_stage), (x_um, y_um))
        self._set(StageFault, self._tem.optics.projection, "image_beam_shift", (float(shift[0]), float(shift[1])))
        self._image_shift_um = (x_um, y_um)

    def set_beam_shift(self, x_um: float, y_um: float) -> None:
        """See :class:`Microscope`; along the axes of the interface."""
        self._set(StageFault, self._tem.optics.illumination, "beam_shift", (float(x_um), float(y_um)))

    def set_defocus(self, defocus_A: float) -> None:
        """See :class:`Microscope`. The interface's own is in µm, negative for underfocus."""
        self._set(FocusFault, self._tem.optics.projection, "defocus", -defocus_A / 1e4)

    def set_slit(self, inserted: bool) -> None:
        """See :class:`Microscope`."""
        self._need(Capability.FILTER)
        energy_filter = self._tem.energy_filter
        if inserted:
            self._call(CameraFault, energy_filter.insert_slit, self._options.slit_eV)
        else:
            self._call(CameraFault, energy_filter.retract_slit)
        self._slit_in = inserted

    # ------------------------------------------------------------------ stage
    def stage(self) -> StagePosition:
        """See :class:`Microscope`."""
        read = self._call(StageFault, lambda: self._tem.stage.position)
        return StagePosition(read["x"], read["y"], read["z"], read["a"])

    def move_stage(
        self,
        x_um: float | None = None,
        y_um: float | None = None,
        z_um: float | None = None,
        tilt_deg: float | None = None,
    ) -> None:
        """See :class:`Microscope`; all axes at once, the beam blanked, whoever let it through."""
        named = {"x": x_um, "y": y_um, "z": z_um, "a": tilt_deg}
        target = {name: float(value) for name, value in named.items() if value is not None}
        self._blank(StageFault)
        self._call(StageFault, self._tem.stage.go_to, **target)

    # ------------------------------------------------------------------ camera
    def record(self, dose_e_A2: float | None = None, frames: bool = False) -> Exposure:
        """See :class:`Microscope`; other doses than the mode's are given by scaling the exposure time."""
        if frames:
            raise Unsupported("the scripting interface does not tell where movies are", "record without frames")
        if self._mode is None:
            raise BadInput("no mode was set", "set one first")
        mode, state = self._mode, self._options.states[self._mode.name]
        seconds = float(state["exposure_s"])
        if dose_e_A2 is not None and dose_e_A2 != mode.dose_e_A2:
            if not mode.dose_e_A2 > 0:
                raise Unsupported(f"the dose of the mode {mode.name} is not known", "give the mode its dose_e_A2")
            seconds *= dose_e_A2 / mode.dose_e_A2
        try:
            self._call(CameraFault, self._tem.optics.beam_unblank)
            image = self._call(
                CameraFault,
                self._tem.acquisition.acquire_tem_image,
                state["camera"],
                exp_time=seconds,
                binning=int(state.get("binning", 1)),
                **state.get("acquire", {}),
            )
        finally:
            self._blank(CameraFault)
        if image is None:
            raise CameraFault("the camera gave no picture", "leave continuous recording out of the mode's options")
        pixel_m = float(image.metadata.get("PixelSize.Width", 0.0))
        defocus_um = self._call(FocusFault, lambda: self._tem.optics.projection.defocus)
        return Exposure(
            data=np.asarray(image.data),
            pixel_size_A=pixel_m * 1e10 if pixel_m > 0 else mode.pixel_size_A,
            mode=mode.name,
            stage=self.stage(),
            image_shift_um=self._image_shift_um,
            defocus_A=-1e4 * defocus_um,
            dose_e_A2=mode.dose_e_A2 if dose_e_A2 is None else dose_e_A2,
            slit_in=self._slit_in,
            pixel_to_stage_um=state.get("pixel_to_stage_um"),
            recorded_at_s=self.clock.now_s,
        )

    # ------------------------------------------------------------------ what the interface lacks
    def find_eucentricity(self) -> float:
        """Not in the scripting interface."""
        raise Unsupported("the scripting interface finds no eucentric height", "measure it from tilted pictures")

    def autofocus(self, defocus_A: float) -> float:
        """Not in the scripting interface."""
        raise Unsupported("the scripting interface has no autofocus", "fit the contrast transfer of pictures")

    def wait_for_drift(self, rate_A_s: float) -> float:
        """Not in the scripting interface."""
        raise Unsupported("the scripting interface measures no drift", "compare pictures")

    def refine_zero_loss(self) -> None:
        """Not in the scripting interface."""
        raise Unsupported("the scripting interface does not centre the zero-loss peak", "use the filter's program")

    def arrivals(self) -> list[Exposure]:
        """Not in the scripting interface."""
        raise Unsupported("the scripting interface does not tell of pictures others take", "record them")

    # ------------------------------------------------------------------ condition
    def status(self) -> Status:
        """See :class:`Microscope`."""
        vacuum, temperature = self._tem.vacuum, self._tem.temperature
        return Status(
            dewars_filling=self._told(lambda: bool(temperature.is_dewar_filling)),
            pumping=self._told(lambda: bool(vacuum.is_buffer_running)),
            valves_open=self._told(lambda: bool(vacuum.is_column_open)),
            vacuum_ready=self._told(lambda: vacuum.status == "READY"),
            temperature_K=self._told(lambda: float(temperature.temp_holder)),
        )

    def stop(self) -> None:
        """The interface cannot halt what has begun; when that has ended the beam is blanked."""
        if self._tem is not None:
            self._control.leave(self._tem.optics.beam_blank)

    def reconnect(self) -> None:
        """See :class:`Microscope`; a call that hangs is left behind."""
        with suppress(CryogaugeError):  # the connection may be gone
            self.close()
        of = self._options
        where = {} if of.connection == "direct" else {"host": of.host, "port": of.port}
        try:
            from pytemscript.microscope import Microscope as Tem  # type: ignore[import-not-found]
        except ImportError as error:
            raise BadInput("the package pytemscript is not installed", "pip install pytemscript") from error
        with self._control.limit(60.0, "connecting to the microscope"):
            self._tem = self._call(ConnectionLost, Tem, of.connection, **where)
            self._blank(ConnectionLost)

    def close(self) -> None:
        """See :class:`Microscope`."""
        tem, self._tem = self._tem, None
        if tem is not None:
            try:
                with self._control.limit(5.0, "disconnecting"):
                    self._control.run(tem.disconnect)
            finally:
                self._control.forget()

    # ------------------------------------------------------------------ how
    def _need(self, capability: Capability) -> None:
        if capability not in self.capabilities:
            raise Unsupported(f"this microscope was set up without: {capability}", "see the driver's options")

    def _blank(self, fault: type[CryogaugeError]) -> None:
        self._call(fault, self._tem.optics.beam_blank)

    def _slots(self) -> range:
        return range(1, self._call(LoaderFault, lambda: self._tem.autoloader.number_of_slots) + 1)

    def _in_slot(self, number: int) -> tuple[bool | None, str]:
        known = {"OCCUPIED": True, "EMPTY": False}
        return known.get(self._call(LoaderFault, self._tem.autoloader.slot_status, number)), ""

    def _valves(self, opened: bool) -> None:
        vacuum = self._tem.vacuum
        self._call(LoaderFault, vacuum.column_open if opened else vacuum.column_close)

    def _bring(self, slot: int) -> None:
        self._call(LoaderFault, self._tem.autoloader.load_cartridge, slot)

    def _call(
        self, fault: type[CryogaugeError], function: Callable[..., _Result], *arguments: object, **named: object
    ) -> _Result:
        if self._tem is None and fault is not ConnectionLost:
            raise ConnectionLost("the microscope is not connected", "reconnect")
        try:
            return self._control.run(function, *arguments, **named)
        except CryogaugeError:
            raise
        except (OSError, EOFError) as error:
            raise ConnectionLost(f"the microscope does not answer: {error}", "reconnect") from error
        except Exception as error:
            raise fault(f"the microscope refused: {error}", "see its own messages") from error

    def _set(self, fault: type[CryogaugeError], where: object, name: str, value: object) -> None:
        self._call(fault, setattr, where, name, value)

    def _told(self, question: Callable[[], _Result]) -> _Result | None:
        """What a question is answered with, ``None`` where the microscope does not have it."""
        try:
            return self._call(FocusFault, question)
        except FocusFault:
            return None


def connect(settings: Settings, control: Control) -> Temscript:
    """Connect to a Thermo Fisher microscope; see :class:`Temscript` and :class:`Options`."""
    return Temscript(settings, control)


def capabilities_of(options: Options) -> frozenset[Capability]:
    """What the microscope can do when it is set up so."""
    has = {
        Capability.LOAD: options.loader,
        Capability.FILTER: options.slit_eV > 0,
        Capability.IMAGE_SHIFT: options.shift_to_stage is not None,
    }
    return _ALWAYS | {capability for capability, there in has.items() if there}


def _options_from(settings: Settings) -> Options:
    options = options_from(Options, settings.options, "the temscript driver")
    for mode in settings.modes:
        state = options.states.get(mode, {})
        if not isinstance(state, Mapping):
            raise BadInput(f"states says of the mode {mode!r}: {state!r:.80}", "give each mode its state by name")
        lacking = sorted({"magnification_index", "camera", "exposure_s"} - set(state))
        if lacking:
            raise BadInput(f"states does not say the {lacking[0]} of the mode {mode!r}", "give each mode its state")
        seconds = state["exposure_s"]
        if not (isinstance(seconds, (int, float)) and 0 < seconds < math.inf):
            raise BadInput(f"the exposure_s of the mode {mode!r} is {seconds!r:.80}", "give seconds")
        if state.get("pixel_to_stage_um") is not None:
            _check_matrix(f"pixel_to_stage_um of the mode {mode!r}", state["pixel_to_stage_um"])
    if options.shift_to_stage is not None:
        _check_matrix("shift_to_stage", options.shift_to_stage)
    return options


def _check_matrix(what: str, given: Any) -> None:
    try:
        good = np.shape(given) == (2, 2) and math.isfinite(np.linalg.cond(np.asarray(given, dtype=np.float64)))
    except (TypeError, ValueError):
        good = False
    if not good:
        raise BadInput(f"{what} is {given!r:.80}", "give ((a, b), (c, d)), a matrix with an inverse")
