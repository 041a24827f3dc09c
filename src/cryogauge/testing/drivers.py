"""Conformance of a microscope driver: call ``check_driver`` from a test of your own.

Register the driver under the entry-point group ``cryogauge.drivers``, write a stand-in for the program that it drives,
and let pytest run::

    from cryogauge.testing.drivers import Rig, check_driver

    def test_conforms(tmp_path):
        check_driver(Rig(connect=connect, settings=settings, heard=count_of_my_stand_in), tmp_path)

What the driver cannot do must be missing from its capabilities, and is then only asked to be refused. Never run it on a
microscope: it moves the stage, loads grids and exposes.
"""

import math
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cryogauge.collect.drivers.control import Control, VirtualClock
from cryogauge.collect.drivers.guard import Guarded
from cryogauge.collect.drivers.journal import Journal, read_journal
from cryogauge.collect.drivers.registry import Connect
from cryogauge.records import BadInput, CryogaugeError
from cryogauge.records.faults import Cancelled, ConnectionLost, LoaderFault, TimedOut, Unsafe, Unsupported
from cryogauge.records.microscope import (
    Capability,
    Clock,
    Exposure,
    Limits,
    Microscope,
    Mode,
    Settings,
    Slot,
    StagePosition,
    Status,
)

#: Limits that the suite uses, narrow ones.
LIMITS = Limits(
    x_um=(-100.0, 100.0),
    y_um=(-90.0, 90.0),
    z_um=(-60.0, 60.0),
    tilt_deg=(-20.0, 20.0),
    image_shift_um=5.0,
    beam_shift_um=4.0,
    defocus_A=(-100_000.0, 700_000.0),
    dose_e_A2=80.0,
)


@dataclass(frozen=True)
class Rig:
    """A driver and the world around it.

    Attributes
    ----------
    connect
        The driver's own function.
    settings
        Modes and options; the suite puts its own limits.
    heard
        How many commands that move, deflect, load or expose have reached the program so far.
    hang
        While inside, the program does not answer; ``None`` where there is nothing to hang.
    lose
        Break the connection; ``None`` where there is none.
    appear
        Have the program take pictures by itself; how many. For drivers that watch.
    loadable
        A slot that holds a grid.
    """

    connect: Connect
    settings: Settings
    heard: Callable[[Microscope], int]
    hang: Callable[[Microscope], AbstractContextManager[object]] | None = None
    lose: Callable[[Microscope], None] | None = None
    appear: Callable[[], int] | None = None
    loadable: int = 1


def check_driver(rig: Rig, folder: Path) -> None:
    """Try a driver.

    Parameters
    ----------
    rig
        The driver and its stand-in.
    folder
        An empty folder for journals.

    Raises
    ------
    AssertionError
        With a sentence that says what the driver should have done.
    """
    control = Control()
    driver = rig.connect(replace(rig.settings, limits=LIMITS), control)
    journal = Journal(folder / "journal.jsonl")
    scope = Guarded(driver, control, journal)
    try:
        _check_description(driver)
        _check_unsupported(rig, scope)
        _check_loader(rig, scope)
        _check_limits(rig, scope)
        _check_stage(scope)
        _check_pictures(rig, scope)
        _check_tasks(scope)
        _check_status(scope)
        _check_watching(rig, scope)
        _check_patience(rig, scope)
        _check_connection(rig, scope)
        _check_cancelled(rig, scope)
    finally:
        scope.close()
    driver.close()  # a second time
    _check_journal(folder / "journal.jsonl")
    _check_options(rig)


def _check_description(driver: Microscope) -> None:
    missing = [name for name in dir(Microscope) if not name.startswith("_") and not hasattr(driver, name)]
    assert not missing, f"a driver has {', '.join(missing)}"
    assert driver.name.isidentifier(), f"the name {driver.name!r} is not one word"
    assert driver.capabilities <= frozenset(Capability), "capabilities are members of Capability"
    assert driver.limits == LIMITS, "limits must be those of the settings, or narrower ones it was told of"
    assert isinstance(driver.clock, Clock), "a driver has a clock with now_s and sleep"
    for name, mode in driver.modes.items():
        assert isinstance(mode, Mode), f"modes are Mode, not {type(mode).__name__}"
        assert name == mode.name, f"the mode {mode.name} is listed as {name}"


def _commands(rig: Rig, driver: Microscope) -> dict[Capability, Callable[[], object]]:
    """A harmless command for each capability."""
    mode = next(iter(driver.modes), "none")
    return {
        Capability.LOAD: lambda: driver.load_grid(rig.loadable),
        Capability.MODES: lambda: driver.set_mode(mode),
        Capability.STAGE: lambda: driver.move_stage(x_um=1.0, y_um=2.0),
        Capability.TILT: lambda: driver.move_stage(tilt_deg=1.0),
        Capability.IMAGE_SHIFT: lambda: driver.set_image_shift(0.5, 0.0),
        Capability.BEAM_SHIFT: lambda: driver.set_beam_shift(0.5, 0.0),
        Capability.DEFOCUS: lambda: driver.set_defocus(10_000.0),
        Capability.RECORD: driver.record,
        Capability.FRAMES: lambda: driver.record(frames=True),
        Capability.EUCENTRICITY: driver.find_eucentricity,
        Capability.AUTOFOCUS: lambda: driver.autofocus(10_000.0),
        Capability.DRIFT: lambda: driver.wait_for_drift(5.0),
        Capability.FILTER: lambda: driver.set_slit(True),
        Capability.ZERO_LOSS: driver.refine_zero_loss,
        Capability.STATUS: driver.status,
        Capability.WATCH: driver.arrivals,
    }


def _check_unsupported(rig: Rig, scope: Guarded) -> None:
    for asked in (scope.driver, scope):
        for capability, command in _commands(rig, asked).items():
            if capability in scope.capabilities:
                continue
            before = rig.heard(scope.driver)
            _refused(command, Unsupported, f"without {capability} such a command")
            assert rig.heard(scope.driver) == before, f"without {capability} a command still reached the program"


def _check_loader(rig: Rig, scope: Guarded) -> None:
    if Capability.LOAD not in scope.capabilities:
        return
    slots = scope.slots()
    assert all(isinstance(slot, Slot) for slot in slots), "slots are a list of Slot"
    assert [slot.number for slot in slots] == list(range(1, len(slots) + 1)), "slots are numbered from 1, in order"
    _refused(lambda: scope.load_grid(len(slots) + 1), LoaderFault, "a slot that is not there")
    scope.load_grid(rig.loadable)
    loaded = [slot.number for slot in scope.slots() if slot.loaded]
    assert loaded == [rig.loadable], f"slot {rig.loadable} was loaded, slots say {loaded}"
    before = rig.heard(scope.driver)
    scope.load_grid(rig.loadable)
    assert rig.heard(scope.driver) <= before + 1, "loading what is loaded must do nothing"


def _check_limits(rig: Rig, scope: Guarded) -> None:
    """Nothing outside the limits reaches the program, whatever it is."""
    outside: list[tuple[Capability, Callable[[], object]]] = []
    for bad in (1e4, -1e4, 100.5, math.nan, math.inf, -math.inf):
        outside += [
            (Capability.STAGE, lambda bad=bad: scope.move_stage(x_um=bad)),
            (Capability.STAGE, lambda bad=bad: scope.move_stage(x_um=0.0, y_um=bad)),
            (Capability.STAGE, lambda bad=bad: scope.move_stage(z_um=bad)),
            (Capability.TILT, lambda bad=bad: scope.move_stage(tilt_deg=bad)),
            (Capability.IMAGE_SHIFT, lambda bad=bad: scope.set_image_shift(bad, 0.0)),
            (Capability.BEAM_SHIFT, lambda bad=bad: scope.set_beam_shift(0.0, bad)),
            (Capability.DEFOCUS, lambda bad=bad: scope.set_defocus(1e6 * bad)),
            (Capability.AUTOFOCUS, lambda bad=bad: scope.autofocus(-1e6 * bad)),
            (Capability.RECORD, lambda bad=bad: scope.record(dose_e_A2=bad)),
        ]
    before = rig.heard(scope.driver)
    for capability, command in outside:
        if capability in scope.capabilities:
            _refused(command, Unsafe, f"{capability}: a value outside the limits")
    assert rig.heard(scope.driver) == before, "a command outside the limits reached the program"
    if Capability.MODES in scope.capabilities:
        _refused(lambda: scope.driver.set_mode("no such mode"), BadInput, "a mode that is not there")


def _check_stage(scope: Guarded) -> None:
    if Capability.STAGE not in scope.capabilities:
        return
    scope.move_stage(x_um=12.5, y_um=-7.5, z_um=3.0)
    read = scope.stage()
    assert isinstance(read, StagePosition), "stage() is a StagePosition"
    assert math.dist((read.x_um, read.y_um, read.z_um), (12.5, -7.5, 3.0)) < 0.5, f"sent to 12.5 −7.5 3, reads {read}"
    scope.move_stage(y_um=20.0)
    read = scope.stage()
    assert math.dist((read.x_um, read.y_um, read.z_um), (12.5, 20.0, 3.0)) < 0.5, "axes that are not named must stay"
    if Capability.TILT in scope.capabilities:
        scope.move_stage(tilt_deg=10.0)
        read = scope.stage()
        assert abs(read.tilt_deg - 10.0) < 0.2, f"sent to a tilt of 10°, reads {read.tilt_deg}"
        assert math.dist((read.x_um, read.y_um), (12.5, 20.0)) < 0.5, "tilting must leave the position"
        scope.move_stage(tilt_deg=0.0)


def _check_pictures(rig: Rig, scope: Guarded) -> None:
    if Capability.RECORD not in scope.capabilities:
        return
    assert scope.modes, "a driver that takes pictures has modes"
    for name, mode in scope.modes.items():
        scope.set_mode(name)
        before = rig.heard(scope.driver)
        picture = scope.record()
        assert rig.heard(scope.driver) > before, "heard must count pictures"
        _check_picture(picture)
        assert picture.mode == name, f"a picture in {name} says {picture.mode}"
        assert picture.data.shape == mode.shape_px, f"{name} is {picture.data.shape} pixels, not (y, x) {mode.shape_px}"
        assert math.isclose(picture.pixel_size_A, mode.pixel_size_A, rel_tol=0.05), "the pixel size is not the mode's"
        if Capability.STAGE in scope.capabilities:
            read = scope.stage()
            there = (read.x_um, read.y_um)
            assert math.dist((picture.stage.x_um, picture.stage.y_um), there) < 0.5, (
                "a picture's stage is not the stage"
            )
    if Capability.DEFOCUS in scope.capabilities:
        scope.set_defocus(12_000.0)
        assert abs(scope.record().defocus_A - 12_000.0) < 500, "a defocus of 12,000 Å is not what the picture says"
    if Capability.IMAGE_SHIFT in scope.capabilities:
        scope.set_image_shift(1.5, -0.5)
        scope.set_image_shift(1.0, 0.5)
        assert scope.record().image_shift_um == (1.0, 0.5), "image shifts are absolute, and told with the picture"
        scope.set_image_shift(0.0, 0.0)
    if Capability.BEAM_SHIFT in scope.capabilities:
        scope.set_beam_shift(0.1, 0.0)
        scope.set_beam_shift(0.0, 0.0)
    if Capability.FRAMES in scope.capabilities:
        assert scope.record(frames=True).frames, "a picture with frames says where they are"
    assert not scope.record().frames, "a picture without frames says that there are some"


def _check_picture(picture: Exposure) -> None:
    assert isinstance(picture, Exposure), "a picture is an Exposure"
    assert isinstance(picture.data, np.ndarray), f"data is {type(picture.data).__name__}, not an array"
    assert picture.data.ndim == 2, f"data has shape {picture.data.shape}, not (y, x)"
    assert picture.data.dtype.kind in "iuf", f"data is of type {picture.data.dtype}, not real numbers"
    assert picture.pixel_size_A > 0, f"the pixel size is {picture.pixel_size_A} Å"
    if picture.pixel_to_stage_um is not None:
        pixel_um = math.sqrt(abs(np.linalg.det(picture.pixel_to_stage_um)))
        assert math.isclose(pixel_um, picture.pixel_size_A / 1e4, rel_tol=0.2), "pixel_to_stage_um is not in µm a pixel"
        middle = picture.stage_at((picture.data.shape[1] - 1) / 2, (picture.data.shape[0] - 1) / 2)
        shifted = np.add((picture.stage.x_um, picture.stage.y_um), picture.image_shift_um)
        assert math.dist(middle, shifted) < 1e-6, "the middle of a picture is stage plus image shift"


def _check_tasks(scope: Guarded) -> None:
    can = scope.capabilities
    if Capability.EUCENTRICITY in can:
        z_um = scope.find_eucentricity()
        assert LIMITS.z_um[0] <= z_um <= LIMITS.z_um[1], f"eucentric height {z_um} µm is outside the limits"
        assert abs(scope.stage().z_um - z_um) < 0.5, "after eucentricity the stage is not at the height that was told"
    if Capability.AUTOFOCUS in can:
        measured = scope.autofocus(15_000.0)
        assert abs(measured - 15_000.0) < 5_000, f"autofocus to 15,000 Å says {measured:g} Å: underfocus is positive"
    if Capability.DRIFT in can:
        assert 0 <= scope.wait_for_drift(20.0) <= 20.0, "wait_for_drift ends when drift is below the rate, in Å/s"
    if Capability.FILTER in can:
        for inserted in (False, True):
            scope.set_slit(inserted)
            if Capability.RECORD in can:
                assert scope.record().slit_in is inserted, f"the slit was set to {inserted}, the picture says otherwise"
    if Capability.ZERO_LOSS in can:
        scope.refine_zero_loss()


def _check_status(scope: Guarded) -> None:
    if Capability.STATUS in scope.capabilities:
        status = scope.status()
        assert isinstance(status, Status), "status() is a Status"
        for name in ("dewars_filling", "pumping", "valves_open", "vacuum_ready"):
            assert getattr(status, name) in (True, False, None), f"{name} is a bool, or None when not told"


def _check_watching(rig: Rig, scope: Guarded) -> None:
    if Capability.WATCH not in scope.capabilities:
        return
    scope.arrivals()
    assert rig.appear is not None, "a driver that watches is tried with a rig that lets pictures appear"
    count = rig.appear()
    arrived = scope.arrivals()
    assert len(arrived) == count, f"{count} pictures were taken, {len(arrived)} arrived"
    for picture in arrived:
        _check_picture(picture)
    assert not scope.arrivals(), "each picture arrives once"


def _quick(rig: Rig, scope: Guarded) -> Callable[[], object]:
    """A command that goes to the program."""
    order = (Capability.STAGE, Capability.RECORD, Capability.STATUS, Capability.WATCH)
    return _commands(rig, scope)[next(each for each in order if each in scope.capabilities)]


def _check_patience(rig: Rig, scope: Guarded) -> None:
    if rig.hang is None:
        return
    hasty = Guarded(scope.driver, scope.control, scope.journal, dict.fromkeys(("move_stage", "record", "status"), 0.3))
    with rig.hang(scope.driver):
        began = time.monotonic()
        _refused(_quick(rig, hasty), TimedOut, "a command that is not answered")
        assert time.monotonic() - began < 10, "a time-out of 0.3 s took longer than 10 s"
    _again(rig, scope, "after a time-out")
    if isinstance(scope.clock, VirtualClock):
        return
    with rig.hang(scope.driver):
        calling_off = threading.Timer(0.2, scope.control.cancelled.set)
        calling_off.start()
        _refused(_quick(rig, scope), Cancelled, "a command called off")
        calling_off.join()
        scope.control.cancelled.clear()
    _again(rig, scope, "after it was called off")


def _check_connection(rig: Rig, scope: Guarded) -> None:
    if rig.lose is None:
        return
    rig.lose(scope.driver)
    _refused(_quick(rig, scope), ConnectionLost, "a command without connection")
    scope.reconnect()
    _again(rig, scope, "after reconnecting")


def _check_cancelled(rig: Rig, scope: Guarded) -> None:
    before = rig.heard(scope.driver)
    scope.control.cancelled.set()
    for capability, command in _commands(rig, scope).items():
        if capability in scope.capabilities:
            _refused(command, Cancelled, f"{capability}: a command after the call to stop")
    assert rig.heard(scope.driver) == before, "a command was given after the call to stop"
    scope.control.cancelled.clear()


def _again(rig: Rig, scope: Guarded, when: str) -> None:
    try:
        _quick(rig, scope)()
    except CryogaugeError as error:
        raise AssertionError(f"{when} the microscope must be usable again: {error}") from error


def _check_journal(path: Path) -> None:
    entries = read_journal(path)
    assert all(entry.outcome for entry in entries), "a command has no outcome in the journal"


def _check_options(rig: Rig) -> None:
    wrong = replace(rig.settings, limits=LIMITS, options={**rig.settings.options, "no_such_option": 1})
    _refused(lambda: rig.connect(wrong, Control()), BadInput, "an option that is not there")


def _refused(command: Callable[[], object], kind: type[CryogaugeError], what: str) -> None:
    try:
        command()
    except kind:
        return
    except CryogaugeError as error:
        raise AssertionError(f"{what} must raise {kind.__name__}, not {type(error).__name__}: {error}") from error
    raise AssertionError(f"{what} must raise {kind.__name__}")
