"""All that lies in a view: film, cells, tears, debris."""

import numpy as np

from cryogauge.simulate.grid.cells import add_cells
from cryogauge.simulate.grid.debris import add_debris, debris_in, tear_film
from cryogauge.simulate.grid.film import Film, enlarged, render_film
from cryogauge.simulate.grid.layout import SimulatedGrid
from cryogauge.simulate.grid.scattering import MATERIALS, mean_free_path_nm, passed_mrad
from cryogauge.simulate.grid.view import View

#: Finest detail of it; where pixels are smaller, it is drawn coarser and interpolated.
_FINEST_A = 12.0


def scene(grid: SimulatedGrid, view: View, voltage_kV: float, *, slit: bool) -> Film:
    """What the beam meets at every pixel of a view, and how much of it comes through."""
    times = int(_FINEST_A / view.pixel_size_A)
    if times < 2:
        return _drawn(grid, view, voltage_kV, slit=slit)
    few = (max(8, view.shape_px[0] // times + 3), max(8, view.shape_px[1] // times + 3))
    coarse = View(view.center_um, view.pixel_size_A * times, few, view.tilt_deg)
    return enlarged(_drawn(grid, coarse, voltage_kV, slit=slit), times, view.shape_px)


def _drawn(grid: SimulatedGrid, view: View, voltage_kV: float, *, slit: bool) -> Film:
    passed = passed_mrad(view.pixel_size_A)
    path, foil_path = (
        mean_free_path_nm(material, voltage_kV, slit=slit, aperture_mrad=passed)
        for material in ("ice", grid.settings.foil)
    )
    film = render_film(grid.ground, grid.settings.foil, view, path, foil_path)
    if len(grid.cells):
        add_cells(film, grid.cells, grid.lamellae, view, path)
    tear_film(film, grid.tears, view)
    smallest_um = 0.3 * float(np.max(view.step_um))
    debris = debris_in(grid.ground, grid.settings.contamination, view.bounds_um, smallest_um)
    add_debris(film, debris, view, path, MATERIALS["ice"].potential_V)
    return film
