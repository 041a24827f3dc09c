"""IMOD's models of points, ``.mod``: chunks of big-endian numbers.

The format is that of https://bio3d.colorado.edu/imod/doc/binspec.html. Coordinates run from 0 to NX in x and y, so
that the centre of the first voxel is at 0.5 there, and from −0.5 in z, where it is at 0. A chunk ``MINX`` relates them
to the image: of a model made on a part of it, (otrans − ctrans) / cscale is to be added in voxels; cscale is the voxel
in Å. An IMOD object is one kind of particle, named by it; contours are of no consequence. Angles and scores have no
place in it.
"""

import struct
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from cryogauge.io.picks.frame import Frame, PickFormat, picks_table, positions_A, read_bytes
from cryogauge.io.replace import replacing
from cryogauge.records import BadInput

_MAGIC, _VERSION, _END = b"IMOD", b"V1.2", b"IEOF"
_MODEL = struct.Struct(">128s4i I 4i 6f 3i 2i f 2i 3f".replace(" ", ""))
_OBJECT = struct.Struct(">64s64siI2i3fi8B2i".replace(" ", ""))
_CONTOUR = struct.Struct(">iI2i")
_MESH = struct.Struct(">2iI2h")
_IMAGE = struct.Struct(">18f")
_CENTRE = np.array([0.5, 0.5, 0.0])
# z from −0.5; not yet written by 3dmod; clip planes; bytes in materials; origins in MINX; its angles are right
_MODEL_FLAGS = 0xFC00
_ORIGINS = 1 << 14
_OPEN, _SCATTERED = 1 << 3, 1 << 9
_ANGSTROM, _NANOMETRE, _MICROMETRE = -10, -9, -6
_UNITS_A = {_ANGSTROM: 1.0, _NANOMETRE: 10.0, _MICROMETRE: 1e4}
_COLOURS = ((0, 1, 0), (0, 1, 1), (1, 0, 1), (1, 1, 0), (1, 0, 0), (0.2, 0.6, 1), (1, 0.6, 0.2))
_MOST = 50_000_000  # points of a contour; more is damage


class _Model(NamedTuple):
    names: list[str]  # of each object
    points: list[np.ndarray]  # of each object, (point, 3) as x, y, z
    voxel_A: float | None
    offset_px: np.ndarray  # to be added for voxels of the image, x, y, z


def _recognises(head: bytes) -> bool:
    return head.startswith(_MAGIC)


def _parse(path: Path, raw: bytes) -> _Model:
    if not raw.startswith(_MAGIC):
        raise BadInput(
            f"{path} is no IMOD model", "name a .mod that 3dmod wrote; text models are converted by imodinfo"
        )
    names: list[str] = []
    points: list[list[np.ndarray]] = []
    voxel, offset = None, np.zeros(3)
    try:
        header = _MODEL.unpack_from(raw, 8)
        pixel, units = header[21], header[22]
        place = 8 + _MODEL.size
        while raw[place : place + 4] != _END:
            chunk = raw[place : place + 4]
            place += 4
            if chunk == b"OBJT":
                named = _OBJECT.unpack_from(raw, place)[0]
                names.append(named.split(b"\0")[0].decode("utf-8", errors="replace").strip())
                points.append([])
                place += _OBJECT.size
            elif chunk == b"CONT":
                count = _CONTOUR.unpack_from(raw, place)[0]
                place += _CONTOUR.size
                points[-1].append(np.frombuffer(raw, ">f4", 3 * _counted(count), place).reshape(-1, 3).astype(float))
                place += 12 * count
            elif chunk == b"MESH":
                vertices, indices = _MESH.unpack_from(raw, place)[:2]
                place += _MESH.size + 12 * _counted(vertices) + 4 * _counted(indices)
            else:
                (size,) = struct.unpack_from(">i", raw, place)
                if chunk == b"MINX":
                    image = np.array(_IMAGE.unpack_from(raw, place + 4)).reshape(6, 3)
                    old, scale, new = image[1], image[3], image[4]
                    if (scale > 0).all():
                        offset = (old - new) / scale if header[5] & _ORIGINS else offset
                        voxel = float(scale[0]) if np.ptp(scale) < 1e-3 * scale[0] else None
                place += 4 + _counted(size)
    except (struct.error, IndexError, ValueError) as error:
        raise BadInput(
            f"{path} is damaged: it ends in the middle, or is not of version 1.2", "copy it again"
        ) from error
    if voxel is None or voxel == 1.0:
        voxel = pixel * _UNITS_A[units] if units in _UNITS_A and pixel > 0 else None
    return _Model(names, [np.concatenate(each) if each else np.empty((0, 3)) for each in points], voxel, offset)


def _counted(count: int) -> int:
    if not 0 <= count <= _MOST:
        raise ValueError(count)
    return count


def _read(path: Path, frame: Frame) -> pd.DataFrame:
    model = _parse(path, read_bytes(path))
    voxel = frame.voxel(path, model.voxel_A)
    objects = [
        frame.objects[number] if number in frame.objects else name or frame.object_name(number)
        for number, name in enumerate(model.names, 1)
    ]
    if len(objects) == 1 and 0 in frame.objects:
        objects = [frame.objects[0]]
    counts = [len(each) for each in model.points]
    places = np.concatenate([np.empty((0, 3)), *model.points]) + model.offset_px - _CENTRE
    picks = picks_table(frame.tomogram_name(path), np.repeat(objects, counts).tolist(), places * voxel)
    picks.attrs["voxel_size_A"] = voxel
    return picks


def _write(path: Path, table: pd.DataFrame, frame: Frame) -> list[Path]:
    voxel = frame.voxel(path)
    places = positions_A(table) / voxel + _CENTRE
    objects = table["object"].astype(str).to_numpy()
    names = sorted(set(objects))
    if frame.shape is not None:
        largest = tuple(frame.shape[::-1])
    else:
        largest = tuple(int(value) + 1 for value in np.ceil(places.max(axis=0)))
    parts = [
        _MAGIC,
        _VERSION,
        _MODEL.pack(
            b"IMOD-NewModel", *largest, len(names), _MODEL_FLAGS, 1, 1, 0, 255, *(0.0, 0.0, 0.0, 1.0, 1.0, 1.0),
            *(0, 0, 0), 3, 128, voxel / 10.0, _NANOMETRE, 0, *(0.0, 0.0, 0.0),
        ),
    ]  # fmt: skip
    for number, name in enumerate(names):
        points = places[objects == name].astype(">f4")
        colour = _COLOURS[number % len(_COLOURS)]
        encoded = name.encode("utf-8")[:63]
        parts += [
            b"OBJT",
            _OBJECT.pack(encoded, bytes(64), 1, _OPEN | _SCATTERED, 0, 1, *colour, 5, *(1, 3, 1, 1, 0, 0, 0, 0), 0, 0),
            b"CONT",
            _CONTOUR.pack(len(points), 0, 0, 0),
            points.tobytes(),
        ]
    image = (voxel, voxel, voxel, *(0.0,) * 6, voxel, voxel, voxel, *(0.0,) * 6)
    parts += [b"MINX", struct.pack(">i", _IMAGE.size), _IMAGE.pack(*image), _END]
    with replacing(path) as temporary:
        temporary.write_bytes(b"".join(parts))
    return [path]


IMOD = PickFormat("imod", ".mod", _recognises, _read, _write, one_tomogram=True)
