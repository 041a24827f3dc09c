"""The simulated microscope: a driver like any other, whose time is virtual and whose truth is known."""

import math
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from cryogauge.collect.drivers.control import Control, VirtualClock
from cryogauge.collect.drivers.simulated.camera import Camera, View
from cryogauge.collect.drivers.simulated.faults import Faults
from cryogauge.collect.drivers.simulated.memory import Memory
from cryogauge.collect.drivers.simulated.settings import MODES, simulation_from
from cryogauge.collect.drivers.simulated.specimen import Source, Specimen, grid_source, placement_of
from cryogauge.collect.drivers.simulated.stage import Stage
from cryogauge.records import BadInput
from cryogauge.records.faults import ConnectionLost, FocusFault, LoaderFault, StageFault, Unsupported
from cryogauge.records.microscope import (
    Capability,
    Clock,
    Exposure,
    Limits,
    Mode,
    Settings,
    Slot,
    StagePosition,
    Status,
)

_ALL = frozenset(Capability) - {Capability.WATCH, Capability.FRAMES}
_FOREVER_S = 1e9
_KEPT = (
    "_slot", "_image_shift_um", "_beam_shift_um", "_defocus_A", "_slit_in", "_refined_s", "_pictures", "unsafe_moves",
)  # fmt: skip


class SimulatedMicroscope:
    """A microscope that is not there.

    Parameters
    ----------
    settings
        Modes (:data:`MODES` when none are given), limits, and the options of :class:`Simulation`.
    control
        Gets a virtual clock.
    source
        How grids are pictured; by :mod:`cryogauge.simulate.grid` when not given.

    Attributes
    ----------
    unsafe_moves
        Commands outside the limits that reached it, which its guard should have refused. They move nothing.
    faults
        What went wrong so far.
    """

    name = "simulated"

    def __init__(self, settings: Settings, control: Control, source: Source | None = None) -> None:
        self.simulation = simulation_from(settings.options)
        self.modes: Mapping[str, Mode] = dict(settings.modes) or dict(MODES)
        self.limits: Limits = settings.limits
        self.capabilities = _ALL | ({Capability.FRAMES} if self.simulation.frames_folder else frozenset())
        self.unsafe_moves = self.commands = 0
        self.faults = Faults(self.simulation.faults, self.simulation.fault_rates, self.simulation.seed)
        self._source = source or grid_source(self.simulation.optics, self.simulation.grids)
        self._control = control
        control.clock = VirtualClock()
        self._rng = np.random.default_rng([self.simulation.seed, 3])
        of = self.simulation
        self._camera = Camera(of.mechanics, self.faults, of.seed, of.frames_folder)
        self._specimens: dict[int, Specimen] = {}
        self._slot, self._pictures, self._loads = 0, 0, dict[int, int]()
        self._mode = next(iter(self.modes.values()))
        self._stage = Stage(self.simulation.mechanics, self._rng)
        self._image_shift_um = self._beam_shift_um = (0.0, 0.0)
        self._defocus_A = self._refined_s = 0.0
        self._slit_in, self._lost, self._answer_lost = True, False, False
        self._memory = Memory(self.simulation.memory) if self.simulation.memory else None
        if self._memory is not None:
            self._remember(self._memory)

    @property
    def clock(self) -> Clock:
        """The virtual one."""
        return self._control.clock

    @property
    def specimen(self) -> Specimen:
        """What is in the column, with its truth; a :class:`LoaderFault` when nothing is."""
        if not self._slot:
            raise LoaderFault("no grid is in the column", "load one")
        return self._specimens[self._slot]

    @property
    def truth_um(self) -> tuple[float, float]:
        """The point of the grid that is under the beam."""
        x, y = self._stage.center_um(self.clock.now_s)
        off_um = self._stage.asked.z_um - self.specimen.eucentric_z_um(*self.specimen.point_um(x, y))
        x += off_um * math.sin(math.radians(self._stage.asked.tilt_deg))
        error = 1.0 + self.simulation.mechanics.shift_error
        return self.specimen.point_um(x + self._image_shift_um[0] * error, y + self._image_shift_um[1] * error)

    # ------------------------------------------------------------------ loader and optics
    def slots(self) -> list[Slot]:
        """See :class:`Microscope`."""
        self._answer()
        return [Slot(n, n in self.simulation.grids, n == self._slot) for n in range(1, self.simulation.slots + 1)]

    def load_grid(self, slot: int) -> None:
        """See :class:`Microscope`."""
        self._begin()
        if slot == self._slot:
            return self._end()
        if slot not in self.simulation.grids:
            raise LoaderFault(f"slot {slot} holds no grid", "see what is in the loader")
        self._control.wait(self.simulation.costs.load_s / 2)
        self._slot = 0
        if self.faults.strikes("jam"):
            self._end()
            raise LoaderFault("the loader is jammed; the column is empty", "a person must see to it")
        self._control.wait(self.simulation.costs.load_s / 2)
        self._loads[slot] = self._loads.get(slot, 0) + 1
        self._hold(slot)
        self._stage.move(StagePosition(0.0, 0.0, 0.0, 0.0), self.clock.now_s)
        self._end()

    def set_mode(self, name: str) -> None:
        """See :class:`Microscope`."""
        self._begin()
        if name not in self.modes:
            raise BadInput(f"there is no mode {name!r}", f"one of: {', '.join(self.modes)}")
        if name != self._mode.name:
            self._control.wait(self.simulation.costs.mode_s)
            self._mode = self.modes[name]
        self._end()

    def set_image_shift(self, x_um: float, y_um: float) -> None:
        """See :class:`Microscope`."""
        self._deflect(self.limits.image_shift_um, x_um, y_um)
        self._image_shift_um = (x_um, y_um)
        self._end()

    def set_beam_shift(self, x_um: float, y_um: float) -> None:
        """See :class:`Microscope`."""
        self._deflect(self.limits.beam_shift_um, x_um, y_um)
        self._beam_shift_um = (x_um, y_um)
        self._end()

    def set_defocus(self, defocus_A: float) -> None:
        """See :class:`Microscope`."""
        self._begin()
        self._insist(self.limits.defocus_A[0] <= defocus_A <= self.limits.defocus_A[1])
        self._control.wait(self.simulation.costs.defocus_s)
        self._defocus_A = defocus_A
        self._end()

    def set_slit(self, inserted: bool) -> None:
        """See :class:`Microscope`."""
        self._begin()
        self._control.wait(self.simulation.costs.slit_s)
        self._slit_in = inserted
        self._end()

    def refine_zero_loss(self) -> None:
        """See :class:`Microscope`."""
        self._begin()
        self._control.wait(self.simulation.costs.zero_loss_s)
        self._refined_s = self.clock.now_s
        self._end()

    # ------------------------------------------------------------------ stage
    def stage(self) -> StagePosition:
        """See :class:`Microscope`."""
        self._answer()
        read = self._stage.read()
        return replace(read, x_um=read.x_um + 50.0) if self.faults.strikes("wrong readback") else read

    def move_stage(
        self,
        x_um: float | None = None,
        y_um: float | None = None,
        z_um: float | None = None,
        tilt_deg: float | None = None,
    ) -> None:
        """See :class:`Microscope`."""
        self._begin()
        asked = {"x_um": x_um, "y_um": y_um, "z_um": z_um, "tilt_deg": tilt_deg}
        named = {name: value for name, value in asked.items() if value is not None}
        for name, value in named.items():
            low, high = getattr(self.limits, name)
            self._insist(low <= value <= high)
        target = replace(self._stage.asked, **named)
        self._control.wait(self._stage.seconds_to(target, self.simulation.costs))
        if not self.faults.strikes("stuck stage"):
            self._stage.move(target, self.clock.now_s)
        self._end()

    def find_eucentricity(self) -> float:
        """See :class:`Microscope`."""
        self._begin()
        of = self.simulation.mechanics
        self._control.wait(self.simulation.costs.eucentricity_s)
        z_um = self.specimen.eucentric_z_um(*self.truth_um)
        if abs(z_um - self._stage.asked.z_um) > of.eucentric_range_um:
            raise FocusFault("eucentric height is too far away to be found", "go to another square, or set z by hand")
        z_um += float(self._rng.normal(0.0, of.eucentric_error_um))
        if not self.limits.z_um[0] <= z_um <= self.limits.z_um[1]:
            raise FocusFault(f"eucentric height would be at {z_um:.1f} µm, outside the limits", "go to another square")
        self._stage.move(replace(self._stage.asked, z_um=z_um, tilt_deg=0.0), self.clock.now_s)
        self._end()
        return z_um

    def autofocus(self, defocus_A: float) -> float:
        """See :class:`Microscope`; it exposes a place beside the target."""
        self._begin()
        of = self.simulation.mechanics
        self._control.wait(self.simulation.costs.autofocus_s)
        off_um = self._off_um()
        x_um, y_um = self.truth_um
        self._expose((x_um, y_um + of.autofocus_offset_um), of.autofocus_dose_e_A2)
        wanted_A = defocus_A - 1e4 * off_um
        low_A, high_A = self.limits.defocus_A
        if abs(off_um) > of.autofocus_range_um or not low_A <= wanted_A <= high_A:
            raise FocusFault(f"focus is {off_um:.0f} µm away", "find eucentric height first")
        self._defocus_A = float(np.clip(wanted_A + self._rng.normal(0.0, of.autofocus_error_A), low_A, high_A))
        self._end()
        return self._defocus_A + 1e4 * off_um

    def wait_for_drift(self, rate_A_s: float) -> float:
        """See :class:`Microscope`."""
        self._begin()
        step_s = self.simulation.costs.drift_s
        needed_s = self._stage.seconds_until(rate_A_s, self.clock.now_s)
        self._control.wait(step_s * max(1, math.ceil(min(needed_s, _FOREVER_S) / step_s)))
        self._end()
        return math.hypot(*self._stage.drift(self.clock.now_s)) + self.simulation.mechanics.drift_floor_A_s

    # ------------------------------------------------------------------ camera
    def record(self, dose_e_A2: float | None = None, frames: bool = False) -> Exposure:
        """See :class:`Microscope`."""
        self._begin()
        if frames and not self.simulation.frames_folder:
            raise Unsupported("the camera saves no movies", "give frames_folder")
        mode = self._mode
        dose = mode.dose_e_A2 if dose_e_A2 is None else dose_e_A2
        self._insist(0 <= dose <= self.limits.dose_e_A2)
        number, self._pictures = self._pictures, self._pictures + 1
        view, path = self._view(dose), ""
        try:
            if frames:
                path, data = self._camera.movie(self.specimen, view, number)
            else:
                data = self._camera.single(self.specimen, view, number)
        finally:
            costs = self.simulation.costs
            exposure_s = self.simulation.mechanics.exposure_s
            self._control.wait(exposure_s + costs.record_s + (costs.frames_s if frames else 0.0))
            self._expose(view.at_um, dose)
        self._end()
        pixel_um = mode.pixel_size_A / 1e4
        return Exposure(
            data=data,
            pixel_size_A=mode.pixel_size_A,
            mode=mode.name,
            stage=self._stage.read(),
            image_shift_um=self._image_shift_um,
            defocus_A=self._defocus_A,
            dose_e_A2=dose,
            slit_in=self._slit_in,
            pixel_to_stage_um=((pixel_um / math.cos(math.radians(view.tilt_deg)), 0.0), (0.0, pixel_um)),
            frames=path,
            recorded_at_s=self.clock.now_s,
        )

    def _view(self, dose_e_A2: float) -> View:
        of, now_s = self.simulation.mechanics, self.clock.now_s
        x, y = self._stage.drift(now_s)
        off_eV = of.zero_loss_eV_h * (now_s - self._refined_s) / 3600.0
        return View(
            mode=self._mode,
            at_um=self.truth_um,
            defocus_A=self._defocus_A + 1e4 * self._off_um(),
            dose_e_A2=dose_e_A2,
            tilt_deg=self._stage.asked.tilt_deg,
            slit_in=self._slit_in,
            passed=min(max((of.slit_eV / 2 + 2.0 - off_eV) / 4.0, 0.0), 1.0) if self._slit_in else 1.0,
            drift_A_s=(x, y + (of.dewars_A_s if self._filling else 0.0)),
            beam_shift_um=self._beam_shift_um,
        )

    # ------------------------------------------------------------------ condition
    def status(self) -> Status:
        """See :class:`Microscope`."""
        self._begin()
        self._end()
        return Status(self._filling, pumping=False, valves_open=True, vacuum_ready=True, temperature_K=88.0)

    def arrivals(self) -> list[Exposure]:
        """It takes no pictures by itself."""
        raise Unsupported("the simulated microscope takes no pictures by itself", "record them")

    def stop(self) -> None:
        """Nothing goes on by itself."""

    def reconnect(self) -> None:
        """See :class:`Microscope`."""
        self._control.wait(self.simulation.costs.reconnect_s)
        self._lost, self._image_shift_um = False, (0.0, 0.0)  # as of drivers that prepare the program anew

    def close(self) -> None:
        """Let go of the memory's file."""
        if self._memory is not None:
            self._memory.close()

    # ------------------------------------------------------------------ how
    @property
    def _filling(self) -> bool:
        of = self.simulation.mechanics
        return of.dewars_every_s > 0 and self.clock.now_s % of.dewars_every_s > of.dewars_every_s - of.dewars_for_s

    def _off_um(self) -> float:
        """How far the specimen is above eucentric height: so much more underfocus."""
        return self._stage.asked.z_um - self.specimen.eucentric_z_um(*self.truth_um)

    def _answer(self) -> None:
        if self._lost:
            raise ConnectionLost("the microscope does not answer", "reconnect")
        self._control.wait(self.simulation.costs.read_s)

    def _begin(self) -> None:
        self.commands += 1
        self._answer()
        self._answer_lost = self.faults.strikes("lost connection")
        if self._answer_lost and self.faults.even("lost connection"):
            self._lost = True
            raise ConnectionLost("the connection was lost before the command arrived", "reconnect")
        if self.faults.strikes("hang"):
            self._control.wait(_FOREVER_S)

    def _end(self) -> None:
        if self._memory is not None:
            self._memory.keep(self._state())
        if self._answer_lost:
            self._lost = True
            raise ConnectionLost("the connection was lost before the command was answered", "reconnect")

    def _insist(self, within: bool) -> None:
        """What a guard must never let through; counted, and not obeyed."""
        if not within:
            self.unsafe_moves += 1
            raise StageFault("the simulated microscope was given a command outside its limits")

    def _deflect(self, most_um: float, x_um: float, y_um: float) -> None:
        self._begin()
        self._insist(math.hypot(x_um, y_um) <= most_um)
        self._control.wait(self.simulation.costs.shift_s)

    def _expose(self, at: tuple[float, float], dose_e_A2: float) -> None:
        if self.specimen.expose(at, Camera.beam_um(self._mode), dose_e_A2) and self._memory is not None:
            self._memory.expose(self._slot, self.specimen.exposed[-1])

    def _specimen(self, slot: int) -> Specimen:
        if slot not in self._specimens:
            seed = self.simulation.seed * 1000 + slot
            self._specimens[slot] = Specimen(self._source.grid(self.simulation.grids[slot], seed), self._source, seed)
        return self._specimens[slot]

    def _hold(self, slot: int) -> None:
        """Have a grid in the column, as it came to lie when it was loaded last."""
        self._slot, of, loads = slot, self.simulation, self._loads.get(slot, 1)
        self._specimen(slot).placement = placement_of(of.mechanics, [of.seed, 29, slot], loads)

    def _state(self) -> dict[str, Any]:
        kept = {name: getattr(self, name) for name in _KEPT}
        stage = {"asked": asdict(self._stage.asked), "error_um": self._stage.error_um}
        return {"now_s": self.clock.now_s, "mode": self._mode.name, "stage": stage, "loads": self._loads, **kept}

    def _remember(self, memory: Memory) -> None:
        for slot, exposed in memory.exposed:
            self._specimen(slot).expose(exposed[:2], *exposed[2:])
        state = memory.state
        if not state:
            return
        self._loads = {int(slot): count for slot, count in state.get("loads", {}).items()}
        for name in _KEPT:
            value = state[name]
            setattr(self, name, tuple(value) if isinstance(value, list) else value)
        self._control.clock = VirtualClock(state["now_s"])
        self._mode = self.modes.get(state["mode"], self._mode)
        self._stage.asked = StagePosition(**state["stage"]["asked"])
        self._stage.error_um, self._stage.moved_s = tuple(state["stage"]["error_um"]), state["now_s"]
        if self._slot:
            self._hold(self._slot)


def connect(settings: Settings, control: Control) -> SimulatedMicroscope:
    """Set up a simulated microscope; see :class:`SimulatedMicroscope`."""
    return SimulatedMicroscope(settings, control)
