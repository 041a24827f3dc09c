"""The SerialEM driver: units, order and versions of its calls, and what becomes of SerialEM's errors."""

import importlib.util
import math
import threading
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest

from cryogauge.collect.drivers import serialem
from cryogauge.collect.drivers.control import Control
from cryogauge.collect.drivers.journal import loaded_slot, read_journal
from cryogauge.collect.drivers.registry import guard
from cryogauge.records import BadInput
from cryogauge.records.faults import (
    CameraFault,
    Cancelled,
    ConnectionLost,
    FocusFault,
    LoaderFault,
    StageFault,
    TimedOut,
    Unsafe,
    Unsupported,
)
from cryogauge.records.microscope import Capability, Limits
from tests.collect.drivers.rigs import serialem_settings
from tests.collect.drivers.stand_in_sem import ROTATION, StandInSEM


@pytest.fixture(scope="module")
def world():
    """One SerialEM and one connection for the tests that leave both whole."""
    sem = StandInSEM()
    with guard(serialem.connect, serialem_settings(sem)) as scope:
        yield sem, scope
    sem.close()


@pytest.fixture
def sem(world):
    sem, _ = world
    sem.calls.clear()
    yield sem
    sem.fail.clear()


@pytest.fixture
def scope(world):
    return world[1]


def called(sem, name):
    return [call[1:] for call in sem.calls if call[0] == name]


def test_units_and_signs(sem, scope):
    scope.set_mode("exposure")
    scope.set_defocus(15_000.0)
    assert called(sem, "SetDefocus") == [(-1.5,)]  # µm, negative for underfocus
    assert scope.autofocus(20_000.0) == pytest.approx(20_000.0 - 200.0)
    assert called(sem, "SetTargetDefocus") == [(-2.0,)]
    picture = scope.record()
    assert picture.pixel_size_A == pytest.approx(1.7)  # 0.17 nm there
    assert picture.defocus_A == pytest.approx(20_000.0)
    assert scope.wait_for_drift(1.0) == pytest.approx(0.5)  # 0.05 nm/s there
    assert called(sem, "DriftWaitTask")[0][:2] == (1.0, "A")


def test_a_picture_is_the_buffers(sem, scope):
    scope.set_mode("square")
    picture = scope.record()
    y, x = np.indices((48, 64))
    assert picture.data.dtype == np.uint16
    assert np.array_equal(picture.data, 1000 + 10 * y + x)
    um = 0.12
    to_the_right = np.subtract(picture.stage_at(41.5, 23.5), (picture.stage.x_um, picture.stage.y_um))
    assert to_the_right == pytest.approx((10 * um * math.cos(ROTATION), 10 * um * math.sin(ROTATION)))
    sem.navigator = False
    assert scope.record().pixel_to_stage_um is None
    sem.navigator = True


def test_an_axis_that_stays_must_be_within_the_limits_too(sem, scope):
    sem.stage[1] = 2000.0  # somebody moved it by hand
    with pytest.raises(Unsafe, match="y_um = 2000"):
        scope.move_stage(x_um=1.0)
    assert called(sem, "MoveStageTo") == []
    scope.move_stage(x_um=1.0, y_um=2.0)


def test_modes_are_low_dose_areas_or_imaging_states(sem, scope):
    scope.set_mode("hole")
    scope.record()
    scope.set_mode("atlas")
    scope.record()
    names = [
        call[0]
        for call in sem.calls
        if call[0] in ("SetLowDoseMode", "GoToLowDoseArea", "GoToImagingState", "View", "Preview")
    ]
    assert names == ["SetLowDoseMode", "GoToLowDoseArea", "View", "GoToImagingState", "Preview"]


def test_image_shifts_are_absolute_along_the_stage(sem, scope):
    scope.set_image_shift(2.0, 1.0)
    scope.set_image_shift(-1.0, 0.5)
    assert sem.image_shift == [-1.0, 0.5]
    scope.set_image_shift(0.0, 0.0)
    scope.set_beam_shift(0.3, 0.0)
    scope.set_beam_shift(0.1, 0.1)
    assert sem.beam_shift == pytest.approx([0.1, 0.1])


def test_what_serialem_gave_up_without_an_error_is_a_fault(sem, scope):
    sem.largest_shift_um = 5.0
    with pytest.raises(StageFault, match=r"refused an image shift of 10\.0 µm"):
        scope.set_image_shift(8.0, 6.0)
    assert sem.image_shift == [0.0, 0.0]
    scope.set_image_shift(3.0, 0.0)
    sem.largest_shift_um = 1e9
    scope.set_image_shift(0.0, 0.0)
    for why in (-1, 1, 2):  # not measured; given up
        sem.focus_given_up, given_up = why, sem._AutoFocus
        sem._AutoFocus = lambda *_: None
        with pytest.raises(FocusFault, match="autofocus failed"):
            scope.autofocus(15_000.0)
        sem._AutoFocus = given_up
    scope.autofocus(15_000.0)


def test_shifts_of_the_beam_never_add_up_beyond_their_limit():
    sem = StandInSEM()
    with closing(sem), guard(serialem.connect, serialem_settings(sem)) as scope:
        scope.set_beam_shift(10.0, 0.0)
        scope.reconnect()
        scope.set_beam_shift(12.0, 0.0)
        assert sem.beam_shift == pytest.approx([12.0, 0.0])
        sem.fail["MoveBeamByMicrons"] = "not calibrated"
        with pytest.raises(StageFault, match="calibrated"):
            scope.set_beam_shift(1.0, 0.0)
        sem.fail.clear()
        scope.set_beam_shift(1.0, 0.0)
        assert sem.beam_shift == pytest.approx([1.0, 0.0])
        with sem.hanging(), pytest.raises(TimedOut), scope.control.limit(0.2, "a shift"):
            scope.driver.set_beam_shift(9.0, 0.0)
        with pytest.raises(StageFault, match="not known"):
            scope.set_beam_shift(9.0, 0.0)


def test_a_dose_is_given_by_the_time_and_the_time_put_back(sem, scope):
    scope.set_mode("exposure")
    scope.record(dose_e_A2=10.0, frames=True)  # a quarter of the usual 40
    assert sem.taken == ("Record", pytest.approx(0.75), True)
    assert (sem.exposures["R"], sem.saving) == (3.0, False)
    sem.fail["Record"] = "The camera is not inserted"
    with pytest.raises(CameraFault, match="not inserted"):
        scope.record(dose_e_A2=10.0)
    assert sem.exposures["R"] == 3.0
    scope.set_mode("hole")
    with pytest.raises(Unsupported, match="dose"):
        scope.record(dose_e_A2=1.0)


def test_a_dose_does_not_grow_when_the_time_was_not_put_back(world):
    sem, scope = world
    scope.set_mode("exposure")
    read_out, take = threading.Event(), sem._Record
    sem._Record = lambda: (take(), read_out.wait(10))
    with pytest.raises(TimedOut), scope.control.limit(0.5, "a picture"):
        scope.driver.record(dose_e_A2=80.0)
    sem._Record = take
    read_out.set()
    assert scope.record(dose_e_A2=80.0).dose_e_A2 == 80.0
    assert sem.taken[1] == pytest.approx(6.0)  # twice the usual 3 s, and not four times
    sem.fail["View"] = "not now"
    scope.set_mode("hole")
    sem.calls.clear()
    with pytest.raises(CameraFault):
        scope.record()
    assert called(sem, "RestoreCameraSet") == []
    sem.fail.clear()


def test_no_picture_is_taken_half_way_between_modes(sem, scope):
    scope.set_mode("hole")
    sem.fail["GoToLowDoseArea"] = "the filter is busy"
    with pytest.raises(CameraFault, match="busy"):
        scope.set_mode("exposure")
    with pytest.raises(BadInput, match="no mode"):
        scope.record()
    sem.fail.clear()
    scope.set_mode("exposure")
    assert scope.record().mode == "exposure"


def test_eucentricity_tilts_no_farther_than_the_limits():
    sem = StandInSEM()
    with closing(sem):
        for most_deg, which in ((65.0, [(3,)]), (15.0, [(1,)]), (5.0, [])):
            settings = replace(serialem_settings(sem), limits=Limits(tilt_deg=(-most_deg, most_deg)))
            with guard(serialem.connect, settings) as scope:
                sem.calls.clear()
                if which:
                    scope.find_eucentricity()
                else:
                    with pytest.raises(Unsafe, match="10"):
                        scope.find_eucentricity()
                assert called(sem, "Eucentricity") == which


def test_eucentricity_has_no_room_beyond_the_limits(sem, scope):
    scope.move_stage(z_um=0.0)
    sem.eucentric_z = 300.0  # limits: ±250
    with pytest.raises(FocusFault):
        scope.find_eucentricity()
    assert called(sem, "LimitNextRoughEucen") == [(250.0,)]
    assert sem.stage[2] == 0.0
    sem.eucentric_z = 20.0
    assert scope.find_eucentricity() == 20.0


def test_drift_that_stays(sem, scope):
    sem.drift_nm_s = 2.0
    with pytest.raises(FocusFault, match="20 Å/s"):
        scope.wait_for_drift(1.0)
    sem.drift_nm_s = 0.05


def test_errors_of_the_loader(sem, scope):
    scope.load_grid(1)
    assert sem.valves == 1
    assert {slot.number: slot.occupied for slot in scope.slots()} == {1: True, 2: True, 3: False, 4: None}
    with pytest.raises(LoaderFault, match="no grid in slot 3"):
        scope.load_grid(3)
    sem.jammed = True
    with pytest.raises(LoaderFault, match="autoloader"):
        scope.load_grid(2)
    assert sem.valves == 0  # closed for the loading, and left so
    sem.jammed, sem.loaded = False, 0
    status = {slot.number: slot for slot in scope.slots()}
    assert (status[4].occupied, status[3].occupied) == (None, None)  # −1 there: unknown; any may be in the column
    assert not any(slot.loaded for slot in status.values())


def test_the_loaded_grid_is_known_after_a_restart(tmp_path):
    sem = StandInSEM()
    with closing(sem):
        path = tmp_path / "journal.jsonl"
        with guard(serialem.connect, serialem_settings(sem), journal=path) as scope:
            scope.load_grid(2)
        settings = serialem_settings(sem, loaded=loaded_slot(read_journal(path)))
        with guard(serialem.connect, settings, journal=path) as scope:
            heard = sem.heard
            scope.load_grid(2)
            assert sem.heard == heard
            assert [slot.number for slot in scope.slots() if slot.loaded] == [2]
            scope.load_grid(1)
        assert loaded_slot(read_journal(path)) == 1


def test_a_grid_that_somebody_took_out_is_loaded_again(sem, scope):
    scope.load_grid(2)
    sem.loaded = 1  # by hand
    assert not any(slot.loaded for slot in scope.slots() if slot.number == 2)
    scope.load_grid(2)
    assert sem.loaded == 2


def test_it_leaves_properly():
    sem = StandInSEM("4.0")
    with closing(sem), guard(serialem.connect, serialem_settings(sem)) as scope:
        scope.set_mode("hole")
        assert scope.record().pixel_to_stage_um is None  # no such command yet
    assert sem.calls[-1] == ("Exit", 1)


def test_status(sem, scope):
    sem.filling, sem.valves = 1, 1
    assert (scope.status().dewars_filling, scope.status().valves_open) == (True, True)
    sem.filling = 0
    sem.fail["AreDewarsFilling"] = "not on this microscope"
    assert scope.status().dewars_filling is None


def test_waiting_is_given_up_and_the_late_answer_is_not_taken_for_the_next(world):
    sem, scope = world
    with sem.hanging():
        with pytest.raises(TimedOut), scope.control.limit(0.2, "a question"):
            scope.driver.stage()
        timer = threading.Timer(0.1, scope.control.cancelled.set)
        timer.start()
        with pytest.raises(Cancelled):
            scope.stage()
        timer.join()
        scope.control.cancelled.clear()
    scope.move_stage(x_um=7.0, y_um=8.0)
    assert scope.stage().x_um == 7.0


def test_serialem_goes_away_and_comes_back(world):
    sem, scope = world
    sem.drop()
    with pytest.raises(ConnectionLost):
        scope.stage()
    scope.driver._sem._process.kill()  # and the process dies too
    scope.driver._sem._process.wait()
    with pytest.raises(ConnectionLost):
        scope.stage()
    scope.reconnect()
    assert scope.stage().x_um == 7.0


def test_nobody_listens(tmp_path):
    sem = StandInSEM()
    settings = serialem_settings(sem)
    sem.close()
    with pytest.raises(ConnectionLost, match="error connecting"):
        serialem.connect(settings, Control())


def test_the_module_is_missing(sem, tmp_path):
    if importlib.util.find_spec("serialem"):
        pytest.skip("SerialEM's module is installed here")
    settings = serialem_settings(sem, module_folder=str(tmp_path))
    with pytest.raises(BadInput, match="serialem"):
        serialem.connect(settings, Control())


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"states": {}}, "atlas"),
        ({"states": {"atlas": {"area": "X"}}}, "atlas"),
        ({"states": {"atlas": {"state": "Atlas"}}}, "atlas"),
        ({"prot": 1}, "prot"),
    ],
)
def test_wrong_options_are_refused(sem, options, what):
    with pytest.raises(BadInput, match=what):
        serialem.connect(serialem_settings(sem, **options), Control())


def test_without_loader_or_filter():
    sem = StandInSEM()
    with closing(sem), guard(serialem.connect, serialem_settings(sem, slots=0, energy_filter=False)) as scope:
        driver = scope.driver
        assert not driver.capabilities & {Capability.LOAD, Capability.FILTER, Capability.ZERO_LOSS}
        scope.set_mode("hole")
        assert scope.record().slit_in is None
