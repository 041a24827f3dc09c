"""What is wrong with a collection data set: every fault by file and row, and how to mend it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cryogauge.io.session.foreign import inside
from cryogauge.io.session.images import open_pixels
from cryogauge.io.session.json_schema import breaches
from cryogauge.io.session.tables import inspect_table
from cryogauge.io.session.write import DOCUMENT
from cryogauge.records import BadInput
from cryogauge.records.session import LEVELS, PLACE_KINDS, PLACE_ORIGINS, SPEAKERS, SUBJECTS, TABLES, TERMS

_LARGEST_DOCUMENT = 64 * 2**20
#: Between the pixel size of a table and that of the image itself.
_SAME_PIXEL = 1e-3
#: Of the parent's size, by which an outline may reach beyond it: targets lie on edges.
BEYOND = 0.5


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes
    ----------
    file
        From the data set's folder.
    row
        Of the table, from 0; -1 where the fault is not of a row.
    column
        Of the table, or place in the JSON; may be empty.
    message
        What is wrong.
    mend
        What to do.
    """

    file: str
    row: int
    column: str
    message: str
    mend: str

    def __str__(self) -> str:
        row = f", row {self.row}" if self.row >= 0 else ""
        return f"{self.file}{row}{f', {self.column}' if self.column else ''}: {self.message}"


def check_session(folder: Path, *, pixels: bool = True) -> list[Fault]:
    """Every fault of a data set; none means that it is sound.

    Parameters
    ----------
    folder
        With ``dataset.json``.
    pixels
        Whether to open the images too.
    """
    return list(inspect_session(folder, pixels=pixels)[0])


def inspect_session(folder: Path, *, pixels: bool) -> tuple[list[Fault], dict[str, Any], dict[str, pd.DataFrame]]:
    """The faults, ``dataset.json``, and the tables that can be read."""
    document, faults = _document(folder)
    if faults:
        return faults, document, {}
    tables, names = {}, {}
    for name in TABLES:
        file, rows = document["tables"][name]["file"], document["tables"][name]["rows"]
        names[name] = file
        path = inside(folder, file)
        if path is None:
            mend = "name a file in the folder, without .. and links that lead out"
            faults.append(Fault(DOCUMENT, -1, f"tables.{name}.file", f"{file!r:.80} leads out of the data set", mend))
            continue
        whole, table = inspect_table(path, name)
        faults += [Fault(file, -1, "", each, f"write the table {name} as the schema says") for each in whole]
        if table is None:
            continue
        tables[name] = table
        if len(table) != rows:
            mend = "copy the table again, or correct the count"
            faults.append(Fault(file, -1, "", f"has {len(table)} rows, {DOCUMENT} says {rows}", mend))
    for name, table in tables.items():
        faults += [
            Fault(names[name], row, column, message, mend) for row, column, message, mend in cell_faults(name, table)
        ]
    if len(tables) == len(TABLES):
        terms = {*TERMS, *document["terms"]}
        faults += [
            Fault(names[name], row, column, message, mend)
            for name, row, column, message, mend in relation_faults(tables, terms)
        ]
    if "images" in tables:
        faults += _files(folder, names["images"], tables["images"], pixels=pixels)
    return faults, document, tables


def _document(folder: Path) -> tuple[dict[str, Any], list[Fault]]:
    path = folder / DOCUMENT
    mend = "give a folder that cryogauge collect import wrote, or one that follows its schema"
    try:
        if path.stat().st_size > _LARGEST_DOCUMENT:
            return {}, [Fault(DOCUMENT, -1, "", f"has {path.stat().st_size} bytes", mend)]
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        return {}, [Fault(DOCUMENT, -1, "", f"cannot be read: {(error.strerror or 'refused').lower()}", mend)]
    except (ValueError, RecursionError) as error:
        return {}, [Fault(DOCUMENT, -1, "", f"is no JSON: {error}", mend)]
    return document, [
        Fault(DOCUMENT, -1, place, message, "write it as its JSON schema says") for place, message in breaches(document)
    ]


CellFault = tuple[int, str, str, str]  # row, column, message, mend


def cell_faults(name: str, table: pd.DataFrame) -> Iterator[CellFault]:
    """Faults of single cells, by the kinds of the columns."""
    for column in TABLES[name]:
        values = table[column.name]
        if column.kind == "key":
            for row in np.flatnonzero(values == ""):
                yield int(row), column.name, "is empty", "give each row a name"
            for row in np.flatnonzero(values.duplicated() & (values != "")):
                yield (
                    int(row),
                    column.name,
                    f"{values[row]!r:.80} stands above already",
                    "give each row a name of its own",
                )
        elif column.kind == "numbers":
            for row, each in enumerate(values):
                if not np.isfinite(each).all():
                    yield row, column.name, "has a corner that is no finite number", "leave the outline empty"
        elif column.kind in ("number", "positive"):
            wrong = np.isinf(values) | ((values <= 0) if column.kind == "positive" else False)
            for row in np.flatnonzero(wrong):
                wanted = "a number above 0" if column.kind == "positive" else "a finite number"
                yield int(row), column.name, f"is {values[row]:g}, not {wanted}", "leave it empty where it is not known"
    allowed = {"level": LEVELS, "kind": PLACE_KINDS, "origin": PLACE_ORIGINS, "by_kind": SPEAKERS}
    for column, words in allowed.items():
        if column in table:
            for row in np.flatnonzero(~table[column].isin(words)):
                yield int(row), column, f"is {table[column][row]!r:.80}", f"use one of {', '.join(filter(None, words))}"
    for column in {"recorded_at", "at"} & set(table.columns):
        for row, value in enumerate(table[column]):
            if value and not _is_moment(value):
                yield row, column, f"{value!r:.80} is no time", "write it as 2026-01-31T13:45:00Z"
    if "weight" in table:
        for row in np.flatnonzero((table["weight"] < 0) | (table["weight"] > 1)):
            yield int(row), "weight", f"is {table['weight'][row]:g}", "give trust as a number from 0 to 1"
    if "extra" in table:
        for row, value in enumerate(table["extra"]):
            if value and not _is_object(value):
                yield row, "extra", "is no JSON object", "leave it empty, or write a JSON object"


RelationFault = tuple[str, int, str, str, str]  # table before them


def relation_faults(tables: dict[str, pd.DataFrame], terms: set[str]) -> Iterator[RelationFault]:
    """Faults between tables: names that nothing has, places beyond their pictures, images that are their own parent."""
    keys = {table: set(tables[table][TABLES[table][0].name]) for table in SUBJECTS.values()}
    for name, column, target, may_be_empty in (
        ("images", "grid", "grids", False),
        ("places", "grid", "grids", False),
        ("places", "parent", "images", True),
        ("places", "image", "images", True),
    ):
        values = tables[name][column]
        for row in np.flatnonzero(~values.isin(keys[target]) & ~((values == "") & may_be_empty)):
            yield name, int(row), column, f"{values[row]!r:.80} is not in the table {target}", f"add it to {target}"
    for name, term in (("labels", "label"), ("measurements", "quantity")):
        table = tables[name]
        for row, (kind, subject, said) in enumerate(
            zip(table["subject_kind"], table["subject"], table[term], strict=True)
        ):
            if kind not in SUBJECTS:
                yield name, row, "subject_kind", f"is {kind!r:.80}", f"use one of {', '.join(SUBJECTS)}"
            elif subject not in keys[SUBJECTS[kind]]:
                where = SUBJECTS[kind]
                yield name, row, "subject", f"{subject!r:.80} is not in the table {where}", f"add it to {where}"
            if said not in terms:
                yield name, row, term, f"{said!r:.80} is explained nowhere", f"say what it means in terms of {DOCUMENT}"
    yield from _places(tables["places"], tables["images"])


def _places(places: pd.DataFrame, images: pd.DataFrame) -> Iterator[RelationFault]:
    size = dict(zip(images["image"], zip(images["height_px"], images["width_px"], strict=True), strict=True))
    above: dict[str, set[str]] = {}
    for row, place in enumerate(places.to_dict("records")):
        for unit in ("um", "px"):
            if len(place[f"outline_x_{unit}"]) != len(place[f"outline_y_{unit}"]):
                counts = f"{len(place[f'outline_x_{unit}'])} and {len(place[f'outline_y_{unit}'])} corners"
                yield "places", row, f"outline_x_{unit}", f"has {counts} in x and y", "give each corner both"
        if len(place["outline_x_px"]) and not place["parent"]:
            yield "places", row, "outline_x_px", "is in pixels of no image", "name the parent"
        height, width = size.get(place["parent"], (np.nan, np.nan))
        for axis, extent in (("x", width), ("y", height)):
            corners = place[f"outline_{axis}_px"]
            if len(corners) and (np.min(corners) < -BEYOND * extent or np.max(corners) > (1 + BEYOND) * extent):
                yield "places", row, f"outline_{axis}_px", "lies beyond its parent", "give pixels of the parent"
        if place["image"] and place["parent"]:
            above.setdefault(place["image"], set()).add(place["parent"])
            if _reaches(place["parent"], place["image"], above):
                yield "places", row, "parent", f"{place['image']!r:.80} is above itself", "name the coarser as parent"


def _reaches(start: str, end: str, above: dict[str, set[str]]) -> bool:
    """Whether an image lies above another, or is the same."""
    seen, todo = set(), [start]
    while todo:
        name = todo.pop()
        if name == end:
            return True
        if name not in seen:
            seen.add(name)
            todo += above.get(name, ())
    return False


def _files(folder: Path, table: str, images: pd.DataFrame, *, pixels: bool) -> Iterator[Fault]:
    for row, image in enumerate(images.to_dict("records")):
        if not image["file"]:
            continue
        path = inside(folder, image["file"])
        if path is None:
            mend = "name a folder in the data set"
            yield Fault(table, row, "file", f"{image['file']!r:.80} leads out of the data set", mend)
        elif not path.is_dir():
            yield Fault(table, row, "file", f"{image['file']} does not exist", "copy it, or leave the column empty")
        elif pixels:
            yield from _image(table, row, path, image)


def _image(table: str, row: int, path: Path, image: dict[Any, Any]) -> Iterator[Fault]:
    try:
        array, pixel_size_A = open_pixels(path)
    except BadInput as error:
        yield Fault(table, row, "file", error.message, error.hint)
        return
    if tuple(array.shape) != (image["height_px"], image["width_px"]):
        said = f"{image['height_px']:g} × {image['width_px']:g}"
        message = f"is {array.shape[0]} × {array.shape[1]} pixels, not {said}"
        yield Fault(table, row, "file", message, "correct height_px and width_px, or copy the image again")
    if abs(pixel_size_A - image["pixel_size_A"]) > _SAME_PIXEL * pixel_size_A:
        message = f"states pixels of {pixel_size_A:g} Å, the table {image['pixel_size_A']:g} Å"
        yield Fault(table, row, "file", message, "correct the one that is wrong")


def _is_moment(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False
