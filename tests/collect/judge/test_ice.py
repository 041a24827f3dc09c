import math

import numpy as np
import pytest

from cryogauge.collect.judge.ice import ice_ring, ice_spots, ice_thickness_nm
from cryogauge.imaging.ctf_astigmatic import tile_power
from cryogauge.imaging.transforms import frequency_radius, irfft2, rfft2
from cryogauge.simulate.grid.scattering import mean_free_path_nm


def noise_with_ring(spacing_A, strength, pixel_A=1.0, size=768):
    noise = np.random.default_rng(0).normal(size=(size, size))
    radius = frequency_radius((size, size), pixel_A)
    gain = 1 + strength * (np.abs(1 / np.maximum(radius, 1e-9) - spacing_A) < 0.04)
    return irfft2(rfft2(noise) * gain, (size, size)).astype(np.float32)


@pytest.mark.parametrize("spacing_A", [3.44, 3.67, 3.90])
def test_rings_of_crystalline_ice_stand_out(spacing_A):
    assert ice_ring(tile_power(noise_with_ring(spacing_A, 0.6), 1.0)) > 1.6


@pytest.mark.parametrize("spacing_A", [3.2, 5.0])
def test_other_rings_do_not(spacing_A):
    assert ice_ring(tile_power(noise_with_ring(spacing_A, 0.6), 1.0)) == pytest.approx(1.0, abs=0.15)


def test_coarse_pixels_cannot_show_them():
    power = tile_power(noise_with_ring(3.67, 1.0, 2.2), 2.2)
    assert math.isnan(ice_ring(power))
    assert math.isnan(ice_spots(power))


def test_a_few_crystals_leave_spots_where_rings_are_faint():
    y, x = np.mgrid[:768, :768]
    noise = np.random.default_rng(1).normal(size=(768, 768)).astype(np.float32)
    fringes = 0.5 * np.cos(2 * np.pi * (0.8 * x + 0.6 * y) / 3.67) * (np.hypot(y - 300, x - 400) < 150)
    vitreous, crystals = tile_power(noise, 1.0), tile_power(noise + fringes.astype(np.float32), 1.0)
    assert ice_spots(vitreous) < 1.6
    assert ice_spots(crystals) > 5


def test_pixels_that_show_some_of_the_rings_serve():
    assert ice_ring(tile_power(noise_with_ring(3.90, 0.6, 1.7), 1.7)) > 1.6


@pytest.mark.parametrize(("voltage_kV", "within"), [(300.0, 0.02), (200.0, 0.08)])
def test_thickness_agrees_with_what_slit_and_aperture_take(voltage_kV, within):
    for nm in (20.0, 60.0, 150.0):
        left = np.exp(-nm / mean_free_path_nm("ice", voltage_kV, slit=True))
        assert ice_thickness_nm(left, 1.0, voltage_kV) == pytest.approx(nm, rel=within)


def test_without_a_filter_ice_hardly_takes_any_and_the_path_must_be_told():
    path_nm = mean_free_path_nm("ice", 300.0, slit=False)
    left = np.exp(-60.0 / path_nm)
    assert ice_thickness_nm(left, 1.0, 300.0) < 15.0
    assert ice_thickness_nm(left, 1.0, 300.0, path_nm) == pytest.approx(60.0)


def test_thickness_follows_beer_and_lambert():
    assert ice_thickness_nm(np.exp(-0.2), 1.0, 300.0) == pytest.approx(62.0)
    assert ice_thickness_nm(np.exp(-0.2), 1.0, 200.0) < 62.0  # slower electrons are scattered sooner
    assert ice_thickness_nm(1.1, 1.0, 300.0) == 0.0
    assert math.isnan(ice_thickness_nm(1.0, math.nan, 300.0))
