"""SerialEM's Navigator items as a session, and a session as Navigator items.

A map's ``MapScaleMat`` turns µm from its ``StageXYZ`` into pixels of the picture as SerialEM shows it, the top row
first (``CNavigatorDlg::BufferStageToImage`` in SerialEM's source). The file holds the bottom row first, and so
does the data set: the matrix' second row changes its sign.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cryogauge.io.session.check import BEYOND
from cryogauge.io.session.foreign import inside
from cryogauge.io.session.nav import MAP, POINT, POLYGON, NavItem, ParsedItem, numbers, parse_item, read_nav, write_nav
from cryogauge.io.session.places import pixel_of, spans
from cryogauge.io.tilts.images import base_name
from cryogauge.records import BadInput
from cryogauge.records.session import About, CollectionSession, Picture, session_table

#: What stands in columns of its own, and is not repeated in ``extra``.
_OWN = {"StageXYZ", "NumPts", "PtsX", "PtsY", "Regis", "Type", "Acquire", "MapScaleMat", "MapWidthHeight", "MapFile"}
_A_PER_UM = 1e4
_COLOURS = {POINT: "0", POLYGON: "1", MAP: "2"}  # red, green and blue, SerialEM's own choice


def import_nav(path: Path, grid: str | None = None) -> CollectionSession:
    """Maps as images, points and polygons as places in the map they were drawn on.

    Parameters
    ----------
    path
        The ``.nav`` file, text or XML.
    grid
        Name of the grid; the file's without its ending by default.

    Raises
    ------
    BadInput
        When it cannot be read, or none of its items can be used. An item that cannot is left out and noted.
    """
    grid = grid or path.stem
    notes: list[str] = []
    images, places, labels, pictures = [], [], [], {}
    used: set[str] = set()
    drawn: list[tuple[dict[str, Any], NavItem]] = []
    by_id: dict[str, dict[str, Any]] = {}
    for item in read_nav(path):
        name = _unused(f"{path.stem}/{item.label}", used)
        try:
            parsed = parse_item(item)
            row = _common(grid, item, parsed)
            if parsed.kind == MAP:
                row |= {"image": name, **_of_map(item, parsed)}
                pictures |= _picture(name, item, path, notes)
                images.append(row)
                by_id.setdefault(item.entries.get("MapID", ""), row)
            else:
                row |= {"place": name, "kind": "point" if parsed.kind == POINT else "area", "origin": "stated"}
                if parsed.kind == POLYGON:
                    row |= {"outline_x_um": parsed.points_x_um, "outline_y_um": parsed.points_y_um}
                places.append(row)
                drawn.append((row, item))
        except BadInput as error:
            notes.append(f"{path.name}: left out: {error.message}")
            continue
        if "Acquire" in item.entries:
            subject = "image" if parsed.kind == MAP else "place"
            value = "1" if item.entries["Acquire"].strip() not in ("0", "") else "0"
            said = {"label": "acquire", "value": value, "by": "SerialEM", "by_kind": "unknown"}
            labels.append({"subject_kind": subject, "subject": name, **said})
    if not images and not places:
        raise BadInput(f"{path} has no item that can be used: {notes[0]}", "save it from SerialEM again")
    several = sum("HoleArray" in item.entries for _, item in drawn)
    if several:
        notes.append(
            f"{path.name}: {several} of the points are exposed at several holes each by image shift (HoleArray): where "
            "these lie is not in the file, and the point stands for all of them"
        )
    for row, item in drawn:
        parent = by_id.get(item.entries.get("DrawnID", ""))
        if parent is not None and parent["registration"] == row["registration"]:
            outline = _in_parent(row, parent)
            if outline is None:
                notes.append(
                    f"{path.name}: item {item.label} lies beyond the map it was drawn on: it goes without parent"
                )
            else:
                row |= {"parent": parent["image"], **outline}
    return CollectionSession(
        About(title=path.stem, sources=(path.name,), notes=tuple(notes)),
        session_table("grids", [{"grid": grid}]),
        session_table("images", images),
        session_table("places", places),
        session_table("labels", labels),
        session_table("measurements", []),
        pictures,
    )


def export_nav(
    path: Path, session: CollectionSession, grid: str | None = None, groups: Mapping[str, int] | None = None
) -> int:
    """Write the images and places of one grid as Navigator items.

    Points stay points and areas polygons. An image that came from SerialEM becomes the map that it was. Another one
    becomes a polygon of its field, since a map needs SerialEM's own numbers of magnification and camera; one whose
    orientation is not known becomes a point. A place that an image shows stands as that image. What has no stage
    position is left out; what has no height stands at 0.

    Parameters
    ----------
    path
        The file to write.
    session
        From ``read_session``.
    grid
        Which grid, where there are several.
    groups
        Of places by their names: items of one number share a ``GroupID``, by which SerialEM knows a group of points.

    Returns
    -------
    int
        How many items were written.

    Raises
    ------
    BadInput
        When there are several grids and none is named, no such grid, or nothing with a stage position.
    """
    known = list(session.grids["grid"])
    if grid is None and len(known) != 1:
        raise BadInput(
            f"the data set has {len(known)} grids, a Navigator file one", f"choose of {', '.join(known[:8])}"
        )
    if grid is not None and grid not in known:
        raise BadInput(f"the data set has no grid {grid!r:.80}", f"it has {', '.join(known[:8])}")
    here = known[0] if grid is None else grid
    acquire = {
        subject: value
        for subject, label, value in zip(
            session.labels["subject"], session.labels["label"], session.labels["value"], strict=True
        )
        if label == "acquire" and value in ("0", "1")
    }
    placed = session.images["stage_x_um"].notna() & session.images["stage_y_um"].notna()
    places = session.places[
        ~session.places["image"].isin(session.images["image"][placed])
    ]  # else the image stands there
    of = {} if groups is None else groups
    items = [*_items(session.images, "image", here, acquire, of), *_items(places, "place", here, acquire, of)]
    if not items:
        raise BadInput(f"nothing on grid {here} has a stage position", "a Navigator file needs one of each item")
    write_nav(path, items)
    return len(items)


def _items(table: Any, key: str, grid: str, acquire: Mapping[str, str], groups: Mapping[str, int]) -> Iterator[NavItem]:
    for number, row in enumerate(table[table["grid"] == grid].to_dict("records")):
        if not np.isfinite([row["stage_x_um"], row["stage_y_um"]]).all():
            continue
        extra = json.loads(row["extra"]) if row["extra"] else {}
        kept = {name: value for name, value in extra.items() if isinstance(value, str) and name != "label"}
        was_map = key == "image" and "MapMagInd" in kept and spans(row) is not None
        kind, xs, ys = _shape(row, key, was_map)
        z = row["stage_z_um"] if np.isfinite(row["stage_z_um"]) else 0.0
        registration = row["registration"] if np.isfinite(row["registration"]) else 1
        entries = {"Color": _COLOURS[kind], "StageXYZ": _text(row["stage_x_um"], row["stage_y_um"], z)}
        entries |= {"NumPts": str(len(xs)), "Regis": str(int(registration)), "Type": str(kind)}
        if was_map:
            entries |= {
                "MapFile": row["source"],
                "MapScaleMat": _text(
                    *(row["x_px_per_um_x"], row["x_px_per_um_y"], -row["y_px_per_um_x"], -row["y_px_per_um_y"])
                ),
                "MapWidthHeight": f"{int(row['width_px'])} {int(row['height_px'])}",
            }  # fmt: skip
        elif "label" not in extra:
            entries["Note"] = row[key]
            kept = {}
        entries |= {name: value for name, value in kept.items() if name not in entries or name == "Color"}
        if row[key] in acquire:
            entries["Acquire"] = acquire[row[key]]
        if row[key] in groups:
            entries["GroupID"] = str(groups[row[key]])
        entries |= {"PtsX": _text(*xs), "PtsY": _text(*ys)}
        yield NavItem(str(extra.get("label") or f"{key[0].upper()}{number + 1}"), entries)


def _shape(row: Mapping[Any, Any], key: str, was_map: bool) -> tuple[int, list[float], list[float]]:
    """Type of an item and its points, µm."""
    if key == "image":
        corners = spans(row)
        if corners is not None:
            xs, ys = corners
            return MAP if was_map else POLYGON, [*xs, xs[0]], [*ys, ys[0]]
    elif len(row["outline_x_um"]):
        return POLYGON, list(row["outline_x_um"]), list(row["outline_y_um"])
    return POINT, [row["stage_x_um"]], [row["stage_y_um"]]


def _text(*values: float) -> str:
    return " ".join(f"{value:.9g}" for value in values)


def _unused(name: str, used: set[str]) -> str:
    """The name, or the name with the first number that makes it new."""
    chosen, number = name, 1
    while chosen in used:
        number += 1
        chosen = f"{name}#{number}"
    used.add(chosen)
    return chosen


def _common(grid: str, item: NavItem, parsed: ParsedItem) -> dict[str, Any]:
    x, y, z = parsed.stage_um
    extra = {"label": item.label} | {key: value for key, value in item.entries.items() if key not in _OWN}
    return {"grid": grid, "stage_x_um": x, "stage_y_um": y, "stage_z_um": z, "registration": parsed.registration,
            "extra": json.dumps(extra, ensure_ascii=False)}  # fmt: skip


def _of_map(item: NavItem, parsed: ParsedItem) -> dict[str, Any]:
    xx, xy, yx, yy = numbers(item, "MapScaleMat", 4)
    width, height = numbers(item, "MapWidthHeight", 2)
    scale = abs(xx * yy - xy * yx) ** 0.5
    if not scale > 0 or min(width, height) < 1 or width % 1 or height % 1:
        raise BadInput(f"item {item.label} is a map of {width:g} × {height:g} pixels and scale {scale:g}")
    if item.entries.get("MapFile", "") == "":
        raise BadInput(f"item {item.label} is a map without a file")
    tilt = item.entries.get("MapTiltAngle", "")
    return {
        "pixel_size_A": _A_PER_UM / scale,
        "width_px": width,
        "height_px": height,
        "x_px_per_um_x": xx,
        "x_px_per_um_y": xy,
        "y_px_per_um_x": -yx,
        "y_px_per_um_y": -yy,
        "tilt_deg": numbers(item, "MapTiltAngle", 1)[0] if tilt else np.nan,
        "source": item.entries["MapFile"],
    }


def _picture(name: str, item: NavItem, nav: Path, notes: list[str]) -> dict[str, Picture]:
    file = base_name(item.entries["MapFile"])
    if item.entries.get("MapMontage", "0") not in ("0", ""):
        notes.append(f"{nav.name}: map {item.label} is a montage in pieces: its pixels are left out")
        return {}
    found = inside(nav.parent, file)
    if found is None or not found.is_file():
        notes.append(f"{nav.name}: map {item.label}: {file} is not beside it: its pixels are left out")
        return {}
    section = item.entries.get("MapSection", "0").strip()
    return {name: Picture(found, int(section) if section.isdecimal() else 0)}


def _in_parent(row: Mapping[str, Any], parent: Mapping[str, Any]) -> dict[str, Any] | None:
    """The outline of a place in the map it was drawn on; ``None`` where it lies beyond."""
    xs = row.get("outline_x_um") or (row["stage_x_um"],)
    ys = row.get("outline_y_um") or (row["stage_y_um"],)
    x_px, y_px = pixel_of(parent, np.asarray(xs), np.asarray(ys))
    far = max(
        np.ptp([*x_px, 0, parent["width_px"]]) / parent["width_px"],
        np.ptp([*y_px, 0, parent["height_px"]]) / parent["height_px"],
    )
    return {"outline_x_px": x_px, "outline_y_px": y_px} if far <= 1 + BEYOND else None
