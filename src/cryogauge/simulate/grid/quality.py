"""What ice of a thickness is worth: how well an exposure resolves, and the share of its particles that are good."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cryogauge.imaging.detector import inelastic_mean_free_path_A
from cryogauge.simulate.grid.settings import GridSettings
from cryogauge.simulate.particles import PROTEIN_A3_PER_KDA

_THIN_RESOLUTION_A, _REFERENCE_NM = 2.8, 60.0


def particle_diameter_nm(settings: GridSettings) -> float:
    """Diameter of a sphere half as large again in volume as the protein, for complexes are not compact."""
    return float(2.0 * np.cbrt(1.5 * settings.particle_kDa * PROTEIN_A3_PER_KDA * 3.0 / (4.0 * np.pi)) / 10.0)


def particles_per_um2(thickness_nm: ArrayLike, settings: GridSettings) -> NDArray[np.float64]:
    """Particles in ice of a thickness: none where they do not fit in, more in thicker ice, but less than in proportion,
    for most of them are at its surfaces.
    """
    nm = np.asarray(thickness_nm, dtype=np.float64)
    diameter = particle_diameter_nm(settings)
    fits = 1.0 / (1.0 + np.exp(-(nm - 1.15 * diameter) / (0.08 * diameter)))
    return settings.particles_um2 * np.sqrt(np.maximum(nm, 0.0) / 40.0) * fits * (nm > 0)


def preferred_share(thickness_nm: ArrayLike, settings: GridSettings) -> NDArray[np.float64]:
    """Share of the particles that lie in a preferred view: the setting's in ice as thick as they are, none in twice
    that and more.
    """
    spare = np.asarray(thickness_nm, dtype=np.float64) / particle_diameter_nm(settings) - 1.0
    return settings.preferred * np.clip(1.5 - spare, 0.0, 1.0)


def expected_resolution_A(thickness_nm: ArrayLike, settings: GridSettings) -> NDArray[np.float64]:
    """Finest spacing at which Thon rings of a usual exposure are seen: it grows as electrons are lost in the ice."""
    nm = np.asarray(thickness_nm, dtype=np.float64)
    return _THIN_RESOLUTION_A * np.sqrt(1.0 + (nm / _REFERENCE_NM) ** 2)


def expected_quality(thickness_nm: ArrayLike, settings: GridSettings) -> NDArray[np.float64]:
    """Share of the particles that an exposure of vitreous, clean ice yields good, 0 to 1.

    What the air-water interface leaves intact, in views that are not preferred ones twice over, seen with the electrons
    that lose no energy, and as many as half of what is usual; nothing where particles do not fit into the ice.
    """
    nm = np.asarray(thickness_nm, dtype=np.float64)
    path_nm = inelastic_mean_free_path_A() / 10.0
    spare = nm - 1.2 * particle_diameter_nm(settings)
    seen = np.exp(-2.0 * np.maximum(spare, 0.0) / path_nm) / (1.0 + np.exp((nm - 110.0) / 14.0))
    number = particles_per_um2(nm, settings)
    enough = number / (number + 60.0)
    crowded = 1.0 / (1.0 + (number * (particle_diameter_nm(settings) * 1e-3) ** 2 / 0.6) ** 4)
    return settings.sound * (1.0 - 0.5 * preferred_share(nm, settings)) * seen * enough * crowded
