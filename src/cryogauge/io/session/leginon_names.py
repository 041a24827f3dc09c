"""Names that Leginon gives its images, and where they lie.

A name such as ``21mar02c_grid1c_00019gr_00023sq_v01_00006hl_v01_00005en-a`` says session, grid, and the images it was
targeted from, each by its target's number and its preset: ``gr`` a tile of the atlas, ``sq`` the square, ``hl`` the
hole, ``en`` the exposure (``-a`` its aligned sum), ``fa`` a focus, ``v01`` a second picture of the same target. Presets
are named as a site likes; those of :data:`LEVELS` are common. Images lie in ``rawdata`` of the session's folder.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cryogauge.io.mrc import map_mrc
from cryogauge.io.voxel import ABSURD_GRID_A
from cryogauge.records import BadInput

_STEP = re.compile(r"_\d{5}([a-z]{2,4}\d?)(?:_v\d\d)?")
_NAME = re.compile(rf"(?P<grid>[^\s,/]+?)(?P<steps>(?:{_STEP.pattern})+)(?P<copy>(?:-[a-zA-Z]+)*)")
#: Levels of a session by the preset.
LEVELS: Mapping[str, str] = {
    "gr": "atlas", "sq": "square", "hl": "hole",
    "en": "exposure", "enn": "exposure", "esn": "exposure", "ex": "exposure", "ed": "exposure",
    "fa": "focus", "fc": "focus", "fan": "focus",
}  # fmt: skip
#: Levels that are kinds of places too.
_PLACE_KINDS = ("square", "hole", "exposure", "focus")


@dataclass(frozen=True)
class LeginonName:
    """What a name says.

    Attributes
    ----------
    grid
        Session and grid, or the session where no grid is named.
    preset, level
        Of the image; the level is empty where the preset is not a common one.
    parent
        The image that it was targeted from; empty for a tile of the atlas.
    is_copy
        Whether it is an aligned sum or otherwise made of the image of that name.
    """

    grid: str
    preset: str
    level: str
    parent: str
    is_copy: bool


def read_leginon_name(name: str) -> LeginonName | None:
    """What a name without its ending says; ``None`` when it is no name of Leginon's."""
    match = _NAME.fullmatch(name)
    if match is None or _STEP.search(match["grid"]):
        return None
    steps = list(_STEP.finditer(match["steps"]))
    before = "".join(step[0] for step in steps[:-1])
    preset = steps[-1][1]
    return LeginonName(
        match["grid"], preset, LEVELS.get(preset, ""), match["grid"] + before if before else "", bool(match["copy"])
    )


def leginon_pictures(folder: Path) -> Iterator[tuple[Path, LeginonName]]:
    """The images in a session's folder or its ``rawdata``, without copies, in the order of their names."""
    inner = folder / "rawdata"
    for path in sorted((inner if inner.is_dir() else folder).glob("*.mrc")):
        name = read_leginon_name(path.stem)
        if name is not None and not name.is_copy:
            yield path, name


def open_leginon(path: Path) -> tuple[np.ndarray, float]:
    """The pixels (y, x) of an image, mapped, and its pixel size in Å: NaN where the header does not know it.

    Raises
    ------
    BadInput
        When the file is missing, incomplete or no single image.
    """
    try:
        header, data = map_mrc(path)
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}", "check the path") from error
    if len(data) != 1:
        raise BadInput(f"{path} holds {len(data)} images", "frames belong elsewhere")
    stated_A = header.voxel_A[0]  # 1 where Leginon does not know it
    return data[0], stated_A if stated_A != 1 and 0 < stated_A < ABSURD_GRID_A else float("nan")


def image_rows(name: str, known: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The row of an image by its name, put among those known, with those above it where they are missing.

    Raises
    ------
    ValueError
        When it is no name of Leginon's.
    """
    if name not in known:
        said = read_leginon_name(name)
        if said is None:
            raise ValueError(f"{name!r:.80} is no name of Leginon's")
        if said.parent:
            image_rows(said.parent, known)
        known[name] = {"image": name, "grid": said.grid, "level": said.level, "source": name}
    return known[name]


def place_rows(row: dict[str, Any]) -> list[dict[str, Any]]:
    """The place of an image in the one it was targeted from, if there is one."""
    said = read_leginon_name(row["image"])
    if said is None or not said.parent:
        return []
    kind = said.level if said.level in _PLACE_KINDS else "area"
    return [{"place": f"{row['image']}@{said.parent}", "grid": said.grid, "kind": kind, "parent": said.parent,
             "image": row["image"], "origin": "stated"}]  # fmt: skip
