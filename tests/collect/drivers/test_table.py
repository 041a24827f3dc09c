"""The table of what each driver can do is what each driver can do."""

import re
from pathlib import Path

import pytest

from cryogauge.collect.drivers import serialem, temscript
from cryogauge.collect.drivers.control import Control
from cryogauge.collect.drivers.simulated.faults import KINDS
from cryogauge.collect.drivers.watched import Watched
from cryogauge.records.microscope import Capability
from tests.collect.drivers.rigs import simulated, simulated_settings

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "microscope-drivers.md"
pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="runs from a clone only")


def _table():
    rows = re.findall(r"^\| (\w[\w ]*) \|" + 5 * r" (\S+) \|" + "$", PAGE.read_text(), re.M)
    drivers = ("simulated", "serialem", "temscript", "epu", "leginon")
    return {row[0]: dict(zip(drivers, row[1:], strict=True)) for row in rows}


def test_the_table(tmp_path):
    def simulation(**more):
        return simulated(simulated_settings(**more), Control()).capabilities

    shifts = ((1.0, 0.0), (0.0, 1.0))
    least_and_most = {
        "simulated": (simulation(), simulation(frames_folder=tmp_path)),
        "serialem": (
            serialem.capabilities_of(serialem.Options()),
            serialem.capabilities_of(serialem.Options(slots=4, energy_filter=True)),
        ),
        "temscript": (
            temscript.capabilities_of(temscript.Options()),
            temscript.capabilities_of(temscript.Options(loader=True, slit_eV=10.0, shift_to_stage=shifts)),
        ),
        "epu": (Watched.capabilities, Watched.capabilities),
        "leginon": (Watched.capabilities, Watched.capabilities),
    }
    table = _table()
    assert table.keys() - {"capability"} == {str(capability) for capability in Capability}
    for capability in Capability:
        for driver, (least, most) in least_and_most.items():
            can = "yes" if capability in least else "option" if capability in most else "—"
            assert table[str(capability)][driver] == can, (capability, driver)


def test_every_fault_of_the_simulation_is_in_the_page():
    text = PAGE.read_text()
    assert all(kind in text for kind in KINDS)
