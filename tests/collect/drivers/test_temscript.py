"""The temscript driver: units and order of its calls; the real package over a stand-in of the scripting interface."""

import math
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from cryogauge.collect.drivers import temscript
from cryogauge.collect.drivers.control import Control
from cryogauge.collect.drivers.registry import guard
from cryogauge.records import BadInput
from cryogauge.records.faults import CameraFault, ConnectionLost, LoaderFault, StageFault, TimedOut
from cryogauge.records.microscope import Capability
from tests.collect.drivers.rigs import TEM_MODES, TEM_STATES, temscript_settings
from tests.collect.drivers.stand_in_pytemscript import StandInTem, module


@pytest.fixture
def tem(monkeypatch):
    tem = StandInTem()
    for name, each in module(tem).items():
        monkeypatch.setitem(sys.modules, name, each)
    return tem


@pytest.fixture
def scope(tem):
    with guard(temscript.connect, temscript_settings()) as scope:
        yield scope


def test_units_and_signs(tem, scope):
    scope.set_mode("hole")
    scope.set_defocus(15_000.0)  # Å of underfocus: −1.5 µm there
    assert tem.values["defocus"] == pytest.approx(-1.5)
    picture = scope.record()
    assert picture.defocus_A == pytest.approx(15_000.0)
    assert picture.pixel_size_A == pytest.approx(200.0)  # 2e-8 m there
    assert tem.values["magnification_index"] == 17
    assert tem.acquired == [("BM-Falcon", 1.0, 2, {})]


def test_image_shift_goes_through_the_calibration(tem, scope):
    scope.set_image_shift(1.0, 2.0)
    x, y = tem.values["image_beam_shift"]
    assert (0.0 * x - 1.1 * y, 1.1 * x + 0.0 * y) == pytest.approx((1.0, 2.0))


def test_a_dose_is_given_by_the_time(tem, scope):
    scope.set_mode("exposure")
    scope.record(dose_e_A2=20.0)  # half the usual 40
    assert tem.acquired[-1][1] == pytest.approx(2.0)


def test_the_beam_is_on_the_specimen_for_pictures_alone(tem, scope):
    scope.set_mode("exposure")
    scope.move_stage(x_um=3.0)
    scope.record()
    tem.blanked = False  # by hand
    scope.move_stage(x_um=5.0)
    tem.fail["acquire"] = "TIA is not running"
    with pytest.raises(CameraFault):
        scope.record()
    assert set(tem.lit) == {"blanker", "acquire"}
    assert tem.blanked


def test_a_picture_that_hangs_is_followed_by_blanking(tem):
    with guard(temscript.connect, temscript_settings(), timeouts_s={"record": 0.2}) as scope:
        scope.set_mode("exposure")
        record = tem.acquired
        with tem.hanging(only="acquire"), pytest.raises(TimedOut):
            scope.record()
        assert scope.stage().x_um == 0.0  # waits for what was left
        assert len(record) == 1
        assert tem.blanked


def test_valves_are_closed_for_loading(tem, scope):
    scope.load_grid(2)
    assert tem.column_open
    assert [slot.number for slot in scope.slots() if slot.loaded] == [2]
    with pytest.raises(LoaderFault, match="slot 3"):
        scope.load_grid(3)
    tem.fail["load_cartridge"] = "the gripper is stuck"
    with pytest.raises(LoaderFault, match="gripper"):
        scope.load_grid(1)
    assert not any(slot.loaded for slot in scope.slots())


def test_a_grid_that_somebody_took_out_is_loaded_again(tem, scope):
    scope.load_grid(2)
    tem.loaded = 1  # by hand
    scope.load_grid(2)
    assert tem.loaded == 2
    assert [slot.number for slot in scope.slots() if slot.loaded] == [2]


def test_which_slot_is_empty_is_not_told_while_any_grid_may_be_in_the_column(tem, scope):
    tem.loaded = 1
    assert [slot.occupied for slot in scope.slots()] == [None, True, None]
    scope.load_grid(2)
    assert [slot.occupied for slot in scope.slots()] == [True, True, False]


def test_no_picture_is_taken_half_way_between_modes(tem, scope):
    scope.set_mode("atlas")
    tem.fail["spotsize"] = "not now"
    with pytest.raises(CameraFault, match="not now"):
        scope.set_mode("hole")
    with pytest.raises(BadInput, match="no mode"):
        scope.record()


def test_faults_have_types(tem, scope):
    tem.fail["go_to"] = "Stage position is out of range"
    with pytest.raises(StageFault, match="out of range"):
        scope.move_stage(x_um=1.0)
    tem.fail["acquire"] = "TIA is not running"
    scope.set_mode("atlas")
    with pytest.raises(CameraFault, match="TIA"):
        scope.record()
    tem.lost = True
    with pytest.raises(ConnectionLost):
        scope.stage()
    scope.reconnect()
    assert scope.stage().x_um == 0.0


def test_status_leaves_out_what_is_not_told(tem, scope):
    tem.filling = True
    status = scope.status()
    assert (status.dewars_filling, status.vacuum_ready, status.temperature_K) == (True, True, None)


def test_capabilities_follow_the_options(tem):
    bare = temscript_settings(loader=False, slit_eV=0.0, shift_to_stage=None)
    can = temscript.connect(bare, Control()).capabilities
    assert not can & {Capability.LOAD, Capability.FILTER, Capability.IMAGE_SHIFT, Capability.AUTOFOCUS}


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"states": {}}, "magnification_index|camera"),
        ({"shift_to_stage": ((1.0, 1.0), (1.0, 1.0))}, "shift_to_stage"),
        ({"shift_to_stage": (1.0, 2.0)}, "shift_to_stage"),
        ({"shift_to_stage": [["a", "b"], ["c", "d"]]}, "shift_to_stage"),
        ({"states": {**TEM_STATES, "hole": 17}}, "hole"),
        ({"states": {**TEM_STATES, "hole": {**TEM_STATES["hole"], "exposure_s": -1.0}}}, "exposure_s"),
        ({"states": {**TEM_STATES, "hole": {**TEM_STATES["hole"], "pixel_to_stage_um": 3}}}, "pixel_to_stage_um"),
    ],
)
def test_wrong_options_are_refused(tem, options, what):
    with pytest.raises(BadInput, match=what):
        temscript.connect(temscript_settings(**options), Control())


def test_a_missing_package_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "pytemscript", None)
    monkeypatch.setitem(sys.modules, "pytemscript.microscope", None)
    with pytest.raises(BadInput, match="pytemscript"):
        temscript.connect(temscript_settings(), Control())


def test_the_real_package(monkeypatch):
    """pytemscript itself, its client answering from objects with the names of the scripting interface."""
    client = pytest.importorskip("pytemscript.clients.socket_client", reason="pytemscript is not installed")
    from pytemscript.utils.misc import rgetattr, rsetattr

    com = _scripting()

    class Client:
        has_advanced_iface, has_lowdose_iface = True, False

        def __init__(self, **where):
            self.where = where

        def call(self, method, body):
            named = dict(body.kwargs)
            if method == "get":
                return rgetattr(com, body.attr)
            if method == "has":
                try:
                    return bool(rgetattr(com, body.attr))
                except AttributeError:
                    return False
            if method == "set":
                value = named["value"]
                if hasattr(value, "get"):
                    value = SimpleNamespace(X=value.get()[0], Y=value.get()[1])
                return rsetattr(com, body.attr, value)
            if method == "exec":
                arguments = [named["arg"]] if "arg" in named else []
                return rgetattr(com, body.attr.rstrip("()"), *arguments, iscallable=True)
            kind, name = named.pop("obj_cls"), named.pop("obj_method")
            if name in ("acquire_advanced", "set_tem_presets_advanced", "show_cameras", "show_cameras_csa"):
                return com.camera(name, named)
            return getattr(kind(rgetattr(com, body.attr)), name)(**named)

        def disconnect(self):
            com.gone = True

    monkeypatch.setattr(client, "SocketClient", Client)
    with guard(temscript.connect, temscript_settings()) as scope:
        scope.load_grid(2)
        scope.move_stage(x_um=12.5, y_um=-3.0, z_um=4.0)
        scope.move_stage(tilt_deg=30.0)
        read, stage, optics = scope.stage(), com.tem.Stage.Position, com.tem.Projection
        assert (read.x_um, read.y_um, read.z_um, read.tilt_deg) == pytest.approx((12.5, -3.0, 4.0, 30.0))
        assert abs(stage.X - 12.5e-6) < 1e-12
        scope.set_mode("exposure")
        scope.set_defocus(20_000.0)
        assert abs(optics.Defocus + 2e-6) < 1e-12
        scope.set_image_shift(0.0, 1.1)
        shift = optics.ImageBeamShift
        assert math.hypot(shift.X - 1e-6, shift.Y) < 1e-12
        scope.set_beam_shift(0.5, 0.0)
        scope.set_slit(True)
        picture = scope.record(dose_e_A2=10.0)
        assert picture.data.shape == TEM_MODES["exposure"].shape_px
        assert picture.pixel_size_A == pytest.approx(1.7)
        assert com.asked["exp_time"] == pytest.approx(1.0)
        assert scope.status().valves_open is True
        scope.set_slit(False)
    assert com.gone


def _scripting():
    """Objects with the names that the scripting interface has, in its units: metres, radians, volts."""
    from pytemscript.modules import Image

    stage = SimpleNamespace(Status=0, Position=SimpleNamespace(X=0.0, Y=0.0, Z=0.0, A=0.0, B=0.0))
    limit = {1: 1e-3, 2: 1e-3, 4: 4e-4, 8: math.radians(70), 16: math.radians(30)}
    stage.AxisData = lambda axis: SimpleNamespace(MinPos=-limit[axis], MaxPos=limit[axis], UnitType=1)
    stage.GoTo = lambda position, axes: vars(stage.Position).update(vars(position))
    com = SimpleNamespace(gone=False, asked={})
    slots = {1: 1, 2: 1}

    def load(slot):
        assert not com.tem.Vacuum.ColumnValvesOpen
        slots[slot] = 2

    def camera(name, named):
        if name == "show_cameras":
            return {}
        if name == "show_cameras_csa":
            return {"BM-Falcon": {"supports_csa": True, "supports_cca": False, "binnings": [1, 2], "width": 48}}
        if name == "set_tem_presets_advanced":
            com.asked = named
            return None
        y, x = np.indices((64, 48))
        return Image((7 * y + x).astype(np.uint16), "BM-Falcon", {"PixelSize.Width": "1.7e-10"})

    com.camera = camera
    com.tem = SimpleNamespace(
        Stage=stage,
        Configuration=SimpleNamespace(CondenserLensSystem=1, ProductFamily=1),
        Projection=SimpleNamespace(
            MagnificationIndex=1, Defocus=0.0, ImageBeamShift=SimpleNamespace(X=0.0, Y=0.0), Mode=1
        ),
        Illumination=SimpleNamespace(
            SpotsizeIndex=3,
            Shift=SimpleNamespace(X=0.0, Y=0.0),
            IlluminatedArea=1e-6,
            CondenserMode=0,
            BeamBlanked=False,
        ),
        AutoLoader=SimpleNamespace(
            AutoLoaderAvailable=True,
            NumberOfCassetteSlots=3,
            SlotStatus=lambda slot: slots.get(slot, 2),
            LoadCartridge=load,
        ),
        Vacuum=SimpleNamespace(Status=5, PVPRunning=False, ColumnValvesOpen=True),
        TemperatureControl=SimpleNamespace(TemperatureControlAvailable=True, DewarsAreBusyFilling=False),
    )
    slit = SimpleNamespace(WidthRange=SimpleNamespace(Begin=0.0, End=100.0), Width=0.0, IsInserted=False)
    slit.Insert, slit.Retract = (
        (lambda: setattr(slit, "IsInserted", True)),
        (lambda: setattr(slit, "IsInserted", False)),
    )
    com.tem_adv = SimpleNamespace(
        EnergyFilter=SimpleNamespace(Slit=slit), Acquisitions=SimpleNamespace(CameraSingleAcquisition=True)
    )
    return com
