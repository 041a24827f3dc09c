"""What slit and aperture take, against published numbers and closed forms."""

import pytest

from cryogauge.imaging.dose import speed_squared
from cryogauge.simulate.grid.scattering import MATERIALS, aperture_path_nm, inelastic_path_nm, mean_free_path_nm


@pytest.mark.parametrize("material", MATERIALS)
@pytest.mark.parametrize("voltage_kV", [100.0, 200.0, 300.0])
def test_rates_of_slit_and_aperture_add_up(material, voltage_kV):
    both, bare = (mean_free_path_nm(material, voltage_kV, slit=slit) for slit in (True, False))
    assert 1 / both - 1 / bare == pytest.approx(1 / inelastic_path_nm(material, voltage_kV))
    assert bare == aperture_path_nm(material, voltage_kV)


def test_an_aperture_takes_no_more_than_all_that_is_scattered_and_less_the_wider_it_is():
    paths = [aperture_path_nm("ice", 300.0, angle) for angle in (0.0, 7.0, 10.0, 14.3, 40.0)]
    assert paths == sorted(paths)
    assert paths[0] == pytest.approx(573, abs=5)


def test_slower_electrons_are_lost_sooner_and_turned_farther():
    slow, fast = (aperture_path_nm("ice", voltage_kV) for voltage_kV in (200.0, 300.0))
    assert slow < fast * speed_squared(200.0) / speed_squared(300.0)
    ratio = inelastic_path_nm("ice", 200.0) / inelastic_path_nm("ice", 300.0)
    assert ratio == pytest.approx(speed_squared(200.0) / speed_squared(300.0))


def test_carbon_scatters_as_measured():
    # elastic cross-sections of carbon at 100 and 300 keV are as 2.01 to 1 (Peet et al., Ultramicroscopy 203, 125, 2019)
    slow, fast = (aperture_path_nm("carbon", voltage_kV, 0.0) for voltage_kV in (100.0, 300.0))
    assert fast / slow == pytest.approx(2.01, abs=0.05)
