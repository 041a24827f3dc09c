"""What SmartScope exports to train on: ``atlas/metadata.yaml`` or ``square/metadata.yaml``, and the images beside it.

Written by ``Smartscope/core/utils/training_data.py`` of https://github.com/NIEHS/SmartScope: a list with an image an
entry, its size, the support's material, and for each target the box around it, in pixels, and its label.
"""

from pathlib import Path
from typing import Any

import numpy as np

from cryogauge.io.session.foreign import inside, read_yaml
from cryogauge.records import BadInput
from cryogauge.records.session import About, CollectionSession, Picture, session_table

NAME = "metadata.yaml"
_LARGEST = 16 * 2**20
#: What the targets of an image are, by the name of the folder.
_LEVELS = {"atlas": "square", "square": "hole"}


def is_smartscope(path: Path) -> bool:
    """Whether a file, or one in a folder, is named as SmartScope names its export."""
    file = path / NAME if path.is_dir() else path
    return file.is_file() and file.name == NAME and file.absolute().parent.name in _LEVELS


def import_smartscope(path: Path, grid: str | None = None) -> CollectionSession:
    """Images of one magnification, and their targets as places with a label.

    Pixel sizes and stage positions are not in such an export. Whether a person or a program gave a label is not either.

    Parameters
    ----------
    path
        The ``metadata.yaml`` or its folder, which is called ``atlas`` or ``square``.
    grid
        Name of the grid; ``smartscope`` by default, since the export does not say which images are of one grid.

    Raises
    ------
    BadInput
        When it cannot be read or has no image that can be used. An entry that cannot is left out and noted.
    """
    file = path / NAME if path.is_dir() else path
    level = file.absolute().parent.name
    grid = grid or "smartscope"
    entries = read_yaml(file, _LARGEST, "an export of SmartScope's")
    if not isinstance(entries, list):
        raise BadInput(f"{file} is no list of images", "give what SmartScope exports to train on")
    notes: list[str] = []
    images, places, labels = {}, [], []
    pictures = {}
    for number, entry in enumerate(entries):
        try:
            image, found = _image(entry, level, grid)
            if image["image"] in images:
                raise BadInput(f"image {image['image']} stands twice")
        except (BadInput, KeyError, TypeError, ValueError) as error:
            notes.append(f"{file.name}, entry {number}: left out: {error}")
            continue
        name = image["image"]
        images[name] = image
        picture = inside(file.parent, image["source"])
        if picture is not None and picture.is_file():
            pictures[name] = Picture(picture)
        else:
            notes.append(f"{file.name}: {image['source']} is not beside it: its pixels are left out")
        for place, label in found:
            places.append(place)
            if label is not None:
                labels.append({"subject_kind": "place", "subject": place["place"], "label": "class",
                               "value": str(label), "by": "SmartScope", "by_kind": "unknown"})  # fmt: skip
    if not images:
        raise BadInput(f"{file} has no image that can be used: {(notes or ['it is empty'])[0]}", "export it again")
    return CollectionSession(
        About(title="SmartScope", sources=(file.name,), notes=tuple(notes)),
        session_table("grids", [{"grid": grid}]),
        session_table("images", list(images.values())),
        session_table("places", places),
        session_table("labels", labels),
        session_table("measurements", []),
        pictures,
    )


def _image(entry: dict[str, Any], level: str, grid: str) -> tuple[dict[str, Any], list[tuple[dict[str, Any], Any]]]:
    file = str(entry["image"])
    name = file.removesuffix(".mrc")
    height, width = int(entry["shape_x"]), int(entry["shape_y"])  # SmartScope's shape_x is the first axis of the array
    if height < 1 or width < 1:
        raise BadInput(f"{name} has {height} × {width} pixels")
    image = {"image": name, "grid": grid, "level": level, "height_px": height, "width_px": width, "source": file}
    found = []
    for number, target in enumerate(entry["targets"]):
        left, top, right, bottom = (float(value) for value in target["coordinates"])
        if not np.isfinite([left, top, right, bottom]).all() or left > right or top > bottom:
            raise BadInput(f"{name} has a target that is no box")
        place = {"place": f"{name}/{number}", "grid": grid, "kind": _LEVELS[level], "parent": name, "origin": "stated",
                 "outline_x_px": (left, right, right, left), "outline_y_px": (top, top, bottom, bottom)}  # fmt: skip
        found.append((place, target.get("label")))
    return image, found
