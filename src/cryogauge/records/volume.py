"""A tomogram, half tomogram, map or mask."""

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Volume:
    """A three-dimensional density and where it came from.

    Attributes
    ----------
    data
        Array-like of shape ``(z, y, x)``: a numpy array, a memory map, or a lazy view with ``shape``,
        ``dtype`` and numpy slicing (``data[z]`` and ``data[z0:z1]`` read only those slices).
    voxel_size_A
        Edge of the cubic voxel in Å.
    origin_A
        Position ``(x, y, z)`` of the centre of voxel (0, 0, 0) in Å. Kept from the file; picks ignore it.
    source
        The path or URI it was read from, or a description of how it was made.
    """

    data: Any
    voxel_size_A: float
    origin_A: tuple[float, float, float] = (0.0, 0.0, 0.0)
    source: str = ""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape ``(z, y, x)`` in voxels."""
        z, y, x = self.data.shape
        return int(z), int(y), int(x)

    def slice(self, z: int) -> np.ndarray:
        """Slice ``z`` as float32 of shape ``(y, x)``, read from disk if need be."""
        return np.asarray(self.data[z], dtype=np.float32)
