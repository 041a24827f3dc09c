"""Every driver of ours passes the suite against a stand-in of its program; a driver that breaks a rule does not."""

import sys
from dataclasses import replace

import pytest

from cryogauge.collect.drivers.simulated import SimulatedMicroscope
from cryogauge.records import CryogaugeError
from cryogauge.records.microscope import Capability, Limits
from cryogauge.testing.drivers import check_driver
from tests.collect.drivers.rigs import epu_rig, leginon_rig, serialem_rig, simulated_rig, temscript_rig
from tests.collect.drivers.stand_in_grid import SOURCE
from tests.collect.drivers.stand_in_pytemscript import StandInTem, module
from tests.collect.drivers.stand_in_sem import StandInSEM


@pytest.mark.parametrize(("version", "jeol"), [("4.2", False), ("4.0", False), ("4.2", True)])
def test_serialem(tmp_path, version, jeol):
    sem = StandInSEM(version, jeol)
    try:
        check_driver(serialem_rig(sem), tmp_path)
    finally:
        sem.close()


def test_temscript(tmp_path, monkeypatch):
    tem = StandInTem()
    for name, each in module(tem).items():
        monkeypatch.setitem(sys.modules, name, each)
    check_driver(temscript_rig(tem), tmp_path)


def test_epu(tmp_path):
    session = tmp_path / "session"
    session.mkdir()
    check_driver(epu_rig(session), tmp_path)


def test_leginon(tmp_path):
    session = tmp_path / "session"
    session.mkdir()
    check_driver(leginon_rig(session), tmp_path)


class Careless(SimulatedMicroscope):
    """Drivers with one mistake each."""

    mistake = ""

    def __init__(self, settings, control):
        options = dict(settings.options)
        if self.mistake == "takes any option":
            options.pop("no_such_option", None)
        super().__init__(replace(settings, options=options), control, SOURCE)
        if self.mistake == "denies what it can":
            self.capabilities -= {Capability.DEFOCUS}
        if self.mistake == "sets its own limits":
            self.limits = Limits()

    def stage(self):
        read = super().stage()
        return replace(read, y_um=-read.y_um) if self.mistake == "turns an axis" else read

    def move_stage(self, **axes):
        if self.mistake == "moves other axes too":
            axes = {"y_um": 0.0, **axes}
        super().move_stage(**axes)

    def set_image_shift(self, x_um, y_um):
        if self.mistake == "shifts by and not to":
            x_um, y_um = self._image_shift_um[0] + x_um, self._image_shift_um[1] + y_um
        super().set_image_shift(x_um, y_um)

    def record(self, dose_e_A2=None, frames=False):
        picture = super().record(dose_e_A2, frames)
        if self.mistake == "turns the sign of defocus":
            return replace(picture, defocus_A=-picture.defocus_A)
        if self.mistake == "takes nm for Å":
            return replace(picture, pixel_size_A=picture.pixel_size_A / 10)
        if self.mistake == "calibrates in Å":
            return replace(picture, pixel_to_stage_um=((1700.0, 0.0), (0.0, 1700.0)))
        if self.mistake == "has columns before rows":
            return replace(picture, data=picture.data.T)
        return picture

    def autofocus(self, defocus_A):
        measured = super().autofocus(defocus_A)
        return -measured if self.mistake == "focuses over for under" else measured

    def reconnect(self):
        if self.mistake != "stays away":
            super().reconnect()

    def _answer(self):
        if self._lost and self.mistake == "raises what it likes":
            raise ValueError("socket error 10054")
        super()._answer()

    def load_grid(self, slot):
        if slot == self._slot and self.mistake == "loads what is loaded":
            self.commands += 5
        super().load_grid(slot)


MISTAKES = {
    "takes any option": "option",
    "denies what it can": "without defocus",
    "sets its own limits": "limits",
    "turns an axis": "sent to|reads",
    "moves other axes too": "must stay|must leave the position",
    "shifts by and not to": "absolute",
    "turns the sign of defocus": "12,000",
    "takes nm for Å": "pixel size|µm a pixel",
    "calibrates in Å": "µm a pixel",
    "has columns before rows": "pixels, not",
    "focuses over for under": "underfocus is positive",
    "stays away": "usable again|ConnectionLost|not answer",
    "loads what is loaded": "must do nothing",
}


@pytest.mark.parametrize(("mistake", "told"), MISTAKES.items())
def test_a_mistake_is_found(tmp_path, mistake, told):
    rig = replace(simulated_rig(tmp_path / "frames"), connect=type("One", (Careless,), {"mistake": mistake}))
    with pytest.raises((AssertionError, CryogaugeError), match=told):
        check_driver(rig, tmp_path)


def test_an_error_without_a_type_comes_through(tmp_path):
    rig = replace(
        simulated_rig(tmp_path / "frames"), connect=type("One", (Careless,), {"mistake": "raises what it likes"})
    )
    with pytest.raises(ValueError, match="10054"):
        check_driver(rig, tmp_path)


def test_the_careless_driver_without_mistake_passes(tmp_path):
    check_driver(replace(simulated_rig(tmp_path / "frames"), connect=Careless), tmp_path)
