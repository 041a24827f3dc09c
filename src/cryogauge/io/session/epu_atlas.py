"""An atlas of EPU (Thermo Fisher): ``Sample…/Atlas`` with ``Atlas.dm``, the stitched picture and the tiles.

``Atlas.dm`` is XML: ``AtlasSessionXml/Atlas/TilesEfficient`` lists the tiles with the squares that EPU found in each,
by the numbers that ``GridSquare_N`` of a session's folder repeat. Where a tile or a square lies is told in pixels of
the stitched picture as EPU keeps it in full, of which a JPEG is a smaller copy, and on the stage in metres.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from cryogauge.io.session.foreign import parse_xml, read_small
from cryogauge.io.session.images import load_picture
from cryogauge.records import BadInput
from cryogauge.records.session import About, CollectionSession, Picture, session_table

NAME = "Atlas.dm"
_LARGEST = 256 * 2**20
_PICTURES = (".mrc", ".tiff", ".tif", ".png", ".jpg", ".jpeg")
#: A stage that lies this part of a square's edge off, root mean square, tells how the picture is turned.
_STRAIGHT = 0.3
_LEAST_SQUARES = 4


@dataclass(frozen=True)
class AtlasSquare:
    """A square that EPU found; lengths in pixels of the picture in full, the stage in µm."""

    number: str
    x_px: float
    y_px: float
    width_px: float
    height_px: float
    width_um: float
    rotation_rad: float
    stage_x_um: float
    stage_y_um: float
    category: str


def atlas_folders(path: Path) -> list[Path]:
    """Folders with an ``Atlas.dm``: the path, its ``Atlas``, or those of the samples in it."""
    if not path.is_dir():
        return []
    return sorted(
        each.parent for where in (NAME, f"Atlas/{NAME}", f"Sample*/Atlas/{NAME}") for each in path.glob(where)
    )


def import_epu_atlas(
    folder: Path, grid: str | None = None, taken: Mapping[str, str] | None = None
) -> CollectionSession:
    """The stitched picture of an atlas, and the squares that EPU found as places in it.

    How the picture is turned against the stage follows from where the squares are on both. Pixel sizes are those of the
    picture that lies there. What EPU says of a square's size and rotation is in ``extra``; tiles are left out.

    Parameters
    ----------
    folder
        One of :func:`atlas_folders`.
    grid
        Name of the grid; that of the sample's folder by default.
    taken
        Image of a square by its number, where a session took one.

    Raises
    ------
    BadInput
        When ``Atlas.dm`` or the picture are missing, damaged or of another kind.
    """
    root = parse_xml(read_small(folder / NAME, _LARGEST, "an atlas of EPU's"), folder / NAME)
    if _local(root) != "AtlasSessionXml":
        raise BadInput(f"{folder / NAME} describes no atlas of EPU's", "give the folder of a sample")
    named = ((each.text or "").strip() for each in root.iter() if _local(each) == "BaseFileName")
    stem = next(filter(None, named), "")
    picture = next((folder / f"{stem}{end}" for end in _PICTURES if stem and (folder / f"{stem}{end}").is_file()), None)
    if picture is None or picture.parent != folder:
        raise BadInput(f"the picture {stem or 'of the atlas'} is not in {folder}", "copy it too")
    height, width = load_picture(Picture(picture)).shape
    squares = _squares(root)
    full_px = max((x + size for x, size in _tiles(root)), default=math.nan)
    shrunk = width / full_px if full_px > 0 else math.nan
    sample = folder.parent.name if folder.name == "Atlas" else folder.name
    grid = grid or sample
    name = f"{sample}/{stem}"
    pixel_um = float(np.median([square.width_um / square.width_px for square in squares])) if squares else math.nan
    image: dict[str, Any] = {
        "image": name, "grid": grid, "level": "atlas", "pixel_size_A": 1e4 * pixel_um / shrunk, "height_px": height,
        "width_px": width, "recorded_at": _taken(root), "source": picture.name,
    }  # fmt: skip
    image |= _orientation(squares, shrunk, width, height)
    notes = () if "stage_x_um" in image else (f"{name}: how it is turned against the stage is not told",)
    labels: list[dict[str, object]] = [
        {"subject_kind": "place", "subject": f"{sample}/GridSquare_{square.number}", "label": "class",
         "value": f"category {square.category}", "by": "EPU", "by_kind": "program"}
        for square in squares if square.category
    ]  # fmt: skip
    return CollectionSession(
        About(title=grid, sources=(f"{sample}/{NAME}",), notes=notes),
        session_table("grids", [{"grid": grid}]),
        session_table("images", [image]),
        session_table("places", [_place(square, sample, grid, name, shrunk, taken or {}) for square in squares]),
        session_table("labels", labels),
        session_table("measurements", []),
        {name: Picture(picture)},
    )


def _place(
    square: AtlasSquare, sample: str, grid: str, parent: str, shrunk: float, taken: Mapping[str, str]
) -> dict[str, Any]:
    said = {name: getattr(square, name) for name in ("width_px", "height_px", "rotation_rad")}
    return {
        "place": f"{sample}/GridSquare_{square.number}", "grid": grid, "kind": "square", "parent": parent,
        "image": taken.get(square.number, ""), "origin": "stated",
        "stage_x_um": square.stage_x_um, "stage_y_um": square.stage_y_um,
        "outline_x_px": [(square.x_px + 0.5) * shrunk - 0.5], "outline_y_px": [(square.y_px + 0.5) * shrunk - 0.5],
        "extra": json.dumps(said),
    }  # fmt: skip


def _orientation(squares: list[AtlasSquare], shrunk: float, width: int, height: int) -> dict[str, float]:
    """Stage of the picture's centre, and how pixels follow the stage, by least squares; empty where they do not."""
    stage = np.array([[square.stage_x_um, square.stage_y_um, 1.0] for square in squares])
    pixels = (np.array([[square.x_px, square.y_px] for square in squares]) + 0.5) * shrunk - 0.5
    if len(squares) < _LEAST_SQUARES or np.linalg.matrix_rank(stage) < 3 or not np.isfinite(pixels).all():
        return {}
    fit = np.linalg.lstsq(stage, pixels, rcond=None)[0]
    off = float(np.sqrt(((stage @ fit - pixels) ** 2).sum(1).mean()))
    matrix = fit[:2].T
    if off > _STRAIGHT * shrunk * float(np.median([square.width_px for square in squares])) or not np.linalg.det(
        matrix
    ):
        return {}
    centre = np.linalg.solve(matrix, np.array([(width - 1) / 2, (height - 1) / 2]) - fit[2])
    return {
        "stage_x_um": float(centre[0]), "stage_y_um": float(centre[1]),
        "x_px_per_um_x": float(matrix[0, 0]), "x_px_per_um_y": float(matrix[0, 1]),
        "y_px_per_um_x": float(matrix[1, 0]), "y_px_per_um_y": float(matrix[1, 1]),
    }  # fmt: skip


def _squares(root: ElementTree.Element) -> list[AtlasSquare]:
    """The squares of all tiles, each once; those that EPU does not tell in full are left out."""
    found: dict[str, AtlasSquare] = {}
    for pair in root.iter():
        if not _local(pair).startswith("KeyValuePairOfintNodeXml"):
            continue
        number = (_text(pair, "key") or "").strip()
        where, stage = _child(pair, "value", "PositionOnTheAtlas"), _child(pair, "value", "StagePosition")
        if not number or where is None or stage is None:
            continue
        numbers = [
            _number(where, "Center", "x"), _number(where, "Center", "y"), _number(where, "Size", "width"),
            _number(where, "Size", "height"), 1e6 * _number(where, "Physical", "width"), _number(where, "Rotation"),
            1e6 * _number(stage, "X"), 1e6 * _number(stage, "Y"),
        ]  # fmt: skip
        if all(math.isfinite(value) for value in numbers) and min(numbers[2:5]) > 0:
            found[number] = AtlasSquare(number, *numbers, category=(_text(pair, "value", "Category") or "").strip())
    return list(found.values())


def _tiles(root: ElementTree.Element) -> list[tuple[float, float]]:
    """Left edge and width of each tile, in pixels of the picture in full."""
    places = [each for each in root.iter() if _local(each) == "AtlasPixelPosition"]
    tiles = [(_number(each, "x"), _number(each, "width")) for each in places]
    return [tile for tile in tiles if all(math.isfinite(value) for value in tile)]


def _taken(root: ElementTree.Element) -> str:
    atlas = _child(root, "Atlas")
    told = "" if atlas is None else (_text(atlas, "AcquisitionDateTime") or "").strip()
    head, dot, rest = told.partition(".")
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    return f"{head}.{digits[:6].ljust(6, '0')}{rest[len(digits) :]}" if dot else told


def _local(element: ElementTree.Element) -> str:
    """The name without its namespace, of which EPU uses a different one for each part."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _child(element: ElementTree.Element, *names: str) -> ElementTree.Element | None:
    for name in names:
        found = next((each for each in element if _local(each) == name), None)
        if found is None:
            return None
        element = found
    return element


def _text(element: ElementTree.Element, *names: str) -> str | None:
    found = _child(element, *names)
    return None if found is None else found.text


def _number(element: ElementTree.Element, *names: str) -> float:
    try:
        return float(_text(element, *names) or "")
    except ValueError:
        return math.nan
