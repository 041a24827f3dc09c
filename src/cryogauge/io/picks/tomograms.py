"""Lists of tomograms: RELION's ``tomograms.star``, TOMOMAN's list, Dynamo's ``.vll`` and ``number name``."""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from cryogauge.io.picks.frame import Tomogram, read_bytes
from cryogauge.io.replace import replacing
from cryogauge.io.tilts.relion import read_star
from cryogauge.records import BadInput

_VOLUME = re.compile(r"(?i)(\.(mrc|rec|mrcs|st|ali|map|em|hdf|tomostar|tif|tiff))+(:mrc)?$")
_KINDS = "give RELION's tomograms.star, Dynamo's .vll, or lines of a number and a name"
_SIZES = ("rlnTomoSizeX", "rlnTomoSizeY", "rlnTomoSizeZ")


def bare_name(file: str) -> str:
    """Name of a tomogram by the name of its file: no folder, no ending of volumes."""
    return _VOLUME.sub("", re.split(r"[/\\]", file.strip())[-1])


def read_tomograms(path: str | Path) -> tuple[Tomogram, ...]:
    """Read what a file says of tomograms; which kind it is, its content tells.

    Of RELION's ``tomograms.star`` names, pixel sizes of tilt series and sizes of tomograms; of TOMOMAN's list, of
    Dynamo's volume list (``.vll``: files in order, each with an optional ``* index = 3`` below it) and of lines such as
    ``3 TS_03.rec`` (``indices_column20.doc``) numbers and names.

    Raises
    ------
    BadInput
        When it cannot be read, is none of these, or gives a number or name twice.
    """
    path = Path(path)
    try:
        text = read_bytes(path).decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is no list of tomograms", _KINDS) from error
    if "rlnTomoName" in text or "tomoman_tomo_num" in text:
        found = _from_star(path)
    else:
        lines = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
        numbered = [line.split(None, 1) for line in lines]
        if lines and all(len(words) == 2 and words[0].isdigit() for words in numbered):
            found = [Tomogram(bare_name(name), int(number)) for number, name in numbered]
        else:
            found = _from_volume_list(lines)
    if not found:
        raise BadInput(f"{path} lists no tomograms", _KINDS)
    for what in ("name", "number"):
        values = [getattr(each, what) for each in found if getattr(each, what) is not None]
        twice = next((value for place, value in enumerate(values) if value in values[:place]), None)
        if twice is not None:
            raise BadInput(f"{path} lists the {what} {twice} twice", "keep one of them")
    return tuple(found)


def _from_star(path: Path) -> list[Tomogram]:
    for table in read_star(path).values():
        if {"tomoman_tomo_num", "tomoman_stack_dir"} <= set(table.columns):
            folders = [str(each).rstrip("/") for each in table["tomoman_stack_dir"]]
            return [
                Tomogram(bare_name(folder), int(number))
                for folder, number in zip(folders, table["tomoman_tomo_num"], strict=True)
            ]
        if {"rlnTomoName", "rlnTomoTiltSeriesPixelSize"} <= set(table.columns):
            sized = set(_SIZES) <= set(table.columns)
            return [_from_row(row, sized=sized) for _, row in table.iterrows()]
    raise BadInput(f"{path} lists no tomograms with rlnTomoName and rlnTomoTiltSeriesPixelSize", _KINDS)


def _from_row(row: pd.Series, *, sized: bool) -> Tomogram:
    size = tuple(int(row[name]) for name in _SIZES) if sized else None
    pixel = float(row["rlnTomoTiltSeriesPixelSize"])
    return Tomogram(
        str(row["rlnTomoName"]),
        pixel_size_A=pixel if np.isfinite(pixel) and pixel > 0 else None,
        size_px=(size[0], size[1], size[2]) if size is not None and min(size) > 0 else None,
    )


def _from_volume_list(lines: list[str]) -> list[Tomogram]:
    found: list[Tomogram] = []
    for line in lines:
        if line.startswith("*"):
            key, _, value = line[1:].partition("=")
            if found and key.strip() == "index" and value.strip().isdigit():
                found[-1] = Tomogram(found[-1].name, int(value))
        elif not line.startswith((">", "!")):
            if not _VOLUME.search(line):
                return []
            found.append(Tomogram(bare_name(line), len(found) + 1))
    return found


def numbering_file(picks: Path) -> Path:
    """Where the names behind the numbers in a file of picks are kept: beside it, with ``.doc`` appended to its name."""
    return picks.with_name(picks.name + ".doc")


def write_numbering(picks: Path, numbers: dict[str, int]) -> list[Path]:
    """Write numbers and names beside a file of picks, as Dynamo's ``indices_column20.doc``, unless names are numbers.

    Returns
    -------
    list of pathlib.Path
        The file, or nothing where it is not needed; an old one is then removed, since it would be read.
    """
    path = numbering_file(picks)
    if all(name == str(number) for name, number in numbers.items()):
        path.unlink(missing_ok=True)
        return []
    lines = [f"{number} {name}\n" for name, number in sorted(numbers.items(), key=lambda pair: pair[1])]
    with replacing(path) as temporary:
        temporary.write_text("".join(lines), encoding="utf-8")
    return [path]
