"""Maps and models that belong together, read and checked."""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cryogauge.imaging.model_map import inside
from cryogauge.io import open_volume
from cryogauge.io.model_atoms import heavy, read_atoms
from cryogauge.records import BadInput, Volume

#: Share of a model's atoms that must lie in the map.
_LEAST_INSIDE = 0.5
#: Relative difference of voxel sizes that rounding in headers explains.
_SAME_VOXEL = 1e-3


def read_map(path: str | Path, pixel_size_A: float | None = None) -> Volume:
    """A map in memory as float32; raises ``BadInput`` where it is flat or holds what is no number."""
    volume = open_volume(path, pixel_size_A=pixel_size_A)
    data = np.asarray(volume.data[:], np.float32)
    if not np.isfinite(data).all():
        raise BadInput(f"{path} holds values that are no numbers", "reconstruct or copy it again")
    if not data.max() > data.min():
        raise BadInput(f"{path} is flat: every voxel is {data.flat[0]:g}", "give a map with something in it")
    return Volume(data, volume.voxel_size_A, volume.origin_A, volume.source)


def read_model(path: str | Path, density: Volume) -> tuple[pd.DataFrame, list[str]]:
    """A model's atoms but hydrogens, and sentences on what of them lies outside the map.

    Raises
    ------
    BadInput
        As ``read_atoms`` does, and when less than half of the atoms lie in the map.
    """
    atoms = heavy(read_atoms(path))
    if atoms.empty:
        raise BadInput(f"{path} holds hydrogens alone", "give the whole model")
    within = inside(atoms, density.shape, density.voxel_size_A, density.origin_A)
    if within.mean() < _LEAST_INSIDE:
        raise BadInput(
            f"{100 * within.mean():.0f} % of the atoms of {path} lie in {density.source}, which spans "
            f"{_span(density)}; the atoms span {_reach(atoms)}",
            "the map's origin in its header may be lost, or the model is not fitted: put both in one frame",
        )
    outside = int((~within).sum())
    return atoms, [f"{outside} of {len(atoms)} atoms lie outside the map."] if outside else []


def check_same_grid(one: Volume, other: Volume) -> list[str]:
    """Raise ``BadInput`` when two maps differ in shape or voxel; sentences on differing origins."""
    if one.shape != other.shape:
        raise BadInput(
            f"boxes differ: {one.source} is {_box(one)} voxels, {other.source} {_box(other)}",
            "resample one onto the other's grid, or cut both alike",
        )
    if abs(one.voxel_size_A / other.voxel_size_A - 1) > _SAME_VOXEL:
        raise BadInput(
            f"voxels differ: {one.source} has {one.voxel_size_A:g} Å, {other.source} {other.voxel_size_A:g} Å",
            "resample one onto the other's grid; or, if a header lies, say both with --pixel-size",
        )
    apart = np.abs(np.subtract(one.origin_A, other.origin_A)).max()
    if apart > 0.5 * one.voxel_size_A:
        return [f"The maps' headers place them {apart:.1f} Å apart; they are compared voxel by voxel."]
    return []


def positions_A(atoms: pd.DataFrame) -> NDArray[np.float64]:
    """Positions ``(n, 3)`` as x, y, z of a table of atoms."""
    return atoms[["x_A", "y_A", "z_A"]].to_numpy(float)


def _box(volume: Volume) -> str:
    return " × ".join(str(n) for n in reversed(volume.shape))


def _span(volume: Volume) -> str:
    ends = [
        (low, low + (n - 1) * volume.voxel_size_A)
        for low, n in zip(volume.origin_A, reversed(volume.shape), strict=True)
    ]
    return _ranges(ends)


def _reach(atoms: pd.DataFrame) -> str:
    places = positions_A(atoms)
    return _ranges(list(zip(places.min(axis=0), places.max(axis=0), strict=True)))


def _ranges(ends: list[tuple[float, float]]) -> str:
    shown = [f"{axis} {low:.0f} to {high:.0f}" for axis, (low, high) in zip("xyz", ends, strict=True)]
    return f"{', '.join(shown)} Å"
