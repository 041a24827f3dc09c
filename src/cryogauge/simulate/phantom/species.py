"""What a phantom is a mixture of: the challenge's species, at its counts, and what is not annotated."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from cryogauge.io import open_volume
from cryogauge.records import CZII_OBJECTS, BadInput, PickObject
from cryogauge.simulate.densities import template_from_map
from cryogauge.simulate.particles import NUCLEIC_V, PROTEIN_A3_PER_KDA, PROTEIN_V, Template
from cryogauge.simulate.phantom.lookalikes import lookalike

#: Volume of nucleic acid, Å³ a kDa (partial specific volume 0.53 cm³/g).
NUCLEIC_A3_PER_KDA = 880.0
#: A voxel belongs to the particle where its density, smoothed so far, exceeds a share of its maximum.
_OUTLINE_A, _MASK_LEVEL = 8.0, 0.2
_MAP_SUFFIXES = (".mrc", ".map", ".rec", ".map.gz", ".mrc.gz")


@dataclass(frozen=True)
class Species:
    """One kind of particle in the mixture.

    Attributes
    ----------
    name
        That of its :class:`~cryogauge.records.PickObject`, or of a look-alike that nobody annotates.
    mass_kDa, nucleic_fraction
        Its mass and how much of it is nucleic acid.
    count
        Mean number in a tomogram of the challenge's size.
    maps
        Names, without suffix, of files that hold its map.
    clustering
        Part of the copies that stand beside another of their kind, as ribosomes on a messenger do.
    """

    name: str
    mass_kDa: float
    count: float
    nucleic_fraction: float = 0.0
    maps: tuple[str, ...] = ()
    clustering: float = 0.0


#: The challenge's species with the masses and counts of the paper's Table 1. Of maps in public collections at 10 Å,
#: 6QZP is a human 80S ribosome, 7N4Y thyroglobulin, 6DRV β-galactosidase, 8CPV apoferritin (a hollow sphere of
#: 12 nm) and 6N4V a PP7 shell of 33 nm (T = 4; the challenge's particles measure about 28 nm). 8VAF has albumin's size.
#: 1FA2 holds one of β-amylase's four subunits, so that the look-alike is nearer the truth and 1FA2 is not taken.
ANNOTATED = (
    Species("ribosome", 4300.0, 80.0, nucleic_fraction=0.5, maps=("6qzp", "emd_3883"), clustering=0.5),
    Species("virus-like-particle", 3400.0, 6.0, nucleic_fraction=0.09, maps=("6n4v", "emd_41917")),
    Species("thyroglobulin", 660.0, 13.0, maps=("7n4y", "emd_24181")),
    Species("beta-galactosidase", 540.0, 6.0, maps=("6drv", "emd_0153")),
    Species("apo-ferritin", 450.0, 47.0, maps=("8cpv", "emd_41923")),
    Species("beta-amylase", 268.0, 5.0, maps=("emd_30405",)),
)
#: Complexes of the lysate that the challenge does not annotate.
DECOYS = (
    Species("large-subunit", 2800.0, 8.0, nucleic_fraction=0.5),
    Species("small-subunit", 1500.0, 8.0, nucleic_fraction=0.5),
    Species("proteasome", 728.0, 5.0),
    Species("nucleosome", 206.0, 15.0, nucleic_fraction=0.45),
)


@dataclass(frozen=True)
class Shape:
    """A particle ready to be placed; arrays ``(z, y, x)`` of one shape, their middle the centre of mass.

    Attributes
    ----------
    name
        What its picks are called.
    label
        Its value in segmentations; 0 when it is not annotated.
    density
        float32 potential above ice, V.
    mask
        float32, 1 within the particle, its hollow too.
    fence
        ``mask`` grown by a voxel: what must be free for it to be placed.
    """

    name: str
    label: int
    density: NDArray[np.float32]
    mask: NDArray[np.float32]
    fence: NDArray[np.float32]

    @property
    def reach_px(self) -> float:
        """Radius about the centre that holds every voxel of the fence."""
        inside = np.argwhere(self.fence > 0.5) - (np.array(self.fence.shape) - 1) / 2
        return float(np.linalg.norm(inside, axis=1).max()) + 0.5


def pick_object(name: str) -> PickObject | None:
    """The challenge's object of that name; None for what is not annotated."""
    return next((found for found in CZII_OBJECTS if found.name == name), None)


def load_shapes(maps: Path | None, voxel_size_A: float) -> tuple[list[tuple[Species, Shape]], dict[str, str]]:
    """Every species with its shape, the largest first, and where each annotated one's map is from.

    Parameters
    ----------
    maps
        Folder with maps named by object (``ribosome.mrc``), PDB or EMD identifier (``6qzp.mrc``, ``emd_3883.map``);
        a species without one gets its look-alike.
    voxel_size_A
        Voxel size of the phantom.

    Raises
    ------
    BadInput
        When the folder does not exist or holds no map of any species, or a map cannot be read.
    """
    found = {} if maps is None else _find_maps(maps)
    shapes, sources = [], {}
    for species in (*ANNOTATED, *DECOYS):
        path = found.get(species.name)
        if path is None:
            template = lookalike(species.name, voxel_size_A)
        else:
            template = template_from_map(species.name, open_volume(path), voxel_size_A)
        if species in ANNOTATED:
            sources[species.name] = "look-alike" if path is None else path.name
        shapes.append((species, make_shape(template, species, voxel_size_A)))
    return sorted(shapes, key=lambda pair: -pair[1].reach_px), sources


def _find_maps(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise BadInput(f"there is no folder {folder}", "give a folder of maps, or leave --maps away for look-alikes")
    files = {}
    for path in sorted(folder.iterdir()):
        suffix = next((s for s in _MAP_SUFFIXES if path.name.lower().endswith(s)), None)
        if suffix is not None:
            files[path.name[: -len(suffix)].lower().replace("-", "_")] = path
    found = {}
    for species in (*ANNOTATED, *DECOYS):
        names = (species.name.replace("-", "_"), *species.maps)
        path = next((files[name] for name in names if name in files), None)
        if path is not None:
            found[species.name] = path
    if not found:
        known = ", ".join(f"{species.name}.mrc" for species in ANNOTATED)
        raise BadInput(f"{folder} holds no map of any species", f"name them {known}, or by PDB or EMD identifier")
    return found


def map_checksums(maps: Path | None) -> dict[str, str]:
    """SHA-256 of the map of each species that a folder holds one of; empty without a folder."""
    found = {} if maps is None else _find_maps(maps)
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in sorted(found.items())}


def make_shape(template: Template, species: Species, voxel_size_A: float) -> Shape:
    """Centre a template on its mass, scale it to the species' mass and find its outline."""
    density = np.pad(template.density, 4)
    middle = (np.array(density.shape) - 1) / 2
    offset = middle - np.array(ndimage.center_of_mass(density))
    density = ndimage.shift(density, offset, order=1).astype(np.float32)
    protein = (1.0 - species.nucleic_fraction) * PROTEIN_A3_PER_KDA * PROTEIN_V
    nucleic = species.nucleic_fraction * NUCLEIC_A3_PER_KDA * NUCLEIC_V
    total = species.mass_kDa * (protein + nucleic) / voxel_size_A**3
    density *= np.float32(total / density.sum(dtype=np.float64))
    outline = ndimage.gaussian_filter(density, _OUTLINE_A / voxel_size_A)
    mask = ndimage.binary_closing(outline > _MASK_LEVEL * outline.max(), iterations=2)
    mask = np.asarray(ndimage.binary_fill_holes(mask))
    fence = np.asarray(ndimage.binary_dilation(mask))
    # boxes are often far wider than what they hold
    held = np.argwhere(fence | (density > 0.01 * density.max())) - middle
    half = int(np.ceil(np.abs(held).max())) + 1
    kept = tuple(slice(max(0, (n - 1) // 2 - half), n - max(0, (n - 1) // 2 - half)) for n in density.shape)
    found = pick_object(species.name)
    label = found.label if found else 0
    return Shape(
        species.name, label, density[kept].copy(), mask[kept].astype(np.float32), fence[kept].astype(np.float32)
    )
