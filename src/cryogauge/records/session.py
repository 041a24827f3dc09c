"""A collection session as data to share: grids, images at every magnification, places in them, labels, measurements.

What a depository of images for smart collection needs by Bepler et al. 2022, "Smart data collection for CryoEM",
section 9: pixel size, mesh and hole size with every image, magnifications that refer to one another, and labels that
say who gave them and what they weigh.

Unknown texts are empty, unknown numbers NaN, unknown outlines empty lists. A position in a picture is that of pixel
centres, ``x_px`` along columns and ``y_px`` along rows, both from 0, rows in the order in which the picture is stored.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

#: Name and version of what is written; a reader refuses others.
SCHEMA = "cryogauge-session/1"

#: Magnifications by what they are for; empty where the source does not say.
LEVELS = ("atlas", "square", "hole", "exposure", "focus", "")
#: What a place is.
PLACE_KINDS = ("square", "hole", "exposure", "focus", "point", "area")
#: How it is known which image shows which place.
PLACE_ORIGINS = ("stated", "computed")
#: Who says something.
SPEAKERS = ("person", "program", "unknown")
#: What a label or measurement is about, and the table that has it.
SUBJECTS: Mapping[str, str] = {"grid": "grids", "image": "images", "place": "places"}

Kind = Literal["key", "text", "number", "positive", "numbers"]


class Column(NamedTuple):
    """A column of a table.

    Attributes
    ----------
    name
        With its unit.
    kind
        ``key`` (text, unique, never empty), ``text``, ``number``, ``positive`` (a number above 0), or ``numbers`` (a
        list of them).
    meaning
        In words.
    """

    name: str
    kind: Kind
    meaning: str


GRIDS = (
    Column("grid", "key", "its name, by which the other tables call it"),
    Column("mesh_per_inch", "positive", "bars an inch, such as 300"),
    Column("mesh_material", "text", "of the bars, such as copper"),
    Column("film", "text", "support, such as carbon, gold, lacey carbon"),
    Column("hole_diameter_um", "positive", "of the holes in the film"),
    Column("hole_pitch_um", "positive", "from centre to centre of neighbouring holes"),
    Column("specimen", "text", "what is on it"),
)
IMAGES = (
    Column("image", "key", "its name, by which the other tables call it"),
    Column("grid", "text", "the grid it shows"),
    Column("level", "text", "`atlas`, `square`, `hole`, `exposure`, `focus`; empty where the source does not say"),
    Column("magnification", "positive", "nominal"),
    Column("pixel_size_A", "positive", "edge of a pixel on the specimen"),
    Column("height_px", "positive", "rows"),
    Column("width_px", "positive", "columns"),
    Column(
        "stage_x_um",
        "number",
        "stage when it was taken; there the picture's centre lies, but for image shift, which notes tell",
    ),
    Column("stage_y_um", "number", "the same along y"),
    Column("stage_z_um", "number", "the same along z"),
    Column("tilt_deg", "number", "stage tilt"),
    Column("x_px_per_um_x", "number", "columns that one µm along the stage's x is worth"),
    Column("x_px_per_um_y", "number", "columns that one µm along the stage's y is worth"),
    Column("y_px_per_um_x", "number", "rows that one µm along the stage's x is worth"),
    Column("y_px_per_um_y", "number", "rows that one µm along the stage's y is worth"),
    Column("registration", "number", "stage positions compare only among images and places of one registration"),
    Column("defocus_A", "number", "set at the microscope, positive for underfocus"),
    Column("dose_e_A2", "number", "exposure of the specimen, electrons per Å²"),
    Column("recorded_at", "text", "ISO 8601; without a zone it is the microscope's own clock"),
    Column("file", "text", "its OME-Zarr image, from the data set's folder; empty where the pixels are not there"),
    Column("source", "text", "what it was called where it came from"),
    Column("extra", "text", "JSON object: what the source says besides, by the source's own names"),
)
PLACES = (
    Column("place", "key", "its name, by which the other tables call it"),
    Column("grid", "text", "the grid it lies on"),
    Column("kind", "text", "`square`, `hole`, `exposure`, `focus`, `point`, `area`"),
    Column("parent", "text", "the image it is a place of; empty where it is known on the stage alone"),
    Column("image", "text", "the image that was taken there; empty where none was"),
    Column("origin", "text", "`stated` by the source, or `computed` from stage positions"),
    Column("stage_x_um", "number", "its centre on the stage"),
    Column("stage_y_um", "number", "the same along y"),
    Column("stage_z_um", "number", "the same along z"),
    Column("registration", "number", "as of images"),
    Column("outline_x_um", "numbers", "corners of its outline on the stage; a point has none"),
    Column("outline_y_um", "numbers", "the same along y"),
    Column("outline_x_px", "numbers", "corners of its outline in the parent; one of a point"),
    Column("outline_y_px", "numbers", "the same along y"),
    Column("extra", "text", "as of images"),
)
LABELS = (
    Column("subject_kind", "text", "`grid`, `image` or `place`"),
    Column("subject", "text", "its name"),
    Column("label", "text", "a term: what is said, such as `quality` or `class`"),
    Column("value", "text", "what it is said to be"),
    Column("by", "text", "the person or the program that says so, with its version"),
    Column("by_kind", "text", "`person`, `program` or `unknown`"),
    Column("at", "text", "when, ISO 8601"),
    Column("weight", "number", "trust in it, 0 to 1"),
)
MEASUREMENTS = (
    Column("subject_kind", "text", "`grid`, `image` or `place`"),
    Column("subject", "text", "its name"),
    Column("quantity", "text", "a term, with its unit, such as `ctf_resolution_A`"),
    Column("value", "number", "in that unit"),
    Column("by", "text", "the program, or the person, that measured it"),
    Column("by_kind", "text", "`person`, `program` or `unknown`"),
    Column("at", "text", "when, ISO 8601"),
    Column("weight", "number", "trust in it, 0 to 1"),
)
#: The tables of a data set.
TABLES: Mapping[str, tuple[Column, ...]] = {
    "grids": GRIDS,
    "images": IMAGES,
    "places": PLACES,
    "labels": LABELS,
    "measurements": MEASUREMENTS,
}

#: What labels and quantities mean wherever they stand; a data set explains others of its own.
TERMS: Mapping[str, str] = {
    "acquire": "whether images are to be taken there: 0 or 1",
    "class": "the kind of thing it is, in the words of who says so",
    "quality": "how good it is for what it is for, 0 (useless) to 1",
    "ice": "kind of ice: vitreous, crystalline, none",
    "contaminated": "whether contamination spoils it: 0 or 1",
    "ctf_resolution_A": "to which the rings of the power spectrum agree with the contrast transfer; 20 where worse",
    "predicted_ctf_resolution_A": "the same, as foreseen from an image of lower magnification",
    "ctf_confidence": "of the fit of the contrast transfer, 0 to 1",
    "defocus_A": "mean underfocus that the fit of the contrast transfer found",
    "astigmatism_A": "largest less smallest underfocus",
    "ice_thickness_nm": "of ice and film along the beam",
    "motion_A": "length of the path on which the specimen moved during the exposure",
    "particles": "number of particles in the field",
    "score": "of the whole, 0 to 1, higher is better",
    "target_offset_x_px": "of the place from the centre of its parent picture, in the pixels in which it was aimed at",
    "target_offset_y_px": "the same along y",
    "atlas_offset_x_px": "of a tile from the centre of the atlas, in the pixels of the tile",
    "atlas_offset_y_px": "the same along y",
}


class Picture(NamedTuple):
    """Where the pixels of an image lie: a file, and its section where it holds several (from 0)."""

    path: Path
    section: int = 0


@dataclass(frozen=True)
class About:
    """What holds for a whole data set.

    Attributes
    ----------
    title, licence
        As a reader is to see them; the licence by its SPDX name.
    microscope, camera
        As their makers call them.
    voltage_kV, cs_mm
        Acceleration voltage and spherical aberration.
    sources
        The files it was made from.
    notes
        What was left out or taken for granted.
    terms
        What labels and quantities mean that are not among ``TERMS``.
    """

    title: str = ""
    licence: str = ""
    microscope: str = ""
    camera: str = ""
    voltage_kV: float = float("nan")
    cs_mm: float = float("nan")
    sources: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    terms: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class CollectionSession:
    """A session: five tables with the columns of ``TABLES``, and where the pixels of its images are.

    Attributes
    ----------
    about
        What holds for all.
    grids, images, places, labels, measurements
        Tables of ``GRIDS`` … ``MEASUREMENTS``.
    pictures
        By the name of the image; images that are not here have no pixels.
    """

    about: About
    grids: pd.DataFrame
    images: pd.DataFrame
    places: pd.DataFrame
    labels: pd.DataFrame
    measurements: pd.DataFrame
    pictures: Mapping[str, Picture] = field(default_factory=dict)

    def table(self, name: str) -> pd.DataFrame:
        """A table by its name in ``TABLES``."""
        return {
            "grids": self.grids,
            "images": self.images,
            "places": self.places,
            "labels": self.labels,
            "measurements": self.measurements,
        }[name]


def session_table(name: str, rows: list[dict[str, object]]) -> pd.DataFrame:
    """A table of a session from its rows; what a row does not say is unknown.

    Raises
    ------
    ValueError
        When a row has a column that the table has not.
    """
    columns = TABLES[name]
    strange = {key for row in rows for key in row} - {column.name for column in columns}
    if strange:
        raise ValueError(f"the table {name} has no column {sorted(strange)[0]}")
    return pd.DataFrame({column.name: _filled(column, rows) for column in columns})


def _filled(column: Column, rows: list[dict[str, object]]) -> pd.Series:
    match column.kind:
        case "key" | "text":
            texts = (str(row.get(column.name, "")) for row in rows)  # of which names of files may be no Unicode
            return pd.Series([text.encode("utf-8", "replace").decode() for text in texts], dtype=object)
        case "numbers":
            return pd.Series([np.asarray(row.get(column.name, ()), np.float64) for row in rows], dtype=object)
        case _:
            return pd.Series([row.get(column.name, np.nan) for row in rows], dtype=np.float64)
