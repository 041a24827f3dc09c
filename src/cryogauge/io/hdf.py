"""HDF5 files of EMAN2 and IMOD: ``/MDF/images/N/image``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cryogauge.io.lazy import LazyArray, layer_bytes
from cryogauge.io.voxel import voxel_size
from cryogauge.records import BadInput, Volume

if TYPE_CHECKING:
    import h5py

_IMAGES = "MDF/images"
_CACHE_SLOTS = 10_007  # a prime above the number of chunks in a layer, as HDF5 advises


class HdfFormat:
    """EMAN2 and IMOD HDF5: one three-dimensional image, or a stack of two-dimensional ones."""

    name = "hdf"
    suffixes = (".hdf",)

    def recognises(self, uri: str) -> bool:
        """By the ending of the name."""
        return uri.lower().endswith(self.suffixes) and "://" not in uri

    def open(self, uri: str, pixel_size_A: float | None, scratch: Path | None) -> Volume:
        """Open the volume of a file, compressed or not; see ``VolumeFormat.open``."""
        images = _images(uri)
        first = images[0]
        if first.ndim == 3 and len(images) > 1:
            raise BadInput(f"{uri} holds {len(images)} volumes in one file", "split it into one file a volume")
        shape: tuple[int, int, int] = (len(images), *first.shape) if first.ndim == 2 else first.shape
        if shape[0] == 1:
            raise BadInput(f"{uri} is a single image, not a tomogram", "judge single pictures with --slices")
        scales = [_bits_to_values(image.parent.attrs) for image in images]
        dtype = np.dtype(np.float32) if any(scale != (1.0, 0.0) for scale in scales) else first.dtype
        if dtype.kind not in "iuf":
            raise BadInput(f"{uri} holds values of type {dtype}, not densities")

        def read(z: slice, y: slice, x: slice) -> np.ndarray:
            if first.ndim == 3:
                return _scaled(first[z, y, x], scales[0], dtype)
            parts = zip(images[z], scales[z], strict=True)
            return np.stack([_scaled(image[y, x], scale, dtype) for image, scale in parts])

        origin = _along_axes(first, "EMAN.origin_{}") or (0.0, 0.0, 0.0)
        size = voxel_size(uri, _voxel_A(first), pixel_size_A)
        return Volume(LazyArray(shape, dtype, read), size, origin, uri)


FORMAT = HdfFormat()


def _images(uri: str) -> "list[h5py.Dataset]":
    """The image datasets in the order of their numbers; they keep the file open."""
    import h5py

    try:
        # Reading needs no lock, and network disks often cannot give one.
        images = _datasets(h5py.File(uri, "r", locking=False))
        if len(images) == 1 and (cache := _cache_bytes(images[0])):
            images[0].file.close()
            images = _datasets(h5py.File(uri, "r", locking=False, rdcc_nbytes=cache, rdcc_nslots=_CACHE_SLOTS))
    except PermissionError:
        raise
    except OSError as error:
        raise BadInput(f"{uri} is no HDF5 file, or a damaged one", "copy or write it again") from error
    shapes = {image.shape for image in images}
    if len(shapes) != 1 or images[0].ndim not in (2, 3):
        raise BadInput(
            f"{uri} is an HDF5 file without images of one size under /{_IMAGES}",
            "cryogauge reads the HDF5 files of EMAN2 and IMOD; convert others to MRC",
        )
    return images


def _datasets(file: "h5py.File") -> "list[h5py.Dataset]":
    import h5py

    group: Any = file.get(_IMAGES)
    numbers = sorted((name for name in group or () if name.isdecimal()), key=int)
    found = [group[number].get("image") for number in numbers]
    return [image for image in found if isinstance(image, h5py.Dataset)]


def _cache_bytes(image: "h5py.Dataset") -> int:
    return layer_bytes(image.shape, image.chunks, image.dtype.itemsize) if image.chunks else 0


def _attribute(image: "h5py.Dataset", name: str) -> Any:
    """An attribute of the image, its group or a group above, as a scalar; ``None`` where nobody has it."""
    holder = image
    while True:
        if name in holder.attrs:
            return np.asarray(holder.attrs[name]).reshape(-1)[0]
        if holder.name == "/":
            return None
        holder = holder.parent


def _along_axes(image: "h5py.Dataset", pattern: str) -> tuple[float, float, float] | None:
    values = [_attribute(image, pattern.format(axis)) for axis in "xyz"]
    if any(value is None for value in values):
        return None
    return float(values[0]), float(values[1]), float(values[2])


def _voxel_A(image: "h5py.Dataset") -> tuple[float, ...] | None:
    """EMAN2's Å per pixel, or IMOD's cell over intervals; of a stack of images only x and y count."""
    stated = _along_axes(image, "EMAN.apix_{}")
    if stated is None:
        lengths, counts = _along_axes(image, "IMOD.MRC.{}len"), _along_axes(image, "IMOD.MRC.m{}")
        if lengths is None or counts is None or not all(counts):
            return None
        stated = tuple(length / count for length, count in zip(lengths, counts, strict=True))
    return stated[:2] if image.ndim == 2 else stated


def _bits_to_values(attributes: Any) -> tuple[float, float]:
    """Factor and offset of EMAN2's reduced bit depth; 1 and 0 where values are stored as they are."""
    if "EMAN.stored_renderbits" not in attributes:
        return 1.0, 0.0
    bits, low, high = (
        float(np.asarray(attributes[f"EMAN.stored_render{what}"]).reshape(-1)[0]) for what in ("bits", "min", "max")
    )
    return ((high - low) / (2**bits - 1), low) if bits > 0 and high > low else (1.0, 0.0)


def _scaled(values: np.ndarray, scale: tuple[float, float], dtype: np.dtype) -> np.ndarray:
    if scale == (1.0, 0.0):
        return values.astype(dtype, copy=False)
    return (values * np.float32(scale[0]) + np.float32(scale[1])).astype(dtype, copy=False)
