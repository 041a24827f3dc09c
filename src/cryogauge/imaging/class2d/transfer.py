"""Contrast transfer of particles, as it is given and where it is needed."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from cryogauge.records import BadInput

#: An array-like ``(particle, y, x // 2 + 1)`` in the layout of ``rfft2``, or what gives the part of it for a slice.
Transfer = Callable[[slice], NDArray[np.floating]] | Any


def transfer_of(transfer: Transfer | None, part: slice, box_px: int) -> NDArray[np.float32] | None:
    """Contrast transfer ``(particle, y, x // 2 + 1)`` of a part of the particles; None where there is none.

    Raises
    ------
    BadInput
        When its shape is not that of the images' transforms, or it holds values that are not finite.
    """
    if transfer is None:
        return None
    found = np.ascontiguousarray(transfer(part) if callable(transfer) else transfer[part], dtype=np.float32)
    expected = (part.stop - part.start, box_px, box_px // 2 + 1)
    if found.shape != expected:
        raise BadInput(
            f"contrast transfer of shape {found.shape} does not go with {expected[0]} particles of {box_px} pixels",
            f"give (particle, y, x // 2 + 1) in the layout of rfft2: {expected}",
        )
    if not np.isfinite(found).all():
        raise BadInput("the contrast transfer holds values that are not finite numbers", "look at the defocus values")
    return found


def transfer_at(
    transfer: NDArray[np.float32], frequency_y: NDArray[np.floating], frequency_x: NDArray[np.floating]
) -> NDArray[np.float32]:
    """Values ``(particle, point)`` at frequencies in cycles per edge within Nyquist, interpolated linearly."""
    values = np.empty((len(transfer), frequency_y.size), dtype=np.float32)
    flat_y, flat_x = (np.ascontiguousarray(f, dtype=np.float32).ravel() for f in (frequency_y, frequency_x))
    _interpolate(transfer, flat_y, flat_x, values)
    return values


@njit(nogil=True, cache=True)
def _interpolate(transfer, frequency_y, frequency_x, values):
    count, height, width = transfer.shape
    for point in range(len(frequency_y)):
        y, x = frequency_y[point], frequency_x[point]
        if x < 0:
            y, x = -y, -x
        row, column = int(np.floor(y)), int(np.floor(x))
        up, right = y - row, x - column
        next_column = min(column + 1, width - 1)
        for particle in range(count):
            here, above = transfer[particle, row % height], transfer[particle, (row + 1) % height]
            low = here[column] + right * (here[next_column] - here[column])
            high = above[column] + right * (above[next_column] - above[column])
            values[particle, point] = low + up * (high - low)
