from dataclasses import asdict
from pathlib import Path

import pytest

from cryogauge.records import BadInput
from cryogauge.simulate.grid import GridSettings
from cryogauge.simulate.grid.settings import parse_pattern, settings_from


@pytest.mark.parametrize(
    ("name", "lattice", "hole", "pitch"),
    [("R1.2/1.3", "square", 1.2, 2.5), ("R2/2", "square", 2, 4), ("H0.3/0.3", "hexagonal", 0.3, 0.6)],
)
def test_patterns_are_diameter_and_gap(name, lattice, hole, pitch):
    pattern = parse_pattern(name)
    assert (pattern.lattice, pattern.hole_um, pattern.pitch_um) == (lattice, hole, pytest.approx(pitch))


@pytest.mark.parametrize("name", ["", "R2", "Q1/2", "R0/1", "R1/200", "r1/1", "R1.2/1.3 "])
def test_other_names_are_refused(name):
    with pytest.raises(BadInput):
        parse_pattern(name)


@pytest.mark.parametrize(
    "bad",
    [
        {"mesh": 10}, {"bar_um": 80.0}, {"bar_um": 0.5}, {"foil": "copper"}, {"specimen": "dust"}, {"broken": 1.5},
        {"broken": 0.6, "thick": 0.6}, {"ice_nm": -1.0}, {"ice_nm": float("nan")}, {"contamination": float("inf")},
        {"particle_kDa": 1.0}, {"preferred": -0.1},
    ],
)  # fmt: skip
def test_grids_that_cannot_be_are_refused(bad):
    with pytest.raises(BadInput):
        GridSettings(**bad)


def test_settings_come_back_from_their_values():
    settings = GridSettings(mesh=200, pattern="lacey", particle_map=Path("a.mrc"), rotation_deg=12.0)
    values = {k: str(v) if isinstance(v, Path) else v for k, v in asdict(settings).items()}
    assert settings_from(values) == settings
    with pytest.raises(BadInput, match="mehs"):
        settings_from({"mehs": 200})
