"""An array that reads only what is asked for, for containers that are not memory maps."""

import mmap
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

#: Cache for one layer of decompressed chunks, at most; a layer above it is decoded again for every slice.
CHUNK_CACHE_BYTES = 512 * 2**20


class LazyArray:
    """A three-dimensional array behind a function that reads boxes of it.

    Parameters
    ----------
    shape
        Shape ``(z, y, x)``.
    dtype
        What the boxes hold.
    read
        Given three slices ``(z, y, x)`` with step 1 that lie within the shape, the box as an array.
    chunk
        Shape of the pieces it is stored in, where it is stored in pieces.
    """

    ndim = 3

    def __init__(
        self,
        shape: tuple[int, int, int],
        dtype: np.dtype,
        read: Callable[[slice, slice, slice], np.ndarray],
        chunk: tuple[int, int, int] | None = None,
    ) -> None:
        self.shape = shape
        self.chunk = chunk
        self.dtype = np.dtype(dtype)
        self._read = read

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> np.ndarray:
        """Integers and slices as numpy takes them, ``...`` included; only the box they span is read."""
        keys = list(key) if isinstance(key, tuple) else [key]
        if Ellipsis in keys:
            place = keys.index(Ellipsis)
            keys[place : place + 1] = [slice(None)] * (self.ndim - len(keys) + 1)
        if len(keys) > self.ndim:
            raise IndexError(f"{len(keys)} indices for an array of {self.ndim} axes")
        keys += [slice(None)] * (self.ndim - len(keys))
        spans = [_span(k, n) for k, n in zip(keys, self.shape, strict=True)]
        boxes = [box for box, _ in spans]
        if any(box.start == box.stop for box in boxes):
            values = np.empty([box.stop - box.start for box in boxes], self.dtype)
        else:
            values = self._read(*boxes)
        return values[tuple(rest for _, rest in spans)]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """All of it, read into memory."""
        if copy is False:
            raise ValueError("an array on disk cannot be had without a copy")
        return np.asarray(self[:], dtype=dtype)


def forget(data: Any) -> None:
    """Unmap the pages of a file that reading slices has left in this process's memory.

    The system keeps them in its own cache, so reading one again is cheap; but they no longer count as ours, and a
    pass over a volume of any number of slices takes no more memory than one. Nothing happens to arrays in memory.
    """
    while data is not None:
        if isinstance(data, mmap.mmap):
            data.madvise(mmap.MADV_DONTNEED)
            return
        data = getattr(data, "base", None)


def _span(key: Any, length: int) -> tuple[slice, int | slice]:
    """The contiguous range to read, and what to take from it."""
    if not isinstance(key, slice):
        index = operator.index(key)
        if not -length <= index < length:
            raise IndexError(f"index {index} is out of bounds for {length}")
        index %= length
        return slice(index, index + 1), 0
    wanted = range(*key.indices(length))
    if not wanted:
        return slice(0, 0), slice(None)
    low, high = min(wanted[0], wanted[-1]), max(wanted[0], wanted[-1])
    return slice(low, high + 1), slice(None, None, wanted.step)


def layer_bytes(shape: tuple[int, ...], chunk: tuple[int, ...], itemsize: int) -> int:
    """Bytes of the chunks one slice cuts, decompressed: what a cache must hold for slices in turn to be cheap.

    Returns 0 when that is over ``CHUNK_CACHE_BYTES``: a cache that thrashes only costs memory.
    """
    depth, *plane = chunk
    size = depth * itemsize
    for length, edge in zip(shape[1:], plane, strict=True):
        size *= -(-length // edge) * edge
    return size if size <= CHUNK_CACHE_BYTES else 0
