"""Globular complexes: density templates generated at will, their placing, and the small proteins between them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from cryogauge.simulate.rasterise import add_blobs, add_template, claim_spheres

#: Volume of protein, Å³ a kDa (partial specific volume 0.73 cm³/g).
PROTEIN_A3_PER_KDA = 1212.0
#: Mean inner potential above vitreous ice, V: protein, and nucleic acid with its heavier atoms.
PROTEIN_V = 2.6
NUCLEIC_V = 4.4
#: Mass of the blobs that generated complexes are made of: about one small domain's core.
BLOB_KDA = 3.5


@dataclass(frozen=True)
class Template:
    """A complex ready to be placed.

    Attributes
    ----------
    name
        What its picks are called.
    density
        float32 ``(z, y, x)`` potential above ice in V at the specimen's voxel size.
    radius_px
        Radius kept free around its centre.
    """

    name: str
    density: np.ndarray
    radius_px: float


def generated_template(
    name: str,
    mass_kDa: float,
    voxel_size_A: float,
    rng: np.random.Generator,
    *,
    symmetry: int = 1,
    elongation: float = 1.0,
    nucleic_fraction: float = 0.0,
    hollow: bool = False,
) -> Template:
    """Make up a complex of a given mass: lobes of domains, with cyclic symmetry if asked.

    Parameters
    ----------
    mass_kDa
        Molecular mass; the volume follows from the partial specific volume.
    voxel_size_A
        Voxel size of the template.
    symmetry
        Order of the cyclic symmetry about z.
    elongation
        Length along z over width.
    nucleic_fraction
        Part of the mass that is nucleic acid, which scatters more strongly.
    hollow
        Leave the middle empty, as in apoferritin or a virus capsid.

    Returns
    -------
    Template
        Its radius encloses about nine tenths of the mass.
    """
    blobs = max(symmetry, round(mass_kDa / BLOB_KDA))
    unit = _packed_blobs(max(1, blobs // symmetry), rng, hollow=hollow) * np.array(
        [elongation, elongation**-0.5, elongation**-0.5]
    )
    if symmetry > 1:
        reach = float(np.quantile(np.linalg.norm(unit[:, 1:], axis=1), 0.9))
        unit = unit + np.array([0.0, 0.0, 0.9 * reach / np.sin(np.pi / symmetry)])
        turns = [Rotation.from_rotvec([2 * np.pi * k / symmetry, 0, 0]).as_matrix() for k in range(symmetry)]
        points = np.concatenate([unit @ turn.T for turn in turns])
    else:
        points = unit
    heavy = rng.random(len(points)) < nucleic_fraction
    return template_from_blobs(name, points, np.where(heavy, NUCLEIC_V, PROTEIN_V), voxel_size_A)


def template_from_blobs(name: str, points: np.ndarray, potential_V: np.ndarray, voxel_size_A: float) -> Template:
    """A template of small domains of one mass at the points ``(n, 3)``, z, y, x in Å, with a potential each.

    Its radius encloses about nine tenths of the mass.
    """
    integral = potential_V * BLOB_KDA * PROTEIN_A3_PER_KDA / voxel_size_A**3
    extent_A = float(np.abs(points).max()) + 18.0
    half = int(np.ceil(extent_A / voxel_size_A)) + 1
    density = np.zeros((2 * half + 1,) * 3, dtype=np.float32)
    sigma_px = np.full(len(points), np.sqrt(7.0**2 + voxel_size_A**2 / 12.0) / voxel_size_A)
    add_blobs(density, points / voxel_size_A + half, np.maximum(sigma_px, 0.42), integral)
    radius = float(np.quantile(np.linalg.norm(points, axis=1), 0.9)) + 8.0
    return Template(name, density, radius / voxel_size_A)


def _packed_blobs(count: int, rng: np.random.Generator, *, hollow: bool) -> np.ndarray:
    """``(count, 3)`` positions in Å of domains that touch but do not pile up, in an irregular compact shape."""
    spacing = (BLOB_KDA * PROTEIN_A3_PER_KDA / 0.75) ** (1.0 / 3.0)
    half = int(np.ceil(1.6 * count ** (1.0 / 3.0))) + 1
    lattice = np.stack(np.meshgrid(*[np.arange(-half, half + 1)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    lattice = (lattice + 0.25 * rng.standard_normal(lattice.shape)) * spacing
    size = spacing * count ** (1.0 / 3.0)
    if hollow:
        order = np.abs(np.linalg.norm(lattice, axis=1) - 0.85 * size)
    else:
        # the nearest to a few overlapping lobes: clefts and bulges on the scale of a third of the whole
        lobes = rng.normal(0, 0.38 * size, (int(rng.integers(2, 6)), 3))
        widths = rng.uniform(0.6, 1.4, len(lobes))
        order = np.min(np.linalg.norm(lattice[:, None] - lobes[None], axis=2) / widths, axis=1)
    return lattice[np.argsort(order)[:count]]


def place_templates(
    volume: np.ndarray,
    occupied: np.ndarray,
    template: Template,
    count: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Place copies of a template, randomly turned, where nothing stands yet.

    Parameters
    ----------
    volume, occupied
        float32 potential and uint8 occupancy ``(z, y, x)``, both changed in place.
    count
        How many are wanted; fewer are placed when the room runs out.

    Returns
    -------
    numpy.ndarray
        float64 ``(placed, 12)``: centre z, y, x in voxels, then the rotation matrix row by row.
    """
    if count <= 0:
        return np.empty((0, 12))
    candidates_px = random_positions(occupied, 4 * count, rng)
    centres = candidates_px[claim_spheres(occupied, candidates_px, template.radius_px, count, 0.0)]
    if not len(centres):
        return np.empty((0, 12))
    rotations = Rotation.random(len(centres), rng=rng).as_matrix()
    for centre, rotation in zip(centres, rotations, strict=True):
        add_template(volume, template.density, centre, rotation)
    return np.concatenate([centres, rotations.reshape(-1, 9)], axis=1)


def random_positions(occupied: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """``(count, 3)`` random positions in free voxels, with sub-voxel offsets; none when nothing is free."""
    free = np.flatnonzero(occupied.ravel() == 0)
    if not len(free):
        return np.empty((0, 3))
    chosen = np.stack(np.unravel_index(free[rng.integers(0, len(free), count)], occupied.shape), axis=1)
    return chosen + rng.uniform(-0.5, 0.5, (count, 3))


def fill_with_proteins(
    volume: np.ndarray,
    allowed: np.ndarray,
    volume_fraction: float,
    voxel_size_A: float,
    rng: np.random.Generator,
    *,
    mass_kDa: Sequence[float] = (25.0, 300.0),
) -> None:
    """Crowd a region with small proteins: a blob or four each, too small to be told apart.

    Parameters
    ----------
    volume
        float32 potential ``(z, y, x)``, changed in place.
    allowed
        bool of the same shape: where proteins may be.
    volume_fraction
        Part of the allowed volume that the proteins fill.
    mass_kDa
        Smallest and largest mass, drawn evenly in the logarithm.
    """
    low, high = mass_kDa
    mean_kDa = (high - low) / np.log(high / low)
    room_A3 = float(allowed.sum()) * voxel_size_A**3
    count = int(volume_fraction * room_A3 / (mean_kDa * PROTEIN_A3_PER_KDA))
    count = min(count, 1_500_000)
    if count == 0:
        return
    positions = random_positions((~allowed).astype(np.uint8), count, rng)
    masses = np.exp(rng.uniform(np.log(low), np.log(high), count))
    parts = 4 if voxel_size_A < 12.0 else 1
    radius_A = (3.0 * masses * PROTEIN_A3_PER_KDA / (4.0 * np.pi)) ** (1.0 / 3.0)
    sigma_A = np.repeat(0.6 * radius_A * parts ** (-1.0 / 3.0), parts)
    centres = np.repeat(positions, parts, axis=0)
    if parts > 1:
        centres = (
            centres + rng.standard_normal(centres.shape) * (np.repeat(radius_A, parts) * 0.45 / voxel_size_A)[:, None]
        )
    integral = np.repeat(masses, parts) / parts * PROTEIN_A3_PER_KDA * PROTEIN_V / voxel_size_A**3
    sigma_px = np.maximum(np.sqrt(sigma_A**2 + voxel_size_A**2 / 12.0) / voxel_size_A, 0.42)
    add_blobs(volume, centres, sigma_px, integral)
