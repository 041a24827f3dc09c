"""How particles of one set were recorded: contrast transfer, dose and the noise that follows."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cryogauge.imaging.ctf import ctf_1d, electron_wavelength_A
from cryogauge.imaging.transforms import frequency_radius
from cryogauge.records import BadInput

#: 2π m e / h² of the electron at rest: times wavelength and relativistic mass, the phase that 1 V Å adds in radians.
_INTERACTION_1_V_A2 = 1.0 / 47.878
#: Share of electrons that a camera turns into signal.
_DQE = 0.75


@dataclass(frozen=True)
class Optics:
    """The microscope and the exposure.

    Attributes
    ----------
    pixel_size_A
        Edge of a pixel.
    voltage_kV, cs_mm, amplitude_contrast
        As in :func:`cryogauge.imaging.ctf.ctf_1d`.
    defocus_A
        Smallest and largest underfocus.
    b_factor_A2
        Fall of the signal by motion, charging and optics: ``exp(−B f² / 4)`` on amplitudes.
    dose_e_A2
        Dose of an exposure.
    haze
        Variance of the noise over that of the electrons' number: thick ice, broken proteins and inelastic scattering.

    Raises
    ------
    BadInput
        For values that no microscope has.
    """

    pixel_size_A: float
    voltage_kV: float = 300.0
    cs_mm: float = 2.7
    amplitude_contrast: float = 0.1
    defocus_A: tuple[float, float] = (8_000.0, 22_000.0)
    b_factor_A2: float = 80.0
    dose_e_A2: float = 45.0
    haze: float = 1.5

    def __post_init__(self) -> None:
        if not min(self.pixel_size_A, self.dose_e_A2, self.haze, self.voltage_kV) > 0:
            raise BadInput("pixel size, voltage, dose and haze must be positive")
        if not 0 <= self.defocus_A[0] <= self.defocus_A[1]:
            raise BadInput(f"a defocus from {self.defocus_A[0]:g} to {self.defocus_A[1]:g} Å is no range")

    @property
    def contrast_per_V_A(self) -> float:
        """Contrast that a projected potential of 1 V Å has where the CTF is 1: twice the phase it adds."""
        relativistic = 1.0 + self.voltage_kV / 510.998_95
        return 2.0 * _INTERACTION_1_V_A2 * electron_wavelength_A(self.voltage_kV) * relativistic

    @property
    def noise_variance(self) -> float:
        """Variance of a pixel in units of contrast, the same at all frequencies."""
        return self.haze / (self.dose_e_A2 * self.pixel_size_A**2 * _DQE)

    def envelope(self, box_px: int) -> NDArray[np.float32]:
        """Fall of the signal in the layout of ``rfft2``."""
        frequency = frequency_radius((box_px, box_px), self.pixel_size_A)
        return np.exp(-0.25 * self.b_factor_A2 * frequency**2).astype(np.float32)

    def transfers(self, box_px: int, defocus_A: NDArray[np.floating]) -> NDArray[np.float64]:
        """CTF of each defocus in each ring up to the corner, ``(defocus, ring)``; protein bright below the first zero.

        Ring r is at ``r / (box · pixel)``; without envelope and astigmatism.
        """
        rings = np.arange(int(np.ceil(box_px / np.sqrt(2))) + 1) / (box_px * self.pixel_size_A)
        return -ctf_1d(
            rings[None, :],
            np.asarray(defocus_A)[:, None],
            voltage_kV=self.voltage_kV,
            cs_mm=self.cs_mm,
            amplitude_contrast=self.amplitude_contrast,
        )


def drawn_optics(pixel_size_A: float, rng: np.random.Generator) -> Optics:
    """Optics as sessions have them, from steady 300 kV to a 200 kV screening day."""
    weak = rng.random() < 0.35
    least = float(rng.uniform(4_000, 15_000))
    return Optics(
        pixel_size_A,
        voltage_kV=200.0 if weak else 300.0,
        cs_mm=2.7 if rng.random() < 0.8 else 2.0,
        amplitude_contrast=0.1 if rng.random() < 0.7 else 0.07,
        defocus_A=(least, least + float(rng.uniform(4_000, 18_000))),
        b_factor_A2=float(np.exp(rng.uniform(np.log(35), np.log(220)))),
        dose_e_A2=float(rng.uniform(25, 65)),
        haze=float(np.exp(rng.uniform(np.log(1.5), np.log(9.0)))),
    )
