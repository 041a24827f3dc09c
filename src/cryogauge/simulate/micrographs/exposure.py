"""From a field to the electrons that a camera counts."""

from dataclasses import dataclass

import numpy as np

from cryogauge.imaging.ctf import electron_wavelength_A
from cryogauge.imaging.detector import COUNTING, detect
from cryogauge.imaging.transforms import frequency_radius, irfft2, rfft2
from cryogauge.simulate.micrographs.field import Field


@dataclass(frozen=True)
class Optics:
    """How a field is exposed.

    Attributes
    ----------
    defocus_A, astigmatism_A, astigmatism_deg
        As in :func:`cryogauge.imaging.ctf_2d`.
    dose_e_A2
        Electrons that meet the specimen.
    voltage_kV, cs_mm, amplitude_contrast
        Of the microscope; the contrast is that of the phase object.
    b_factor_A2
        Envelope of the amplitudes, ``exp(−B f² / 4)``.
    drift_A, drift_deg
        Length and direction of a drift during the exposure that nothing undid.
    jumped
        The drift was a single jump half-way; else it was steady.
    binning
        Camera pixels along the edge of a pixel.
    """

    defocus_A: float = 15_000.0
    astigmatism_A: float = 0.0
    astigmatism_deg: float = 0.0
    dose_e_A2: float = 50.0
    voltage_kV: float = 300.0
    cs_mm: float = 2.7
    amplitude_contrast: float = 0.08
    b_factor_A2: float = 60.0
    drift_A: float = 0.0
    drift_deg: float = 0.0
    jumped: bool = False
    binning: float = 1.0


def expected_electrons(field: Field, optics: Optics, rng: np.random.Generator) -> np.ndarray:
    """Electrons expected in each pixel, float32 ``(y, x)``: the wave behind the specimen, carried through the lens.

    The wave holds phase and absorption in full, so that thick ice crystals and edges have their Fresnel fringes. The
    grain of amorphous matter is drawn here, one realisation a call. Amplitude contrast takes off its part of all phase,
    that of even ice too. The lens is :func:`cryogauge.imaging.ctf_2d`'s.
    """
    pixel = field.pixel_size_A
    grain = rng.standard_normal(field.shape, dtype=np.float32) * np.sqrt(field.grain) / np.float32(pixel)
    phase = field.phase + grain
    amplitude = np.exp(-0.5 * field.absorption - np.float32(np.tan(np.arcsin(optics.amplitude_contrast))) * phase)
    wave = _through_lens(amplitude * np.exp(1j * phase).astype(np.complex64), pixel, optics)
    electrons = np.abs(wave) ** 2 * np.float32(optics.dose_e_A2 * pixel**2)
    if optics.drift_A > 0:
        electrons = np.maximum(_smeared(electrons, pixel, optics), 0)
    return electrons.astype(np.float32, copy=False)


def expose(field: Field, optics: Optics, rng: np.random.Generator) -> np.ndarray:
    """A micrograph in electrons per pixel, float32 ``(y, x)``, as a counting camera records it."""
    return detect(expected_electrons(field, optics, rng), rng, optics.binning, COUNTING)


def _through_lens(wave: np.ndarray, pixel: float, optics: Optics) -> np.ndarray:
    import scipy.fft

    from cryogauge.imaging.threads import thread_count

    ny, nx = wave.shape
    fy, fx = np.fft.fftfreq(ny, pixel)[:, None], np.fft.fftfreq(nx, pixel)[None, :]
    squared = (fy**2 + fx**2).astype(np.float32)
    wavelength = electron_wavelength_A(optics.voltage_kV)
    defocus: np.ndarray | float = optics.defocus_A
    if optics.astigmatism_A:
        turn = np.deg2rad(2 * optics.astigmatism_deg)
        # cos 2(θ − θ0) from the frequencies themselves
        along = ((fx**2 - fy**2) * np.cos(turn) + 2 * fx * fy * np.sin(turn)).astype(np.float32)
        defocus = optics.defocus_A + 0.5 * optics.astigmatism_A * along / np.maximum(squared, 1e-12)
    aberration = np.float32(np.pi * wavelength) * squared * defocus
    aberration -= np.float32(0.5 * np.pi * optics.cs_mm * 1e7 * wavelength**3) * squared**2
    lens = np.exp(1j * aberration).astype(np.complex64) * np.exp(np.float32(-0.25 * optics.b_factor_A2) * squared)
    spectrum = np.asarray(scipy.fft.fft2(wave, workers=thread_count()))
    return np.asarray(scipy.fft.ifft2(spectrum * lens, workers=thread_count()))


def _smeared(electrons: np.ndarray, pixel: float, optics: Optics) -> np.ndarray:
    """Under a drift or jump along a line during the exposure."""
    shape = (electrons.shape[0], electrons.shape[1])
    radius = frequency_radius(shape, pixel)
    direction = np.arctan2(np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])[None, :])
    along = radius * np.cos(direction - np.deg2rad(optics.drift_deg))
    turns = along * optics.drift_A
    kept = np.cos(np.pi * turns) if optics.jumped else np.sinc(turns)
    return irfft2(rfft2(electrons) * kept.astype(np.float32), shape)
