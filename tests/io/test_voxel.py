"""Units of length as the formats spell them."""

import pytest

from cryogauge.io.voxel import unit_A


@pytest.mark.parametrize(
    ("unit", "value"),
    [("angstrom", 1), ("Å", 1), (" nm ", 10), ("Nanometer", 10), ("µm", 1e4), ("μm", 1e4), ("micrometre", 1e4)],
)
def test_units(unit, value):
    assert unit_A(unit) == value


@pytest.mark.parametrize("unit", [None, "", "pixel", "inch"])
def test_no_length(unit):
    assert unit_A(unit) is None
