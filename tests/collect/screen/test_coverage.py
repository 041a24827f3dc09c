"""Coverage of grids by counts, and by power where counts end."""

import math

import numpy as np
import pytest

from cryogauge.collect.screen.coverage import grid_coverage, power_scale

DISC_UM2 = math.pi / 4 * 0.012**2
SCALE = 80.0


def exposure(counted, true=None, *, ice_nm=40.0, kind="great", error=0.01):
    """Particles of 120 Å that cover ``true`` of the field, of which ``counted`` are counted."""
    return {
        "kind": kind, "ice_thickness_nm": ice_nm, "particle_diameter_A": 120.0, "particle_coverage": counted,
        "particles_per_um2": counted / DISC_UM2, "particles_per_um2_error": error / DISC_UM2,
        "particle_power_A2": (counted if true is None else true) * 120.0 / SCALE,
    }  # fmt: skip


SPARSE = [exposure(0.05 + 0.01 * k) for k in range(10)]


def test_sparse_exposures_tell_what_power_a_coverage_has():
    assert power_scale(SPARSE) == pytest.approx(SCALE)
    crystals = [exposure(0.1, 0.9, kind="contaminated"), exposure(0.1, 2.0, ice_nm=200.0), exposure(0.35, 0.8)]
    assert power_scale([*SPARSE, *crystals * 9]) == pytest.approx(SCALE)
    assert math.isnan(power_scale(SPARSE[:7]))
    without = [{name: value for name, value in row.items() if name != "particle_power_A2"} for row in SPARSE]
    assert math.isnan(power_scale(without))


def test_power_tells_the_coverage_where_the_count_has_come_to_its_end():
    crowded = [exposure(0.4, 0.9)] * 4
    by_count, by_power = grid_coverage(crowded, math.nan), grid_coverage(crowded, SCALE)
    assert by_count["particle_coverage"] == pytest.approx(0.4)
    assert by_power["particle_coverage"] == pytest.approx(0.9)
    assert by_power["particles_score"] == pytest.approx(0.2)
    assert by_count["particles_score"] > 0.5
    crystals = grid_coverage([exposure(0.1, 0.9)] * 4, SCALE)  # power of something else
    assert crystals["particle_coverage"] == pytest.approx(0.1)


def test_a_crowded_hole_costs_though_another_is_empty():
    mixed = grid_coverage([exposure(0.4, 0.6), exposure(0.0)] * 4, SCALE)
    assert mixed["particle_coverage"] == pytest.approx(0.3)
    assert mixed["particles_score"] == pytest.approx((0.2 + 1.0) / 2)


def test_thick_ice_and_exposures_without_a_count_say_nothing():
    nothing = exposure(math.nan, error=math.nan)
    told = grid_coverage([exposure(0.1), nothing, exposure(0.4, 0.9, ice_nm=1000.0)], SCALE)
    assert told["particle_coverage"] < 0.2
    untold = grid_coverage([nothing], SCALE)
    assert math.isnan(untold["particle_coverage"])
    assert untold["particles_score"] == 1.0


def test_each_further_particle_is_worth_less_until_there_are_enough():
    score = [grid_coverage([exposure(c, error=0.0)] * 4, math.nan)["particles_score"] for c in np.arange(0, 0.26, 0.05)]
    gains = np.diff(score)
    assert score[0] == pytest.approx(0.3)
    assert score[-1] == pytest.approx(1.0)
    assert (gains > 0).all()
    assert (np.diff(gains) < 0).all()
    assert grid_coverage([exposure(0.0, error=0.5)] * 4, math.nan)["particles_score"] == 1.0  # one cannot tell
