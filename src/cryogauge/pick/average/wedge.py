"""What a tilt series measured of a box's Fourier terms."""

import numpy as np
from numpy.typing import NDArray

from cryogauge.records import BadInput


def measured(
    points: NDArray[np.floating] | NDArray[np.int32], tilt_range_deg: tuple[float, float]
) -> NDArray[np.bool_]:
    """Which frequencies tilts about y from the first angle to the second have measured.

    A tilt by θ measures the plane through the origin that holds y and the direction (cos θ, sin θ) of x and z; all
    directions between those of the first tilt and the last count as measured. The missing wedge is the rest.

    Parameters
    ----------
    points
        ``(..., 3)`` frequencies z, y, x.
    tilt_range_deg
        Lowest and highest tilt; a positive tilt turns +z towards +x.

    Raises
    ------
    BadInput
        When the tilts do not rise, or reach 90° and more.
    """
    low, high = tilt_range_deg
    if not -90 < low < high < 90:
        raise BadInput(f"tilts from {low:g}° to {high:g}° cannot be", "give a range within −90° to 90°, such as 60")
    z, x = points[..., 0].astype(np.float64), points[..., 2].astype(np.float64)
    sign = np.where(x < 0, -1.0, 1.0)
    z, x = sign * z, np.abs(x)
    rising = z >= x * np.tan(np.deg2rad(low)) - 1e-9
    return np.asarray(rising & (z <= x * np.tan(np.deg2rad(high)) + 1e-9))
