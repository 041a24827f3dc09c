"""The pixels of a collection data set: an OME-Zarr 0.4 image of two axes each."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from cryogauge.io.mrc import FORMAT as MRC
from cryogauge.io.mrc import map_mrc
from cryogauge.io.pictures import read_picture
from cryogauge.io.voxel import unit_A
from cryogauge.io.zarr import multiscale, read_json
from cryogauge.records import BadInput
from cryogauge.records.session import Picture

_CHUNK = 1024  # pixels an edge
_MOST_PIXELS = 2**31  # a stitched atlas has some 10⁸


def load_picture(picture: Picture) -> np.ndarray:
    """The pixels of an image from where it came: shape (y, x), rows in the order of the file.

    Raises
    ------
    BadInput
        When the file is missing, damaged or of another kind, or has no such section.
    """
    if not MRC.recognises(str(picture.path)):
        return read_picture(picture.path)[0]
    try:
        _, data = map_mrc(picture.path)
    except FileNotFoundError as error:
        raise BadInput(f"{picture.path} does not exist", "copy it beside the file that names it") from error
    if not 0 <= picture.section < len(data):
        raise BadInput(f"{picture.path} has {len(data)} sections, none of them {picture.section}", "copy it again")
    return np.asarray(data[picture.section])


def write_pixels(path: Path, pixels: np.ndarray, pixel_size_A: float) -> None:
    """Write an image (y, x) as OME-Zarr 0.4 at full and half size; without a pixel size its axes have no unit."""
    import zarr
    from zarr.storage import DirectoryStore

    known = math.isfinite(pixel_size_A)
    group = zarr.group(DirectoryStore(str(path), dimension_separator="/"), overwrite=True)
    scales = [pixels, _halved(pixels)] if min(pixels.shape) > 1 else [pixels]
    for number, data in enumerate(scales):
        chunks = (min(_CHUNK, data.shape[0]), min(_CHUNK, data.shape[1]))
        group.create_dataset(str(number), data=data, chunks=chunks, dimension_separator="/")
    axes = [{"name": name, "type": "space"} | ({"unit": "angstrom"} if known else {}) for name in "yx"]
    edge = pixel_size_A if known else 1.0
    datasets = [
        {
            "path": str(number),
            "coordinateTransformations": [{"type": "scale", "scale": [edge * 2**number] * 2}]
            + ([{"type": "translation", "translation": [edge / 2] * 2}] if number else []),
        }
        for number in range(len(scales))
    ]
    group.attrs["multiscales"] = [{"version": "0.4", "name": path.stem, "axes": axes, "datasets": datasets}]


def read_pixels(path: Path) -> tuple[np.ndarray, float]:
    """The pixels of an image of a data set, shape (y, x), and its pixel size in Å, NaN where it is not stated.

    Raises
    ------
    BadInput
        When it is no OME-Zarr image of two axes, damaged, or larger than any picture.
    """
    array, pixel_size_A = open_pixels(path)
    try:
        return np.asarray(array.read().result()), pixel_size_A
    except ValueError as error:
        raise BadInput(f"{path} is damaged: {str(error).split(' [')[0]:.200}", "copy it again") from error


def open_pixels(path: Path) -> tuple[Any, float]:
    """The same without reading: an array of tensorstore's, which knows no codec that runs code."""
    import tensorstore as ts

    image = multiscale(read_json(str(path), ".zattrs"))
    if image is None:
        raise BadInput(f"{path} is no OME-Zarr 0.4 image", "write it with two axes, y and x")
    name = str(image["datasets"][0].get("path"))
    if not name or name in (".", "..") or "/" in name or "\\" in name:
        raise BadInput(f"{path} names {name!r:.60} as its finest scale", "name a folder in it")
    store = f"{(path / name).absolute().as_uri()}/"
    try:
        array: Any = ts.open({"driver": "zarr", "kvstore": store}, read=True, open=True).result()
    except ValueError as error:
        raise BadInput(f"{path} cannot be read: {str(error).split(' [')[0]:.200}", "copy it again") from error
    if array.ndim != 2 or math.prod(array.shape) > _MOST_PIXELS or np.dtype(array.dtype.numpy_dtype).kind not in "iuf":
        raise BadInput(f"{path} is an array {array.shape} of {array.dtype.name}, no picture", "give grey values (y, x)")
    return array, _stated_A(image)


def _stated_A(image: dict[str, Any]) -> float:
    try:
        units = [unit_A(axis.get("unit")) for axis in image["axes"]]
        steps = image["datasets"][0]["coordinateTransformations"]
        scale = next(step["scale"] for step in steps if step["type"] == "scale")
        edge = float(scale[-1]) * float(units[-1] or math.nan)
    except (KeyError, TypeError, ValueError, IndexError, StopIteration, AttributeError):
        return math.nan
    return edge if math.isfinite(edge) and edge > 0 else math.nan


def _halved(pixels: np.ndarray) -> np.ndarray:
    """Means of 2×2 pixels, float32; an odd last row or column is left out."""
    height, width = (n // 2 * 2 for n in pixels.shape)
    parts = pixels[:height, :width].astype(np.float32).reshape(height // 2, 2, width // 2, 2)
    return parts.mean(axis=(1, 3))
