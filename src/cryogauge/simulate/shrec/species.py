"""The twelve complexes of SHREC 2019, from maps where they are given and look-alikes where not."""

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from cryogauge.io import open_volume
from cryogauge.records import BadInput, Volume
from cryogauge.records.shrec import SHREC_CLASSES, SHREC_VOXEL_A
from cryogauge.simulate.densities import template_from_map
from cryogauge.simulate.particles import PROTEIN_A3_PER_KDA, Template, generated_template
from cryogauge.simulate.phantom.species import Shape, Species, make_shape

_log = logging.getLogger("cryogauge.simulate")
_SUFFIXES = (".mrc", ".map", ".mrc.gz", ".map.gz")
#: A map's molecule, above a fifth of its maximum, has at least and at most this many times the volume of its mass.
_PLAUSIBLE = (0.3, 4.0)
#: It is 1.7 to 2.0 times that for the maps at 10 Å of whole complexes that come with PolNet, and 0.8 to 1.0 for those
#: there that hold one of two asymmetric units.
_WHOLE, _PART = 1.85, 1.3
_MAP_LEVEL = 0.2


class Complex(NamedTuple):
    """A species: its mass, and how much longer than wide its look-alike is."""

    mass_kDa: float
    elongation: float = 1.0


#: Molecular weights of the biological assemblies of the PDB entries: the polymers' sequences times the operators of the
#: entry's assembly 1 (two for 1bxn, 1qvr, 3cf3, 3h84 and 3qm1), with ligands, as the PDB states them. Elongations say
#: roughly what each looks like: rubisco, ClpB, Hsp70's ATPase, Cand1–Cul1, Hsp90, p97, Sse1–Hsp70, Ssb's ATPase, Get3,
#: feruloyl esterase, the 26S proteasome with one cap, the chaperonin CCT.
COMPLEXES = {
    "1bxn": Complex(559.96),
    "1qvr": Complex(593.36, 0.8),
    "1s3x": Complex(42.75, 1.2),
    "1u6g": Complex(238.82, 1.5),
    "2cg9": Complex(188.73, 1.7),
    "3cf3": Complex(541.74, 0.7),
    "3d2f": Complex(236.11, 1.5),
    "3gl1": Complex(84.61, 1.3),
    "3h84": Complex(158.08, 1.3),
    "3qm1": Complex(62.62, 1.4),
    "4b4t": Complex(1309.29, 1.8),
    "4d8q": Complex(976.37),
}


def load_complexes(maps: Sequence[Path]) -> dict[str, Shape]:
    """Every species ready to be placed at 10 Å a voxel, in the order of class masks; its label is its class.

    Parameters
    ----------
    maps
        Folders with maps called by PDB identifier, such as ``1bxn.mrc``; of several the first that holds one counts. A
        species without a map gets a look-alike of its mass, always the same.

    Raises
    ------
    BadInput
        When a folder does not exist, none of them holds a map of a species, or a map cannot be that of its species.
    """
    found, shapes = find_maps(maps), {}
    for label, name in enumerate(SHREC_CLASSES[2019], 1):
        if name in found:
            volume, mass_kDa = _believed(found[name], name)
            template = template_from_map(name, volume, SHREC_VOXEL_A)
        else:
            mass_kDa, template = COMPLEXES[name].mass_kDa, _lookalike(name)
        shape = make_shape(template, Species(name, mass_kDa, 1.0), SHREC_VOXEL_A)
        shapes[name] = replace(_with_middle(shape), label=label)
    return shapes


def _with_middle(shape: Shape) -> Shape:
    """The shape with a ball about its middle in its mask, where the challenge looks for it: channels are closed."""
    from_middle = np.indices(shape.mask.shape) - (np.array(shape.mask.shape) - 1)[:, None, None, None] / 2
    distance = np.linalg.norm(from_middle, axis=0)
    inside = shape.mask > 0.5
    mask = inside | (distance <= distance[inside].min())
    fence = ndimage.binary_dilation(mask)
    return replace(shape, mask=mask.astype(np.float32), fence=fence.astype(np.float32))


def find_maps(folders: Sequence[Path]) -> dict[str, Path]:
    """The map of each species that the folders hold one of; see :func:`load_complexes`."""
    found: dict[str, Path] = {}
    for folder in folders:
        if not folder.is_dir():
            raise BadInput(f"there is no folder {folder}", "give a folder of maps, or leave --maps away")
        for path in sorted(folder.iterdir()):
            suffix = next((s for s in _SUFFIXES if path.name.lower().endswith(s)), None)
            name = path.name[: -len(suffix)].lower() if suffix else ""
            if name in COMPLEXES:
                found.setdefault(name, path)
    if folders and not found:
        given = ", ".join(map(str, folders))
        raise BadInput(f"{given} holds no map of any species", f"name them {', '.join(COMPLEXES)}, as 1bxn.mrc")
    return found


def checksums(maps: Sequence[Path]) -> dict[str, str]:
    """SHA-256 of the map of each species that is used."""
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in sorted(find_maps(maps).items())}


def _lookalike(name: str) -> Template:
    known = COMPLEXES[name]
    rng = np.random.default_rng(list(name.encode()))
    return generated_template(name, known.mass_kDa, SHREC_VOXEL_A, rng, elongation=known.elongation)


def _believed(path: Path, name: str) -> tuple[Volume, float]:
    """A map with the voxel size of its header, or 10 Å where only that gives its molecule a likely volume; its mass."""
    volume = open_volume(path)
    data = np.asarray(volume.data, dtype=np.float32)
    inside = int((data > _MAP_LEVEL * data.max()).sum()) if data.max() > 0 else 0
    mass_kDa = COMPLEXES[name].mass_kDa
    stated = inside * volume.voxel_size_A**3 / (mass_kDa * PROTEIN_A3_PER_KDA)
    at_10_A = inside * SHREC_VOXEL_A**3 / (mass_kDa * PROTEIN_A3_PER_KDA)
    low, high = _PLAUSIBLE
    if low <= stated <= high:
        share = stated
    elif low <= at_10_A <= high:
        _log.warning(
            "%s states a voxel of %g Å; at 10 Å, which is taken, its molecule has the size of %s",
            path, volume.voxel_size_A, name,
        )  # fmt: skip
        volume, share = replace(volume, voxel_size_A=SHREC_VOXEL_A), at_10_A
    else:
        raise BadInput(
            f"{path} is no map of {name}: its molecule has {stated:.2g} times the volume of its mass",
            "give a map of the complex with its voxel size in the header, or leave it away for a look-alike",
        )
    if share < _PART:
        mass_kDa *= share / _WHOLE
        _log.warning("%s is taken for a part of %s, such as an asymmetric unit, of %.0f kDa", path, name, mass_kDa)
    return volume, mass_kDa
