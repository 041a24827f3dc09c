"""A slice as people see it: 8-bit, every pixel as it is in the file."""

import io
import threading
from collections import OrderedDict

from cryogauge.io import open_volume
from cryogauge.io.lazy import forget
from cryogauge.records import Volume
from cryogauge.report.pictures import grey_levels
from cryogauge.score.labels.store import LabelSlice

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
