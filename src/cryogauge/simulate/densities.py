"""Complexes from the user's own files: density maps, and atomic models turned into maps."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cryogauge.io import open_volume
from cryogauge.io.model_atoms import is_model, read_atoms
from cryogauge.records import BadInput, Volume
from cryogauge.simulate.particles import PROTEIN_V, Template
from cryogauge.simulate.rasterise import add_blobs

#: Integral of an atom's potential over its electron scattering amplitude at zero angle: h² / (2π m e), V Å².
_POTENTIAL_V_A2 = 47.878
#: Scattering amplitudes at zero angle, Å (Peng et al., Acta Cryst. A 52, 257, 1996), and the volume of water that an
#: atom displaces, Å³ (Fraser, MacRae & Suzuki, J. Appl. Cryst. 11, 693, 1978).
_AMPLITUDE_A = {"H": 0.529, "C": 2.509, "N": 2.211, "O": 1.983, "P": 5.488, "S": 5.161}
_DISPLACED_A3 = {"H": 5.15, "C": 16.44, "N": 2.49, "O": 9.13, "P": 5.73, "S": 19.86}
#: Mean inner potential of vitreous ice of 0.93 g/cm³ by the same amplitudes, V.
_ICE_V = 0.0311 * _POTENTIAL_V_A2 * (0.529 * 2 + 1.983)
#: Width of an atom with its thermal motion, Å. At 4 Å a voxel and more it hardly matters.
_ATOM_SIGMA_A = 1.0
#: Share of a map's maximum below which there is solvent.
_MAP_LEVEL = 0.2


def load_template(path: str | Path, voxel_size_A: float) -> Template:
    """A complex to be placed, from a density map or an atomic model; its name is the file's stem.

    Parameters
    ----------
    path
        An MRC map, or a PDB or mmCIF model (also gzipped).
    voxel_size_A
        Voxel size of the specimen.

    Raises
    ------
    BadInput
        When the file cannot be read, or holds no atoms or no density.
    """
    name = Path(Path(path).name.removesuffix(".gz")).stem
    if is_model(path):
        return template_from_model(name, path, voxel_size_A)
    return template_from_map(name, open_volume(path), voxel_size_A)


def template_from_map(name: str, density: Volume, voxel_size_A: float) -> Template:
    """A template from a density map, resampled to the specimen's voxel size and scaled to protein's potential.

    A map's grey scale carries no unit: what lies above a fifth of its maximum is taken for the molecule and scaled to
    the mean inner potential of protein.

    Raises
    ------
    BadInput
        When no voxel is positive.
    """
    from scipy.ndimage import affine_transform, gaussian_filter

    data = np.asarray(density.data, dtype=np.float32)
    if not data.max() > 0:
        raise BadInput(f"{density.source or name} holds no positive density", "give a map with bright protein")
    data = np.where(data > _MAP_LEVEL * data.max(), data, 0.0)
    molecule = float(np.count_nonzero(data)) * density.voxel_size_A**3 * PROTEIN_V  # its integral, V Å³
    step = voxel_size_A / density.voxel_size_A  # voxels of the map in one of the template
    if step > 1.0:  # keep what the coarser grid cannot hold from folding back
        data = gaussian_filter(data, 0.5 * step)
    # A margin of one voxel, and an odd edge so that the centre falls on a voxel.
    shape = tuple(2 * int(np.ceil((n - 1) / (2 * step))) + 3 for n in data.shape)
    offset = [(old - 1) / 2 - step * (new - 1) / 2 for old, new in zip(data.shape, shape, strict=True)]
    grid = np.diag([step, step, step, 1.0])
    grid[:3, 3] = offset
    sampled = affine_transform(data, grid, output_shape=shape, order=1)
    sampled *= molecule / (float(sampled.sum(dtype=np.float64)) * voxel_size_A**3)
    return Template(name, sampled, _radius_px(sampled))


def template_from_model(name: str, path: str | Path, voxel_size_A: float) -> Template:
    """A template from an atomic model: one Gaussian an atom, weighted by element, above the ice it displaces.

    Every atom adds the integral of its potential, less the mean potential of vitreous ice times the volume of water
    that it displaces. Hydrogens, which most models leave out, add almost nothing beyond the ice they displace.

    Parameters
    ----------
    name
        What its picks are called.
    path
        PDB or mmCIF; its first model as deposited (no assembly is built), waters left out.
    voxel_size_A
        Voxel size of the specimen.

    Raises
    ------
    BadInput
        When the file is no model or holds no atoms.
    """
    atoms = read_atoms(path)
    atoms = atoms[atoms["kind"] != "water"]
    if not len(atoms):
        raise BadInput(f"{path} holds no atoms but those of water", "give a model of the complex")
    centres_A = atoms[["z_A", "y_A", "x_A"]].to_numpy()
    centres_A = centres_A - (centres_A.min(axis=0) + centres_A.max(axis=0)) / 2
    excess = np.array([excess_potential_V_A3(element) for element in atoms["element"]])
    half = int(np.ceil((np.linalg.norm(centres_A, axis=1).max() + 3.0) / voxel_size_A)) + 1
    density = np.zeros((2 * half + 1,) * 3, dtype=np.float32)
    sigma_px = max(np.sqrt(_ATOM_SIGMA_A**2 + voxel_size_A**2 / 12.0) / voxel_size_A, 0.42)
    add_blobs(density, centres_A / voxel_size_A + half, np.full(len(excess), sigma_px), excess / voxel_size_A**3)
    return Template(name, density, _radius_px(density))


def excess_potential_V_A3(element: str) -> float:
    """Integral of an atom's potential less that of the vitreous ice it displaces, V Å³.

    Elements that are rare in biology, metals for the most part, count as phosphorus, which scatters about as strongly.
    """
    known = element.upper() if element.upper() in _AMPLITUDE_A else "P"
    return _POTENTIAL_V_A2 * _AMPLITUDE_A[known] - _ICE_V * _DISPLACED_A3[known]


def _radius_px(density: NDArray[np.floating]) -> float:
    """Radius about the centre that encloses nine tenths of the voxels that hold the molecule."""
    inside = np.argwhere(density > _MAP_LEVEL * density.max()) - (np.array(density.shape) - 1) / 2.0
    return max(float(np.quantile(np.linalg.norm(inside, axis=1), 0.9)), 0.5)
