"""From specimen to camera: tilt schedules, phase contrast, thickness, dose, damage, noise, misalignment."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cryogauge.imaging.ctf import across_tilt, ctf_2d, electron_wavelength_A
from cryogauge.imaging.detector import detect, zero_loss_fraction
from cryogauge.imaging.dose import exposure_attenuation
from cryogauge.imaging.projection import project
from cryogauge.imaging.transforms import irfft2, rfft2
from cryogauge.records import BadInput, TiltSeries
from cryogauge.simulate.specimens import Specimen

SCHEDULES = ("dose-symmetric", "bidirectional", "unidirectional")


@dataclass(frozen=True)
class Imaging:
    """How a specimen is recorded.

    Attributes
    ----------
    dose_e_A2
        Exposure of the whole series, shared evenly among the tilts.
    tilt_range_deg, tilt_step_deg, schedule
        Tilts from −range to +range; the order they are taken in is one of :data:`SCHEDULES`.
    missing_tilts
        How many random tilts were lost.
    defocus_A, defocus_sd_A
        Underfocus, and its scatter from tilt to tilt.
    defocus_gradient
        Let the defocus vary across tilted images, strip by strip.
    voltage_kV, cs_mm, amplitude_contrast
        The microscope.
    energy_filter
        Slit in: only zero-loss electrons are counted. Out: the inelastic ones add background and no contrast.
    detector_binning
        Camera pixels in an image pixel: 1 keeps the camera's full fall-off, 4 nearly none of it.
    axis_deg
        In-plane angle of the tilt axis from +y; images are turned by it.
    shift_sd_A, axis_error_deg
        Residual misalignment: what an imperfect alignment leaves in the images and its table does not know.
    drift_A
        Blur along a random direction within one exposure.
    contrast_factor
        Recorded over computed contrast. Images computed from atomic potentials have two to three times the
        contrast of recorded ones (the Stobbs factor: motion, plasmon losses, imperfect detection).
    damage
        Fade high frequencies with the exposure so far; without it a high dose stands for a good denoiser.
    frames
        Dose fractions of each exposure.
    """

    dose_e_A2: float = 100.0
    tilt_range_deg: float = 60.0
    tilt_step_deg: float = 3.0
    schedule: str = "dose-symmetric"
    missing_tilts: int = 0
    defocus_A: float = 40_000.0
    defocus_sd_A: float = 0.0
    defocus_gradient: bool = False
    voltage_kV: float = 300.0
    cs_mm: float = 2.7
    amplitude_contrast: float = 0.07
    energy_filter: bool = True
    detector_binning: float = 2.0
    axis_deg: float = 0.0
    shift_sd_A: float = 0.0
    axis_error_deg: float = 0.0
    drift_A: float = 0.0
    contrast_factor: float = 0.5
    damage: bool = True
    frames: int = 1

    def __post_init__(self) -> None:
        if self.schedule not in SCHEDULES:
            raise BadInput(f"no tilt schedule is called {self.schedule!r}", f"one of: {', '.join(SCHEDULES)}")
        if not 0 < self.dose_e_A2 <= 5000:
            raise BadInput(f"a dose of {self.dose_e_A2:g} e⁻/Å² is outside 0–5000", "a usual tilt series has 60–150")
        if not 0 < self.tilt_step_deg <= self.tilt_range_deg <= 80:
            raise BadInput(
                f"tilts of ±{self.tilt_range_deg:g}° in steps of {self.tilt_step_deg:g}° cannot be taken",
                "a usual series has ±60° in steps of 3°",
            )


def tilt_schedule(imaging: Imaging, rng: np.random.Generator) -> pd.DataFrame:
    """Tilts in ascending order with the exposure each had received before: ``tilt_deg, dose_e_A2, prior_dose_e_A2``.

    Dose-symmetric goes outward from 0° in pairs (Hagen et al. 2017), bidirectional from 0° to one end and then
    to the other, unidirectional from end to end.
    """
    count = int(np.floor(2 * imaging.tilt_range_deg / imaging.tilt_step_deg + 1e-9)) + 1
    tilts = (np.arange(count) - (count - 1) / 2) * imaging.tilt_step_deg
    if imaging.schedule == "dose-symmetric":
        order = np.lexsort((tilts < 0, np.abs(tilts)))
    elif imaging.schedule == "bidirectional":
        order = np.concatenate([np.flatnonzero(tilts >= 0), np.flatnonzero(tilts < 0)[::-1]])
    else:
        order = np.arange(count)
    dose = imaging.dose_e_A2 / count
    prior = np.empty(count)
    prior[order] = np.arange(count) * dose
    table = pd.DataFrame({"tilt_deg": tilts, "dose_e_A2": dose, "prior_dose_e_A2": prior})
    lost = rng.choice(count, min(imaging.missing_tilts, count - 3), replace=False) if imaging.missing_tilts else []
    return table.drop(index=list(lost)).reset_index(drop=True)


def interaction_rad_VA(voltage_kV: float) -> float:
    """Phase shift of an electron per volt of potential and Å of path (6.53e-4 at 300 kV).

    σ = 2π m e λ / h² with the relativistic mass, written as (2π / (λ V)) (m₀c² + eV) / (2 m₀c² + eV).
    """
    rest_kV = 510.998_95
    wavelength = electron_wavelength_A(voltage_kV)
    return 2 * np.pi / (wavelength * voltage_kV * 1e3) * (rest_kV + voltage_kV) / (2 * rest_kV + voltage_kV)


def expose(specimen: Specimen, imaging: Imaging, seed: int, *, frames: bool = False) -> TiltSeries | list[TiltSeries]:
    """Record a tilt series.

    The image of each tilt is that of a weak phase object, thinned by inelastic scattering in the thickness the
    beam crosses, damaged by the dose so far, blurred by drift and the camera, counted electron by electron.

    Parameters
    ----------
    specimen
        What stands in the beam; it repeats along x, so that tilted views are filled.
    imaging
        How it is recorded.
    seed
        Seeds the noise, the lost tilts and the misalignment.
    frames
        Return one series per dose fraction (their sum is the exposure) in place of one of whole exposures.

    Returns
    -------
    TiltSeries or list of TiltSeries
        Images ``(tilt, y, x)`` in electrons per pixel. The table's shifts are zero: the misalignment is what the
        alignment did not find.
    """
    rng = np.random.default_rng(seed)
    table = tilt_schedule(imaging, rng)
    tilts = table["tilt_deg"].to_numpy()
    pixel = specimen.voxel_size_A
    defocus = imaging.defocus_A + imaging.defocus_sd_A * rng.standard_normal(len(tilts))
    phase = project(specimen.potential_V, tilts) * (
        imaging.contrast_factor * pixel * interaction_rad_VA(imaging.voltage_kV)
    )
    thickness_A = specimen.thickness_nm * 10.0 / np.cos(np.deg2rad(tilts))
    kept = zero_loss_fraction(thickness_A, imaging.voltage_kV)
    shift = imaging.shift_sd_A / pixel * rng.standard_normal((len(tilts), 2))
    drift = imaging.drift_A / pixel * rng.random(len(tilts))
    heading = rng.uniform(0, np.pi, len(tilts))
    dose_px = table["dose_e_A2"].to_numpy() * pixel**2
    parts = imaging.frames if frames else 1
    shape = (phase.shape[1], phase.shape[2])
    fy = np.fft.fftfreq(shape[0])[:, None]
    fx = np.fft.rfftfreq(shape[1])[None, :]
    stacks = np.empty((parts, len(tilts), *shape), dtype=np.float32)
    for k in range(len(tilts)):
        spectrum = rfft2(phase[k])
        spectrum *= np.exp(-2j * np.pi * (fy * shift[k, 0] + fx * shift[k, 1]))
        spectrum *= np.sinc(drift[k] * (fy * np.sin(heading[k]) + fx * np.cos(heading[k])))
        if imaging.damage:
            before = float(table["prior_dose_e_A2"][k])
            after = before + float(table["dose_e_A2"][k])
            spectrum *= exposure_attenuation(shape, pixel, before, after, imaging.voltage_kV)
        contrast = _phase_contrast(spectrum, shape, pixel, float(defocus[k]), float(tilts[k]), imaging)
        turn = imaging.axis_deg + imaging.axis_error_deg * rng.standard_normal()
        if abs(turn) > 1e-6:
            contrast = _turn(contrast, turn)
        elastic = np.maximum(1.0 + 2.0 * contrast, 0.02)
        # without the slit the inelastic electrons arrive too, blurred beyond use by chromatic aberration
        rate = kept[k] * elastic if imaging.energy_filter else kept[k] * elastic + (1.0 - kept[k])
        for part in range(parts):
            stacks[part, k] = detect(rate * dose_px[k] / parts, rng, imaging.detector_binning)
    table = table.assign(axis_deg=imaging.axis_deg, shift_x_A=0.0, shift_y_A=0.0, defocus_A=imaging.defocus_A)
    if not frames:
        return TiltSeries(stacks[0], pixel, table, f"simulated {specimen.kind}")
    share = table.assign(dose_e_A2=table["dose_e_A2"] / parts)
    source = f"simulated {specimen.kind}, fraction"
    return [TiltSeries(stack, pixel, share, f"{source} {i + 1}") for i, stack in enumerate(stacks)]


def _phase_contrast(
    spectrum: NDArray[np.complexfloating],
    shape: tuple[int, int],
    pixel_A: float,
    defocus_A: float,
    tilt_deg: float,
    imaging: Imaging,
) -> np.ndarray:
    """Contrast of a weak phase object; strips along the tilt axis get their own defocus if asked."""

    def at(value_A: float) -> np.ndarray:
        transfer = ctf_2d(
            shape,
            pixel_A,
            value_A,
            voltage_kV=imaging.voltage_kV,
            cs_mm=imaging.cs_mm,
            amplitude_contrast=imaging.amplitude_contrast,
        )
        return irfft2(spectrum * transfer, shape).astype(np.float32)

    span_A = abs(np.tan(np.deg2rad(tilt_deg))) * shape[1] * pixel_A
    if not imaging.defocus_gradient or span_A < 1000.0:
        return at(defocus_A)
    return across_tilt(at, shape, pixel_A, defocus_A, tilt_deg, strip_A=2000.0)


def _turn(image: np.ndarray, angle_deg: float) -> np.ndarray:
    """The image turned counter-clockwise about its centre, seen with y up; corners repeat the opposite edge."""
    from scipy.ndimage import rotate

    # scipy turns as seen with y down
    return rotate(image, -angle_deg, reshape=False, order=1, mode="grid-wrap")


def combine(series: list[TiltSeries]) -> TiltSeries:
    """Dose fractions added up: all of them for the exposure, every other one for a half set."""
    images = np.sum([np.asarray(s.images) for s in series], axis=0, dtype=np.float32)
    dose = np.sum([s.table["dose_e_A2"].to_numpy() for s in series], axis=0)
    return TiltSeries(images, series[0].pixel_size_A, series[0].table.assign(dose_e_A2=dose), series[0].source)


def contrast(images: np.ndarray) -> np.ndarray:
    """Electron counts as relative contrast: each image divided by its mean, minus one."""
    mean = images.mean(axis=(1, 2), keepdims=True)
    return (images / np.maximum(mean, 1e-6) - 1.0).astype(np.float32)
