"""Small tilt series on disk, as programs leave them."""

import os
import struct
from pathlib import Path

import mrcfile
import numpy as np
import pytest

DATA = Path(os.environ.get("CRYOGAUGE_DATA") or ".")
real_files = pytest.mark.skipif(
    "CRYOGAUGE_DATA" not in os.environ, reason="CRYOGAUGE_DATA names no folder of real files"
)
META = DATA / "tiltseries_meta"


def write_mrc_file(path, count=1, shape=(6, 8), pixel=2.0, seed=0, dtype: object = np.float32):
    """An MRC file of an image or a stack; returns what it holds."""
    data = np.random.default_rng(seed).integers(0, 100, (count, *shape)).astype(dtype)
    path.parent.mkdir(parents=True, exist_ok=True)
    with mrcfile.new(path, data if count > 1 else data[0], overwrite=True) as file:
        file.voxel_size = pixel
        if count > 1:
            file.set_image_stack()
    return data


def rotation_xf(axis_deg, shift_px=(0.0, 0.0), magnification=1.0):
    """A line of ``.xf`` for an axis so many degrees counter-clockwise from +y and a shift of the content."""
    c, s = np.cos(np.deg2rad(axis_deg)), np.sin(np.deg2rad(axis_deg))
    matrix = magnification * np.array([[c, s], [-s, c]])
    dx, dy = -matrix @ np.array(shift_px)
    return " ".join(f"{value:.7f}" for value in [*matrix.ravel(), dx, dy]) + "\n"


def mdoc_text(
    tilts, head="PixelSpacing = 2\nImageSize = 8 6\n", title="Tilt axis angle = 85.0, binning = 1", **columns
):
    """An ``.mdoc`` of a tilt series; columns are lists of text by key."""
    lines = [head, f"[T =   {title}]", ""]
    for i, tilt in enumerate(tilts):
        lines += [f"[ZValue = {i}]", f"TiltAngle = {tilt}", *(f"{k} = {v[i]}" for k, v in columns.items()), ""]
    return "\n".join(lines)


def aln_text(rows, count, size=(8, 6), darks=()):
    """An ``.aln``: rows of (section, axis, tx, ty, tilt), darks of (place, section, tilt)."""
    lines = ["# AreTomo Alignment / Priims bprmMn", f"# RawSize = {size[0]} {size[1]} {count}", "# NumPatches = 1"]
    lines += [f"# DarkFrame = {place:5d} {section:4d} {tilt:8.2f}" for place, section, tilt in darks]
    lines += ["# AlphaOffset =     1.00", "# BetaOffset =     0.00", "# SEC ROT GMAG TX TY SMEAN SFIT SCALE BASE TILT"]
    lines += [f"{s:5d} {rot:9.4f} 1.00000 {tx:9.3f} {ty:9.3f} 1 1 1 0 {tilt:8.2f}" for s, rot, tx, ty, tilt in rows]
    return "\n".join([*lines, "# Local Alignment", "   0   0  -558.42   -802.00   -100.07     24.43   1.0"]) + "\n"


def eer_bytes(frame, sub_pixels):
    """A frame of EER's first version: runs of 7 bits between electrons, 4 bits of where in the pixel."""
    bits = []

    def put(value, count):
        bits.extend((value >> i) & 1 for i in range(count))

    gaps = np.diff(np.concatenate([[-1], np.flatnonzero(frame), [frame.size]])) - 1
    for gap in gaps:
        for _ in range(gap // 127):
            put(127, 7)
        put(int(gap % 127), 7)
        put(int(sub_pixels.integers(16)), 4)
    packed = np.packbits(np.array(bits, np.uint8), bitorder="little").tobytes()
    return packed + bytes(len(packed) % 2)  # the decoder takes pairs of bytes


def write_eer(path, frames):
    """A BigTIFF file as a Falcon camera writes one: a page a frame, compression 65001, XML in tag 65001."""
    count, height, width = frames.shape
    items = {"numberOfFrames": count, "sensorImageHeight": height, "sensorImageWidth": width, "totalDose": count}
    items |= {"sensorPixelSize.height": 1e-10, "sensorPixelSize.width": 1e-10}
    xml = "".join(f'<item name="{key}">{value}</item>' for key, value in items.items())
    xml = f"<metadata>{xml}</metadata>".encode()
    rng = np.random.default_rng(0)
    out = bytearray(struct.pack("<2sHHHQ", b"II", 43, 8, 0, 0))
    link = 8
    for frame in frames:
        start, data = len(out), eer_bytes(frame, rng)
        out += data
        xml_at = len(out)
        out += xml
        out += bytes(-len(out) % 8)
        struct.pack_into("<Q", out, link, len(out))
        entries = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 1), (259, 3, 1, 65001), (262, 3, 1, 1)]
        entries += [(273, 16, 1, start), (277, 3, 1, 1), (278, 4, 1, height), (279, 16, 1, len(data))]
        entries += [(65001, 7, len(xml), xml_at)]
        out += struct.pack("<Q", len(entries))
        for tag, kind, number, value in entries:
            out += struct.pack("<HHQQ", tag, kind, number, value)
        link = len(out)
        out += bytes(8)
    path.write_bytes(bytes(out))
