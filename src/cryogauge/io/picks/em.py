"""Motive lists in EM files, of TOM, AV3, PyTom's and Artiatomi's kin, ArtiaX and cryoCAT.

A column of 20 numbers a particle, float32: 1 score, 4 number of the particle, 5 tomogram, 8–10 position and 11–13 shift
in voxels, 17 phi, 18 psi, 19 theta (in this order; see ``angles.from_motive_list``), 20 class. Positions count the
first voxel as 1, as MATLAB does and ArtiaX's reader takes off (github.com/FrangakisLab/ArtiaX,
``ArtiatomiParticleData.py``). The header is TOM's ``tom_emread``: 512 bytes, machine, type and three sizes in front.
"""

import struct
from pathlib import Path

import numpy as np
import pandas as pd

from cryogauge.io.picks.angles import from_motive_list, to_motive_list
from cryogauge.io.picks.frame import Frame, PickFormat, angles_of, picks_table, positions_A, read_bytes, scores_of
from cryogauge.io.picks.tomograms import write_numbering
from cryogauge.io.replace import replacing
from cryogauge.records import BadInput

_HEADER, _ROWS = 512, 20
_TYPES = {2: "i2", 4: "i4", 5: "f4", 9: "f8"}
_BIG_ENDIAN = (0, 3, 5)  # OS-9, SGI and Mac; a PC is 6
_PC, _FLOAT = 6, 5
_SCORE, _PARTICLE, _TOMOGRAM, _CLASS = 0, 3, 4, 19
_PLACE, _SHIFT, _ANGLES = slice(7, 10), slice(10, 13), slice(16, 19)
_FIRST = 1.0  # number of the first voxel


def _sizes(head: bytes) -> tuple[str, int]:
    """Type of the numbers and their count of columns; ``ValueError`` where it is no motive list."""
    if len(head) < 16 or head[0] > 6 or head[3] not in _TYPES:
        raise ValueError("no EM file")
    order = ">" if head[0] in _BIG_ENDIAN else "<"
    x, y, z = struct.unpack(f"{order}3i", head[4:16])
    if x != _ROWS or min(y, z) < 0:
        raise ValueError(f"{x} × {y} × {z} numbers, not 20 a particle")
    return f"{order}{_TYPES[head[3]]}", y * z


def _recognises(head: bytes) -> bool:
    try:
        _sizes(head)
    except ValueError:
        return False
    return len(head) >= _HEADER


def _read(path: Path, frame: Frame) -> pd.DataFrame:
    raw = read_bytes(path)
    try:
        kind, count = _sizes(raw)
    except ValueError as error:
        raise BadInput(f"{path} is no motive list: {error}", "name an .em of 20 rows") from error
    if len(raw) < _HEADER + count * _ROWS * np.dtype(kind).itemsize:
        raise BadInput(f"{path} is shorter than the {count} particles that it announces", "copy it again")
    with np.errstate(invalid="ignore"):  # what is no number is told below
        rows = np.frombuffer(raw, kind, count * _ROWS, _HEADER).reshape(count, _ROWS).astype(float)
    voxel = frame.voxel(path)
    phi, psi, theta = rows[:, _ANGLES].T
    picks = picks_table(
        frame.named(path, rows[:, _TOMOGRAM]),
        frame.object_names(path, rows[:, _CLASS]),
        (rows[:, _PLACE] + rows[:, _SHIFT] - _FIRST) * voxel,
        rows[:, _SCORE],
        from_motive_list(phi, psi, theta),
    )
    picks.attrs["voxel_size_A"] = voxel
    return picks


def _write(path: Path, table: pd.DataFrame, frame: Frame) -> list[Path]:
    voxel = frame.voxel(path)
    numbers = frame.numbers(table["tomogram"].astype(str))
    labels = frame.labels(table["object"].astype(str))
    rows = np.zeros((len(table), _ROWS))
    places = positions_A(table) / voxel + _FIRST
    whole = np.floor(places + 0.5)
    rows[:, _PLACE], rows[:, _SHIFT] = whole, places - whole  # whole voxels and a shift keep float32 exact
    rows[:, _SCORE] = scores_of(table)
    rows[:, _PARTICLE] = np.arange(1, len(table) + 1)
    rows[:, _TOMOGRAM] = [numbers[name] for name in table["tomogram"].astype(str)]
    rows[:, _CLASS] = [labels[name] for name in table["object"].astype(str)]
    angles = angles_of(table)
    if angles is not None:
        rows[:, _ANGLES] = to_motive_list(angles)
    header = bytes((_PC, 0, 0, _FLOAT)) + struct.pack("<3i", _ROWS, len(rows), 1)
    with replacing(path) as temporary:
        temporary.write_bytes(header.ljust(_HEADER, b"\0") + rows.astype("<f4").tobytes())
    return [path, *write_numbering(path, numbers)]


EM = PickFormat("em", ".em", _recognises, _read, _write, angles=True, scores=True)
