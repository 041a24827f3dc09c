"""Writing MRC files, slice by slice."""

import math
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from cryogauge.io.mrc_header import HEADER, HEADER_BYTES, IMOD_STAMP
from cryogauge.io.replace import replacing
from cryogauge.records import BadInput

_DTYPES = {mode: np.dtype(kind) for mode, kind in ((0, "<i1"), (1, "<i2"), (2, "<f4"), (6, "<u2"), (12, "<f2"))}
_MODE_OF = {"b1": 0, "i1": 0, "i2": 1, "u1": 6, "u2": 6, "f2": 12}


class MrcWriter:
    """An MRC file written section by section; it appears under its name when it is complete.

    Parameters
    ----------
    path
        Where to; an existing file is replaced.
    shape
        Shape ``(z, y, x)``, or ``(tilt, y, x)`` of a stack.
    voxel_size_A
        Edge of the voxel in Å.
    mode
        MRC mode: 0 int8, 1 int16, 2 float32, 6 uint16, 12 float16.
    stack
        Whether the sections are images in their own right (space group 0, one section a cell).

    Raises
    ------
    BadInput
        For an unknown mode; on leaving, when sections are missing; in ``append``, when sections have another
        shape, are too many, or hold values the mode cannot.
    Retryable
        When the disk is full.

    Examples
    --------
    >>> with MrcWriter(path, (len(slices), 512, 512), 10.0) as writer:  # doctest: +SKIP
    ...     for image in slices:
    ...         writer.append(image)
    """

    def __init__(
        self,
        path: str | Path,
        shape: tuple[int, int, int],
        voxel_size_A: float,
        *,
        mode: int = 2,
        stack: bool = False,
    ) -> None:
        if mode not in _DTYPES:
            raise BadInput(f"MRC mode {mode} is not written", f"use one of {', '.join(map(str, _DTYPES))}")
        self.path = Path(path)
        self.shape = shape
        self._voxel_size_A = voxel_size_A
        self._mode = mode
        self._stack = stack
        self._written = 0
        self._sum = self._squares = 0.0
        self._range = (math.inf, -math.inf)

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            temporary = undo.enter_context(replacing(self.path))
            self._file = undo.enter_context(temporary.open("wb"))
            self._file.write(bytes(HEADER_BYTES))
            undo.push(self._complete)
            self._open = undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.__exit__(kind, error, trace)

    def append(self, block: np.ndarray) -> None:
        """Write one section ``(y, x)`` or several ``(n, y, x)`` behind those already written."""
        block = np.asarray(block)
        if block.ndim == 2:
            block = block[None]
        if block.shape[1:] != tuple(self.shape[1:]) or self._written + len(block) > self.shape[0]:
            raise BadInput(f"sections of shape {block.shape} do not fit behind {self._written} of {self.shape}")
        values = _as_type(block, _DTYPES[self._mode])
        self._file.write(values.tobytes())
        self._written += len(block)
        exact = values.astype(np.float64)
        self._sum += float(exact.sum())
        self._squares += float(np.square(exact).sum())
        self._range = min(self._range[0], float(exact.min())), max(self._range[1], float(exact.max()))

    def _complete(self, kind: type[BaseException] | None, *_: object) -> None:
        """Write the header, which needs to know the values; nothing is completed after an error."""
        if kind is None:
            self._file.seek(0)
            self._file.write(self._header().tobytes())

    def _header(self) -> np.ndarray:
        if self._written != self.shape[0]:
            raise BadInput(f"{self.path} lacks sections: {self._written} of {self.shape[0]} were written")
        sections, rows, columns = self.shape
        count = sections * rows * columns
        mean = self._sum / count
        header = np.zeros(1, HEADER.newbyteorder("<"))
        fields = header[0]
        fields["nx"], fields["ny"], fields["nz"], fields["mode"] = columns, rows, sections, self._mode
        fields["m"] = columns, rows, 1 if self._stack else sections
        fields["cell"] = fields["m"] * self._voxel_size_A
        fields["angles"] = 90
        fields["map_axes"] = 1, 2, 3
        fields["minimum"], fields["maximum"] = self._range
        fields["mean"] = mean
        fields["rms"] = math.sqrt(max(self._squares / count - mean**2, 0.0))
        fields["space_group"] = 0 if self._stack else 1
        fields["version"] = 20140
        fields["map"] = b"MAP "
        fields["machine_stamp"] = b"\x44\x44\0\0"
        if self._mode == 0:  # so that IMOD, too, takes the bytes as signed
            fields["imod_stamp"], fields["imod_flags"] = IMOD_STAMP, 1
        fields["labels"] = 1
        fields["label"][0] = b"Written by cryogauge".ljust(80)
        return header


def mode_for(dtype: Any) -> int:
    """The smallest MRC mode that holds every value of a type; 2 (float32) for wide integers and float64."""
    return _MODE_OF.get(np.dtype(dtype).str[1:], 2)


def write_mrc(path: str | Path, data: Any, voxel_size_A: float, *, mode: int | None = None) -> None:
    """Write a volume as MRC (MRC2014, little-endian).

    Parameters
    ----------
    path
        Where to; an existing file is replaced once the new one is complete.
    data
        Array-like of shape ``(z, y, x)``, or ``(y, x)`` for one section; read section by section.
    voxel_size_A
        Edge of the voxel in Å.
    mode
        0 int8, 1 int16, 2 float32, 6 uint16, 12 float16; by default the one that holds the data's type, float32
        for wide integers and float64.

    Raises
    ------
    BadInput
        When the data are not two- or three-dimensional, hold values the mode cannot, or the folder cannot be
        written.
    Retryable
        When the disk is full.
    """
    if len(data.shape) not in (2, 3) or 0 in data.shape:
        raise BadInput(f"an array of shape {tuple(data.shape)} is no volume", "give (z, y, x) or (y, x)")
    sections = data[None] if len(data.shape) == 2 else data
    count, height, width = (int(n) for n in sections.shape)
    mode = mode_for(data.dtype) if mode is None else mode
    with MrcWriter(path, (count, height, width), voxel_size_A, mode=mode) as writer:
        for z in range(count):
            writer.append(sections[z])


def _as_type(block: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """The values in the file's type; integers are rounded, what does not fit is refused."""
    if np.can_cast(block.dtype, dtype) or dtype == np.float32:
        return block.astype(dtype)
    limits = np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)
    values = block if dtype.kind == "f" else np.rint(block)
    finite = np.isfinite(values)
    fits = (values >= limits.min) & (values <= limits.max)
    if not np.all(fits | ~finite if dtype.kind == "f" else fits & finite):
        raise BadInput(f"values from {block.min():g} to {block.max():g} do not fit {dtype.name}", "write mode 2")
    return values.astype(dtype)
