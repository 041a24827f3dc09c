"""Images of a grid at any magnification, electron by electron."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cryogauge.imaging.ctf import across_tilt, ctf_2d, electron_wavelength_A
from cryogauge.imaging.detector import detect
from cryogauge.imaging.transforms import fast_length, frequency_radius, irfft2, rfft2
from cryogauge.records import BadInput
from cryogauge.simulate.acquire import interaction_rad_VA
from cryogauge.simulate.grid.crystals import GOLD_SPACINGS_A, ICE_SPACINGS_A, add_grains
from cryogauge.simulate.grid.film import Film
from cryogauge.simulate.grid.layout import SimulatedGrid
from cryogauge.simulate.grid.scattering import inelastic_path_nm
from cryogauge.simulate.grid.scene import scene
from cryogauge.simulate.grid.texture import texture_spectrum
from cryogauge.simulate.grid.view import View

#: Recorded over computed contrast, as for tilt series.
_CONTRAST = 0.5
#: Pixels up to which particles and grain are drawn.
_PARTICLES_A, _GRAIN_A = 20.0, 120.0
#: Phase that the CTF must reach within Nyquist for there to be any phase contrast to compute.
_LEAST_CHI_RAD = 0.1
#: Change of defocus across a tilted image below which one CTF serves all of it, and from strip to strip above.
_SAME_DEFOCUS_A = 1500.0
#: Camera pixels in an image pixel.
_BINNING = 2.0


@dataclass(frozen=True)
class GridOptics:
    """The microscope and its camera.

    Attributes
    ----------
    voltage_kV, cs_mm, amplitude_contrast, astigmatism_A, astigmatism_deg
        As in :func:`cryogauge.imaging.ctf.ctf_2d`.
    b_factor_A2
        Fall of the signal by what moves and charges: ``exp(−B f² / 4)`` on amplitudes.
    convergence_mrad
        Half-angle of the illumination, which blurs what is far out of focus.
    uneven
        How much brighter the beam's middle is than the corners of the image.
    stripes
        Standard deviation of the gain from column to column that the camera's reference did not take out.
    camera
        Seeds the beam's unevenness and the stripes, which stay as they are from image to image.
    """

    voltage_kV: float = 300.0
    cs_mm: float = 2.7
    amplitude_contrast: float = 0.07
    astigmatism_A: float = 150.0
    astigmatism_deg: float = 30.0
    b_factor_A2: float = 60.0
    convergence_mrad: float = 0.02
    uneven: float = 0.04
    stripes: float = 0.002
    camera: int = 0

    def __post_init__(self) -> None:
        electron_wavelength_A(self.voltage_kV)
        least = (self.b_factor_A2, self.convergence_mrad, self.uneven, self.stripes)
        if min(*least, self.astigmatism_A) < 0:
            raise BadInput("B-factor, astigmatism, angles, unevenness and stripes cannot be negative")
        if not self.uneven < 1:
            raise BadInput(f"a beam uneven by {self.uneven:g} leaves the corners dark", "give less than 1")


def grid_image(
    grid: SimulatedGrid,
    center_um: tuple[float, float],
    pixel_size_A: float,
    shape_px: tuple[int, int],
    *,
    defocus_A: float,
    dose_e_A2: float,
    tilt_deg: float = 0.0,
    seed: int,
    slit: bool = True,
    prior_dose_e_A2: float = 0.0,
    drift_A: tuple[float, float] = (0.0, 0.0),
    optics: GridOptics | None = None,
) -> NDArray[np.float32]:
    """An image of a grid.

    Parameters
    ----------
    grid
        What is looked at.
    center_um, pixel_size_A, shape_px, tilt_deg
        Where; see :class:`cryogauge.simulate.grid.view.View`: stage x grows with the column, stage y with the row.
    defocus_A
        Underfocus of the middle of the image; what the grid's height there adds to that of the lens is included.
    dose_e_A2
        Electrons per Å² that meet the specimen.
    seed
        Of the noise; what is on the grid follows from the grid's own.
    slit
        Energy filter: count only electrons that lost no energy. Without it the objective aperture alone takes any.
    prior_dose_e_A2
        What the place had received before, which damages particles.
    drift_A
        Way along x and y that the specimen goes during the exposure, evenly; it blurs.
    optics
        The microscope.

    Returns
    -------
    float32 ``(y, x)``, electrons per pixel.

    Raises
    ------
    BadInput
        For an image that cannot be taken.
    """
    optics = optics or GridOptics()
    view = View(center_um, pixel_size_A, shape_px, tilt_deg)
    _check_dose(dose_e_A2, prior_dose_e_A2)
    dose = (prior_dose_e_A2, prior_dose_e_A2 + dose_e_A2)
    expected = _Expected(grid, view, defocus_A, dose, optics, slit=slit, reach_A=float(np.hypot(*drift_A)))
    rate = expected.at((0.0, 0.0), drift_A) * _illumination(shape_px, optics)
    return detect(rate * np.float32(dose_e_A2 * pixel_size_A**2), np.random.default_rng([seed, 2]), _BINNING)


def grid_frames(
    grid: SimulatedGrid,
    center_um: tuple[float, float],
    pixel_size_A: float,
    shape_px: tuple[int, int],
    *,
    drift_px: NDArray[np.floating],
    defocus_A: float,
    dose_e_A2: float,
    tilt_deg: float = 0.0,
    seed: int,
    slit: bool = True,
    prior_dose_e_A2: float = 0.0,
    optics: GridOptics | None = None,
) -> Iterator[NDArray[np.float32]]:
    """Movie frames of an exposure, one at a time.

    Parameters
    ----------
    drift_px
        Displacement ``(frame, 2)`` of the content of each frame along y and x, as
        :func:`cryogauge.imaging.motion.register_frames` finds it.
    dose_e_A2
        Of the whole exposure, shared evenly.

    Others are as for :func:`grid_image`.

    Yields
    ------
    float32 ``(y, x)``, electrons per pixel of one frame.

    Raises
    ------
    BadInput
        For an exposure that cannot be taken.
    """
    optics = optics or GridOptics()
    view = View(center_um, pixel_size_A, shape_px, tilt_deg)
    _check_dose(dose_e_A2, prior_dose_e_A2)
    path = np.asarray(drift_px, dtype=np.float64)
    if path.ndim != 2 or path.shape[1] != 2 or not len(path):
        raise BadInput(f"a drift of shape {path.shape} is no path", "give (frame, 2): y and x in pixels")
    reach_A = float(np.abs(path).max()) * pixel_size_A
    dose = (prior_dose_e_A2, prior_dose_e_A2 + dose_e_A2)
    expected = _Expected(grid, view, defocus_A, dose, optics, slit=slit, reach_A=reach_A)
    light = _illumination(shape_px, optics) * np.float32(dose_e_A2 * pixel_size_A**2 / len(path))
    rng = np.random.default_rng([seed, 2])
    return (
        detect(expected.at((y * pixel_size_A, x * pixel_size_A), (0.0, 0.0)) * light, rng, _BINNING) for y, x in path
    )


class _Expected:
    """Share of the electrons that arrives at each place, kept as a spectrum so that it can be moved."""

    def __init__(
        self,
        grid: SimulatedGrid,
        view: View,
        defocus_A: float,
        dose_e_A2: tuple[float, float],
        optics: GridOptics,
        *,
        slit: bool,
        reach_A: float,
    ) -> None:
        spread_A = min(0.3 * electron_wavelength_A(optics.voltage_kV) * abs(defocus_A), 0.1 * _edge_A(view))
        margin = int(np.ceil((reach_A + spread_A) / view.pixel_size_A)) + 4
        self._shape = tuple(fast_length(n + 2 * margin) for n in view.shape_px)
        self._view = view
        wide = view.padded((self._shape[0], self._shape[1]))
        film = scene(grid, wide, optics.voltage_kV, slit=slit)
        self._rate = _rate(grid, wide, film, defocus_A, dose_e_A2, optics, slit=slit)

    def at(self, shift_A: tuple[float, float], blur_A: tuple[float, float]) -> NDArray[np.float32]:
        """Moved by ``(y, x)`` and blurred along ``(x, y)``."""
        rate = self._rate
        if any(shift_A) or any(blur_A):
            pixel = self._view.pixel_size_A
            fy = np.fft.fftfreq(rate.shape[0], pixel)[:, None]
            fx = np.fft.rfftfreq(rate.shape[1], pixel)[None, :]
            move = np.exp(-2j * np.pi * (fy * shift_A[0] + fx * shift_A[1])) * np.sinc(fx * blur_A[0] + fy * blur_A[1])
            rate = irfft2(rfft2(rate) * move.astype(np.complex64), (rate.shape[0], rate.shape[1]))
        ny, nx = self._view.shape_px
        top, left = (rate.shape[0] - ny) // 2, (rate.shape[1] - nx) // 2
        return np.maximum(rate[top : top + ny, left : left + nx], 0.0).astype(np.float32)


def _edge_A(view: View) -> float:
    return min(view.shape_px) * view.pixel_size_A


def _check_dose(dose_e_A2: float, prior_dose_e_A2: float) -> None:
    if not 0 < dose_e_A2 <= 1e4:
        raise BadInput(f"a dose of {dose_e_A2:g} e⁻/Å² is outside 0–10,000", "an exposure usually has 30 to 60")
    if not prior_dose_e_A2 >= 0:
        raise BadInput(f"an earlier dose of {prior_dose_e_A2:g} e⁻/Å² cannot be")


def _rate(
    grid: SimulatedGrid,
    view: View,
    film: Film,
    defocus_A: float,
    dose_e_A2: tuple[float, float],
    optics: GridOptics,
    *,
    slit: bool,
) -> NDArray[np.float32]:
    """Share of the electrons that arrives at each pixel."""
    voltage, pixel = optics.voltage_kV, view.pixel_size_A
    phase = film.potential_V_nm * np.float32(10.0 * interaction_rad_VA(voltage))
    through = film.transmission
    fine = pixel <= _GRAIN_A
    if fine:
        _add_all_grains(grid, view, film, phase)
    chi = np.pi * electron_wavelength_A(voltage) * abs(defocus_A) / (2.0 * pixel) ** 2
    if chi < _LEAST_CHI_RAD:
        return through
    # What the mean potential takes of the beam is in the transmission already: of its phase only edges count, which
    # are as sharp as the Fresnel zone at their defocus.
    zone_A = 1.5 * np.sqrt(electron_wavelength_A(voltage) * abs(defocus_A))
    edges = -np.expm1(-2.0 * (np.pi * zone_A * frequency_radius(view.shape_px, pixel)) ** 2)
    spectrum = rfft2(phase) * edges.astype(np.float32)
    if fine:
        spectrum += texture_spectrum(grid, view, film, voltage, dose_e_A2, particles=pixel <= _PARTICLES_A)
    contrast = 2.0 * _CONTRAST * _phase_contrast(spectrum, view, defocus_A, optics)
    # a weak phase object's contrast, which may exceed nothing at edges that are not weak
    contrast /= np.sqrt(1.0 + (contrast / 0.95) ** 2)
    if not slit:  # what lost energy arrives too, blurred beyond use by chromatic aberration
        contrast *= _without_loss(film, grid.settings.foil, voltage)
    return (through * (1.0 + contrast)).astype(np.float32)


def _without_loss(film: Film, foil: str, voltage_kV: float) -> NDArray[np.float32]:
    """Share of the electrons at each pixel that lost no energy."""
    wet = (film.ice_nm + film.cell_nm) / np.float32(inelastic_path_nm("ice", voltage_kV))
    return np.exp(-wet - film.foil_nm / np.float32(inelastic_path_nm(foil, voltage_kV)))


def _add_all_grains(grid: SimulatedGrid, view: View, film: Film, phase_rad: NDArray[np.float32]) -> None:
    place = (film.transmission, phase_rad)
    if film.crystalline.any():
        add_grains(
            *place, film.crystalline, view.corner_um, view.step_um, grain_um=0.045, darkening=0.2, fringe_rad=0.35,
            spacings_A=ICE_SPACINGS_A, seed=grid.seed,
        )  # fmt: skip
    if grid.settings.foil == "gold" and film.foil_nm.any():
        cover = np.minimum(film.foil_nm / np.float32(grid.settings.foil_thickness_nm), 1.0)
        add_grains(
            *place, cover, view.corner_um, view.step_um, grain_um=0.03, darkening=0.7, fringe_rad=0.3,
            spacings_A=GOLD_SPACINGS_A, seed=grid.seed + 1,
        )  # fmt: skip


def _phase_contrast(
    spectrum: NDArray[np.complexfloating], view: View, defocus_A: float, optics: GridOptics
) -> NDArray[np.float32]:
    """Contrast over twice the phase; strips along the tilt axis have their own defocus where it differs."""
    shape, pixel = view.shape_px, view.pixel_size_A
    frequency = frequency_radius(shape, pixel)
    wavelength = electron_wavelength_A(optics.voltage_kV)

    def at(value_A: float) -> NDArray[np.float32]:
        transfer = ctf_2d(
            shape,
            pixel,
            value_A,
            astigmatism_A=optics.astigmatism_A,
            astigmatism_deg=optics.astigmatism_deg,
            voltage_kV=optics.voltage_kV,
            cs_mm=optics.cs_mm,
            amplitude_contrast=optics.amplitude_contrast,
            b_factor_A2=optics.b_factor_A2,
        )
        slope = optics.cs_mm * 1e7 * wavelength**2 * frequency**3 - value_A * frequency
        transfer *= np.exp(-((np.pi * 1e-3 * optics.convergence_mrad * slope) ** 2)).astype(np.float32)
        return irfft2(spectrum * transfer, shape).astype(np.float32)

    span_A = abs(np.tan(np.deg2rad(view.tilt_deg))) * shape[1] * pixel
    if span_A < _SAME_DEFOCUS_A or span_A < 0.02 * abs(defocus_A):
        return at(defocus_A)
    return across_tilt(at, shape, pixel, defocus_A, view.tilt_deg, strip_A=_SAME_DEFOCUS_A)


def _illumination(shape_px: tuple[int, int], optics: GridOptics) -> NDArray[np.float32]:
    """Light at each pixel relative to the mean."""
    rng = np.random.default_rng([optics.camera, 21])
    y = np.linspace(-1, 1, shape_px[0], dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, shape_px[1], dtype=np.float32)[None, :]
    x0, y0 = rng.uniform(-0.4, 0.4, 2)
    light = 1.0 - np.float32(optics.uneven) * ((x - x0) ** 2 + (y - y0) ** 2 - 2.0 / 3.0) / 2.0
    blocks = np.repeat(rng.standard_normal(16), -(-shape_px[1] // 16))[: shape_px[1]]
    stripes = optics.stripes * (0.7 * rng.standard_normal(shape_px[1]) + 0.7 * blocks)
    light = light * (1.0 + stripes).astype(np.float32)
    return (light / light.mean()).astype(np.float32)
