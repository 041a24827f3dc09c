"""Shapes of particles from their maps."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cryogauge.records import BadInput, PickObject
from cryogauge.simulate.densities import load_template

#: Share of a map's maximum above which there is the particle.
_LEVEL = 0.2
_SUFFIXES = (".mrc", ".map", ".pdb", ".cif", ".mrc.gz", ".map.gz", ".pdb.gz", ".cif.gz")


def load_masks(folder: Path, objects: Sequence[PickObject], voxel_size_A: float) -> dict[int, np.ndarray]:
    """Shapes by label: bool ``(z, y, x)`` of odd edges, the map's middle in the middle.

    Parameters
    ----------
    folder
        Maps or models called by the kinds' names or identifiers, such as ``ribosome.mrc`` or ``EMD-3883.map``.

    Raises
    ------
    BadInput
        When a kind has no map there, or one cannot be read.
    """
    masks = {}
    for each in objects:
        path = _map_of(folder, each)
        density = load_template(path, voxel_size_A).density
        masks[each.label] = density > _LEVEL * density.max()
    return masks


def _map_of(folder: Path, each: PickObject) -> Path:
    names = {each.name.lower(), each.identifier.lower(), each.identifier.lower().replace("-", "_")} - {""}
    for path in sorted(folder.glob("*")):
        for suffix in _SUFFIXES:
            if path.name.lower().endswith(suffix) and path.name.lower().removesuffix(suffix) in names:
                return path
    raise BadInput(f"{folder} holds no map of {each.name}", f"call it {each.name}.mrc")
