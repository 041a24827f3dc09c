"""Reads a collection data set."""

import math
from pathlib import Path

import numpy as np

from cryogauge.io.session.check import inspect_session
from cryogauge.io.session.foreign import inside
from cryogauge.io.session.images import read_pixels
from cryogauge.records import BadInput
from cryogauge.records.session import About, CollectionSession


def read_session(folder: str | Path) -> CollectionSession:
    """The tables of a data set, which is checked first; pixels are read one image at a time by ``session_pixels``.

    Raises
    ------
    BadInput
        When it has any fault.
    """
    faults, document, tables = inspect_session(Path(folder), pixels=False)
    if faults:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise BadInput(f"{folder}: {faults[0]}{more}", f"cryogauge collect check {folder} names every fault")
    about = About(
        title=document["title"],
        licence=document["licence"],
        microscope=document["microscope"],
        camera=document["camera"],
        voltage_kV=math.nan if document["voltage_kV"] is None else float(document["voltage_kV"]),
        cs_mm=math.nan if document["cs_mm"] is None else float(document["cs_mm"]),
        sources=tuple(document["sources"]),
        notes=tuple(document["notes"]),
        terms=document["terms"],
    )
    return CollectionSession(
        about, tables["grids"], tables["images"], tables["places"], tables["labels"], tables["measurements"]
    )


def session_pixels(folder: str | Path, session: CollectionSession, image: str) -> tuple[np.ndarray, float]:
    """Pixels (y, x) of an image of a data set, and its pixel size in Å.

    Raises
    ------
    BadInput
        When there is no such image, it has no pixels, or they cannot be read.
    """
    files = session.images.loc[session.images["image"] == image, "file"]
    path = inside(Path(folder), files.iloc[0]) if len(files) else None
    if path is None:
        raise BadInput(f"{folder} has no pixels of an image {image!r:.80}", "see the table of images")
    return read_pixels(path)
