"""Drivers are found by their names and loaded when they are wanted."""

import math
import threading
from importlib.metadata import EntryPoint

import pytest

from cryogauge.collect.drivers import registry, simulated
from cryogauge.collect.drivers.control import Control
from cryogauge.collect.drivers.journal import read_journal
from cryogauge.collect.drivers.registry import known_drivers, open_microscope, settings_from
from cryogauge.records import BadInput
from cryogauge.records.faults import Cancelled, TimedOut
from cryogauge.records.microscope import DRIVER_GROUP, Limits, Microscope, Mode, Settings
from tests.collect.drivers.rigs import simulated_settings


@pytest.fixture
def installed(monkeypatch):
    entries = [
        EntryPoint("standin", "tests.collect.drivers.rigs:simulated", DRIVER_GROUP),
        EntryPoint("broken", "no.such.module:connect", DRIVER_GROUP),
    ]
    monkeypatch.setattr(registry, "entry_points", lambda group: entries if group == DRIVER_GROUP else [])


def test_a_microscope_by_name(installed, tmp_path):
    assert set(known_drivers()) == {"standin", "broken"}
    stop = threading.Event()
    path = tmp_path / "journal.jsonl"
    with open_microscope(
        "standin", simulated_settings(), journal=path, cancelled=stop, timeouts_s={"load_grid": 1e4}
    ) as scope:
        assert isinstance(scope, Microscope)
        assert isinstance(scope.driver, Microscope)
        scope.load_grid(1)
        stop.set()
        with pytest.raises(Cancelled):
            scope.move_stage(x_um=1.0)
        stop.clear()
        scope.stop()
        with pytest.raises(Cancelled):
            scope.stage()
    assert [entry.outcome for entry in read_journal(path)] == ["done", "failed", "failed"]


def test_a_command_has_its_own_time(installed):
    scope = open_microscope("standin", simulated_settings(), timeouts_s={"load_grid": 10.0})
    with pytest.raises(TimedOut, match="load_grid"):
        scope.load_grid(1)


def test_a_time_for_no_command(installed):
    with pytest.raises(BadInput, match="make_coffee"):
        open_microscope("standin", simulated_settings(), timeouts_s={"make_coffee": 10.0})


def test_drivers_that_are_not_there(installed):
    with pytest.raises(BadInput, match="nothing") as told:
        open_microscope("nothing")
    assert "standin" in told.value.hint
    with pytest.raises(BadInput, match=r"no\.such\.module"):
        open_microscope("broken")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"slots": "a"}, "slots"),
        ({"seed": True}, "seed"),
        ({"seed": -1}, "seed"),
        ({"grids": ["a"]}, "grids"),
        ({"grids": {"a": 1}}, "slot a"),
        ({"costs": 5}, "costs"),
        ({"costs": {"load_s": "a"}}, "costs: load_s"),
        ({"costs": {"load_s": -5.0}}, "load_s"),
        ({"mechanics": {"drift_decay_s": 0.0}}, "drift_decay_s"),
        ({"faults": "blank"}, "faults"),
        ({"faults": [{"kind": "blank"}]}, "at is not given"),
        ({"faults": [{"kind": "blank", "at": "now"}]}, "at cannot be 'now'"),
        ({"fault_rates": ["blank"]}, "fault_rates"),
        ({"fault_rates": {"blank": "often"}}, "often"),
        ({"memory": 5}, "memory"),
        ({"memory": "/no/such/folder/memory"}, "memory"),
    ],
)
def test_options_that_cannot_be(options, told):
    with pytest.raises(BadInput, match=told):
        simulated.connect(Settings(options={"grids": {1: None}, **options}), Control())


def test_numbers_that_yaml_takes_for_text():
    assert settings_from({"limits": {"dose_e_A2": "6e1"}}).limits.dose_e_A2 == 60.0


def test_settings_of_a_file():
    values = {
        "modes": {"atlas": {"pixel_size_A": 4000, "shape_px": [512, 768], "dose_e_A2": 0.01}},
        "limits": {"x_um": [-800, 800], "dose_e_A2": 60},
        "options": {"seed": 3},
    }
    settings = settings_from(values)
    assert settings.modes == {"atlas": Mode("atlas", 4000.0, (512, 768), 0.01)}
    assert settings.limits == Limits(x_um=(-800, 800), dose_e_A2=60)
    assert settings.options == {"seed": 3}
    assert settings_from({}) == Settings()


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"mode": {}}, "'mode'"),
        ({"modes": {"a": {"pixel_size_A": 1.0}}}, "shape_px"),
        ({"modes": {"a": {"pixel_size_A": 1.0, "shape_px": [5]}}}, "mode a"),
        ({"modes": {"a": {"pixel_size_A": 0.0, "shape_px": [5, 5]}}}, "0 Å"),
        ({"modes": {"a": {"pixel_size_nm": 1.0, "shape_px": [5, 5]}}}, "pixel_size_nm"),
        ({"limits": {"x": [0, 1]}}, "'x'"),
        ({"limits": {"x_um": [1, 0]}}, "x_um"),
        ({"limits": {"x_um": 980}}, "limits: x_um cannot be 980"),
        ({"limits": {"x_um": [-980]}}, "x_um"),
        ({"limits": {"x_um": [True, 2]}}, "x_um"),
        ({"limits": {"x_um": None}}, "x_um"),
        ({"limits": {"image_shift_um": [0, 5]}}, "image_shift_um"),
        ({"limits": {"image_shift_um": "far"}}, "image_shift_um"),
        ({"limits": {"dose_e_A2": math.nan}}, "dose_e_A2"),
        ({"limits": [1, 2]}, "limits"),
        ({"modes": ["a"]}, "modes"),
        ({"modes": {"a": 5}}, "mode a"),
        ({"modes": {"a": {"pixel_size_A": math.inf, "shape_px": [5, 5]}}}, "inf Å"),
        ({"modes": {"a": {"pixel_size_A": 1.0, "shape_px": [5.5, 5]}}}, "shape_px"),
        ({"options": ["a"]}, "options"),
        (5, "the microscope"),
    ],
)
def test_settings_that_cannot_be(values, told):
    with pytest.raises(BadInput, match=told):
        settings_from(values)
