"""What slit and aperture take, against published numbers and closed forms."""

import numpy as np
import pytest

from cryogauge.imaging.dose import speed_squared
from cryogauge.simulate.grid import GridSettings, View, make_grid
from cryogauge.simulate.grid.scattering import (
    APERTURE_MRAD,
    LOW_MAGNIFICATION_MRAD,
    MATERIALS,
    aperture_path_nm,
    inelastic_path_nm,
    mean_free_path_nm,
)
from cryogauge.simulate.grid.scene import scene


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


def test_at_low_magnification_nearly_all_that_is_turned_is_lost():
    for material in MATERIALS:
        assert (
            1 < aperture_path_nm(material, 300.0, LOW_MAGNIFICATION_MRAD) / aperture_path_nm(material, 300.0, 0) < 1.06
        )
    grid = make_grid(
        GridSettings(foil="carbon", dry=1, broken=0, empty=0, thick=0, cracked=0, contaminated=0, contamination=0), 3
    )
    hole = grid.holes[(grid.holes["edge_um"] > 8) & (grid.holes["kind"] == "dry")].iloc[0]
    at = float(hole["stage_x_um"]), float(hole["stage_y_um"])
    for pixel_size_A, angle in ((100.0, LOW_MAGNIFICATION_MRAD), (40.0, APERTURE_MRAD)):
        through = scene(grid, View(at, pixel_size_A, (601, 601)), 300.0, slit=False).transmission
        assert through[300, 300] == 1
        foil = np.exp(-grid.settings.foil_thickness_nm / aperture_path_nm("carbon", 300.0, angle))
        assert np.median(through[through < 0.999]) == pytest.approx(foil, rel=1e-3)
