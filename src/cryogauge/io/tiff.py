"""TIFF stacks: memory maps where the pages lie one after another uncompressed, else page by page."""

import struct
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from cryogauge.io.lazy import LazyArray
from cryogauge.io.voxel import unit_A, voxel_size
from cryogauge.records import BadInput, Volume

if TYPE_CHECKING:
    import tifffile

_RESOLUTION_UNIT_A = {2: 2.54e8, 3: 1e8}  # inch, centimetre


class TiffFormat:
    """TIFF files with a page a slice."""

    name = "tiff"
    suffixes = (".tif", ".tiff")

    def recognises(self, uri: str) -> bool:
        """By the ending of the name."""
        return uri.lower().endswith(self.suffixes) and "://" not in uri

    def open(self, uri: str, pixel_size_A: float | None, scratch: Path | None) -> Volume:
        """Open a stack of grey pages; see ``VolumeFormat.open``."""
        with open_tiff(Path(uri)) as file:
            series = file.series[0]
            shape = tuple(int(n) for n in series.shape if n != 1)
            dtype = np.dtype(series.dtype or "V1")
            if len(shape) == 2 or "S" in series.axes:
                raise BadInput(f"{uri} is a single image, not a tomogram", "judge single pictures with --slices")
            if len(shape) != 3 or dtype.kind not in "iuf":
                raise BadInput(f"{uri} has shape {tuple(series.shape)} and type {dtype}, not one volume of densities")
            size = voxel_size(uri, stated_pixel_A(file), pixel_size_A)
            if series.is_multifile or series.dataoffset is None:
                return Volume(page_by_page(file, shape, dtype), size, source=uri)
            stored = np.dtype(file.byteorder + dtype.str[1:])
            return Volume(np.memmap(uri, stored, "r", series.dataoffset, shape), size, source=uri)


FORMAT = TiffFormat()


def open_tiff(path: Path) -> "tifffile.TiffFile":
    """Open for reading; raises ``BadInput`` for what is no TIFF file, or an empty or truncated one."""
    import tifffile

    with ExitStack() as undo:
        try:
            file = undo.enter_context(tifffile.TiffFile(path))
            size = path.stat().st_size
            segments = [zip(page.dataoffsets, page.databytecounts, strict=True) for page in file.pages]
            series = file.series[0]
        except (tifffile.TiffFileError, IndexError, ValueError, struct.error) as error:
            raise BadInput(f"{path} is no TIFF file, or a damaged one", "copy or write it again") from error
        # ImageJ describes one page and lets the others follow it: then the series reaches further than the pages.
        run = 0 if series.dataoffset is None else series.dataoffset + series.nbytes
        promised = max((offset + count for segment in segments for offset, count in segment), default=0)
        promised = max(promised, run)
        if not 0 < promised <= size:
            raise BadInput(
                f"{path} is truncated: its pages end at byte {promised:,}, it holds {size:,}", "copy it again"
            )
        undo.pop_all()
        return file


def stated_pixel_A(file: "tifffile.TiffFile") -> Sequence[float] | None:
    """Å per pixel along x, y and, where OME-XML or ImageJ gives it, z; ``None`` where there is no unit of length."""
    if file.is_ome:
        return _stated_in_ome(file.ome_metadata or "")
    page = file.pages.first
    across = [float(value) for value in page.resolution]  # pixels per unit
    imagej = file.imagej_metadata or {}
    unit = unit_A(str(imagej["unit"])) if "unit" in imagej else _RESOLUTION_UNIT_A.get(int(page.resolutionunit))
    if unit is None or not all(across):
        return None
    stated = [unit / value for value in across]
    return [*stated, float(imagej["spacing"]) * unit] if "spacing" in imagej else stated


def _stated_in_ome(xml: str) -> Sequence[float] | None:
    """The physical sizes of the first image of OME-XML, whose unit is the micrometre where none is named."""
    from xml.etree import ElementTree

    try:
        pixels = next((e for e in ElementTree.fromstring(xml).iter() if e.tag.rpartition("}")[2] == "Pixels"), None)
        if pixels is None:
            return None
        stated = []
        for axis in "XYZ":
            unit = unit_A(pixels.get(f"PhysicalSize{axis}Unit", "µm"))
            if unit is not None and f"PhysicalSize{axis}" in pixels.attrib:
                stated.append(float(pixels.attrib[f"PhysicalSize{axis}"]) * unit)
    except (ElementTree.ParseError, ValueError):
        return None
    return stated or None


def page_by_page(file: "tifffile.TiffFile", shape: tuple[int, ...], dtype: np.dtype) -> LazyArray:
    """Reads that open the file for as long as they last."""
    pages = file.series[0].pages
    depth, height, width = shape
    if len(pages) != depth:
        raise BadInput(f"{file.filename} does not have a page a slice", "save it as a plain stack, or as MRC")
    one_at_a_time = Lock()

    def read(z: slice, y: slice, x: slice) -> np.ndarray:
        out = np.empty((z.stop - z.start, y.stop - y.start, x.stop - x.start), dtype)
        with one_at_a_time, file.filehandle as handle:
            handle.open()
            for row, page in zip(out, pages[z], strict=True):
                if page is not None:
                    row[:] = page.asarray().reshape(height, width)[y, x]
        return out

    return LazyArray((depth, height, width), dtype, read)
