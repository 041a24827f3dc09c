"""Tilt series out: an MRC stack, SerialEM's ``.mdoc``, IMOD's ``.rawtlt``, ``.tlt`` and ``.xf``."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from cryogauge.io.mrc_write import MrcWriter, mode_for
from cryogauge.io.replace import replacing
from cryogauge.io.tilts.mdoc import A_PER_UM, QUARTER_TURN_DEG
from cryogauge.records import TILT_COLUMNS, BadInput, TiltSeries


def write_tilt_series(folder: str | Path, name: str, series: TiltSeries) -> dict[str, Path]:
    """Write a tilt series for SerialEM's and IMOD's readers.

    ``NAME.mrc`` holds the images in the table's order; ``NAME.mrc.mdoc`` angles, doses, the tilt axis, the defocus (µm,
    negative for underfocus) and the movies that the table names; ``NAME.rawtlt`` and ``NAME.tlt`` the tilt angles;
    ``NAME.xf`` the transforms from input to aligned images, A11 A12 A21 A22 DX DY in pixels about the image's centre,
    which undo the shifts and turn the tilt axis upright.

    Parameters
    ----------
    folder
        Where to; created if need be.
    name
        Stem of the files.
    series
        The images (tilt, y, x), read one by one, and their table.

    Returns
    -------
    dict
        The paths, by ``mrc``, ``mdoc``, ``rawtlt``, ``tlt``, ``xf``.

    Raises
    ------
    BadInput
        When the folder cannot be written.
    Retryable
        When the disk is full.
    """
    folder = Path(folder)
    if folder.is_file():
        raise BadInput(f"{folder} is a file, not a folder", "choose another folder")
    folder.mkdir(parents=True, exist_ok=True)
    ends = {"mrc": ".mrc", "mdoc": ".mrc.mdoc", "rawtlt": ".rawtlt", "tlt": ".tlt", "xf": ".xf"}
    paths = {kind: folder / f"{name}{end}" for kind, end in ends.items()}
    mode = mode_for(series.images.dtype)
    count, height, width = series.images.shape
    with MrcWriter(paths["mrc"], (count, height, width), series.pixel_size_A, mode=mode, stack=True) as writer:
        for i in range(count):
            writer.append(series.images[i])
    angles = "".join(f"{float(angle)!r}\n" for angle in series.table["tilt_deg"])
    texts = {
        "mdoc": _mdoc(paths["mrc"].name, (width, height), mode, series),
        "rawtlt": angles,
        "tlt": angles,
        "xf": "".join(_transform_lines(series)),
    }
    for kind, text in texts.items():
        with replacing(paths[kind]) as temporary:
            temporary.write_text(text, encoding="ascii")
    return paths


def _mdoc(stack: str, size: tuple[int, int], mode: int, series: TiltSeries) -> str:
    """SerialEM's description of a tilt series, as far as we know one."""
    axis_deg = float(series.table["axis_deg"].mean())
    lines = [
        f"PixelSpacing = {float(series.pixel_size_A)!r}",
        f"ImageFile = {stack}",
        f"ImageSize = {size[0]} {size[1]}",
        f"DataMode = {mode}",
        "",
        "[T = Written by cryogauge]",
        "",
        f"[T =     Tilt axis angle = {axis_deg:.1f}, binning = 1]",
    ]
    for i, row in enumerate(series.table[list(TILT_COLUMNS)].astype(float).to_dict("records")):
        values = {
            "TiltAngle": row["tilt_deg"],
            "ExposureDose": row["dose_e_A2"],
            "PriorRecordDose": row["prior_dose_e_A2"],
            "PixelSpacing": float(series.pixel_size_A),
            "Defocus": -row["defocus_A"] / A_PER_UM,
            "RotationAngle": row["axis_deg"] + QUARTER_TURN_DEG,
        }
        lines += ["", f"[ZValue = {i}]", *(f"{key} = {value!r}" for key, value in values.items())]
        if "movie" in series.table.columns:
            lines.append(f"SubFramePath = {series.table['movie'].iloc[i]}")
    return "\n".join(lines) + "\n"


def _rotation(axis_deg: float) -> np.ndarray:
    """The turn that brings an axis, so many degrees counter-clockwise from +y, onto +y; for columns (x, y)."""
    c, s = np.cos(np.deg2rad(axis_deg)), np.sin(np.deg2rad(axis_deg))
    return np.array([[c, s], [-s, c]])


def _transform_lines(series: TiltSeries) -> Iterator[str]:
    table = series.table
    for axis_deg, *shift_A in zip(table["axis_deg"], table["shift_x_A"], table["shift_y_A"], strict=True):
        turn = _rotation(axis_deg)
        dx, dy = -turn @ np.array(shift_A) / series.pixel_size_A
        yield "".join(f"{value:14.10f}" for value in turn.ravel()) + f"{dx:18.9f}{dy:18.9f}\n"
