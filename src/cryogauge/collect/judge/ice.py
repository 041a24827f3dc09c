"""Ice: how thick it is, and whether it is crystalline."""

import math

import numpy as np
from numpy.typing import NDArray

from cryogauge.imaging.ctf_astigmatic import TilePower
from cryogauge.imaging.dose import speed_squared

#: Rings of crystalline ice in Å (hexagonal 3.90, 3.67 and 3.44; the second is cubic ice's too), each with half a width.
ICE_RINGS_A = ((3.90, 0.05), (3.67, 0.05), (3.44, 0.04))
_BESIDE_A = ((3.30, 3.38), (3.50, 3.59), (3.75, 3.82), (3.97, 4.20))
_FINEST_PX = 2.1
#: Path in ice at 300 kV after which 1/e of the beam is left. The slit takes what loses energy, by a path of 395 nm
#: (Rice et al., J. Struct. Biol. 204, 38, 2018); an aperture of 100 µm what atoms turn aside, by some 1,500 nm (from
#: the cross-sections of Langmore & Smith, Ultramicroscopy 46, 349, 1992); rates of loss add up.
USUAL_PATH_NM = 310.0


def ice_ring(power: TilePower) -> float:
    """Power at the strongest ring of crystalline ice over that of the rings beside; NaN for pixels that are too coarse.

    Vitreous ice has about 1; its own broad ring at 3.7 Å hardly moves it.
    """
    rings, beside = _regions(power)
    base = float(power.power[beside].mean()) if rings else 0.0
    return max(float(power.power[ring].mean()) for ring in rings) / base if base > 0 else math.nan


def ice_spots(power: TilePower) -> float:
    """The strongest term at the rings of crystalline ice over the strongest beside; NaN for pixels that are too coarse.

    Few grains leave spots where many leave rings. Noise has terms up to its mean times the logarithm of their number
    wherever it is looked for, so that vitreous ice has about 1.
    """
    rings, beside = _regions(power)
    base = float(power.power[beside].max()) if rings else 0.0
    return max(float(power.power[ring].max()) for ring in rings) / base if base > 0 else math.nan


def _regions(power: TilePower) -> tuple[list[NDArray[np.bool_]], NDArray[np.bool_]]:
    """The rings that the pixels show, and what lies beside them."""
    finest_A = _FINEST_PX * power.pixel_size_A
    spacing = 1 / np.maximum(power.frequency_1_A, 1e-9)
    rings = [np.abs(spacing - place) < half for place, half in ICE_RINGS_A if place - half > finest_A]
    beside = np.zeros(spacing.shape, dtype=bool)
    for low, high in _BESIDE_A:
        if low > finest_A:
            beside |= (spacing > low) & (spacing < high)
    return [ring for ring in rings if ring.any()] if beside.any() else [], beside


def ice_thickness_nm(
    mean_counts: float, vacuum_counts: float, voltage_kV: float, mean_free_path_nm: float | None = None
) -> float:
    """Thickness from the part of the beam that arrives, ``mean free path × ln(I_vacuum / I)``, in nm.

    Parameters
    ----------
    mean_counts, vacuum_counts
        Mean of a pixel of the exposure, and of one without specimen at the same beam, exposure time, slit and aperture.
    voltage_kV
        From which the mean free path follows unless it is given: :data:`USUAL_PATH_NM`, which grows with the square of
        the electrons' speed.
    mean_free_path_nm
        Path after which 1/e of the beam is left, as this microscope images ice. Without a slit only the aperture takes
        electrons: the path is then some 1,500 nm at 300 kV with one of 100 µm, some 1,000 nm with one of 70 µm.

    Returns
    -------
    NaN unless both are positive; 0 for more counts than in vacuum.
    """
    if not (mean_counts > 0 and vacuum_counts > 0):
        return math.nan
    usual_nm = USUAL_PATH_NM * speed_squared(voltage_kV) / speed_squared(300.0)
    path_nm = usual_nm if mean_free_path_nm is None else mean_free_path_nm
    return max(path_nm * math.log(vacuum_counts / mean_counts), 0.0)
