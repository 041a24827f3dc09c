"""A slice as people see it: 8-bit, every pixel as it is in the file."""

import io
import threading
from collections import OrderedDict

import numpy as np

from cryogauge.io import open_volume
from cryogauge.io.lazy import forget
from cryogauge.records import Volume
from cryogauge.score.labels.store import LabelSlice

#: Grey values between these percentiles of the slice are told apart; the rest is black or white.
PERCENTILES = (0.5, 99.5)
_OPEN = 8


class SlicePictures:
    """Pictures of slices, with the tomograms used last kept open; safe to use from several threads."""

    def __init__(self) -> None:
        self._volumes: OrderedDict[str, Volume] = OrderedDict()
        self._lock = threading.Lock()

    def png(self, wanted: LabelSlice) -> bytes:
        """A slice as a grey PNG of its own size; raises ``BadInput`` when the tomogram can no longer be read."""
        from PIL import Image

        with self._lock:  # HDF5 and seeking files do not take two readers
            volume = self._volumes.pop(wanted.uri, None)
            if volume is None:
                volume = open_volume(wanted.uri, pixel_size_A=wanted.pixel_size_A)
            self._volumes[wanted.uri] = volume
            while len(self._volumes) > _OPEN:
                self._volumes.popitem(last=False)
            values = volume.slice(wanted.z)
            forget(volume.data)
        buffer = io.BytesIO()
        Image.fromarray(grey_levels(values)).save(buffer, "PNG", compress_level=0)  # noise does not compress
        return buffer.getvalue()


def grey_levels(values: np.ndarray) -> np.ndarray:
    """Values ``(y, x)`` in 256 levels between :data:`PERCENTILES`, uint8; what is no number becomes black."""
    known = np.isfinite(values)
    if not known.any():
        return np.zeros(values.shape, dtype=np.uint8)
    low, high = np.percentile(values[known], PERCENTILES)
    span = high - low or 1.0
    scaled = np.clip((values - low) / span, 0.0, 1.0) * 255
    return np.where(known, scaled, 0).round().astype(np.uint8)
