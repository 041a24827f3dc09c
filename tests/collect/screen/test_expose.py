"""How many exposures a hole takes."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryogauge.collect.screen.expose import shots_that_fit
from cryogauge.records.microscope import Mode

FINE = Mode("exposure", 0.85, (4096, 4096))  # 0.35 µm wide, 0.49 µm across


@pytest.mark.parametrize(("diameter_um", "fit"), [(1.2, 1), (1.9, 1), (2.0, 6), (5.0, 6)])
def test_exposures_of_a_hole_do_not_lie_over_one_another(diameter_um, fit):
    assert shots_that_fit(6, diameter_um, FINE) == fit
    assert shots_that_fit(1, diameter_um, FINE) == 1


@given(st.integers(1, 12), st.floats(0.3, 10.0))
def test_those_that_fit_are_apart_and_within_the_hole(planned, diameter_um):
    count, across_um, ring_um = shots_that_fit(planned, diameter_um, FINE), math.hypot(*FINE.field_um), diameter_um / 4
    assert 1 <= count <= planned
    if count > 1:
        assert ring_um >= across_um
        assert ring_um + across_um / 2 <= diameter_um / 2
    if count > 2:
        assert 2 * ring_um * math.sin(math.pi / (count - 1)) >= across_um - 1e-12
