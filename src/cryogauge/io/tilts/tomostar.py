"""Warp's ``.tomostar``: a tilt series before Warp has processed it."""

from pathlib import Path

import numpy as np
import pandas as pd

from cryogauge.io.tilts.images import base_name, each_found, find_beside, stack_files
from cryogauge.io.tilts.relion import read_star
from cryogauge.io.tilts.warp import doses_of_warp, find_averages
from cryogauge.records import TILT_COLUMNS, BadInput, TiltSeries

_NEEDED = ("wrpMovieName", "wrpAngleTilt", "wrpDose")


def check_tomostar(path: Path) -> pd.DataFrame:
    """The table of a ``.tomostar``; raises ``BadInput`` for what is none."""
    rows = next(iter(read_star(path).values()))
    missing = [name for name in _NEEDED if name not in rows.columns]
    if missing:
        raise BadInput(f"{path} has no {missing[0]}", "WarpTools writes a .tomostar with ts_import")
    return rows


def read_tomostar(path: Path, pixel_size_A: float | None) -> TiltSeries:
    """Read a ``.tomostar`` as WarpTools imports a series, or other programs write for it.

    ``wrpAngleTilt`` is the tilt, taken as it stands: on import its sign is turned against SerialEM's. ``wrpAxisAngle``
    is the axis, and ``wrpDose`` what the specimen had received before the image; that of versions before WarpTools
    may include the image's own, as in Warp's XML. ``wrpAxisOffsetX`` and ``Y``, which may be missing, are the
    displacement of the image's content in Å. ``wrpAverageIntensity`` and ``wrpMaskedFraction`` play no part.

    Images are averages named after ``wrpMovieName``, as for the XML; where there are none, the unaligned sums of the
    movies themselves.
    """
    rows = check_tomostar(path)
    try:
        numbers = {name: rows[name].to_numpy(dtype=float) for name in rows.columns if name.startswith(("wrpA", "wrpD"))}
    except ValueError as error:
        raise BadInput(f"{path} is damaged: {error}", "copy it again") from error
    if not np.isfinite(numbers["wrpAngleTilt"]).all():
        raise BadInput(f"{path} does not say the tilts of all images", "import the series with WarpTools again")
    if "wrpAxisAngle" not in numbers:
        raise BadInput(f"no file says the tilt axis of {path}", "import the series with WarpTools' ts_import again")
    names = [str(name) for name in rows["wrpMovieName"]]
    files = find_averages(path.parent, names)
    if files is None:
        files = each_found(names, lambda name: _movie(name, path.parent), path, "movies")
    images, header_A = stack_files(files)
    pixel = pixel_size_A or (header_A if header_A != 1 else None)
    if not pixel:
        raise BadInput(f"{path} does not say its pixel size", "give it with --pixel-size (Å), or pixel_size_A=")
    nothing = np.zeros(len(rows))
    step, prior = doses_of_warp(numbers["wrpDose"])
    if "wrpAverageIntensity" in numbers:  # WarpTools wrote it, for which the first image's dose is 0, taken or not
        prior = numbers["wrpDose"]
    columns = {
        "tilt_deg": numbers["wrpAngleTilt"],
        "dose_e_A2": np.full(len(rows), step),
        "prior_dose_e_A2": prior,
        "axis_deg": numbers["wrpAxisAngle"],
        "shift_x_A": numbers.get("wrpAxisOffsetX", nothing),
        "shift_y_A": numbers.get("wrpAxisOffsetY", nothing),
        "defocus_A": np.full(len(rows), np.nan),
    }
    table = pd.DataFrame({name: columns[name] for name in TILT_COLUMNS})
    table["image"] = [file.name for file in files]
    table["movie"] = [str(_movie(name, path.parent) or base_name(name)) for name in names]
    aligned = np.any(table[["shift_x_A", "shift_y_A"]])
    return TiltSeries(images, pixel, table, str(path), str(path) if aligned else "")


def _movie(name: str, folder: Path) -> Path | None:
    """A movie named by a path from the ``.tomostar``'s folder, or near it."""
    own = folder / name.replace("\\", "/")
    return own if own.is_file() else find_beside(name, folder)
