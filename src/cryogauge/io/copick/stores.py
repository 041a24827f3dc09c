"""Zarr images and JSON files on any file system that copick uses."""

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

from cryogauge.io.lazy import CHUNK_CACHE_BYTES
from cryogauge.io.replace import no_space_is_retryable, replacing
from cryogauge.io.voxel import voxel_size
from cryogauge.io.zarr import FORMAT as ZARR
from cryogauge.io.zarr import as_volume, multiscale, stated_voxel_A
from cryogauge.records import BadInput, Volume

_CHUNK = 128  # voxels an edge


def on_disk(file_system: Any, path: str) -> Path | None:
    """The path on this machine; ``None`` on a file system elsewhere."""
    protocols = file_system.protocol
    return Path(path) if "file" in ((protocols,) if isinstance(protocols, str) else protocols) else None


def read_document(file_system: Any, path: str) -> dict[str, Any]:
    """A JSON document; empty where there is none."""
    if not file_system.exists(path):
        return {}
    try:
        document = json.loads(file_system.cat_file(path))
    except ValueError as error:
        raise BadInput(f"{path} is no JSON: {error}", "copy or write it again") from error
    return document if isinstance(document, dict) else {}


def write_document(file_system: Any, path: str, document: dict[str, Any]) -> None:
    """Write a JSON document, whole or not at all, with the folders above it."""
    local = on_disk(file_system, path)
    if local is None:
        file_system.makedirs(path.rpartition("/")[0], exist_ok=True)
        file_system.pipe_file(path, json.dumps(document).encode())
        return
    with no_space_is_retryable(local.parent):
        local.parent.mkdir(parents=True, exist_ok=True)
    with replacing(local) as temporary:
        temporary.write_text(json.dumps(document), encoding="utf-8")


def open_image(file_system: Any, path: str, source: str, pixel_size_A: float | None = None) -> Volume:
    """Open the finest scale of an OME-Zarr image, by tensorstore on this machine and by zarr elsewhere.

    Parameters
    ----------
    file_system, path
        Where it is.
    source
        What to call it.
    pixel_size_A
        In place of the size that the image states, in Å.

    Raises
    ------
    BadInput
        When there is no image of one volume, or its voxel size is missing or absurd.
    """
    local = on_disk(file_system, path)
    if local is not None:
        volume = ZARR.open(str(local), pixel_size_A, None)
        return Volume(volume.data, volume.voxel_size_A, volume.origin_A, source)
    image = multiscale(read_document(file_system, f"{path}/.zattrs"))
    if image is None:
        raise BadInput(f"{source} is no OME-Zarr image", "write it again")
    name = str(image["datasets"][0]["path"])
    array = open_array(file_system, path, name, source)
    data = as_volume(source, array.shape, array.dtype, array.chunks, lambda box: array[box])
    return Volume(data, voxel_size(source, stated_voxel_A(image, name, array.ndim), pixel_size_A), source=source)


def open_array(file_system: Any, path: str, name: str, source: str) -> Any:
    """One array of a Zarr group: a ``zarr.Array``, which reads the chunks that are asked for.

    Raises
    ------
    BadInput
        When there is none.
    """
    import zarr
    from zarr.storage import FSStore, LRUStoreCache

    store: Any = FSStore(path, fs=file_system, mode="r", create=False)
    if on_disk(file_system, path) is None:
        store = LRUStoreCache(store, max_size=CHUNK_CACHE_BYTES)  # a chunk travels once for all its slices
    try:
        return zarr.open_array(store, mode="r", path=name)
    except (ValueError, KeyError) as error:  # zarr's own are ValueErrors
        raise BadInput(f"{source} holds no Zarr array {name}", "write it again") from error


def write_image(
    file_system: Any, path: str, scales: Sequence[np.ndarray], voxel_size_A: float, *, channels: bool = False
) -> None:
    """Write an OME-Zarr 0.4 image in place of what is there.

    On this machine it appears whole or not at all; elsewhere its attributes are written last, and it is no image
    without them.

    Parameters
    ----------
    file_system, path
        Where to, with the folders above it.
    scales
        Arrays ``(z, y, x)``, each half the size of the one before, or ``(c, z, y, x)`` with ``channels``.
    voxel_size_A
        Of the first scale, in Å.

    Raises
    ------
    Retryable
        When the disk is full.
    """
    local = on_disk(file_system, path)
    if local is None:
        if file_system.exists(path):
            file_system.rm(path, recursive=True)
        _write(file_system, path, scales, voxel_size_A, channels=channels)
        return
    temporary, old = (local.with_name(f".{local.name}.{uuid4().hex[:8]}.{end}") for end in ("part", "old"))
    try:
        with no_space_is_retryable(local.parent):
            local.parent.mkdir(parents=True, exist_ok=True)
            _write(file_system, str(temporary), scales, voxel_size_A, channels=channels)
            if local.exists():
                os.replace(local, old)
            os.replace(temporary, local)
    finally:
        for each in (temporary, old):
            shutil.rmtree(each, ignore_errors=True)


def _write(file_system: Any, path: str, scales: Sequence[np.ndarray], voxel_size_A: float, *, channels: bool) -> None:
    import zarr
    from zarr.storage import FSStore

    store = FSStore(path, fs=file_system, mode="w", key_separator="/", dimension_separator="/", create=True)
    group = zarr.group(store, overwrite=True)
    lead = [1.0] if channels else []
    for number, data in enumerate(scales):
        chunks = (1,) * len(lead) + tuple(min(_CHUNK, n) for n in data.shape[len(lead) :])
        group.create_dataset(str(number), data=data, chunks=chunks, dimension_separator="/")
    axes = [{"name": name, "type": "space", "unit": "angstrom"} for name in "zyx"]
    group.attrs["multiscales"] = [
        {
            "version": "0.4",
            "name": path.rpartition("/")[2],
            "axes": ([{"name": "c", "type": "channel"}] if channels else []) + axes,
            "datasets": [
                {
                    "path": str(number),
                    "coordinateTransformations": [{"type": "scale", "scale": [*lead, *[voxel_size_A * 2**number] * 3]}],
                }
                for number in range(len(scales))
            ],
        }
    ]


def halved(data: np.ndarray) -> np.ndarray:
    """Means of 2×2×2 voxels, float32 ``(z, y, x)``; an odd last plane counts twice."""
    for axis in range(3):
        if data.shape[axis] % 2:
            data = np.concatenate([data, np.take(data, [-1], axis=axis)], axis=axis)
        first, second = (np.take(data, range(start, data.shape[axis], 2), axis=axis) for start in (0, 1))
        data = (first + second) * np.float32(0.5)
    return data
