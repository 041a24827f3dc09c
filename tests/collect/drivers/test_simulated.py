"""The simulated microscope against what it is said to do: errors, drift, height, dose, costs, faults, its memory."""

import math
from contextlib import suppress
from dataclasses import asdict

import numpy as np
import pytest

from cryogauge.collect.drivers.journal import read_journal
from cryogauge.collect.drivers.registry import guard
from cryogauge.collect.drivers.simulated import connect
from cryogauge.collect.drivers.simulated.faults import KINDS
from cryogauge.io import open_volume
from cryogauge.records import BadInput, CryogaugeError, Retryable
from cryogauge.records.faults import (
    CameraFault,
    ConnectionLost,
    FocusFault,
    LoaderFault,
    StageFault,
    TimedOut,
    Unsupported,
)
from cryogauge.records.microscope import Limits, Mode, Settings
from tests.collect.drivers import stand_in_grid
from tests.collect.drivers.rigs import SIM_MODES, simulated, simulated_settings

EXACT = {
    "stage_error_um": 0.0,
    "backlash_um": 0.0,
    "readback_um": 0.0,
    "drift_A_s": 0.0,
    "shift_error": 0.0,
    "eucentric_error_um": 0.0,
    "autofocus_error_A": 0.0,
}


def opened(mechanics=None, **options):
    scope = guard(simulated, simulated_settings(mechanics=mechanics or {}, **options))
    scope.load_grid(1)
    return scope


def test_the_stage_stops_beside_and_does_not_know():
    scope = opened()
    errors = []
    for n in range(200):
        scope.move_stage(x_um=100.0 * (n % 2), y_um=50.0)
        read, truth = scope.stage(), scope.driver.truth_um
        errors.append(truth[0] - read.x_um)
        assert abs(read.x_um - 100.0 * (n % 2)) < 0.1
    forth, back = np.array(errors[1::2]), np.array(errors[::2])
    assert abs(forth.mean()) < 0.08
    assert abs(back[1:].mean() + 0.4) < 0.08  # from above it stays short by the backlash
    assert 0.2 < forth.std() < 0.3


def test_drift_falls_as_said_and_waiting_ends_when_it_has():
    scope = opened({"drift_A_s": 24.0, "drift_decay_s": 14.0, "drift_floor_A_s": 0.0})
    scope.move_stage(x_um=200.0)
    began = scope.clock.now_s
    rate = scope.wait_for_drift(1.0)
    waited = scope.clock.now_s - began
    assert rate <= 1.0
    needed = 14.0 * math.log(24.0)
    assert needed - 1 < waited < needed + 6.0  # it looks every 5 s
    assert rate == pytest.approx(24.0 * math.exp(-waited / 14.0), rel=0.05)
    scope.move_stage(x_um=200.5)  # after a small step there is a quarter of it
    assert math.hypot(*scope.driver._stage.drift(scope.clock.now_s)) < 7


def test_drift_blurs_a_picture_and_moves_a_movie(tmp_path):
    scope = opened({"frames": 4, "exposure_s": 2.0}, frames_folder=str(tmp_path))
    scope.set_mode("exposure")
    scope.move_stage(x_um=150.0)
    x, y = scope.driver._stage.drift(scope.clock.now_s + scope.driver.simulation.costs.read_s)
    scope.record()
    assert stand_in_grid.asked["drift_A"] == pytest.approx((2.0 * x, 2.0 * y))
    picture = scope.record(frames=True)
    path = stand_in_grid.asked["drift_px"]
    assert path.shape == (4, 2)
    assert np.allclose(np.diff(path, axis=0), path[1] - path[0])
    movie = open_volume(picture.frames)
    assert movie.shape == (4, *SIM_MODES["exposure"].shape_px)
    assert np.allclose(np.asarray(movie.data).sum(axis=0), picture.data, rtol=1e-4)


def test_what_is_off_in_height_is_off_in_focus_and_slides_when_tilted():
    scope = opened(EXACT)
    z_um = scope.driver.specimen.eucentric_z_um(0.0, 0.0)
    scope.move_stage(x_um=0.0, y_um=0.0, z_um=z_um + 3.0)
    scope.set_defocus(10_000.0)
    scope.record()
    assert stand_in_grid.asked["defocus_A"] == pytest.approx(40_000.0)  # 3 µm too high: as much more underfocus
    scope.move_stage(tilt_deg=30.0)
    assert scope.driver.truth_um[0] == pytest.approx(1.5, abs=0.05)
    assert scope.find_eucentricity() == pytest.approx(z_um, abs=0.1)
    scope.set_defocus(0.0)
    scope.record()
    assert abs(stand_in_grid.asked["defocus_A"]) < 1000
    assert scope.stage().tilt_deg == 0.0


def test_autofocus_needs_to_be_near():
    scope = opened(EXACT)
    z_um = scope.driver.specimen.eucentric_z_um(0.0, 0.0)
    scope.move_stage(z_um=z_um + 4.0)
    assert scope.autofocus(15_000.0) == pytest.approx(15_000.0)
    scope.record()
    assert stand_in_grid.asked["defocus_A"] == pytest.approx(15_000.0, abs=1.0)
    scope.move_stage(z_um=z_um + 20.0)
    with pytest.raises(FocusFault, match="20 µm"):
        scope.autofocus(15_000.0)
    scope.move_stage(z_um=z_um + 150.0)
    with pytest.raises(FocusFault, match="too far"):
        scope.find_eucentricity()


def test_dose_stays_where_it_fell():
    scope = opened(EXACT)
    scope.set_mode("exposure")
    scope.record()
    scope.record(dose_e_A2=20.0)
    assert stand_in_grid.asked["prior_dose_e_A2"] == 50.0
    specimen = scope.driver.specimen
    assert specimen.dose_at(*scope.driver.truth_um) == 70.0
    scope.move_stage(x_um=30.0)
    scope.record()
    assert stand_in_grid.asked["prior_dose_e_A2"] == 0.0
    scope.autofocus(0.0) if abs(scope.driver._off_um()) < 10 else scope.find_eucentricity()
    x, y = scope.driver.truth_um
    assert specimen.dose_at(x, y) == 50.0  # focus is exposed beside it
    scope.load_grid(3)
    assert scope.driver.specimen.dose_at(x, y) == 0.0
    scope.load_grid(1)
    assert scope.driver.specimen.dose_at(x, y) == 50.0


def test_exposed_places_are_darker_at_low_magnification():
    scope = opened(EXACT)
    specimen = scope.driver.specimen
    specimen.expose((1.0, 0.0), 0.5, 1000.0)
    scope.move_stage(x_um=0.0, y_um=0.0)
    scope.set_mode("hole")
    picture = scope.record(dose_e_A2=50.0)
    row, column = 32, round(31.5 + 1.0 / 0.02)
    assert picture.stage_at(31.5 + 1.0 / 0.02, 31.5) == pytest.approx((1.0, 0.0))
    dark, left = picture.data[row - 5 : row + 5, 55:].mean(), picture.data[row - 5 : row + 5, :8].mean()
    assert column > 63  # its middle lies outside, its edge does not
    assert dark < left
    assert not specimen.expose((0.0, 0.0), 0.5, 0.1)  # too little to matter


def test_pictures_know_where_they_are():
    scope = opened(EXACT)
    scope.set_mode("hole")
    scope.move_stage(x_um=3.0, y_um=0.0)
    scope.set_image_shift(0.5, -0.25)
    assert scope.driver.truth_um == pytest.approx((3.5, -0.25), abs=1e-3)
    picture = scope.record(dose_e_A2=50.0)
    bright = np.argwhere(picture.data > picture.data.mean())
    columns = bright[:, 1]  # the disc of 2 µm about (0, 0) is to the left
    assert columns.size == 0 or picture.stage_at(columns.max(), 31.5)[0] < 10


def test_beam_and_slit():
    scope = opened({**EXACT, "zero_loss_eV_h": 1.0, "slit_eV": 20.0})
    scope.set_mode("hole")
    whole = scope.record(dose_e_A2=0.4).data.mean()
    scope.set_beam_shift(0.8, 0.0)
    shifted = scope.record(dose_e_A2=0.4).data
    assert shifted[:, 0].mean() < 0.5 * shifted[:, -20:].mean()
    scope.set_beam_shift(0.0, 0.0)
    scope.clock.sleep(10 * 3600)  # the peak is 10 eV off: half of it passes
    assert scope.record(dose_e_A2=0.4).data.mean() == pytest.approx(0.5 * whole, rel=0.1)
    scope.refine_zero_loss()
    assert scope.record(dose_e_A2=0.4).data.mean() == pytest.approx(whole, rel=0.03)


def test_dewars_are_filled():
    scope = opened({"dewars_every_s": 3600.0, "dewars_for_s": 600.0})
    filling = []
    for _ in range(120):
        filling.append(scope.status().dewars_filling)
        scope.clock.sleep(60.0)
    assert 0.12 < np.mean(filling) < 0.22


def test_steps_take_about_what_they_took_in_a_recorded_session():
    """Between exposures: 91 s to the next hole, 185 s to the next patch, 193 s to the next square."""
    scope = opened(frames_folder="unused")
    scope.move_stage(x_um=0.0, y_um=0.0)
    scope.find_eucentricity()

    def hole(by=2.0):
        scope.set_mode("exposure")
        scope.move_stage(x_um=scope.stage().x_um + by)
        scope.wait_for_drift(1.0)
        scope.autofocus(15_000.0)
        scope.record()
        scope.clock.sleep(scope.driver.simulation.costs.frames_s)

    def patch(by=12.0):
        scope.set_mode("hole")
        scope.move_stage(x_um=scope.stage().x_um + by)
        scope.find_eucentricity()
        scope.record()
        hole()

    def square():
        scope.set_mode("atlas")
        scope.move_stage(x_um=scope.stage().x_um + 100.0)
        scope.record()
        patch()

    for step, told in ((hole, 91.0), (patch, 185.0), (square, 193.0)):
        before = scope.clock.now_s
        step()
        assert scope.clock.now_s - before == pytest.approx(told, rel=0.12)


def test_the_same_seed_gives_the_same_session():
    def run(seed):
        scope = opened(seed=seed, fault_rates={"stuck stage": 0.3})
        means = []
        for n in range(6):
            try:
                scope.move_stage(x_um=20.0 * n)
            except StageFault:
                means.append(-1.0)
            means.append(float(scope.record().data.mean()))
        return means, scope.clock.now_s

    assert run(3) == run(3)
    assert run(3) != run(4)


@pytest.mark.parametrize(
    ("kind", "fault", "command"),
    [
        ("stuck stage", StageFault, lambda scope: scope.move_stage(x_um=30.0)),
        ("wrong readback", StageFault, lambda scope: scope.move_stage(x_um=30.0)),
        ("jam", LoaderFault, lambda scope: scope.load_grid(3)),
        ("blank", CameraFault, lambda scope: scope.record()),
        ("half image", CameraFault, lambda scope: scope.record()),
        ("saturated", CameraFault, lambda scope: scope.record()),
        ("hang", TimedOut, lambda scope: scope.move_stage(x_um=30.0)),
    ],
)
def test_each_fault_is_noticed_once(kind, fault, command):
    at = {"jam": 1, "hang": 1}.get(kind, 0)
    scope = opened(faults=[{"kind": kind, "at": at}])
    with pytest.raises(fault):
        command(scope)
    assert scope.driver.faults.struck == [kind]
    command(scope)
    assert set(scope.driver.faults.struck) == {kind}


def test_a_full_disk(tmp_path):
    scope = opened({"frames": 2}, faults=[{"kind": "full disk", "at": 0}], frames_folder=str(tmp_path / "frames"))
    with pytest.raises(Retryable, match="no space"):
        scope.record(frames=True)
    assert scope.record(frames=True).frames
    with pytest.raises(Unsupported):
        opened().record(frames=True)


def test_a_lost_connection_may_or_may_not_have_done_it():
    there = set()
    for seed in range(8):
        scope = opened(EXACT, seed=seed, faults=[{"kind": "lost connection", "at": 1}])
        with pytest.raises(ConnectionLost):
            scope.move_stage(x_um=30.0)
        with pytest.raises(ConnectionLost):
            scope.stage()
        scope.reconnect()
        there.add(scope.stage().x_um)
    assert there == {0.0, 30.0}


def test_a_command_past_the_guard_is_counted_and_moves_nothing():
    scope = opened(EXACT)
    driver = scope.driver
    for command in (
        lambda: driver.move_stage(x_um=1e5),
        lambda: driver.move_stage(z_um=math.nan),
        lambda: driver.set_image_shift(100.0, 0.0),
        lambda: driver.set_beam_shift(0.0, 100.0),
        lambda: driver.set_defocus(1e9),
        lambda: driver.record(1e4),
    ):
        with pytest.raises(StageFault, match="outside its limits"):
            command()
    assert driver.unsafe_moves == 6
    assert driver.stage().x_um == 0.0


def test_it_is_where_it_was_when_the_program_was_killed(tmp_path):
    options = {"memory": str(tmp_path / "memory.jsonl")}
    scope = opened(**options)
    scope.set_mode("exposure")
    scope.move_stage(x_um=12.0, tilt_deg=5.0)
    scope.set_defocus(9_000.0)
    scope.set_image_shift(1.0, 2.0)
    scope.record()
    before = (asdict(scope.driver._stage.asked), scope.clock.now_s, scope.driver.specimen.exposed)
    # no close: it was killed, within a line
    with (tmp_path / "memory.jsonl").open("ab") as file:
        file.write(b'{"state": {"now')
    scope.driver.close()
    again = guard(simulated, simulated_settings(**options))
    assert (asdict(again.driver._stage.asked), again.clock.now_s, again.driver.specimen.exposed) == before
    assert [slot.number for slot in again.slots() if slot.loaded] == [1]
    picture = again.record()
    assert (picture.mode, picture.image_shift_um, picture.defocus_A) == ("exposure", (1.0, 2.0), 9_000.0)
    assert stand_in_grid.asked["prior_dose_e_A2"] == 50.0
    again.close()
    (tmp_path / "memory.jsonl").write_text("a letter\n")
    with pytest.raises(BadInput, match="memory"):
        simulated_settings(**options) and guard(simulated, simulated_settings(**options))


def test_heights_outside_the_limits_are_not_gone_to():
    tight = Settings(SIM_MODES, Limits(z_um=(-0.5, 0.5)), {"grids": {1: None}, "seed": 5})
    scope = guard(simulated, tight)
    scope.load_grid(1)
    assert abs(scope.driver.specimen.eucentric_z_um(0.0, 0.0)) > 1.0
    with pytest.raises(FocusFault, match="outside the limits"):
        scope.find_eucentricity()
    assert abs(scope.stage().z_um) < 0.1


@pytest.mark.parametrize(
    "options",
    [
        {"surprise": 1},
        {"grids": {99: None}},
        {"costs": {"coffee_s": 60}},
        {"mechanics": {"springs": 2}},
        {"faults": [{"kind": "fire", "at": 0}]},
        {"fault_rates": {"blank": 2.0}},
    ],
)
def test_wrong_options_are_refused(options):
    with pytest.raises(BadInput):
        guard(simulated, Settings(SIM_MODES, Limits(), options))


def test_wrong_grids_and_optics_are_refused():
    for grid, said in (({"meshes": 1}, "slot 2: no option is called 'meshes'"), ({"ice_nm": "thick"}, "ice_nm cannot")):
        with pytest.raises(BadInput, match=said):  # before a session has spent its time on the first grid
            guard(connect, Settings(options={"grids": {1: {}, 2: grid}}))
    with pytest.raises(BadInput, match="lens"):
        guard(connect, Settings(options={"optics": {"lens": 1}}))


def test_every_kind_of_fault_is_described():
    assert all(":" in where for where in KINDS.values())


def test_a_real_grid_is_pictured():
    """The simulation of grids in the column: what it shows follows from where the stage is."""
    modes = {"atlas": Mode("atlas", 8000.0, (64, 64), 0.01)}
    with guard(connect, Settings(modes, options={"grids": {1: {"mesh": 300}}, "mechanics": EXACT})) as scope:
        scope.load_grid(1)
        scope.move_stage(x_um=0.0, y_um=0.0)
        here = scope.record().data
        scope.move_stage(x_um=8.0 * modes["atlas"].pixel_size_A / 1e4)  # by eight pixels
        beside = scope.record().data
    assert here.std() > 0.2 * here.mean()  # bars and foil
    overlap = np.corrcoef(here[:, 8:].ravel(), beside[:, :-8].ravel())[0, 1]
    assert overlap > 0.8
    assert overlap > np.corrcoef(here.ravel(), beside.ravel())[0, 1]


def test_a_thousand_faults(tmp_path):
    """Every one is noticed and has a type, nothing leaves the limits, and the journal is whole."""
    often = dict.fromkeys(KINDS, 0.15) | {"full disk": 0.0, "jam": 0.5}
    tiny = {"exposure": Mode("exposure", 1.7, (16, 16), 1.0)}
    settings = Settings(tiny, Limits(), {"grids": {1: None, 2: None}, "seed": 2, "fault_rates": often})
    rng = np.random.default_rng(0)
    path = tmp_path / "journal.jsonl"
    with guard(simulated, settings, journal=path) as scope:
        faults = scope.driver.faults
        while len(faults.struck) < 1000:
            x, y = rng.uniform(-1200.0, 1200.0, 2)  # some of them outside
            for command in (
                scope.reconnect,
                lambda: scope.load_grid(int(rng.integers(1, 4))),
                lambda x=x, y=y: scope.move_stage(x_um=x, y_um=y),
                scope.find_eucentricity,
                lambda: scope.autofocus(15_000.0),
                scope.record,
            ):
                with suppress(CryogaugeError):
                    command()
        assert scope.driver.unsafe_moves == 0
        assert set(faults.struck) == KINDS.keys() - {"full disk"}
    entries = read_journal(path)
    assert all(entry.outcome for entry in entries)
    told = {entry.fault for entry in entries if entry.outcome == "failed"}
    assert told >= {"ConnectionLost", "TimedOut", "StageFault", "LoaderFault", "CameraFault", "FocusFault"}
    assert {entry.fault for entry in entries if entry.outcome == "refused"} == {"Unsafe"}
