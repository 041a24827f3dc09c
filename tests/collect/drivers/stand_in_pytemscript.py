"""Stands in for the package pytemscript 3: the same names and units, and a microscope that is a few numbers."""

import threading
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace

import numpy as np

#: Metres a pixel by index of the magnification.
PIXELS_M = {3: 4e-7, 17: 2e-8, 33: 1.7e-10}


class StandInTem:
    """What the objects of pytemscript would talk to."""

    def __init__(self):
        self.heard, self.lost, self.fail, self.acquired = 0, False, {}, []
        self.position = {"x": 0.0, "y": 0.0, "z": 0.0, "a": 0.0, "b": None}
        self.loaded, self.column_open, self.filling, self.slit_eV = 0, True, False, 0.0
        self.values = {"magnification_index": 3, "defocus": 0.0, "spotsize": 3}
        self.blanked, self.lit = False, []  # and what was done while the beam was let through
        self.silent, self.answers = "", threading.Event()
        self.answers.set()

    def ask(self, name, moves=False):
        if self.silent in ("", name):
            self.answers.wait(10)
        if self.lost:
            raise ConnectionResetError("the socket is closed")
        if name in self.fail:
            raise RuntimeError(self.fail[name])
        self.heard += moves
        if not self.blanked:
            self.lit.append(name)

    @contextmanager
    def hanging(self, only=""):
        self.silent = only
        self.answers.clear()
        yield
        self.answers.set()


def _value(tem, name, moves=True):
    def get(_):
        tem.ask(name)
        return tem.values.get(name)

    def put(_, value):
        tem.ask(name, moves=moves)
        tem.values[name] = value

    return property(get, put)


def _read(tem, name, value):
    def get(_):
        tem.ask(name)
        return value()

    return property(get)


def _object(**members):
    return type("Part", (), members)()


def microscope(tem: StandInTem):
    """An object with the attributes of ``pytemscript.Microscope``."""

    def go_to(_, relative=False, speed=None, **axes):
        tem.ask("go_to", moves=True)
        tem.position.update(axes)

    def slot_status(_, slot):
        tem.ask("slot_status")
        if not 0 < slot <= 3:
            raise ValueError("Slot number must be between 1 and 3")
        return "OCCUPIED" if slot in (1, 2) and slot != tem.loaded else "EMPTY"

    def load_cartridge(_, slot):
        tem.ask("load_cartridge", moves=True)
        if tem.column_open:
            raise RuntimeError("The column valves are open")
        tem.loaded = slot

    def valves(is_open):
        def put(_):
            tem.ask("column")
            tem.column_open = is_open

        return put

    def acquire(_, cameraName, size=0, exp_time=1.0, binning=1, **options):
        tem.ask("acquire", moves=True)
        tem.acquired.append((cameraName, exp_time, binning, options))
        y, x = np.indices((64 // binning, 48 // binning))
        metadata = {"PixelSize.Width": str(PIXELS_M[tem.values["magnification_index"]])}
        return SimpleNamespace(data=(7 * y + x).astype(np.uint16), name=cameraName, metadata=metadata)

    def insert_slit(_, width):
        tem.ask("slit", moves=True)
        tem.slit_eV = width

    def retract_slit(_):
        tem.ask("slit", moves=True)
        tem.slit_eV = 0.0

    def blanker(blanked):
        def put():
            tem.ask("blanker")
            tem.blanked = blanked

        return put

    def no_sensor(_):
        raise NotImplementedError("This function is not available in your advanced scripting interface.")

    projection = _object(**{n: _value(tem, n) for n in ("magnification_index", "defocus", "image_beam_shift")})
    illumination = _object(**{n: _value(tem, n) for n in ("spotsize", "beam_shift", "illuminated_area")})
    return SimpleNamespace(
        stage=_object(position=_read(tem, "position", lambda: dict(tem.position)), go_to=go_to),
        optics=SimpleNamespace(
            projection=projection, illumination=illumination, beam_blank=blanker(True), beam_unblank=blanker(False)
        ),
        autoloader=_object(
            number_of_slots=_read(tem, "slots", lambda: 3), slot_status=slot_status, load_cartridge=load_cartridge
        ),
        acquisition=_object(acquire_tem_image=acquire),
        energy_filter=_object(insert_slit=insert_slit, retract_slit=retract_slit),
        vacuum=_object(
            status=_read(tem, "vacuum", lambda: "READY"),
            is_buffer_running=_read(tem, "pumping", lambda: False),
            is_column_open=_read(tem, "valves", lambda: tem.column_open),
            column_open=valves(True),
            column_close=valves(False),
        ),
        temperature=_object(
            is_dewar_filling=_read(tem, "filling", lambda: tem.filling), temp_holder=property(no_sensor)
        ),
        disconnect=lambda: None,
    )


def module(tem: StandInTem):
    """Modules to be found under ``pytemscript`` and ``pytemscript.microscope``."""
    package, part = ModuleType("pytemscript"), ModuleType("pytemscript.microscope")

    def made(connection="direct", **where):
        tem.lost = False
        tem.connected = (connection, where)
        return microscope(tem)

    part.Microscope = made
    package.microscope = part
    return {"pytemscript": package, "pytemscript.microscope": part}
