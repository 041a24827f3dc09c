"""Writes a collection session as a data set: ``dataset.json``, five tables, images."""

import math
import re
import shutil
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import numpy as np
import pandas as pd

from cryogauge import __version__
from cryogauge.io.json_file import write_json_file
from cryogauge.io.replace import no_space_is_retryable
from cryogauge.io.session.images import load_picture, write_pixels
from cryogauge.io.session.tables import write_table
from cryogauge.records import BadInput
from cryogauge.records.session import SCHEMA, TABLES, CollectionSession

DOCUMENT = "dataset.json"


def write_session(folder: Path, session: CollectionSession) -> CollectionSession:
    """Write a data set; it appears whole or not at all.

    Parameters
    ----------
    folder
        Where to; it must not exist, or be empty.
    session
        What to write. An image whose picture cannot be read, or has another size than the table says, goes without
        pixels and is noted.

    Returns
    -------
    CollectionSession
        As written: with the files of its images, and the notes.

    Raises
    ------
    BadInput
        When the folder has something in it, or cannot be made.
    Retryable
        When the disk is full.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadInput(f"{folder} has something in it already", "choose a new folder, or remove it")
    temporary = folder.with_name(f".{folder.name}.{uuid4().hex[:8]}.part")
    try:
        with no_space_is_retryable(folder.parent):
            temporary.mkdir(parents=True)
            session = _with_pixels(temporary, session)
            tables = {}
            for name in TABLES:
                write_table(temporary / f"{name}.parquet", name, session.table(name))
                tables[name] = {"file": f"{name}.parquet", "rows": len(session.table(name))}
            write_json_file(temporary / DOCUMENT, _document(session, tables))
            if folder.exists():
                folder.rmdir()
            temporary.rename(folder)
    except (FileExistsError, NotADirectoryError, PermissionError) as error:
        raise BadInput(f"{folder} cannot be written: {(error.strerror or 'refused').lower()}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return session


def _document(session: CollectionSession, tables: dict[str, dict[str, object]]) -> dict[str, object]:
    about = session.about
    return {
        "schema": SCHEMA,
        "title": about.title,
        "licence": about.licence,
        "microscope": about.microscope,
        "camera": about.camera,
        "voltage_kV": about.voltage_kV if math.isfinite(about.voltage_kV) else None,
        "cs_mm": about.cs_mm if math.isfinite(about.cs_mm) else None,
        "sources": list(about.sources),
        "notes": list(about.notes),
        "terms": dict(about.terms),
        "written_by": f"cryogauge {__version__}",
        "tables": tables,
    }


def _with_pixels(folder: Path, session: CollectionSession) -> CollectionSession:
    images, notes = session.images.reset_index(drop=True), list(session.about.notes)
    images["file"] = pd.Series([""] * len(images), dtype=object)
    if session.pictures:
        (folder / "images").mkdir()
    sizes = images[["height_px", "width_px"]].to_numpy(np.float64)
    for index, name in enumerate(images["image"]):
        if name not in session.pictures:
            continue
        try:
            pixels = load_picture(session.pictures[name])
            _check_size(name, pixels.shape, sizes[index])
        except BadInput as error:
            notes.append(f"image {name} goes without pixels: {error.message}")
            continue
        file = f"images/{index:06d}_{re.sub(r'[^A-Za-z0-9-]+', '_', name)[-80:]}.zarr"
        write_pixels(folder / file, pixels, float(images["pixel_size_A"].iloc[index]))
        images.loc[index, ["height_px", "width_px"]] = pixels.shape
        images.loc[index, "file"] = file
    return replace(session, images=images, about=replace(session.about, notes=tuple(notes)))


def _check_size(name: str, shape: tuple[int, ...], stated: np.ndarray) -> None:
    if any(math.isfinite(wanted) and wanted != found for wanted, found in zip(stated, shape, strict=True)):
        raise BadInput(
            f"the picture of {name} is {shape[0]} × {shape[1]}, not {stated[0]:g} × {stated[1]:g} as is said of it"
        )
