"""The MRC header: fields, byte order, data type, axes, voxel size, origin.

Follows the MRC2014 format (Cheng et al. 2015, J. Struct. Biol. 192, 146; https://www.ccpem.ac.uk/mrc_format) and,
for bytes, IMOD's stamp and flags.
"""

from dataclasses import dataclass

import numpy as np

from cryogauge.io.voxel import voxel_size
from cryogauge.records import BadInput

HEADER_BYTES = 1024
#: "IMOD" as a little-endian integer; then bit 0 of the flags says that bytes are signed.
IMOD_STAMP = 1146047817

_FIELDS = [
    ("nx", "i4"),
    ("ny", "i4"),
    ("nz", "i4"),
    ("mode", "i4"),
    ("nstart", "i4", 3),
    ("m", "i4", 3),
    ("cell", "f4", 3),
    ("angles", "f4", 3),
    ("map_axes", "i4", 3),
    ("minimum", "f4"),
    ("maximum", "f4"),
    ("mean", "f4"),
    ("space_group", "i4"),
    ("extended_bytes", "i4"),
    ("extra1", "V8"),
    ("extended_type", "S4"),
    ("version", "i4"),
    ("extra2", "V40"),
    ("imod_stamp", "i4"),
    ("imod_flags", "i4"),
    ("extra3", "V36"),
    ("origin", "f4", 3),
    ("map", "S4"),
    ("machine_stamp", "V4"),
    ("rms", "f4"),
    ("labels", "i4"),
    ("label", "S80", 10),
]
HEADER = np.dtype(_FIELDS)

_TYPES = {0: "i1", 1: "i2", 2: "f4", 6: "u2", 12: "f2"}
_UNUSABLE = {3: "complex integers", 4: "complex numbers", 16: "colours", 101: "4-bit integers"}
_MAX_EDGE = 65535


@dataclass(frozen=True)
class MrcHeader:
    """What a reader needs of an MRC header.

    Attributes
    ----------
    file_shape
        Sections, rows and columns, as stored.
    dtype
        Type and byte order of the values.
    offset
        Bytes before the first value.
    order
        For each of z, y, x the axis of ``file_shape`` that holds it.
    voxel_A
        Sampling along x, y and z in Å as the header has it; 0 where it has none.
    origin_A
        Position (x, y, z) of voxel (0, 0, 0) in Å: the origin field, or the start indices where that is zero.
    """

    file_shape: tuple[int, int, int]
    dtype: np.dtype
    offset: int
    order: tuple[int, int, int]
    voxel_A: tuple[float, float, float]
    origin_A: tuple[float, float, float]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape (z, y, x)."""
        z, y, x = (self.file_shape[axis] for axis in self.order)
        return z, y, x

    @property
    def end(self) -> int:
        """Bytes from the start of the file to the end of the last value."""
        sections, rows, columns = self.file_shape
        return self.offset + sections * rows * columns * self.dtype.itemsize

    def voxel_size_A(self, source: str, pixel_size_A: float | None) -> float:
        """The voxel edge in Å: the given one, or the header's; raises ``BadInput`` as ``voxel_size`` does."""
        # A header that calls the sections images of a stack (mz = 1) has no sampling along z, or a meaningless one.
        stack = self.voxel_A[2] == 0
        return voxel_size(source, self.voxel_A[:2] if stack else self.voxel_A, pixel_size_A)


def parse_header(raw: bytes, source: str) -> MrcHeader:
    """Make sense of the first 1024 bytes of a file.

    Parameters
    ----------
    raw
        The bytes.
    source
        What to call the file in a message.

    Raises
    ------
    BadInput
        When they are no MRC header, or one of values that are not densities.
    """
    if len(raw) < HEADER_BYTES:
        raise BadInput(
            f"{source} is no MRC file: it has {len(raw):,} bytes, a header alone has {HEADER_BYTES:,}",
            "copy or write the file again",
        )
    fields, byte_order = _in_its_byte_order(raw, source)
    mode = int(fields["mode"])
    if mode in _UNUSABLE:
        raise BadInput(f"{source} holds {_UNUSABLE[mode]} (MRC mode {mode}), not densities", "convert it to mode 2")
    kind = "u1" if mode == 0 and _bytes_are_unsigned(fields) else _TYPES[mode]
    columns, rows, sections = (int(fields[name]) for name in ("nx", "ny", "nz"))
    if fields["space_group"] >= 401 and 0 < fields["m"][2] < sections:
        volumes = sections // int(fields["m"][2])
        raise BadInput(f"{source} holds {volumes} volumes in one file", "split it into one file a volume")
    if fields["extended_bytes"] < 0:
        raise BadInput(f"{source} has a damaged MRC header: an extended header of negative size")
    axes = _file_axes(fields)
    file_shape = (sections, rows, columns)
    voxel_A = _sampling(fields, slices=file_shape[axes[2]])
    return MrcHeader(
        file_shape=file_shape,
        dtype=np.dtype(byte_order + kind),
        offset=HEADER_BYTES + int(fields["extended_bytes"]),
        order=(axes[2], axes[1], axes[0]),
        voxel_A=voxel_A,
        origin_A=_origin(fields, axes, voxel_A),
    )


def _in_its_byte_order(raw: bytes, source: str) -> tuple[np.void, str]:
    """The fields, read in the byte order in which they make sense."""
    # The machine stamp is not asked: it is wrong or missing in too many files, and no header makes sense both
    # ways, since an edge of at most 65535 read in the other order is larger than that.
    for byte_order in ("<", ">"):
        fields = np.frombuffer(raw, HEADER.newbyteorder(byte_order), 1)[0]
        if _makes_sense(fields):
            return fields, byte_order
    text = all(byte >= 9 for byte in raw[:64])
    what = "it holds text" if text else "its header makes no sense in either byte order"
    raise BadInput(f"{source} is no MRC file: {what}", "name files by what they are, or write it again")


def _makes_sense(fields: np.void) -> bool:
    edges = [int(fields[name]) for name in ("nx", "ny", "nz")]
    return int(fields["mode"]) in {*_TYPES, *_UNUSABLE} and all(0 < edge <= _MAX_EDGE for edge in edges)


def _bytes_are_unsigned(fields: np.void) -> bool:
    """IMOD's rule: the flag where its stamp is, else whether the recorded range fits only unsigned bytes."""
    if fields["imod_stamp"] == IMOD_STAMP:
        return not fields["imod_flags"] & 1
    return bool(fields["minimum"] >= 0 and 127 < fields["maximum"] < 256)


def _file_axes(fields: np.void) -> tuple[int, int, int]:
    """For each of x, y, z the axis (0 section, 1 row, 2 column) of the stored array; x fastest unless told."""
    # Zeros and repeated axes occur in files of old programs, which all store x fastest.
    stored = [int(axis) for axis in fields["map_axes"]]
    if sorted(stored) != [1, 2, 3]:
        stored = [1, 2, 3]
    x, y, z = (2 - stored.index(axis) for axis in (1, 2, 3))
    return x, y, z


def _sampling(fields: np.void, slices: int) -> tuple[float, float, float]:
    """Cell edge by number of intervals, per x, y, z; 0 for z where the sections are said to be single images."""
    x, y, z = (
        float(cell) / int(intervals) if intervals > 0 else 0.0
        for cell, intervals in zip(fields["cell"], fields["m"], strict=True)
    )
    stack = fields["m"][2] == 1 and slices > 1
    return x, y, 0.0 if stack else z


def _origin(
    fields: np.void, axes: tuple[int, int, int], voxel_A: tuple[float, float, float]
) -> tuple[float, float, float]:
    """The origin field is along x, y, z; the start indices belong to columns, rows, sections."""
    origin = [float(value) for value in fields["origin"]]
    if not any(origin):
        starts = [int(fields["nstart"][2 - axis]) for axis in axes]
        origin = [start * size for start, size in zip(starts, voxel_A, strict=True)]
    x, y, z = origin if all(np.isfinite(origin)) else (0.0, 0.0, 0.0)
    return x, y, z
