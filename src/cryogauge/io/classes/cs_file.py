"""cryoSPARC's ``.cs`` files: structured arrays, as NumPy writes them or as the newer stream. Nothing is unpickled."""

import json
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from cryogauge.io.classes.lz4_block import unpack_lz4
from cryogauge.io.replace import replacing
from cryogauge.records import BadInput

_NUMPY, _STREAM = b"\x93NUMPY", b"\x95CSDAT"


def read_cs(path: Path) -> np.ndarray:
    """A table of cryoSPARC: a structured array, mapped where NumPy wrote it; texts are bytes of fixed width.

    Raises
    ------
    BadInput
        When it cannot be read, is damaged or of another kind, or holds Python objects.
    """
    try:
        with path.open("rb") as file:
            magic = file.read(6)
            if magic == _STREAM:
                return _read_stream(file)
        if magic == _NUMPY:
            table = np.load(path, mmap_mode="r", allow_pickle=False)
            if table.dtype.names is None or table.ndim != 1:
                raise ValueError("it holds no table")
            return table
    except FileNotFoundError as error:
        raise BadInput(f"{path} does not exist", "check the path") from error
    except PermissionError as error:
        raise BadInput(f"{path} may not be read", "ask its owner for permission") from error
    except (ValueError, KeyError, TypeError, EOFError, OSError) as error:
        raise BadInput(f"{path} is a damaged .cs file: {error}", "copy or export it again") from error
    raise BadInput(f"{path} is no .cs file", "give a file that cryoSPARC wrote")


def write_cs(path: Path, table: np.ndarray) -> None:
    """Write rows as NumPy writes them, which every version of cryoSPARC reads."""
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.save(file, np.ascontiguousarray(table), allow_pickle=False)


def texts(table: np.ndarray, name: str) -> list[str]:
    """A column of texts."""
    return [value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value) for value in table[name]]


def _read_stream(file: BinaryIO) -> np.ndarray:
    """After the magic: a length and a JSON header, a length and bytes a column, and all texts with a 0 after each."""
    header: dict[str, Any] = json.loads(_piece(file))
    length = int(header["length"])
    packed = set(header.get("compressed_fields") or ())
    if header.get("compression") not in (None, "lz4"):
        raise ValueError(f"its compression {header['compression']} is unknown")
    columns: dict[str, np.ndarray] = {}
    texts_at: dict[str, np.ndarray] = {}
    for name, kind, *shape in header["dtype"]:
        is_text = np.dtype(kind).kind == "O"
        dtype = np.dtype("<u8") if is_text else np.dtype((kind, tuple(shape[0]) if shape else ()))
        if dtype.hasobject:
            raise ValueError("it holds Python objects")
        stored = _piece(file) if length else b""
        values = unpack_lz4(stored, length * dtype.itemsize) if name in packed and length else stored
        if len(values) != length * dtype.itemsize:
            raise ValueError(f"{name} has {len(values)} bytes")
        column = np.frombuffer(values, dtype=dtype.base).reshape((length, *dtype.shape))
        (texts_at if is_text else columns)[name] = column
    heap = file.read()
    for name, places in texts_at.items():
        columns[name] = _from_heap(heap, places)
    order = [str(name) for name, *_ in header["dtype"]]
    table = np.empty(length, dtype=[(name, columns[name].dtype, columns[name].shape[1:]) for name in order])
    for name in order:
        table[name] = columns[name]
    return table


def _piece(file: BinaryIO) -> bytes:
    length = int.from_bytes(_exactly(file, 4), "little")
    return _exactly(file, length)


def _exactly(file: BinaryIO, count: int) -> bytes:
    found = file.read(count)
    if len(found) != count:
        raise EOFError("it is cut off")
    return found


def _from_heap(heap: bytes, places: np.ndarray) -> np.ndarray:
    unique, inverse = np.unique(places, return_inverse=True)
    found = []
    for place in unique.tolist():
        end = heap.find(b"\0", place)
        if place >= len(heap) > 0 or end < 0:
            raise EOFError("its texts are cut off")
        found.append(heap[place:end])
    return np.array(found or [b""])[inverse] if len(places) else np.zeros(0, "S1")
