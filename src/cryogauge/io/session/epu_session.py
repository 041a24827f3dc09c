"""A session's folder of EPU (Thermo Fisher): an image for each XML file of a square, a hole or an exposure.

Which image was taken where is read
from the names: ``GridSquare_N`` is the folder of a square, ``FoilHole_N`` begins the name of a hole and of its
exposures.
"""

import json
import math
import re
from pathlib import Path
from typing import Any

from cryogauge.io.session.epu_xml import PLACES, read_epu_xml
from cryogauge.records import BadInput
from cryogauge.records.session import About, CollectionSession, Picture, session_table


def is_epu(folder: Path) -> bool:
    """Whether a folder is one of EPU's sessions."""
    return folder.is_dir() and next(folder.glob("Images-Disc*/GridSquare_*"), None) is not None


def import_epu(folder: Path, grid: str | None = None) -> CollectionSession:
    """The pictures of a session as images, with the square or hole in which each was taken.

    Where in the picture of the square a hole lies is not told: EPU's names say which, its stage positions where, and
    how pictures are turned against the stage is not read. Of several pictures of a square or hole the last taken is the
    parent. Pixel sizes are scaled where a picture has another number of columns than the camera gave, as JPEGs have.

    Parameters
    ----------
    folder
        The one with ``EpuSession.dm`` and ``Images-Disc1``.
    grid
        Name of the grid; the folder's by default.

    Raises
    ------
    BadInput
        When no picture can be used. One that cannot is left out and noted.
    """
    grid = grid or folder.name
    notes: list[str] = []
    images: list[dict[str, Any]] = []
    pictures: dict[str, Picture] = {}
    latest: dict[tuple[str, str], dict[str, Any]] = {}
    places = []
    for level, (pattern, name) in PLACES.items():
        taken = []
        for path in sorted(each for each in folder.glob(pattern) if name.fullmatch(each.stem)):
            try:
                row, picture = _image(path, level)
                if picture is not None:
                    pictures[row["image"]] = picture
            except BadInput as error:
                notes.append(f"left out: {error.message}")
                continue
            taken.append((path, row | {"grid": grid}))
        for path, row in sorted(taken, key=lambda each: each[1]["recorded_at"]):
            images.append(row)
            square, hole = _names(path)
            parent = latest.get(("hole", hole)) or latest.get(("square", square))
            if level != "square" and parent is not None:
                place = {"place": f"{row['image']}@{parent['image']}", "kind": level, "parent": parent["image"]}
                place |= {"image": row["image"], "origin": "stated"}
                places.append(place | {key: row[key] for key in ("grid", "stage_x_um", "stage_y_um", "stage_z_um")})
        for path, row in taken:
            square, hole = _names(path)
            key = (level, square if level == "square" else hole)
            if key not in latest or latest[key]["recorded_at"] <= row["recorded_at"]:
                latest[key] = row
    by_place: dict[tuple[float, float], set[str]] = {}
    for row in (each for each in images if each["level"] == "exposure"):
        at = (round(row["stage_x_um"], 2), round(row["stage_y_um"], 2))
        if math.isnan(sum(at)):
            continue
        by_place.setdefault(at, set()).add(_hole(row["image"]))
    if several := sum(len(holes) for holes in by_place.values() if len(holes) > 1):
        notes.append(
            f"{several} holes were exposed by image shift, several from one place of the stage: their exposures have "
            "that place, and their centres lie beside it"
        )
    if not images:
        raise BadInput(f"{folder} has no picture that can be used", notes[0] if notes else "give an EPU session")
    return CollectionSession(
        About(title=folder.name, sources=(folder.name,), notes=tuple(notes)),
        session_table("grids", [{"grid": grid}]),
        session_table("images", images),
        session_table("places", places),
        session_table("labels", []),
        session_table("measurements", []),
        pictures,
    )


def latest_squares(folder: Path, session: CollectionSession) -> dict[str, str]:
    """The last image of each square in a session that was imported from this folder, by the square's number."""
    pattern, _ = PLACES["square"]
    taken = dict(zip(session.images["image"], session.images["recorded_at"], strict=True))
    shown = sorted((taken[path.stem], path) for path in folder.glob(pattern) if path.stem in taken)
    return {_names(path)[0].removeprefix("GridSquare_"): path.stem for _, path in shown}


def _names(path: Path) -> tuple[str, str]:
    """Square and hole of a picture, as names say."""
    square = next(part for part in path.parts if part.startswith("GridSquare_"))
    return square, _hole(path.name)


def _hole(name: str) -> str:
    """Hole of a picture, as its name says; empty for none."""
    hole = re.match(r"FoilHole_\d+", name)
    return hole[0] if hole else ""


def _image(path: Path, level: str) -> tuple[dict[str, Any], Picture | None]:
    told = read_epu_xml(path)
    size = _size(told.picture) if told.picture is not None else (told.rows, told.columns)
    row = {
        "image": path.stem,
        "level": level,
        "pixel_size_A": told.pixel_size_A(size[1]),
        "height_px": size[0],
        "width_px": size[1],
        "stage_x_um": told.x_um,
        "stage_y_um": told.y_um,
        "stage_z_um": told.z_um,
        "tilt_deg": told.tilt_deg,
        "defocus_A": told.defocus_A,
        "dose_e_A2": told.dose_e_A2,
        "recorded_at": told.taken,
        "source": path.name,
        "extra": json.dumps(dict(told.told)),
    }
    if not row["pixel_size_A"] > 0 or not min(size) >= 1:
        raise BadInput(f"{path.name} has {size[0]:g} × {size[1]:g} pixels of {row['pixel_size_A']:g} Å")
    return row, None if told.picture is None else Picture(told.picture)


def _size(picture: Path) -> tuple[float, float]:
    from cryogauge.io.session.images import load_picture

    height, width = load_picture(Picture(picture)).shape
    return float(height), float(width)
