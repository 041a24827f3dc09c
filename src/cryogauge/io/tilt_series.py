"""Tilt series as people exchange them: an MRC stack, SerialEM's ``.mdoc``, IMOD's ``.rawtlt``, ``.tlt`` and ``.xf``."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from cryogauge.io.mrc import map_mrc
from cryogauge.io.mrc_write import MrcWriter, mode_for
from cryogauge.io.replace import replacing
from cryogauge.records import TILT_COLUMNS, BadInput, TiltSeries

# SerialEM's RotationAngle is that of the image's x axis: the tilt axis and a quarter turn.
_QUARTER_TURN_DEG = 90.0
_A_PER_UM = 1e4


def write_tilt_series(folder: str | Path, name: str, series: TiltSeries) -> dict[str, Path]:
    """Write a tilt series for SerialEM's and IMOD's readers.

    ``NAME.mrc`` holds the images in the table's order; ``NAME.mrc.mdoc`` angles, doses, the tilt axis and the
    defocus (µm, negative for underfocus); ``NAME.rawtlt`` and ``NAME.tlt`` the tilt angles; ``NAME.xf`` the
    transforms from input to aligned images, A11 A12 A21 A22 DX DY in pixels about the image's centre, which undo
    the shifts and turn the tilt axis upright.

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
    angles = "".join(f"{angle:9.4f}\n" for angle in series.table["tilt_deg"])
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


def read_tilt_series(path: str | Path) -> TiltSeries:
    """Read a tilt series that ``write_tilt_series`` wrote; the images stay on disk.

    Parameters
    ----------
    path
        The ``.mrc`` stack, or a folder with one such stack and its ``.mrc.mdoc``.

    Returns
    -------
    TiltSeries
        The images (tilt, y, x) as a memory map, and the table; shifts are exact to 1e-8 pixels.

    Raises
    ------
    BadInput
        When a file is missing or damaged, the folder holds several series, or the files disagree.
    """
    import mdocfile

    stack = _stack(Path(path))
    header, images = map_mrc(stack)
    mdoc_path = stack.with_name(f"{stack.name}.mdoc")
    try:
        mdoc = mdocfile.read(mdoc_path)
        columns = {
            "tilt_deg": mdoc["TiltAngle"],
            "dose_e_A2": mdoc["ExposureDose"],
            "prior_dose_e_A2": mdoc["PriorRecordDose"],
            "axis_deg": mdoc["RotationAngle"] - _QUARTER_TURN_DEG,
        }
        defocus_A = -mdoc["Defocus"] * _A_PER_UM
    except FileNotFoundError as error:
        raise BadInput(f"{mdoc_path} does not exist", "a tilt series needs its .mdoc beside the stack") from error
    except (ValueError, IndexError, KeyError) as error:
        raise BadInput(f"{mdoc_path} is no .mdoc of a tilt series: {error}") from error
    if len(mdoc) != len(images):
        raise BadInput(f"{stack} has {len(images)} images, its .mdoc {len(mdoc)}", "they belong to different series")
    pixel_size_A = header.voxel_size_A(str(stack), float(mdoc["PixelSpacing"].iloc[0]))
    shifts_A = _shifts_px(stack.with_suffix(".xf"), len(images)) * pixel_size_A
    table = pd.DataFrame(columns).astype(float)
    table = table.assign(shift_x_A=shifts_A[:, 0], shift_y_A=shifts_A[:, 1], defocus_A=defocus_A.astype(float))
    return TiltSeries(images, pixel_size_A, table, str(stack))


def _stack(path: Path) -> Path:
    if not path.exists():
        raise BadInput(f"{path} does not exist", "check the path")
    if not path.is_dir():
        return path
    stacks = sorted(mdoc.with_suffix("") for mdoc in path.glob("*.mrc.mdoc"))
    if len(stacks) != 1:
        raise BadInput(f"{path} holds {len(stacks)} tilt series", "name the .mrc stack whose .mrc.mdoc lies beside it")
    return stacks[0]


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
            "Defocus": -row["defocus_A"] / _A_PER_UM,
            "RotationAngle": row["axis_deg"] + _QUARTER_TURN_DEG,
        }
        lines += ["", f"[ZValue = {i}]", *(f"{key} = {value!r}" for key, value in values.items())]
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


def _shifts_px(path: Path, count: int) -> np.ndarray:
    """Shifts (x, y) of the image content, which the transforms undo, shape (count, 2)."""
    try:
        rows = np.loadtxt(path, ndmin=2)
    except FileNotFoundError as error:
        raise BadInput(f"{path} does not exist", "a tilt series needs its .xf beside the stack") from error
    except ValueError as error:
        raise BadInput(f"{path} is no table of transforms: {error}") from error
    if rows.shape != (count, 6):
        raise BadInput(f"{path} has a table of {rows.shape}, not a transform of 6 numbers for each of {count} images")
    return -np.linalg.solve(rows[:, :4].reshape(-1, 2, 2), rows[:, 4:, None])[..., 0]
