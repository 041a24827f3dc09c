"""The map that an atomic model would give, and where in a map it lies."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from cryogauge.records import BadInput

#: Integral of an atom's potential over its electron scattering amplitude at zero angle: h² / (2π m e), V Å².
POTENTIAL_V_A2 = 47.878
#: Least width of an atom, in voxels, at which a grid still holds it: B = 8π² (1.2 voxels)².
_LEAST_SIGMA_PX = 1.2


def model_map(
    atoms: pd.DataFrame,
    shape: tuple[int, int, int],
    voxel_size_A: float,
    origin_A: tuple[float, float, float] = (0.0, 0.0, 0.0),
    *,
    resolution_A: float | None = None,
) -> NDArray[np.float32]:
    """Electrostatic potential of a model's atoms on a grid: scattering factors widened by the atoms' B.

    Each atom is the transform of its electron scattering factor (five Gaussians: L.-M. Peng et al., Acta Cryst. A 52
    (1996) 257) times exp(−B s² / 4), s being the spatial frequency. Nothing is displaced: there is no solvent.

    Where the sharpest atom is narrower than the grid can hold, all are widened by one B that makes it 1.2 voxels wide
    (standard deviation). A factor that depends on frequency alone changes no Fourier shell correlation.

    Parameters
    ----------
    atoms
        Columns ``cryogauge.io.model_atoms.ATOM_COLUMNS``. Those outside the grid are left out, see :func:`inside`.
    shape
        Of the grid ``(z, y, x)``, whose edges meet.
    voxel_size_A
        Edge of its voxel.
    origin_A
        Position x, y, z of the centre of voxel (0, 0, 0) in the atoms' frame.
    resolution_A
        Gives all atoms one B = 4 d², which falls to 1/e at d, in place of their own.

    Returns
    -------
    numpy.ndarray
        float32 ``(z, y, x)`` in V.

    Raises
    ------
    BadInput
        When no atom lies in the grid.
    """
    import gemmi

    kept = atoms[inside(atoms, shape, voxel_size_A, origin_A)]
    if kept.empty:
        raise BadInput("no atom of the model lies in the map", "give both in one frame: look at the map's origin")
    spread_A2 = np.clip(kept["b_A2"].to_numpy(float), 0.0, None)
    if resolution_A is not None:
        spread_A2 = np.full(len(kept), 4.0 * resolution_A**2)
    spread_A2 += max(0.0, 8 * np.pi**2 * (_LEAST_SIGMA_PX * voxel_size_A) ** 2 - float(spread_A2.min()))
    z_A, y_A, x_A = (n * voxel_size_A for n in shape)
    calculator = gemmi.DensityCalculatorE()
    calculator.cutoff = 1e-7
    calculator.grid.spacegroup = gemmi.SpaceGroup("P 1")
    calculator.grid.set_unit_cell(gemmi.UnitCell(x_A, y_A, z_A, 90, 90, 90))
    calculator.grid.set_size(*reversed(shape))
    atom = gemmi.Atom()
    places = kept[["x_A", "y_A", "z_A"]].to_numpy(float) - np.asarray(origin_A)
    for place, element, occupancy, spread in zip(places, kept["element"], kept["occupancy"], spread_A2, strict=True):
        atom.pos, atom.element = gemmi.Position(*place), gemmi.Element(element)
        atom.occ, atom.b_iso = float(occupancy), float(spread)
        calculator.add_atom_density_to_grid(atom)
    return np.ascontiguousarray(np.asarray(calculator.grid.array).T * np.float32(POTENTIAL_V_A2))


def inside(
    atoms: pd.DataFrame,
    shape: tuple[int, int, int],
    voxel_size_A: float,
    origin_A: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> NDArray[np.bool_]:
    """Which atoms lie within a grid, by the centres of its outermost voxels; parameters as :func:`model_map`'s."""
    at_px = (atoms[["x_A", "y_A", "z_A"]].to_numpy(float) - np.asarray(origin_A)) / voxel_size_A
    return np.asarray(((at_px >= 0) & (at_px <= np.array(shape[::-1]) - 1)).all(axis=1))


def model_mask(
    atoms: pd.DataFrame,
    shape: tuple[int, int, int],
    voxel_size_A: float,
    origin_A: tuple[float, float, float] = (0.0, 0.0, 0.0),
    *,
    radius_A: float,
    soft_A: float,
) -> NDArray[np.float32]:
    """1 within a radius of any atom, falling to 0 as a cosine does over ``soft_A`` beyond; otherwise as ``model_map``.

    Distances are from the voxels that atoms lie in.
    """
    kept = atoms[inside(atoms, shape, voxel_size_A, origin_A)]
    if kept.empty:
        raise BadInput("no atom of the model lies in the map", "give both in one frame: look at the map's origin")
    at_px = np.rint((kept[["z_A", "y_A", "x_A"]].to_numpy(float) - np.asarray(origin_A[::-1])) / voxel_size_A)
    free = np.ones(shape, bool)
    free[tuple(at_px.astype(int).T)] = False
    away_A = np.asarray(distance_transform_edt(free), np.float32) * np.float32(voxel_size_A)
    fall = np.clip((away_A - radius_A) / soft_A, 0.0, 1.0)
    return (0.5 + 0.5 * np.cos(np.pi * fall)).astype(np.float32)
