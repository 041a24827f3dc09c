"""The power of matter, against fields in which as much of it lies as is known."""

import numpy as np
import pytest

from tests.imaging.test_particle_count import EDGE, energy_of, field


def test_power_goes_with_the_number_of_particles_also_where_they_lie_over_one_another():
    sparse, some, crowded = (energy_of(field(n, 150.0, seed=n)[0]).matter_A2 / n for n in (40, 160, 640))
    assert sparse == pytest.approx(some, rel=0.3)
    assert crowded == pytest.approx(some, rel=0.3)


def test_power_does_not_hang_on_how_matter_is_shared_out():
    few = energy_of(field(100, 200.0, seed=1)[0]).matter_A2
    many = energy_of(field(400, 100.0, seed=2)[0]).matter_A2  # as much: thickness is that of a ball of radius 1
    assert many == pytest.approx(few, rel=0.3)


def test_noise_is_no_matter():
    faint, strong = (energy_of(field(160, 150.0, seed=3, noise=noise)[0]).matter_A2 for noise in (0.7, 2.0))
    assert strong == pytest.approx(faint, rel=0.3)
    assert energy_of(field(0, 150.0, seed=3)[0]).matter_A2 < 0.05 * strong


def test_where_nothing_is_looked_for_nothing_is_missed():
    image, _ = field(160, 150.0, seed=4)
    half = np.zeros((EDGE, EDGE), dtype=bool)
    half[:, : EDGE // 2] = True
    assert energy_of(image, half).matter_A2 == pytest.approx(energy_of(image).matter_A2, rel=0.3)
