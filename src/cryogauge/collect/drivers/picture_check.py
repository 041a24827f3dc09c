"""Pictures that cannot be right: what a camera or the way from it spoils is a fault, not a result."""

import numpy as np
from numpy.typing import NDArray

from cryogauge.records.faults import CameraFault


def check_picture(data: NDArray[np.generic]) -> None:
    """Refuse a picture that cannot be right, by 64 of its rows.

    Raises
    ------
    CameraFault
        When it is blank, 40 % or more of its rows from its top or bottom are, half of its pixels have its largest
        value, or it has values that are no numbers.
    """
    if data.ndim != 2 or data.size == 0:
        raise CameraFault(f"the picture has shape {data.shape}")
    rows = data[:: max(1, len(data) // 64)]
    highest, lowest = rows.max(axis=1), rows.min(axis=1)
    if not np.isfinite(highest.astype(np.float64) + lowest).all():
        raise CameraFault("the picture has values that are no numbers")
    hint = "take it again; if it stays so, nothing passes here or the camera needs a person"
    filled = np.flatnonzero(highest != lowest)
    if not filled.size:
        raise CameraFault("the picture is blank", hint)
    if np.count_nonzero(rows == highest.max()) >= rows.size / 2:
        raise CameraFault("the picture is saturated", hint)
    missing = max(filled[0], len(rows) - 1 - filled[-1]) / len(rows)
    if missing >= 0.4:
        raise CameraFault(f"{missing:.0%} of the picture is missing", hint)
