"""Smaller pictures to search in, and grey levels that do not depend on the camera."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage


def binned(image: NDArray[np.floating], longest_px: int) -> tuple[NDArray[np.float32], int]:
    """Means of blocks, so that the longest edge has ``longest_px`` pixels at most.

    Parameters
    ----------
    image
        Grey values of shape (y, x).
    longest_px
        Longest edge that may remain, in pixels.

    Returns
    -------
    small, factor
        The smaller picture, and how many pixels went into one along an edge. What does not fill a block is left out.
        The centre of pixel ``p`` of the small picture lies at ``p·factor + (factor − 1)/2`` of the image.
    """
    factor = max(1, -(-max(image.shape) // longest_px))
    return block_means(image, factor), factor


def block_means(image: NDArray[np.floating], factor: int) -> NDArray[np.float32]:
    """Means of blocks of ``factor × factor`` pixels; what does not fill a block is left out."""
    if factor == 1:
        return np.asarray(image, dtype=np.float32)
    ny, nx = (n // factor for n in image.shape)
    blocks = np.asarray(image[: ny * factor, : nx * factor], dtype=np.float32).reshape(ny, factor, nx, factor)
    return blocks.mean(axis=(1, 3))


def stable_root(image: NDArray[np.floating]) -> NDArray[np.float32]:
    """Square root of the grey values above the darkest, whose counting noise is alike everywhere; 0–1, clipped."""
    low, high = np.percentile(image[:: max(1, len(image) // 512)], [0.2, 99.8])
    return np.sqrt(np.clip((image - low) / max(high - low, 1e-12), 0, 1)).astype(np.float32)


def smooth(image: NDArray[np.floating], sigma_px: float) -> NDArray[np.float32]:
    """Gaussian of this width; single bright or dark pixels of a camera lose their weight."""
    return np.asarray(ndimage.gaussian_filter(np.asarray(image, np.float32), sigma_px), np.float32)


def labelled(mask: NDArray[np.bool_], *, diagonal: bool = False) -> NDArray[np.int32]:
    """Connected regions of a mask (y, x), numbered from 1; ``diagonal`` neighbours count as connected or not."""
    structure = np.ones((3, 3)) if diagonal else None
    labels: Any = ndimage.label(mask, structure=structure)
    return np.asarray(labels[0], np.int32)
