"""Projections of a density map or an atomic model from given directions."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cryogauge.imaging.transforms import irfft2
from cryogauge.io import open_volume
from cryogauge.io.model_atoms import is_model
from cryogauge.records import BadInput, Volume
from cryogauge.simulate.classes.structure import Structure
from cryogauge.simulate.classes.views import splat
from cryogauge.simulate.densities import template_from_model

#: A map's voxels count from this part of its maximum, or so many standard deviations of its solvent.
_FAINTEST, _STANDS_OUT = 0.02, 4.0
#: Voxels of an atomic model's map, Å.
_MODEL_VOXEL_A = 2.0


def load_map(path: str | Path, pixel_size_A: float | None = None) -> Volume:
    """A density map, or that of an atomic model.

    Parameters
    ----------
    path
        A map (MRC and whatever else is read as a volume), or a PDB or mmCIF model.
    pixel_size_A
        Of a map, in place of what its header says.

    Raises
    ------
    BadInput
        When it cannot be read.
    """
    if is_model(path):
        made = template_from_model(Path(path).name.split(".")[0], path, _MODEL_VOXEL_A)
        return Volume(made.density, _MODEL_VOXEL_A, source=str(path))
    return open_volume(path, pixel_size_A=pixel_size_A)


def beads_of_map(volume: Volume, finest_A: float) -> Structure:
    """What a map holds above its solvent, as beads about their centre of mass.

    Parameters
    ----------
    volume
        Bright protein. Finer voxels than a third of ``finest_A`` are averaged.
    finest_A
        The finest detail asked for.

    Raises
    ------
    BadInput
        When it is no cube-like map, holds values that are not numbers, or nothing stands out in it.
    """
    data = np.asarray(volume.data, dtype=np.float32)
    named = volume.source or "the map"
    if data.ndim != 3 or min(data.shape) < 8:
        raise BadInput(f"{named} is no map but an array of {data.shape}", "give a density map (z, y, x)")
    if not np.isfinite(data).all():
        raise BadInput(f"{named} holds values that are not finite numbers", "write the map again")
    block = max(int(finest_A / 3 / volume.voxel_size_A), 1)
    data = _block_means(data, block)
    voxel_A = volume.voxel_size_A * block
    away = np.linalg.norm(np.moveaxis(np.indices(data.shape), 0, -1) - (np.array(data.shape) - 1) / 2, axis=-1)
    solvent = data[away > 0.45 * min(data.shape)]
    level = float(np.median(solvent))
    spread = 1.4826 * float(np.median(np.abs(solvent - level)))
    above = data - level
    inside = np.argwhere(above > max(_FAINTEST * float(above.max()), _STANDS_OUT * spread, 1e-12))
    if len(inside) < 8:
        raise BadInput(f"nothing stands out in {named}", "give a density map with bright protein")
    density = above[tuple(inside.T)].astype(np.float64)
    middle = (inside * density[:, None]).sum(axis=0) / density.sum()
    return Structure(
        Path(volume.source).name if volume.source else "map",
        ((inside - middle) * voxel_A).astype(np.float32),
        (density / density.sum()).astype(np.float32),
        0.5 * voxel_A,
        np.nan,
        kind="map",
    )


def projections(structure: Structure, views: NDArray[np.floating], edge_px: int, pixel_size_A: float) -> np.ndarray:
    """Images float32 ``(view, edge, edge)`` of a structure, its centre on pixel ``edge // 2``.

    Parameters
    ----------
    views
        RELION's matrices ``(view, 3, 3)`` on x, y, z.
    """
    turns = np.asarray(views)[:, ::-1, ::-1]  # on z, y, x
    spectra = np.stack([splat(structure, turn[None], edge_px, pixel_size_A) for turn in turns])
    return irfft2(spectra, (edge_px, edge_px)).astype(np.float32)


def _block_means(data: NDArray[np.float32], block: int) -> NDArray[np.float32]:
    if block == 1:
        return data
    z, y, x = (n // block for n in data.shape)
    kept = data[: z * block, : y * block, : x * block]
    return kept.reshape(z, block, y, block, x, block).mean(axis=(1, 3, 5))
