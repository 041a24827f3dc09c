"""What a material takes out of the beam: by the energy filter's slit, and by the objective aperture.

The two are apart. The slit takes electrons that lost energy. The aperture takes those that atoms turned aside too far,
with or without a filter; losses of energy hardly turn an electron. Rates of loss add up.
"""

from dataclasses import dataclass

import numpy as np

from cryogauge.imaging.ctf import electron_wavelength_A
from cryogauge.imaging.dose import speed_squared

#: Half the angle that the objective aperture passes: one of 100 µm at a focal length of 3.5 mm.
APERTURE_MRAD = 14.3
#: Half the angle that reaches the camera at low magnification, where squares are looked at: the objective lens is
#: nearly off, its aperture out, and the column's own bores are what stops the beam. A few milliradians by its geometry,
#: not a measurement. 14 nm of carbon then take 4 % of the beam, 11 % with the slit in, as squares of real grids ask for
#: rather than the 2 % that the objective aperture takes.
LOW_MAGNIFICATION_MRAD = 2.5
#: Pixels from which on pictures are taken so: about where microscopes change over, at 2,000 times, with usual cameras.
LOW_MAGNIFICATION_A = 50.0
_BOHR_RADIUS_A = 0.529
_FINE_STRUCTURE = 1.0 / 137.036


@dataclass(frozen=True)
class Material:
    """How a material scatters electrons.

    Attributes
    ----------
    inelastic_nm
        Mean free path at 300 kV after which an electron has lost energy.
    atoms
        Their atomic number and how many are in a nm³, for each element.
    lets_through
        How much longer than by single atoms the path is after which an electron is past the aperture.
    potential_V
        Mean inner potential.
    """

    inelastic_nm: float
    atoms: tuple[tuple[int, float], ...]
    lets_through: float
    potential_V: float


#: Inelastic paths: of vitreous ice as measured with slit and aperture at 300 kV (Rice et al., J. Struct. Biol. 204, 38,
#: 2018; in liquid water it is 320 nm, Yesibolati et al., Nanoscale 12, 20649, 2020); of carbon (2.0 g/cm³) and gold by
#: the formula of Iakoubovskii et al., Microsc. Res. Tech. 71, 626 (2008). Atoms by densities of 0.93, 2.0 and 19.3
#: g/cm³. Gold is crystals, which let through far more than single atoms would: its factor is a model of the kind, not a
#: measurement.
MATERIALS = {
    "ice": Material(395.0, ((1, 62.2), (8, 31.1)), 1.0, 3.5),
    "carbon": Material(204.0, ((6, 100.0),), 1.0, 9.0),
    "gold": Material(118.0, ((79, 59.0),), 3.3, 25.0),
}


def passed_mrad(pixel_size_A: float) -> float:
    """Half the angle of scattered electrons that reach a camera of such pixels."""
    return LOW_MAGNIFICATION_MRAD if pixel_size_A >= LOW_MAGNIFICATION_A else APERTURE_MRAD


def mean_free_path_nm(material: str, voltage_kV: float, *, slit: bool, aperture_mrad: float = APERTURE_MRAD) -> float:
    """Path after which 1/e of the electrons is left in the image, with the slit in or without one."""
    rate = 1.0 / aperture_path_nm(material, voltage_kV, aperture_mrad)
    return 1.0 / (rate + 1.0 / inelastic_path_nm(material, voltage_kV) if slit else rate)


def inelastic_path_nm(material: str, voltage_kV: float) -> float:
    """Path after which 1/e of the electrons has lost no energy; it grows with the square of their speed."""
    return MATERIALS[material].inelastic_nm * speed_squared(voltage_kV) / speed_squared(300.0)


def aperture_path_nm(material: str, voltage_kV: float, half_angle_mrad: float = APERTURE_MRAD) -> float:
    """Path after which atoms have turned all but 1/e of the electrons past the aperture.

    Elastic cross-sections ``1.4e-6 Z^1.5 / β² (1 − 0.26 Z / (137 β))`` nm² of an atom (Langmore & Smith,
    Ultramicroscopy 46, 349, 1992), of which the part beyond an angle α is ``1 / (1 + (α / θ0)²)`` for a screened atom,
    with ``θ0 = λ Z^⅓ / (2π a)`` and Bohr's radius a (Lenz, Z. Naturforsch. 9a, 185, 1954).

    Parameters
    ----------
    material
        One of :data:`MATERIALS`.
    voltage_kV
        Acceleration voltage.
    half_angle_mrad
        That the aperture passes; 0 for every electron that is scattered at all.
    """
    squared = speed_squared(voltage_kV)
    taken = 0.0
    for number, per_nm3 in MATERIALS[material].atoms:
        whole_nm2 = 1.4e-6 * number**1.5 / squared * (1.0 - 0.26 * number * _FINE_STRUCTURE / np.sqrt(squared))
        screened = electron_wavelength_A(voltage_kV) * np.cbrt(number) / (2.0 * np.pi * _BOHR_RADIUS_A)
        taken += per_nm3 * whole_nm2 / (1.0 + (1e-3 * half_angle_mrad / screened) ** 2)
    return float(MATERIALS[material].lets_through / taken)
