"""Squares or holes of many images, written as one table."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from cryogauge.collect.plugins import What
from cryogauge.collect.targets.holes import Holes, find_holes
from cryogauge.collect.targets.squares import Squares, find_squares
from cryogauge.io import read_picture
from cryogauge.io.json_file import write_json_file
from cryogauge.io.replace import replacing
from cryogauge.io.voxel import ABSURD_GRID_A
from cryogauge.records import BadInput

if TYPE_CHECKING:
    from cryogauge.collect.scorers.apply import Rescore

#: What headers say when nobody told them; at this size no picture holds a square or a hole.
_PLACEHOLDER_A = 1.0


@dataclass(frozen=True)
class Searched:
    """One image.

    Attributes
    ----------
    path
        Where it lies.
    pixel_size_A
        NaN where unknown.
    found
        Its squares or holes, or ``None``.
    error
        Why nothing could be found in it, or ``None``.
    """

    path: Path
    pixel_size_A: float
    found: Squares | Holes | None
    error: BadInput | None = None

    @property
    def table(self) -> pd.DataFrame:
        """What was found, with ``image`` in front; empty where nothing could be."""
        if self.found is None:
            return pd.DataFrame()
        table = self.found.table.copy()
        table.insert(0, "image", self.path.name)
        return table

    def summary(self) -> dict[str, Any]:
        """What one line says of the image."""
        told: dict[str, Any] = {"image": str(self.path), "pixel_size_A": self.pixel_size_A}
        if self.found is None:
            return told | {"error": str(self.error)}
        told |= {"found": len(self.found.table), "pitch_px": self.found.pitch_px, "note": self.found.note}
        if isinstance(self.found, Squares):
            return told | {"rotation_deg": self.found.rotation_deg, "side_px": self.found.side_px}
        lattice = self.found.lattice
        if "shift_centre" in self.found.table:
            told["groups"] = int(self.found.table["shift_centre"].sum())
        return told | {
            "lattice": lattice.kind if lattice else "none",
            "angle_deg": lattice.angle_deg if lattice else float("nan"),
            "diameter_px": self.found.diameter_px,
            "targets": int(self.found.table["target"].sum()),
        }


def search(
    images: Iterable[Path],
    what: What,
    *,
    pixel_size_A: float | None = None,
    vacuum: float | None = None,
    mean_free_path_nm: float = 320.0,
    rescore: "Rescore | None" = None,
) -> Iterator[Searched]:
    """Find squares or holes in one image after another; a bad image says so and does not end it.

    Parameters
    ----------
    images
        Pictures: MRC, TIFF, PNG, JPEG.
    what
        ``squares`` or ``holes``.
    pixel_size_A
        Edge of a pixel in Å, in place of the files' own.
    vacuum, mean_free_path_nm
        See :func:`cryogauge.collect.targets.holes.find_holes`.
    rescore
        Of :func:`cryogauge.collect.scorers.apply.rescoring`, in place of the finders' own score.
    """
    for path in images:
        try:
            picture, size = read_picture(path, pixel_size_A, absurd_A=ABSURD_GRID_A)
            if pixel_size_A is None and size == _PLACEHOLDER_A:
                size = math.nan
            known = size if size > 0 else None
            found: Squares | Holes
            if what == "squares":
                found = find_squares(picture, known)
            else:
                found = find_holes(picture, known, vacuum=vacuum, mean_free_path_nm=mean_free_path_nm)
            if rescore is not None:
                found = replace(found, table=rescore(found.table, picture, known))
            yield Searched(path, size, found)
        except BadInput as error:
            yield Searched(path, float("nan"), None, error)


def write_found(folder: Path, what: What, searched: list[Searched], chosen: pd.DataFrame | None) -> list[Path]:
    """Write ``squares.csv`` or ``holes.csv``, a JSON file of the images, and ``chosen.csv`` where there is a choice.

    Parameters
    ----------
    folder
        Must exist.
    what
        Names the files.
    searched
        As :func:`search` yields them.
    chosen
        As :func:`cryogauge.collect.targets.sampling.choose` returns it, or ``None``.

    Returns
    -------
    list of Path
        The files.
    """
    tables = [one.table for one in searched if len(one.table)]
    written = {f"{what}.csv": pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=["image"])}
    if chosen is not None:
        written["chosen.csv"] = chosen
    for name, table in written.items():
        with replacing(folder / name) as temporary:
            _flat(table).to_csv(temporary, index=False, float_format="%.6g")
    images = folder / f"{what}.json"
    write_json_file(images, [{k: None if v != v else v for k, v in one.summary().items()} for one in searched])
    return [*(folder / name for name in written), images]


def _flat(table: pd.DataFrame) -> pd.DataFrame:
    """Vertices and flags as text: ``x y;x y;…`` and ``flag;flag``."""
    flat = table.copy()
    if "vertices" in flat:
        flat["vertices"] = [";".join(f"{x:.2f} {y:.2f}" for x, y in corners) for corners in flat["vertices"]]
    if "flags" in flat:
        flat["flags"] = [";".join(flags) for flags in flat["flags"]]
    return flat
