"""RELION 5's STAR files of tilt series."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cryogauge.io.tilts.images import each_found, find_below_ancestor, stack_files
from cryogauge.io.tilts.movies import is_eer
from cryogauge.records import TILT_COLUMNS, BadInput, TiltSeries

#: Stands between a STAR file of several series and the name of one.
SEPARATOR = "::"
_ALIGNED = ("rlnTomoZRot", "rlnTomoYTilt", "rlnTomoXShiftAngst", "rlnTomoYShiftAngst")
_TEXT = (
    "rlnTomoName",
    "rlnParticleName",
    "rlnTomoTiltSeriesStarFile",
    "rlnMicrographMovieName",
    "rlnMicrographName",
    "rlnMicrographNameEven",
    "rlnMicrographNameOdd",
    "rlnMicrographMetadata",
)
#: What RELION found of each image, and the table's columns for it.
_FINDINGS = {
    "rlnCtfMaxResolution": "ctf_resolution_A",
    "rlnCtfIceRingDensity": "ice_ring_density",
    "rlnAccumMotionTotal": "motion_total_A",
}


def read_star(path: Path) -> dict[str, pd.DataFrame]:
    """The tables of a STAR file, by name of the block; names of series and files are text (``0012`` keeps its zeros).

    Raises
    ------
    BadInput
        When it does not exist or is no STAR file.
    """
    import starfile

    try:
        blocks: Any = starfile.read(path, always_dict=True, parse_as_string=list(_TEXT))
    except FileNotFoundError as error:
        raise BadInput(f"{path} does not exist", "check the path") from error
    except Exception as error:  # what starfile raises for a damaged file is whatever its parsing stumbles over
        raise BadInput(f"{path} is no STAR file: {error}", "copy it again") from error
    tables = {
        str(name): each if isinstance(each, pd.DataFrame) else pd.DataFrame([each]) for name, each in blocks.items()
    }
    if not tables:
        raise BadInput(f"{path} is no STAR file: it has no table", "copy it again")
    return {name: _as_text(table) for name, table in tables.items()}


def _as_text(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(**{name: table[name].astype(str) for name in _TEXT if name in table.columns})


def series_names(path: Path) -> list[str]:
    """Names of the series that a STAR file of several lists; empty where it is the STAR file of one, or of none."""
    table = _series_list(read_star(path))
    return [] if table is None else list(table["rlnTomoName"])


def split_uri(uri: str) -> tuple[Path, str]:
    """``tomograms.star::TS_01`` → path and name; the name is empty where there is none."""
    path, _, name = uri.partition(SEPARATOR)
    return Path(path), name


def series_star(uri: str) -> tuple[Path, str, pd.Series]:
    """The STAR file of one series, its name, and what a STAR file of several says of it.

    Raises
    ------
    BadInput
        When there is no such series, several without one being named, or its STAR file is not to be found.
    """
    path, name = split_uri(uri)
    blocks = read_star(path)
    listed = _series_list(blocks)
    if listed is None:
        block = next(iter(blocks))
        return path, name or block or path.stem, pd.Series(dtype=object)
    names = list(listed["rlnTomoName"])
    if not name and len(names) != 1:
        raise BadInput(f"{path} lists {len(names)} tilt series", f"name one, such as {path}{SEPARATOR}{names[0]}")
    if name and name not in names:
        raise BadInput(f"{path} lists no tilt series {name}", f"it lists {', '.join(names[:5])}")
    row = listed.iloc[names.index(name) if name else 0]
    own = find_below_ancestor(row["rlnTomoTiltSeriesStarFile"], path.parent)
    if own is None:
        raise BadInput(
            f"{path} names {row['rlnTomoTiltSeriesStarFile']}, which is in neither its folder nor one above",
            "keep the STAR files in their RELION project, or name the STAR file of the series",
        )
    return own, row["rlnTomoName"], row


def read_relion(uri: str, pixel_size_A: float | None) -> TiltSeries:
    """Read a series of a RELION 5 project: ``tomograms.star::TS_01``, or the STAR file of the series itself.

    ``rlnTomoZRot``, ``rlnTomoYTilt`` and ``rlnTomoXTilt`` are the table's axis, tilt and turn about x;
    ``rlnTomoXShiftAngst`` and ``…Y…`` the displacement of the image's content in Å. Before an alignment the nominal
    ``rlnTomoNominalStageTiltAngle`` and ``rlnTomoNominalTiltAxisAngle`` stand for them. Defocus is the mean of U and
    V, or else less the nominal one (µm); the dose of an image is the smallest step between the doses before images.
    Images are ``rlnMicrographName``, or where that is missing the unaligned sums of ``rlnMicrographMovieName``;
    ``rlnMicrographNameEven`` and ``…Odd`` go into the columns ``image_even`` and ``image_odd`` as paths. A path
    counts from the project's folder: the first at or above the STAR file's in which it is found. Of EER movies
    ``rlnEERGrouping`` is the column ``eer_group``: that in the STAR file of the movie's motion, or else in that of the
    series, or else in that of several. ``rlnCtfMaxResolution``, ``rlnCtfIceRingDensity`` and ``rlnAccumMotionTotal``
    are ``ctf_resolution_A``, ``ice_ring_density`` and ``motion_total_A``.
    """
    path, _, listed = series_star(uri)
    rows = next(iter(read_star(path).values()))
    if "rlnTomoNominalStageTiltAngle" not in rows.columns and "rlnTomoYTilt" not in rows.columns:
        raise BadInput(f"{path} is no STAR file of a tilt series", "name one with rlnTomoNominalStageTiltAngle")

    def find(name: str) -> Path | None:
        return find_below_ancestor(name.partition("@")[2] or name, path.parent)

    named = "rlnMicrographName" if "rlnMicrographName" in rows.columns else "rlnMicrographMovieName"
    if named not in rows.columns:
        raise BadInput(f"{path} names neither micrographs nor movies", "name another job's STAR file")
    files = each_found(list(rows[named]), find, path, "images")
    sections = [int(name.partition("@")[0]) - 1 if "@" in name else None for name in rows[named]]
    images, header_A = stack_files(files, sections)
    pixel = pixel_size_A or _pixel(listed, named) or header_A
    if not pixel:
        raise BadInput(f"{path} does not say its pixel size", "name the series through tomograms.star, or --pixel-size")
    aligned = all(name in rows.columns for name in _ALIGNED)
    table = _table(rows, aligned)
    table["image"] = [
        file.name if section is None else f"{section + 1}@{file.name}"
        for file, section in zip(files, sections, strict=True)
    ]
    _put_paths(table, rows, find)
    _put_eer_groups(table, rows, listed)
    if "rlnVoltage" in listed.index:
        table["voltage_kV"] = float(listed["rlnVoltage"])
    return TiltSeries(images, pixel, table, uri, str(path) if aligned else "")


def _table(rows: pd.DataFrame, aligned: bool) -> pd.DataFrame:
    def column(name: str) -> np.ndarray:
        return rows[name].to_numpy(dtype=float) if name in rows.columns else np.full(len(rows), np.nan)

    prior = column("rlnMicrographPreExposure")
    defocus_A = (column("rlnDefocusU") + column("rlnDefocusV")) / 2
    columns = {
        "tilt_deg": column("rlnTomoYTilt" if aligned else "rlnTomoNominalStageTiltAngle"),
        "dose_e_A2": np.full(len(rows), smallest_step(prior)),
        "prior_dose_e_A2": prior,
        "axis_deg": column("rlnTomoZRot" if aligned else "rlnTomoNominalTiltAxisAngle"),
        "shift_x_A": column("rlnTomoXShiftAngst") if aligned else np.zeros(len(rows)),
        "shift_y_A": column("rlnTomoYShiftAngst") if aligned else np.zeros(len(rows)),
        "defocus_A": np.where(np.isnan(defocus_A), -column("rlnTomoNominalDefocus") * 1e4, defocus_A),
    }
    table = pd.DataFrame({name: columns[name] for name in TILT_COLUMNS})
    turns = column("rlnTomoXTilt")
    if np.any(np.nan_to_num(turns)):
        table["xtilt_deg"] = turns
    for name, own in _FINDINGS.items():
        if name in rows.columns:
            table[own] = column(name)
    return table


def smallest_step(prior: np.ndarray) -> float:
    """The dose of an image, from the doses before images: the smallest difference; NaN where there is none."""
    steps = np.diff(np.unique(prior[np.isfinite(prior)]))
    steps = steps[steps > 1e-3]
    return float(steps.min()) if len(steps) else float("nan")


def _put_paths(table: pd.DataFrame, rows: pd.DataFrame, find: Callable[[str], Path | None]) -> None:
    for name, column in (
        ("rlnMicrographMovieName", "movie"),
        ("rlnMicrographMetadata", "motion"),
        ("rlnMicrographNameEven", "image_even"),
        ("rlnMicrographNameOdd", "image_odd"),
    ):
        if name in rows.columns:
            table[column] = [str(find(each) or each) for each in rows[name]]


def _put_eer_groups(table: pd.DataFrame, rows: pd.DataFrame, listed: pd.Series) -> None:
    """How RELION added up the camera's frames of each movie, where it says: its shifts are of these sums."""
    if "movie" not in table.columns or not any(map(is_eer, table["movie"])):
        return
    stated = rows.get("rlnEERGrouping", pd.Series(listed.get("rlnEERGrouping", np.nan), index=rows.index))
    groups = np.array(stated, dtype=float)
    for k, path in enumerate(table.get("motion", [])):
        if is_eer(table["movie"].iloc[k]) and Path(path).is_file():
            general = read_star(Path(path)).get("general", pd.DataFrame())
            groups[k] = float(general["rlnEERGrouping"].iloc[0]) if "rlnEERGrouping" in general else groups[k]
    if (groups > 0).any():
        table["eer_group"] = groups


def _pixel(listed: pd.Series, named: str) -> float | None:
    key = "rlnTomoTiltSeriesPixelSize" if named == "rlnMicrographName" else "rlnMicrographOriginalPixelSize"
    return float(listed[key]) if key in listed.index and float(listed[key]) > 0 else None


def _series_list(blocks: dict[str, pd.DataFrame]) -> pd.DataFrame | None:
    for table in blocks.values():
        if {"rlnTomoName", "rlnTomoTiltSeriesStarFile"} <= set(table.columns):
            return table
    return None
