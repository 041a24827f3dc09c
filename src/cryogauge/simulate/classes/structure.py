"""A particle as a cloud of beads: cheap to project from any direction at any pixel size."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from cryogauge.io import open_volume
from cryogauge.records import BadInput, Volume
from cryogauge.simulate.particles import PROTEIN_A3_PER_KDA, PROTEIN_V

#: Potential that a kDa of protein adds to the ice it displaces, V Å³.
POTENTIAL_V_A3_PER_KDA = PROTEIN_A3_PER_KDA * PROTEIN_V
#: Share of a map's maximum below which there is solvent.
_MAP_LEVEL = 0.2
#: Most beads that a map is turned into; larger ones are thinned at random.
_MAP_BEADS = 60_000


@dataclass(frozen=True)
class Structure:
    """What a particle is made of.

    Attributes
    ----------
    name
        What its rows in a table are called.
    points_A
        float32 ``(n, 3)``: z, y, x of the beads about the centre.
    weights_kDa
        float32 ``(n,)``: the mass of protein that scatters like the bead; a detergent's tails may be below 0.
    sigma_A
        Width of the Gaussian that a bead is.
    mass_kDa
        Molecular mass, detergent and lipid left out; NaN where it is not known.
    moving
        bool ``(n,)``: beads of the part that turns about the hinge in another conformation.
    kind
        ``soluble``, ``membrane``, ``filament`` or ``map``.
    """

    name: str
    points_A: NDArray[np.float32]
    weights_kDa: NDArray[np.float32]
    sigma_A: float
    mass_kDa: float
    moving: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=bool))
    kind: str = "soluble"

    @cached_property
    def diameter_A(self) -> float:
        """Twice the distance from the centre within which 98 % of the beads lie, across the axis for a filament."""
        axes = self.points_A[:, 1:] if self.kind == "filament" else self.points_A
        return 2.0 * float(np.quantile(np.linalg.norm(axes, axis=1), 0.98)) + 2.0 * self.sigma_A

    @property
    def potential_V_A3(self) -> float:
        """Integral of its potential, above that of ice."""
        return float(self.weights_kDa.sum(dtype=np.float64)) * POTENTIAL_V_A3_PER_KDA


def bent(structure: Structure, angle_deg: float, axis: NDArray[np.floating]) -> Structure:
    """Another conformation: the moving part turned about where it meets the rest.

    Parameters
    ----------
    structure
        Returned as it is where nothing in it moves.
    angle_deg, axis
        By how much and about which direction ``(3,)``.
    """
    moving = structure.moving
    if not len(moving) or not moving.any() or moving.all() or angle_deg == 0:
        return structure
    points = structure.points_A
    middle, rest = points[moving].mean(axis=0), points[~moving].mean(axis=0)
    away = middle - rest
    along = points @ away
    hinge = 0.5 * (points[moving][np.argmin(along[moving])] + points[~moving][np.argmax(along[~moving])])
    turn = Rotation.from_rotvec(np.deg2rad(angle_deg) * np.asarray(axis) / np.linalg.norm(axis)).as_matrix()
    turned = points.copy()
    turned[moving] = (points[moving] - hinge) @ turn.T.astype(np.float32) + hinge
    return replace(structure, points_A=turned)


def without(structure: Structure, part: NDArray[np.bool_]) -> Structure:
    """A structure that lacks the beads marked in ``part (n,)``."""
    keep = ~part
    moving = structure.moving[keep] if len(structure.moving) else structure.moving
    return replace(structure, points_A=structure.points_A[keep], weights_kDa=structure.weights_kDa[keep], moving=moving)


def structure_from_map(path: str | Path) -> Structure:
    """A structure from a density map; its name is the file's stem.

    What lies above a fifth of the maximum is taken for the molecule and scaled to protein's potential, by which its
    mass follows from its volume.

    Raises
    ------
    BadInput
        When the file cannot be read or holds no positive density.
    """
    volume = open_volume(path)
    return _from_volume(Path(path).stem, volume)


def find_maps(folder: Path) -> tuple[Path, ...]:
    """The density maps (``.mrc``, ``.map``) of a folder and the folders in it, by name.

    Raises
    ------
    BadInput
        When there are none.
    """
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".mrc", ".map") and path.is_file())
    if not found:
        raise BadInput(f"{folder} holds no maps", "give a folder with .mrc or .map files")
    return tuple(found)


def _from_volume(name: str, volume: Volume) -> Structure:
    data = np.asarray(volume.data, dtype=np.float32)
    if not data.max() > 0:
        raise BadInput(f"{volume.source or name} holds no positive density", "give a map with bright protein")
    inside = np.argwhere(data > _MAP_LEVEL * data.max())
    density = data[tuple(inside.T)].astype(np.float64)
    mass_kDa = len(inside) * volume.voxel_size_A**3 / PROTEIN_A3_PER_KDA
    if len(inside) > _MAP_BEADS:
        kept = np.random.default_rng(0).choice(len(inside), _MAP_BEADS, replace=False)
        inside, density = inside[kept], density[kept]
    middle = (inside * density[:, None]).sum(axis=0) / density.sum()
    return Structure(
        name,
        ((inside - middle) * volume.voxel_size_A).astype(np.float32),
        (density * mass_kDa / density.sum()).astype(np.float32),
        0.6 * volume.voxel_size_A,
        mass_kDa,
        kind="map",
    )
