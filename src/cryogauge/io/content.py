"""A cheap fingerprint of a tomogram's content, by which a batch knows what it has already judged."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from cryogauge.io import copick
from cryogauge.io.formats import is_local, open_volume
from cryogauge.io.zarr import read_json
from cryogauge.records import BadInput

_BLOCK = 64 * 2**10
_BLOCKS = 32


def content_key(uri: str | Path) -> str:
    """Fingerprint of what a path or URI holds, the same wherever and whenever a copy lies.

    It covers the size and 32 evenly spaced blocks of 64 KiB, the first and the last included: headers, and enough
    of the values that another reconstruction differs. A folder (OME-Zarr) counts as the names and sizes of its
    files, its metadata, and the first blocks of 32 of its chunks. Of a URL it covers the metadata and eight small
    boxes of voxels. A change of a few voxels that leaves the size alone can go unnoticed.

    Parameters
    ----------
    uri
        What ``open_volume`` takes, or any file.

    Returns
    -------
    str
        32 hexadecimal digits.

    Raises
    ------
    BadInput
        When there is nothing, or it may not be read.
    """
    uri = str(uri)
    digest = hashlib.blake2b(digest_size=16)
    if uri.startswith(copick.PREFIX):
        uri = copick.tomogram_path(uri)
    path = Path(uri)
    try:
        if not is_local(uri):
            _add_remote(digest, uri)
        elif path.is_dir():
            _add_folder(digest, path)
        else:
            _add_file(digest, path, _BLOCKS)
    except FileNotFoundError as error:
        raise BadInput(f"{uri} does not exist", "check the path") from error
    except PermissionError as error:
        raise BadInput(f"{uri} may not be read", "ask its owner for permission") from error
    return digest.hexdigest()


def _add_file(digest: hashlib.blake2b, path: Path, blocks: int) -> None:
    with path.open("rb") as file:
        size = file.seek(0, 2)
        digest.update(size.to_bytes(8, "little"))
        last = max(size - _BLOCK, 0)
        for offset in sorted({last * i // max(blocks - 1, 1) for i in range(blocks)}):
            file.seek(offset)
            digest.update(file.read(_BLOCK))


def _add_folder(digest: hashlib.blake2b, folder: Path) -> None:
    files = sorted((path.relative_to(folder).as_posix(), path) for path in folder.rglob("*") if path.is_file())
    listing = [(name, path.stat().st_size) for name, path in files]
    digest.update(json.dumps(listing).encode())
    is_metadata = [name.endswith((".json", ".zattrs", ".zarray", ".zgroup")) for name, _ in files]
    for (_, path), metadata in zip(files, is_metadata, strict=True):
        if metadata:
            digest.update(path.read_bytes())
    chunks = [path for (_, path), metadata in zip(files, is_metadata, strict=True) if not metadata]
    for i in sorted({(len(chunks) - 1) * i // (_BLOCKS - 1) for i in range(_BLOCKS)} if chunks else ()):
        _add_file(digest, chunks[i], 1)


def _add_remote(digest: hashlib.blake2b, uri: str) -> None:
    for document in _metadata(uri):
        digest.update(json.dumps(document, sort_keys=True).encode())
    data = open_volume(uri, pixel_size_A=1.0).data  # the voxel size is in the metadata, if anywhere
    digest.update(json.dumps(data.shape).encode())
    for t in np.linspace(0.1, 0.9, 8):
        box = tuple(slice(int(n * t), int(n * t) + 8) for n in data.shape)
        digest.update(np.ascontiguousarray(data[box]).tobytes())


def _metadata(uri: str) -> list[dict[str, Any]]:
    """The documents of Zarr 3 and 2, empty where there are none."""
    if uri.startswith(copick.PREFIX):  # only copick's file system reaches it
        return [{}, copick.tomogram_attributes(uri)]
    return [read_json(uri.rstrip("/"), name) for name in ("zarr.json", ".zattrs")]
