"""Small tilt series on disk, as programs leave them."""

import os
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
