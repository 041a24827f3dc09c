"""A field of view as the beam meets it: phase, absorption and grain, and what of it is where."""

from dataclasses import dataclass

import numpy as np

#: Phase per potential and length at 300 kV, rad / (V Å).
PHASE_PER_V_A = 6.52e-4
#: Mean inner potentials, V: vitreous ice (Wang et al., Biophys. J. 110, 2016), amorphous carbon.
ICE_V, CARBON_V = 3.5, 8.5
#: Mean free path of vitreous ice with an objective aperture and no energy filter, and that of carbon, Å.
ICE_PATH_A, CARBON_PATH_A = 3_100.0, 3_000.0
#: Power of the phase noise of amorphous matter per thickness, rad² Å² / Å. It sets how strong Thon rings are: here
#: about a tenth of the shot noise of 50 e⁻/Å² for 50 nm of ice, and more for thin carbon than for ice.
ICE_GRAIN, CARBON_GRAIN = 1.5e-6, 3.0e-5


@dataclass
class Field:
    """What a micrograph shows; arrays ``(y, x)`` that are drawn into.

    Attributes
    ----------
    pixel_size_A
        Edge of a pixel.
    phase
        Of the beam after the specimen, rad; constant parts may be missing.
    absorption
        −ln of the part of the beam that arrives.
    grain
        Power of the phase noise of amorphous matter, rad² Å².
    carbon, contamination, vacuum, crystalline, particles
        Truth: where there is support film, what should not be there, nothing at all, crystalline ice, a particle.
    centres_px
        Truth: centres (y, x) of particles.
    diameter_A
        Of a particle; 0 without any.
    """

    pixel_size_A: float
    phase: np.ndarray
    absorption: np.ndarray
    grain: np.ndarray
    carbon: np.ndarray
    contamination: np.ndarray
    vacuum: np.ndarray
    crystalline: np.ndarray
    particles: np.ndarray
    centres_px: np.ndarray
    diameter_A: float = 0.0

    @property
    def shape(self) -> tuple[int, int]:
        """Pixels (y, x)."""
        return self.phase.shape[0], self.phase.shape[1]

    @property
    def area_A2(self) -> float:
        """Of the field."""
        return self.phase.size * self.pixel_size_A**2

    def grid_A(self) -> tuple[np.ndarray, np.ndarray]:
        """Places y ``(y, 1)`` and x ``(1, x)`` in Å from the corner."""
        ny, nx = self.shape
        return (
            np.arange(ny, dtype=np.float32)[:, None] * np.float32(self.pixel_size_A),
            np.arange(nx, dtype=np.float32)[None, :] * np.float32(self.pixel_size_A),
        )

    def without_margin(self, margin_px: int) -> "Field":
        """The field less a margin on each side."""
        ny, nx = self.shape
        part = slice(margin_px, ny - margin_px), slice(margin_px, nx - margin_px)
        centres = self.centres_px - margin_px
        inside = ((centres >= 0) & (centres < (ny - 2 * margin_px, nx - 2 * margin_px))).all(axis=1)
        return Field(
            self.pixel_size_A, self.phase[part], self.absorption[part], self.grain[part], self.carbon[part],
            self.contamination[part], self.vacuum[part], self.crystalline[part], self.particles[part],
            centres[inside], self.diameter_A,
        )  # fmt: skip


def empty_field(shape: tuple[int, int], pixel_size_A: float) -> Field:
    """A field with nothing in it: vacuum."""

    def zeros() -> np.ndarray:
        return np.zeros(shape, dtype=np.float32)

    nowhere = np.zeros(shape, dtype=bool)
    return Field(
        pixel_size_A, zeros(), zeros(), zeros(), nowhere, nowhere.copy(), ~nowhere, nowhere.copy(), nowhere.copy(),
        np.zeros((0, 2)),
    )  # fmt: skip
