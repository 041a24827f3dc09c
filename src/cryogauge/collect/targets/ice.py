"""How thick ice is, by how much of the beam it lets through."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def ice_from_filter_nm(unfiltered: ArrayLike, filtered: ArrayLike, mean_free_path_nm: float) -> NDArray[np.float64]:
    """Thickness by the electrons that the energy filter's slit takes away: λ·ln(I without slit / I with slit).

    Parameters
    ----------
    unfiltered, filtered
        Intensities of the same place and dose without and with the slit, the camera's offset taken off.
    mean_free_path_nm
        Inelastic mean free path λ in nm: about 395 at 300 kV (Rice et al., J. Struct. Biol. 204, 38, 2018).

    Returns
    -------
    ndarray
        nm; NaN where an intensity is not positive, 0 where the filtered one is the higher.
    """
    return _path_times_log(unfiltered, filtered, mean_free_path_nm)


def ice_from_vacuum_nm(intensity: ArrayLike, vacuum: float, mean_free_path_nm: float) -> NDArray[np.float64]:
    """Thickness by the electrons that do not arrive: λ·ln(I of vacuum / I).

    Parameters
    ----------
    intensity
        Of the ice, the camera's offset taken off.
    vacuum
        Of the bare beam at the same dose.
    mean_free_path_nm
        Path λ in nm after which 1/e of the electrons is left in the image. It is a microscope's own. With a filter's
        slit in, some 310 at 300 kV: 1 / (1/395 + 1/1500), by what loses energy and by what atoms turn past an aperture
        of 100 µm; a coefficient of some 320 is reported for that aperture (Rice et al. 2018). Without a slit it is the
        aperture's alone: some 1,500, or 1,000 with one of 70 µm, and never below 570, the path by elastic scattering
        through any angle (Langmore & Smith, Ultramicroscopy 46, 349, 1992). At low magnification, where the objective
        lens is nearly off, little of what is scattered arrives: some 240 with the slit, 600 without one.

    Returns
    -------
    ndarray
        nm; NaN where an intensity is not positive, 0 where it is above that of vacuum.
    """
    return _path_times_log(vacuum, intensity, mean_free_path_nm)


def _path_times_log(more: ArrayLike, less: ArrayLike, path_nm: float) -> NDArray[np.float64]:
    above, below = np.broadcast_arrays(np.asarray(more, float), np.asarray(less, float))
    ratio = np.divide(above, below, out=np.full(below.shape, np.nan), where=(below > 0) & (above > 0))
    return path_nm * np.log(np.maximum(ratio, 1.0))
