"""Numbers beside the image of a class, scaled to about ±1: CryoSift's six (section 3.1), and how large it is shown."""

import numpy as np
import pandas as pd

from cryogauge.classes.mass import mass_deviations

#: Columns of :func:`class_features`: the published six, and ours, by which detail in the frame becomes detail in Å.
PUBLISHED_FEATURES = (
    "pixel_size", "resolution", "distribution", "mass_from_mean", "mass_from_median", "mass_from_mode",
)  # fmt: skip
FEATURES = (*PUBLISHED_FEATURES, "frame_size")
#: What is usual, and half the range in logarithms: Å of a pixel, of resolution, of the frame's half width; share of a
#: class in that of all.
_PIXEL_A, _RESOLUTION_A, _FRAME_A, _SHARE = (1.6, 0.6), (9.0, 0.6), (110.0, 0.6), (1.0, 1.5)
#: RELION writes 999 and more for a resolution that it could not estimate.
_NO_RESOLUTION_A = 500.0
_FURTHEST = 3.0


def class_features(
    table: pd.DataFrame, pixel_size_A: float | None, masses_kDa: np.ndarray, frame_px: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The features of each class, and which of them are missing.

    Parameters
    ----------
    table
        With the columns ``resolution_A`` and ``distribution``, a row a class of one job.
    pixel_size_A
        None where it is not known.
    masses_kDa
        By :func:`cryogauge.classes.mass.class_masses_kDa`; their scale plays no part.
    frame_px
        Half width of what is looked at of each class, see :class:`cryogauge.classes.framing.Framing`.

    Returns
    -------
    features
        float32 ``(class, 7)``: logarithms of pixel size, resolution and share, about what is usual; deviations of the
        mass in parts of mean, median and mode; the logarithm of the frame's half width in Å. 0 where missing: what is
        usual.
    missing
        bool ``(class, 7)``.
    """
    count = len(table)
    resolution = table["resolution_A"].to_numpy(dtype=float, copy=True)
    resolution[~(resolution < _NO_RESOLUTION_A)] = np.nan
    share = table["distribution"].to_numpy(dtype=float) * count
    pixel = np.full(count, np.nan if pixel_size_A is None else pixel_size_A)
    columns = [
        _log_about(pixel, *_PIXEL_A),
        _log_about(resolution, *_RESOLUTION_A),
        _log_about(share, *_SHARE),
        *mass_deviations(masses_kDa).T,
        _log_about(pixel * frame_px, *_FRAME_A),
    ]
    values = np.stack(columns, axis=1)
    missing = ~np.isfinite(values)
    return np.where(missing, 0.0, np.clip(values, -_FURTHEST, _FURTHEST)).astype(np.float32), missing


def _log_about(values: np.ndarray, usual: float, half_range: float) -> np.ndarray:
    """Logarithms about what is usual; NaN of what is not positive."""
    return np.log(np.where(values > 0, values, np.nan) / usual) / half_range
