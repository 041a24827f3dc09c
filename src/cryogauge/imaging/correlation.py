"""Where two images match best: the top of their correlation."""

import numpy as np
from numpy.typing import NDArray


def best_shift(correlation: NDArray[np.floating], reach: float) -> tuple[float, float]:
    """Place (y, x) of the highest value near zero shift, between pixels by a parabola along each axis.

    Parameters
    ----------
    correlation
        Shape ``(y, x)``, zero shift at (0, 0) and negative ones at the far ends, as an inverse transform leaves it.
    reach
        How far from zero to look, as a part of the edge; two pixels at least.
    """
    ny, nx = correlation.shape
    half_y, half_x = max(int(ny * reach), 2), max(int(nx * reach), 2)
    near = np.roll(correlation, (half_y, half_x), axis=(0, 1))[: 2 * half_y + 1, : 2 * half_x + 1]
    y, x = np.unravel_index(int(np.argmax(near)), near.shape)
    return _top(near[:, x], int(y)) - half_y, _top(near[y], int(x)) - half_x


def _top(values: NDArray[np.floating], at: int) -> float:
    """Place of the top of the parabola through the highest value and its neighbours; ``at`` itself at an edge."""
    if not 0 < at < len(values) - 1:
        return float(at)
    before, here, after = (float(v) for v in values[at - 1 : at + 2])
    bend = before - 2 * here + after
    return at + (0.5 * (before - after) / bend if bend < 0 else 0.0)
