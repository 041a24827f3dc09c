"""Each driver with what stands in for its program, as the conformance suite and the tests of each want it."""

from contextlib import contextmanager
from pathlib import Path

from cryogauge.collect.drivers import epu, leginon, serialem, temscript
from cryogauge.collect.drivers.simulated.scope import SimulatedMicroscope
from cryogauge.records.microscope import Mode, Settings
from cryogauge.testing.drivers import Rig
from tests.collect.drivers import epu_files, leginon_files
from tests.collect.drivers.stand_in_grid import SOURCE
from tests.collect.drivers.stand_in_pytemscript import StandInTem
from tests.collect.drivers.stand_in_sem import SETS, StandInSEM

HERE = Path(__file__).parent
SIM_MODES = {
    mode.name: mode
    for mode in (
        Mode("atlas", 4000.0, (40, 48), 0.001),
        Mode("hole", 200.0, (64, 64), 0.1),
        Mode("exposure", 1.7, (64, 64), 50.0),
    )
}


def simulated_settings(**options):
    return Settings(modes=SIM_MODES, options={"grids": {1: None, 3: None}, "seed": 5, **options})


def simulated(settings, control):
    return SimulatedMicroscope(settings, control, SOURCE)


@contextmanager
def _hanging(driver):
    driver.faults.strikes, kept = lambda kind: kind == "hang", driver.faults.strikes
    yield
    driver.faults.strikes = kept


def _lose(driver):
    driver._lost = True


def simulated_rig(frames_folder):
    return Rig(
        connect=simulated,
        settings=simulated_settings(frames_folder=frames_folder, mechanics={"frames": 3}),
        heard=lambda driver: driver.commands,
        hang=_hanging,
        lose=_lose,
    )


SEM_STATES = {
    "atlas": {"state": "Atlas", "take": "Preview"},
    "square": {"area": "S"},
    "hole": {"area": "V"},
    "exposure": {"area": "R"},
}


def serialem_settings(sem: StandInSEM, **options):
    letters = {"square": "S", "hole": "V", "exposure": "R"}
    if sem.version == "4.2":  # earlier there were no imaging states
        letters = {"atlas": "P", **letters}
    modes = {
        name: Mode(name, *SETS[letter][:2], 40.0 if name == "exposure" else 0.0) for name, letter in letters.items()
    }
    standard = {
        "states": SEM_STATES,
        "port": sem.port,
        "module_folder": str(HERE / "stand_in_serialem"),
        "slots": 4,
        "energy_filter": True,
    }
    return Settings(modes=modes, options={**standard, **options})


def serialem_rig(sem: StandInSEM):
    return Rig(
        connect=serialem.connect,
        settings=serialem_settings(sem),
        heard=lambda driver: sem.heard,
        hang=lambda driver: sem.hanging(),
        lose=lambda driver: sem.drop(),
    )


TEM_MODES = {
    mode.name: mode
    for mode in (
        Mode("atlas", 4000.0, (64, 48), 0.001),
        Mode("hole", 200.0, (32, 24), 0.1),
        Mode("exposure", 1.7, (64, 48), 40.0),
    )
}
TEM_STATES = {
    "atlas": {"magnification_index": 3, "camera": "BM-Falcon", "exposure_s": 1.0},
    "hole": {"magnification_index": 17, "camera": "BM-Falcon", "exposure_s": 1.0, "binning": 2, "spot": 5},
    "exposure": {"magnification_index": 33, "camera": "BM-Falcon", "exposure_s": 4.0, "illuminated_area_um": 0.8},
}


def temscript_settings(**options):
    standard = {"states": TEM_STATES, "connection": "socket", "loader": True, "slit_eV": 10.0}
    standard["shift_to_stage"] = ((0.0, -1.1), (1.1, 0.0))
    return Settings(modes=TEM_MODES, options={**standard, **options})


def temscript_rig(tem: StandInTem):
    def lose(driver):
        tem.lost = True

    return Rig(
        connect=temscript.connect,
        settings=temscript_settings(),
        heard=lambda driver: tem.heard,
        hang=lambda driver: tem.hanging(),
        lose=lose,
    )


def epu_rig(folder):
    numbers = iter(range(100))

    def appear():
        for mode in ("square", "hole", "exposure"):
            epu_files.write(folder, mode, next(numbers))
        return 3

    return Rig(
        connect=epu.connect, settings=Settings(options={"folder": str(folder)}), heard=lambda driver: 0, appear=appear
    )


def leginon_rig(folder):
    def appear():
        for name in ("00010gr", "00010gr_00002sq", "00010gr_00002sq_00005hl", "00010gr_00002sq_00005hl_00003en"):
            leginon_files.write(folder, name)
        return 4

    return Rig(
        connect=leginon.connect,
        settings=Settings(options={"folder": str(folder)}),
        heard=lambda driver: 0,
        appear=appear,
    )
