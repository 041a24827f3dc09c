"""What a person sees of a suggestion: three sections through it, cut from the tomogram when asked for."""

import io
import threading
from collections import OrderedDict

import numpy as np

from cryogauge.io import open_volume
from cryogauge.io.lazy import forget
from cryogauge.records import Volume

#: A section is the mean of the slice through the particle and so many on both sides.
AROUND = 2
#: Grey values between these percentiles of a tomogram's sections are told apart.
_PERCENTILES = (0.5, 99.5)
_OPEN = 4


class SectionPictures:
    """Sections of tomograms, those used last kept open; safe to use from several threads."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[Volume, tuple[float, float]]] = OrderedDict()
        self._lock = threading.Lock()

    def voxel_size_A(self, uri: str) -> float:
        """Of a tomogram; raises ``BadInput`` when it cannot be read."""
        with self._lock:
            return self._opened(uri)[0].voxel_size_A

    def png(self, uri: str, centre_px: tuple[int, int, int], half_px: int) -> bytes:
        """The sections ``xy``, ``xz`` and ``zy`` one below the other: grey with alpha, each ``2 · half_px + 1`` wide.

        The first axis of a name points right, the second down. What is beyond the tomogram is transparent. Grey values
        are stretched alike in all pictures of a tomogram.

        Raises
        ------
        BadInput
            When the tomogram cannot be read.
        """
        from PIL import Image

        with self._lock:  # HDF5 and seeking files do not take two readers
            volume, (low, high) = self._opened(uri)
            found = sections(volume, centre_px, half_px)
            forget(volume.data)
        known = np.isfinite(found)
        grey = np.where(known, np.clip((found - low) / (high - low), 0, 1) * 255, 0)
        pixels = np.stack([grey, 255 * known], -1).round().astype(np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(pixels.reshape(-1, pixels.shape[2], 2), "LA").save(buffer, "PNG", compress_level=1)
        return buffer.getvalue()

    def _opened(self, uri: str) -> tuple[Volume, tuple[float, float]]:
        known = self._known.pop(uri, None)
        if known is None:
            volume = open_volume(uri)
            known = (volume, contrast(volume))
        self._known[uri] = known
        while len(self._known) > _OPEN:
            self._known.popitem(last=False)
        return known


def contrast(volume: Volume) -> tuple[float, float]:
    """The grey values that are black and white: percentiles of slabs at a third, half and two thirds of it."""
    depth = volume.shape[0]
    slabs = []
    for z in sorted({depth // 3, depth // 2, 2 * depth // 3}):
        first = max(0, z - AROUND)
        slabs.append(np.asarray(volume.data[first : z + AROUND + 1], dtype=np.float32).mean(axis=0))
        forget(volume.data)
    values = np.stack(slabs)
    values = values[np.isfinite(values)]
    if not values.size:
        return 0.0, 1.0
    low, high = np.percentile(values, _PERCENTILES)
    return float(low), float(high if high > low else low + 1)


def sections(volume: Volume, centre_px: tuple[int, int, int], half_px: int) -> np.ndarray:
    """Sections through a place: float32 ``(3, n, n)``, NaN beyond the tomogram; see :meth:`SectionPictures.png`.

    Parameters
    ----------
    volume
        Only the boxes of the sections are read.
    centre_px
        As z, y, x; the middle pixel of each section.
    half_px
        Pixels on each side of it: n is ``2 · half_px + 1``.
    """
    z, y, x = (_mean_of_box(volume, centre_px, half_px, axis) for axis in range(3))
    return np.stack([z, y, x.T])


def _mean_of_box(volume: Volume, centre: tuple[int, int, int], half: int, axis: int) -> np.ndarray:
    """The mean along ``axis`` over the slices about the centre, what is beyond the edges left out."""
    out = np.full((2 * half + 1, 2 * half + 1), np.nan, dtype=np.float32)
    reach = [AROUND if i == axis else half for i in range(3)]
    spans = [(max(0, c - r), min(n, c + r + 1)) for c, r, n in zip(centre, reach, volume.shape, strict=True)]
    if any(first >= last for first, last in spans):
        return out
    box = np.asarray(volume.data[tuple(slice(*span) for span in spans)], dtype=np.float32).mean(axis=axis)
    inside = tuple(
        slice(first - (centre[i] - half), last - (centre[i] - half))
        for i, (first, last) in enumerate(spans)
        if i != axis
    )
    out[inside] = box
    return out
