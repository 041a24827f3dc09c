"""What an exposure shows of ice, foil and particles: the phase that they give the beam."""

import numpy as np
from numpy.typing import NDArray

from cryogauge.imaging.ctf import electron_wavelength_A
from cryogauge.imaging.dose import exposure_attenuation
from cryogauge.imaging.transforms import frequency_radius, irfft2, rfft2
from cryogauge.simulate.acquire import interaction_rad_VA
from cryogauge.simulate.classes.structure import without
from cryogauge.simulate.classes.views import splat
from cryogauge.simulate.grid.cells import membranes_V_nm
from cryogauge.simulate.grid.film import Film
from cryogauge.simulate.grid.layout import SimulatedGrid
from cryogauge.simulate.grid.molecules import grid_particles, structure_of
from cryogauge.simulate.grid.noise import white_noise
from cryogauge.simulate.grid.view import View

#: Molecules of water and atoms of a foil in a cubic Å, and the potential that each adds, V Å³ (mean inner potential
#: over their number).
_WATER, _WATER_V = 0.031, 113.0
_FOIL = {"carbon": (0.10, 90.0), "gold": (0.059, 424.0)}
#: Power of the ice's grain over that of molecules anywhere: that of a dense liquid with salts and scraps of protein in
#: it at low frequencies, and the first ring of amorphous ice at 3.7 Å.
_WATER_LOW, _RING_A, _RING_WIDTH_1_A = 0.35, 3.7, 0.028
#: Where an atom's form factor has fallen to half.
_FORM_1_A = 0.28
_ICE_STREAM, _FOIL_STREAM = 501, 502
_HARMLESS_e_A2 = 1.0


def texture_spectrum(
    grid: SimulatedGrid,
    view: View,
    film: Film,
    voltage_kV: float,
    dose_e_A2: tuple[float, float],
    *,
    particles: bool,
) -> NDArray[np.complexfloating]:
    """Spectrum of the phase that ice, foil, membranes and particles add to that of the mean potential.

    Parameters
    ----------
    grid
        What is looked at.
    view
        Where; no larger than some µm.
    film
        What lies there.
    voltage_kV
        Acceleration voltage.
    dose_e_A2
        What the place had received before the image and after it, which damages what is of protein and lipid.
    particles
        Draw them; they are too small to be seen where pixels are large.

    Returns
    -------
    In the layout of ``rfft2``, radians.
    """
    sigma = interaction_rad_VA(voltage_kV)
    frequency = frequency_radius(view.shape_px, view.pixel_size_A).astype(np.float32)
    form = 1.0 / (1.0 + (frequency / np.float32(_FORM_1_A)) ** 2)
    ring = np.exp(-0.5 * ((frequency - 1.0 / _RING_A) / _RING_WIDTH_1_A) ** 2)
    rise = 1.0 / (1.0 + np.exp(-(frequency - 0.24) / 0.02))
    liquid = np.sqrt(_WATER_LOW + (1.0 - _WATER_LOW) * rise + 0.9 * ring).astype(np.float32)
    grain = np.sqrt((film.ice_nm + film.cell_nm) * (10.0 * _WATER)) * (sigma * _WATER_V / view.pixel_size_A)
    # layers of thick ice are out of step, and their Thon rings cancel (McMullan et al., Ultramicroscopy 158, 2015)
    depth_A = 10.0 * float(film.ice_nm.mean() + film.cell_nm.mean())
    turns = np.minimum(electron_wavelength_A(voltage_kV) * depth_A * frequency**2, 1.0)
    in_step = np.sqrt(np.maximum(np.sinc(turns), 0.0))
    spectrum = np.zeros((view.shape_px[0], view.shape_px[1] // 2 + 1), dtype=np.complex64)
    if film.cell_nm.any():
        volts = np.zeros(view.shape_px, dtype=np.float32)
        membranes_V_nm(film.cell_nm, grid.seed, *view.corner_um, *view.step_um, volts)
        spectrum += np.float32(10.0 * sigma) * rfft2(volts)
    if particles and (film.ice_nm.any() or film.cell_nm.any()):
        spectrum += np.float32(sigma) * _particles(grid, view)
    if dose_e_A2[1] > _HARMLESS_e_A2:
        spectrum *= exposure_attenuation(view.shape_px, view.pixel_size_A, *dose_e_A2, voltage_kV)
    spectrum += rfft2(_noise(view, _ICE_STREAM, grid.seed) * grain) * (form * liquid * in_step.astype(np.float32))
    if film.foil_nm.any():
        number, volts = _FOIL[grid.settings.foil]
        grain = np.sqrt(film.foil_nm * (10.0 * number)) * (sigma * volts / view.pixel_size_A)
        spectrum += rfft2(_noise(view, _FOIL_STREAM, grid.seed) * grain) * form
    return spectrum


def _noise(view: View, stream: int, seed: int) -> NDArray[np.float32]:
    """White noise that belongs to the specimen: images with the same pixels share it where they overlap, to the nearest
    pixel.
    """
    image = np.empty(view.shape_px, dtype=np.float32)
    (x, y), (dx, dy) = view.corner_um, view.step_um
    white_noise(seed, stream, int(np.round(y / dy)), int(np.round(x / dx)), image)
    return image


def _particles(grid: SimulatedGrid, view: View) -> NDArray[np.complexfloating]:
    """Spectrum of the particles' projected potential, V Å."""
    structure = structure_of(grid.settings)
    margin = 0.5e-4 * structure.diameter_A
    low_x, high_x, low_y, high_y = view.bounds_um
    table = grid_particles(grid, (low_x - margin, high_x + margin, low_y - margin, high_y + margin))
    box = max(view.shape_px)
    square = view.padded((box, box))
    column, row = square.to_pixel(table["stage_x_um"], table["stage_y_um"])
    shifts_A = (np.column_stack([row, column]) - box // 2) * view.pixel_size_A
    views = table.filter(regex=r"^r\d\d$").to_numpy(np.float64).reshape(-1, 3, 3)
    sound = table["sound"].to_numpy()
    # what the air-water interface has unfolded on one side
    half = without(structure, structure.points_A[:, 0] > 0)
    total = np.zeros((box, box // 2 + 1), dtype=np.complex64)
    for part, which in ((structure, sound), (half, ~sound)):
        if which.any():
            ones = np.ones(int(which.sum()))
            total += splat(part, views[which], box, view.pixel_size_A, shifts_A=shifts_A[which], weights=ones)
    if square.shape_px == view.shape_px:
        return total
    top, left = (box - view.shape_px[0]) // 2, (box - view.shape_px[1]) // 2
    whole = irfft2(total, (box, box))
    return rfft2(whole[top : top + view.shape_px[0], left : left + view.shape_px[1]])
