"""Thickness of ice from intensities, against the law of absorption."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryogauge.collect.targets.ice import ice_from_filter_nm, ice_from_vacuum_nm


@given(st.floats(0, 500), st.floats(100, 1000), st.floats(1, 1e5))
def test_the_law_is_inverted(thickness_nm, path_nm, beam):
    left = beam * np.exp(-thickness_nm / path_nm)
    assert ice_from_vacuum_nm(left, beam, path_nm) == pytest.approx(thickness_nm, abs=1e-6)
    assert ice_from_filter_nm([beam], [left], path_nm)[0] == pytest.approx(thickness_nm, abs=1e-6)


def test_what_cannot_be_ice_is_nan_or_none():
    assert np.isnan(ice_from_vacuum_nm([0.0, -3.0], 100.0, 320.0)).all()
    assert ice_from_vacuum_nm(120.0, 100.0, 320.0) == 0
