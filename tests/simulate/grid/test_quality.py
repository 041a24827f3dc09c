import numpy as np

from cryogauge.simulate.grid import GridSettings
from cryogauge.simulate.grid.quality import (
    expected_quality,
    particle_diameter_nm,
    particles_per_um2,
    preferred_share,
)

SETTINGS = GridSettings()


def test_quality_is_best_in_ice_that_just_holds_the_particles():
    nm = np.arange(0, 400, 0.5)
    quality = expected_quality(nm, SETTINGS)
    best = nm[np.argmax(quality)]
    diameter = particle_diameter_nm(SETTINGS)
    assert 1.2 * diameter < best < 3 * diameter
    assert quality[nm < 0.8 * diameter].max() < 0.1 * quality.max()
    assert quality[nm > 200].max() < 0.1 * quality.max()
    assert 0 <= quality.min() <= quality.max() <= 1


def test_thin_ice_holds_none_and_thin_enough_aligns_them():
    assert particles_per_um2(0.0, SETTINGS) == 0
    assert particles_per_um2(5.0, SETTINGS) < 1
    assert abs(particles_per_um2(40.0, SETTINGS) - SETTINGS.particles_um2) < 5
    share = preferred_share(np.array([10.0, 20.0, 60.0]), SETTINGS)
    assert share[0] >= share[1] >= share[2] == 0


def test_few_particles_and_too_many_are_worth_less():
    def at(number):
        return float(expected_quality(35.0, GridSettings(particles_um2=number)))

    assert at(20) < 0.5 * at(900)
    assert at(9000) < 0.5 * at(900)
