"""A whole grid as SmartScope exports it: atlas, squares, holes and exposures in one YAML, and the images in ``raw``.

Written by ``export_grid`` of https://github.com/NIEHS/SmartScope (``Smartscope/core/import_export.py``): the grid's own
fields, and ``atlas``, whose ``targets`` are squares, whose ``targets`` are holes, whose ``targets`` are exposures. Each
target has ``finders``, the first of which says where it lies in its parent (``x``, ``y``, in pixels along columns and
rows) and on the stage, ``classifiers`` and ``selectors``. An image of the same name lies there once it was taken.
"""

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cryogauge.io.session.foreign import inside, read_yaml
from cryogauge.records import BadInput
from cryogauge.records.session import About, CollectionSession, Picture, session_table

_LARGEST = 256 * 2**20
_BEGINS = re.compile(rb"(---\s*)?atlas:\s*\n\s*-\s")
_LEVELS = ("atlas", "square", "hole", "exposure")
_PATTERN = re.compile(r"R?\s*([\d.]+)\s*/\s*([\d.]+)")
#: Where the fit of the contrast transfer says nothing any more.
_WORST_CTF_A = 20.0
#: What has no column; SmartScope does not say in which unit defocus and astigmatism are.
_EXTRA = (
    "number",
    "status",
    "area",
    "radius",
    "bis_group",
    "bis_type",
    "defocus",
    "astig",
    "angast",
    "offset",
    "frames",
)


def is_smartscope_grid(path: Path, head: bytes) -> bool:
    """Whether a file is such an export, by its ending and its first bytes."""
    return path.suffix.lower() in (".yaml", ".yml") and _BEGINS.match(head.lstrip()) is not None


def import_smartscope_grid(path: Path, grid: str | None = None) -> CollectionSession:
    """The images of a grid at every magnification, each target a place in its parent.

    Parameters
    ----------
    path
        The YAML; images are looked for in ``raw`` beside it, or beside it.
    grid
        Name of the grid; its own by default.

    Raises
    ------
    BadInput
        When it cannot be read or no image was taken. A target that cannot be used is left out, with what is in it, and
        noted.
    """
    whole = read_yaml(path, _LARGEST, "an export of SmartScope's")
    if not isinstance(whole, dict) or not isinstance(whole.get("atlas"), list) or not whole["atlas"]:
        raise BadInput(f"{path} is no grid of SmartScope's", "export it again")
    grid = grid or str(whole.get("name") or path.stem)
    images: list[dict[str, Any]] = []
    places: list[dict[str, Any]] = []
    labels: list[dict[str, Any]] = []
    measured: list[dict[str, Any]] = []
    notes: list[str] = []
    for target, level, parent in _walk(whole["atlas"], notes):
        name = str(target["name"])
        image = _image(target, level, grid)
        taken = "height_px" in image
        if taken:
            images.append(image)
        place = f"{name}@{parent}" if parent else ""
        if place:
            places.append(_place(target, level, grid, place, parent, name if taken else ""))
            labels += _labels(target, place)
        fit = _number(target.get("ctffit"))
        if taken and fit > 0:
            measured.append({"subject_kind": "image", "subject": name, "quantity": "ctf_resolution_A",
                             "value": min(fit, _WORST_CTF_A), "by": "SmartScope", "by_kind": "program"})  # fmt: skip
    if not images:
        raise BadInput(
            f"{path} has no image that was taken: {(notes or ['its atlas has no size'])[0]}", "export it again"
        )
    return CollectionSession(
        About(title=grid, sources=(path.name,), notes=tuple(notes)),
        session_table("grids", [_grid(whole, grid)]),
        session_table("images", images),
        session_table("places", places),
        session_table("labels", labels),
        session_table("measurements", measured),
        _pictures(images, path.parent),
    )


def _walk(atlases: list[Any], notes: list[str]) -> Iterator[tuple[dict[str, Any], str, str]]:
    """Each target after its parent, with its level and the name of the parent's image, where there is one."""
    todo = [(each, 0, "") for each in reversed(atlases)]
    while todo:
        target, depth, parent = todo.pop()
        if not isinstance(target, dict) or not target.get("name"):
            notes.append(f"left out: a target in {parent or 'the file'} that has no name")
            continue
        yield target, _LEVELS[depth], parent
        inner = target.get("targets") or []
        taken = str(target["name"]) if _is_taken(target) else ""
        if depth + 1 < len(_LEVELS) and isinstance(inner, list):
            if inner and not taken:
                notes.append(f"left out: {len(inner)} targets in {target['name']}, of which there is no image")
            todo += [(each, depth + 1, taken) for each in reversed(inner) if taken]


def _is_taken(target: dict[str, Any]) -> bool:
    return min(_number(target.get(name)) for name in ("pixel_size", "shape_x", "shape_y")) > 0


def _image(target: dict[str, Any], level: str, grid: str) -> dict[str, Any]:
    image: dict[str, Any] = {"image": str(target["name"]), "grid": grid, "level": level, "source": str(target["name"])}
    if _is_taken(target):  # SmartScope's shape_x is the first axis of the array
        image |= {"pixel_size_A": _number(target["pixel_size"]), "height_px": _number(target["shape_x"]),
                  "width_px": _number(target["shape_y"])}  # fmt: skip
    where = _finder(target)
    image |= {f"stage_{axis}_um": _number(where.get(f"stage_{axis}", target.get(f"stage_{axis}"))) for axis in "xyz"}
    image["recorded_at"] = str(target.get("completion_time") or "").replace(" ", "T", 1)
    image["extra"] = json.dumps({key: target[key] for key in _EXTRA if target.get(key) is not None}, default=str)
    return image


def _place(target: dict[str, Any], level: str, grid: str, place: str, parent: str, image: str) -> dict[str, Any]:
    row: dict[str, Any] = {
        "place": place, "grid": grid, "kind": level, "parent": parent, "image": image, "origin": "stated",
    }  # fmt: skip
    where = _finder(target)
    row |= {f"stage_{axis}_um": _number(where.get(f"stage_{axis}")) for axis in "xyz"}
    x, y = _number(where.get("x")), _number(where.get("y"))
    if math.isfinite(x) and math.isfinite(y):
        row |= {"outline_x_px": [x], "outline_y_px": [y]}
    return row


def _labels(target: dict[str, Any], place: str) -> list[dict[str, Any]]:
    """What classifiers and selectors say, by the method that says it, and whether it was selected."""
    said = [
        {"label": "class", "value": str(each["label"]), "by": f"SmartScope, {each.get('method_name') or 'unnamed'}"}
        for kind in ("classifiers", "selectors") for each in target.get(kind) or []
        if isinstance(each, dict) and each.get("label") is not None
    ]  # fmt: skip
    if isinstance(target.get("selected"), bool):
        said.append({"label": "acquire", "value": str(int(target["selected"])), "by": "SmartScope"})
    return [{"subject_kind": "place", "subject": place, "by_kind": "unknown", **each} for each in said]


def _grid(whole: dict[str, Any], grid: str) -> dict[str, Any]:
    row: dict[str, Any] = {"grid": grid, "mesh_material": str(whole.get("meshMaterial") or "")}
    mesh = _number(whole.get("meshSize"))
    if mesh > 0:
        row["mesh_per_inch"] = mesh
    pattern = _PATTERN.search(str(whole.get("holeType") or ""))
    if pattern is not None:
        diameter, gap = _number(pattern[1]), _number(pattern[2])
        row |= {"hole_diameter_um": diameter, "hole_pitch_um": diameter + gap}
    return row


def _pictures(images: list[dict[str, Any]], folder: Path) -> dict[str, Picture]:
    found = {}
    for image in images:
        for where in (folder / "raw", folder):
            path = inside(where, f"{image['image']}.mrc")
            if path is not None and path.is_file():
                found[image["image"]] = Picture(path)
                break
    return found


def _finder(target: dict[str, Any]) -> dict[str, Any]:
    finders = target.get("finders")
    return finders[0] if isinstance(finders, list) and finders and isinstance(finders[0], dict) else {}


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan
