"""A session's folder of Leginon, with what the database knows of its images where a site had it written."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cryogauge.io.session.leginon_export import read_leginon_export
from cryogauge.io.session.leginon_names import image_rows, leginon_pictures, open_leginon, place_rows
from cryogauge.records import BadInput
from cryogauge.records.session import About, CollectionSession, Picture, session_table


def is_leginon(folder: Path) -> bool:
    """Whether a folder is one of Leginon's sessions, or holds its ``rawdata``."""
    return folder.is_dir() and next(leginon_pictures(folder), None) is not None


def import_leginon(folder: Path, grid: str | None = None, tables: Sequence[Path] = ()) -> CollectionSession:
    """The images of a session, each a place in the one it was targeted from, as names say.

    Aligned sums are left out: they show what their exposure shows. Where in its parent an image lies is not told.

    Parameters
    ----------
    folder
        As :func:`is_leginon` takes it.
    grid
        Name of the grid; by default session and grid as names say.
    tables
        Of :func:`cryogauge.io.session.leginon_export.read_leginon_export`. Without any, pixel sizes are the headers',
        where they say more than a placeholder, and nothing else is known.

    Raises
    ------
    BadInput
        When a table cannot be read, or no image. An image that cannot is left out and noted.
    """
    known = {name: image for table in tables for name, image in read_leginon_export(table).items()}
    images: dict[str, dict[str, Any]] = {}
    pictures: dict[str, Picture] = {}
    notes: list[str] = []
    for path, _ in leginon_pictures(folder):
        try:
            data, stated_A = open_leginon(path)
        except BadInput as error:
            notes.append(f"left out: {error.message}")
            continue
        row = image_rows(path.stem, images)
        row |= {"source": path.name, "pixel_size_A": stated_A, "height_px": data.shape[0], "width_px": data.shape[1]}
        if path.stem in known:
            told = asdict(known[path.stem])
            row |= {column: value for column, value in told.items() if value == value and value != ""}
        elif known:
            notes.append(f"{path.name} stands in no table of the database")
        pictures[path.stem] = Picture(path)
    if not images:
        raise BadInput(f"{folder} has no image that can be used", notes[0] if notes else "give a session of Leginon's")
    if grid is not None:
        for row in images.values():
            row["grid"] = grid
    grids = list(dict.fromkeys(row["grid"] for row in images.values()))
    places = [place | {"grid": row["grid"]} for row in images.values() for place in place_rows(row)]
    return CollectionSession(
        About(title=folder.name, sources=(folder.name, *(table.name for table in tables)), notes=tuple(notes)),
        session_table("grids", [{"grid": each} for each in grids]),
        session_table("images", list(images.values())),
        session_table("places", places),
        session_table("labels", []),
        session_table("measurements", []),
        pictures,
    )
