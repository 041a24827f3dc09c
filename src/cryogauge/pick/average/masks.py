"""The shape of a particle from its average."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from cryogauge.io import write_mrc
from cryogauge.pick.average.shells import soft_sphere
from cryogauge.records import BadInput

#: Width by which the average is smoothed first, and how far from its middle there may be particle, as a part of its
#: radius.
_SMOOTH_A, _REACH = 8.0, 1.3


def mask_from_average(
    average: NDArray[np.floating], voxel_size_A: float, radius_A: float, *, quantile: float | None = None
) -> NDArray[np.bool_]:
    """Where the particle is: the largest piece of high density about the middle, its hollows filled.

    Parameters
    ----------
    average
        ``(z, y, x)`` of odd edges, protein bright, the particle in the middle.
    voxel_size_A
        Its voxel.
    radius_A
        Of the particle; nothing beyond 1.3 times as far counts.
    quantile
        Share of the voxels so near that lie below the threshold; by default the threshold is Otsu's (IEEE Trans. Syst.
        Man Cybern. 9 (1979) 62), which parts them into two groups.

    Returns
    -------
    bool ``(z, y, x)`` of odd edges, the average's middle in the middle: as
    :func:`cryogauge.pick.targets.shapes` takes it.

    Raises
    ------
    BadInput
        When edges are even, the quantile is none, or nothing stands out.
    """
    if average.ndim != 3 or len(set(average.shape)) != 1 or average.shape[0] % 2 == 0:
        raise BadInput(f"an average of shape {average.shape} has no middle voxel", "give a cube of odd edges")
    if quantile is not None and not 0 < quantile < 1:
        raise BadInput(f"a quantile of {quantile:g} is outside 0 to 1", "0.8 is usual")
    edge = average.shape[0]
    smooth = ndimage.gaussian_filter(np.asarray(average, dtype=np.float32), _SMOOTH_A / voxel_size_A)
    near = soft_sphere(edge, _REACH * radius_A / voxel_size_A, 1.0) > 0.5
    values = smooth[near]
    if not (np.isfinite(values).all() and values.max() > values.min()):
        raise BadInput("the average is of one grey value: there is no shape in it", "look at the picks")
    level = _otsu(values) if quantile is None else float(np.quantile(values, quantile))
    pieces = np.zeros(smooth.shape, dtype=np.int32)
    ndimage.label(near & (smooth > level), output=pieces)
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    mask = np.asarray(ndimage.binary_fill_holes(pieces == int(sizes.argmax())))
    return _cropped(mask)


def write_mask(folder: Path, name: str, mask: NDArray[np.bool_], voxel_size_A: float) -> Path:
    """Write a shape as ``NAME.mrc``, as :func:`cryogauge.pick.masks.load_masks` finds and reads it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.mrc"
    write_mrc(path, mask.astype(np.int8), voxel_size_A)
    return path


def _otsu(values: NDArray[np.floating]) -> float:
    from skimage.filters import threshold_otsu

    return float(threshold_otsu(values))


def _cropped(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The same about its middle, as small as it may be with a margin of a voxel."""
    middle = mask.shape[0] // 2
    reach = int(np.abs(np.argwhere(mask) - middle).max(initial=0)) + 1
    kept = slice(max(middle - reach, 0), middle + reach + 1)
    return mask[kept, kept, kept]
