"""What the simulated microscope is like: its errors, what time its commands take, its modes."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cryogauge.collect.drivers.options import options_from
from cryogauge.collect.drivers.simulated.faults import Fault
from cryogauge.records import BadInput
from cryogauge.records.microscope import Mode

#: Pixel sizes of the kind that sites use; pictures smaller than a camera's, so that a session takes minutes.
MODES: Mapping[str, Mode] = {
    mode.name: mode
    for mode in (
        Mode("atlas", 4000.0, (512, 512), 0.001),
        Mode("square", 1200.0, (768, 768), 0.005),
        Mode("hole", 200.0, (768, 768), 0.1),
        Mode("exposure", 1.7, (1024, 1024), 50.0),
    )
}


@dataclass(frozen=True)
class Costs:
    """Seconds that commands take, and µm a second of the stage.

    With these a further hole by stage (move, drift, focus, exposure with movie), a further patch (with eucentricity and
    a picture of its holes too) and a further square (with a picture of the square too) take about the times between
    exposures of a recorded session: 91, 185 and 193 s.
    """

    load_s: float = 240.0
    mode_s: float = 4.0
    stage_s: float = 3.0
    stage_speed_um_s: float = 40.0
    tilt_s_deg: float = 0.3
    shift_s: float = 0.5
    defocus_s: float = 0.2
    record_s: float = 8.0
    frames_s: float = 6.0
    eucentricity_s: float = 70.0
    autofocus_s: float = 36.0
    drift_s: float = 5.0
    slit_s: float = 2.0
    zero_loss_s: float = 45.0
    reconnect_s: float = 30.0
    read_s: float = 0.02


@dataclass(frozen=True)
class Mechanics:
    """Errors of stage, optics and camera.

    Attributes
    ----------
    stage_error_um
        Standard deviation of where the stage stops, each axis; the read-back does not see it.
    backlash_um
        What is missing when an axis is approached from above.
    readback_um
        Noise of the read-back.
    drift_A_s, drift_decay_s, drift_floor_A_s
        Drift after a move of 100 µm or more (a quarter of it after a small one), the time in which it falls to 1/e,
        and what stays.
    eucentric_error_um, eucentric_range_um
        Standard deviation of eucentric height as found, and from how far it is found.
    autofocus_error_A, autofocus_range_um
        The same of autofocus.
    autofocus_dose_e_A2, autofocus_offset_um
        What it exposes, and how far beside the target, along the tilt axis.
    shift_error
        Relative error of image shifts.
    reload_um, reload_deg
        Standard deviation of where a grid lies when it is loaded again, each axis, and of how it is turned.
    read_noise
        Of the camera, electrons a pixel.
    exposure_s
        In which the dose is given: drift blurs a picture that is not saved as a movie.
    frames
        Of a movie.
    zero_loss_eV_h, slit_eV
        Drift of the zero-loss peak, and the slit's width.
    dewars_every_s, dewars_for_s
        How often the dewars are filled and for how long; vibrations then drift by ``dewars_A_s``.
    """

    stage_error_um: float = 0.25
    backlash_um: float = 0.4
    readback_um: float = 0.01
    drift_A_s: float = 24.0
    drift_decay_s: float = 14.0
    drift_floor_A_s: float = 0.1
    eucentric_error_um: float = 0.4
    eucentric_range_um: float = 120.0
    autofocus_error_A: float = 300.0
    autofocus_range_um: float = 10.0
    autofocus_dose_e_A2: float = 20.0
    autofocus_offset_um: float = 2.0
    shift_error: float = 0.003
    reload_um: float = 0.0
    reload_deg: float = 0.0
    read_noise: float = 0.05
    exposure_s: float = 3.0
    frames: int = 20
    zero_loss_eV_h: float = 1.0
    slit_eV: float = 20.0
    dewars_every_s: float = 8 * 3600.0
    dewars_for_s: float = 900.0
    dewars_A_s: float = 30.0


@dataclass(frozen=True)
class Simulation:
    """Options of the simulated driver.

    Attributes
    ----------
    grids
        What is in the loader, by slot: a grid's settings (:class:`cryogauge.simulate.grid.GridSettings` or the values
        of it), or a grid that is made already.
    seed
        Of grids, errors and faults.
    slots
        Places of the loader.
    costs, mechanics, optics
        The microscope; optics are values of :class:`cryogauge.simulate.grid.GridOptics`.
    faults
        What goes wrong, and when.
    fault_rates
        Probability of a kind of fault at each command that it can befall.
    frames_folder
        Where movies are written (MRC); without it the camera saves none.
    memory
        A file that stands for the microscope itself when the program is killed: what it was doing, what was exposed.
    """

    grids: Mapping[int, Any] = field(default_factory=dict)
    seed: int = 0
    slots: int = 12
    costs: Costs = Costs()
    mechanics: Mechanics = Mechanics()
    optics: Mapping[str, Any] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()
    fault_rates: Mapping[str, float] = field(default_factory=dict)
    frames_folder: Path | None = None
    memory: Path | None = None


def simulation_from(options: Mapping[str, Any]) -> Simulation:
    """Options as a session's settings file gives them: parts may be mappings, paths may be text.

    Raises
    ------
    BadInput
        For names that are none, values that cannot be, and slots the loader does not have.
    """
    who = "the simulated microscope"
    made = options_from(Simulation, options, who)
    faults = tuple(
        each if isinstance(each, Fault) else options_from(Fault, each, f"{who}: faults") for each in made.faults
    )
    grids = {int(slot) if str(slot).isdecimal() else slot: grid for slot, grid in made.grids.items()}
    outside = [slot for slot in grids if not (isinstance(slot, int) and 1 <= slot <= made.slots)]
    if outside:
        raise BadInput(f"the loader has no slot {outside[0]}", f"its slots are 1 to {made.slots}")
    if made.seed < 0:
        raise BadInput(f"the seed of the simulated microscope is {made.seed}", "give 0 or more")
    never_0 = {"drift_decay_s": made.mechanics.drift_decay_s, "frames": made.mechanics.frames}
    never_0 |= {name: getattr(made.costs, name) for name in ("stage_speed_um_s", "drift_s")}
    for name, value in {**vars(made.costs), **never_0}.items():
        if value < 0 or (value == 0 and name in never_0):
            raise BadInput(f"{name} of the simulated microscope is {value:g}", "give a positive number")
    paths = {name: _path(made, name) for name in ("frames_folder", "memory")}
    return replace(made, grids=grids, faults=faults, **paths)


def _path(made: Simulation, name: str) -> Path | None:
    value = getattr(made, name)
    if not isinstance(value, (str, Path, type(None))):
        raise BadInput(f"the simulated microscope: {name} cannot be {value!r:.80}", "give a path")
    return None if value is None else Path(value)
