"""A micrograph as session pages show it: shrunk to some 500 pixels, in 256 levels of grey."""

import numpy as np

from cryogauge.imaging.fourier import fourier_bin


def thumbnail(electrons: np.ndarray, edge_px: int = 512) -> np.ndarray:
    """The picture, uint8 ``(y, x)``: from its darkest to its brightest pixel, as such pages have it.

    Parameters
    ----------
    electrons
        ``(y, x)``, at least as large as the picture.
    edge_px
        Its longer edge, about.
    """
    factor = max(electrons.shape) / edge_px
    small = fourier_bin(electrons, factor) if factor > 1.01 else np.asarray(electrons, dtype=np.float32)
    low, high = float(small.min()), float(small.max())
    return np.round((small - low) * (255 / max(high - low, 1e-9))).astype(np.uint8)
