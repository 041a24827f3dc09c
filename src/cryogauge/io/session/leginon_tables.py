"""Tables of images by Leginon's names, as CryoRL publishes them (https://github.com/IBM/CryoRL-pytorch).

Three kinds, told apart by their columns: ``name,x,y,ctf,confidence``, ``name,time``, and ``name prediction`` parted by
blanks. What names say: :mod:`cryogauge.io.session.leginon_names`.
"""

import math
import re
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from cryogauge.io.session.foreign import read_small
from cryogauge.io.session.leginon_names import image_rows, place_rows, read_leginon_name
from cryogauge.records import BadInput
from cryogauge.records.session import About, CollectionSession, session_table

_LARGEST = 256 * 2**20
#: Where the fit of the contrast transfer says nothing any more.
_WORST_CTF_A = 20.0
_MOST_SAID = 5


def is_leginon_table(head: bytes) -> bool:
    """Whether a file is such a table, as its first line says."""
    line = head.decode("latin-1").partition("\n")[0].strip()
    return read_leginon_name(re.split(r"[,\s]", line, maxsplit=1)[0]) is not None


def import_leginon_tables(paths: Iterable[Path]) -> CollectionSession:
    """Images by Leginon's names, with what tables say of them.

    Images, and those above them by name, without pixels; each a place in the image it was targeted from. Of a table of
    five columns x and y become ``target_offset_x_px`` and ``target_offset_y_px``, of an atlas' tile
    ``atlas_offset_…``; the third ``ctf_resolution_A``, where −1 means that it is no exposure, and what is above 20 Å
    becomes 20; the fourth ``ctf_confidence``. Of two columns with a time: ``recorded_at``. Of two with a number:
    ``predicted_ctf_resolution_A``. The same row of several files counts once.
    What fitted the contrast transfer is not told.

    Raises
    ------
    BadInput
        When a file cannot be read, or has no row that can be used. A row that cannot is left out; such rows are counted
        and the first noted.
    """
    images: dict[str, dict[str, Any]] = {}
    measured: dict[tuple[str, str, str], dict[str, Any]] = {}
    notes: list[str] = []
    sources = []
    for path in paths:
        sources.append(path.name)
        wrong = []
        lines = read_small(path, _LARGEST, "a table").decode("latin-1").splitlines()
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                _take(line, path, images, measured)
            except ValueError as error:
                wrong.append(f"{path.name}, line {number}: left out: {error}")
        if len(wrong) == len([line for line in lines if line.strip()]):
            raise BadInput(wrong[0] if wrong else f"{path} is empty", "give a table of CryoRL's")
        notes += wrong[:_MOST_SAID]
        if len(wrong) > _MOST_SAID:
            notes.append(f"{path.name}: {len(wrong) - _MOST_SAID} more lines are left out")
    grids = list(dict.fromkeys(row["grid"] for row in images.values()))
    return CollectionSession(
        About(title=Path(sources[0]).stem, sources=tuple(sources), notes=tuple(notes)),
        session_table("grids", [{"grid": grid} for grid in grids]),
        session_table("images", list(images.values())),
        session_table("places", [place for row in images.values() for place in place_rows(row)]),
        session_table("labels", []),
        session_table("measurements", list(measured.values())),
    )


def _take(line: str, path: Path, images: dict[str, Any], measured: dict[tuple[str, str, str], dict[str, Any]]) -> None:
    words = [word.strip() for word in (line.split(",") if "," in line else line.split(maxsplit=1))]
    if len(words) not in (2, 5):
        raise ValueError(f"has {len(words)} columns, not 2 or 5")
    row = image_rows(words[0], images)
    if len(words) == 5:
        x, y, ctf, confidence = (_finite(word) for word in words[1:])
        frame = "target" if row["level"] != "atlas" else "atlas"
        found = {f"{frame}_offset_x_px": x, f"{frame}_offset_y_px": y}
        if ctf != -1:
            if ctf <= 0:
                raise ValueError(f"a resolution of {ctf:g} Å")
            found |= {"ctf_resolution_A": min(ctf, _WORST_CTF_A), "ctf_confidence": confidence}
    elif ":" in words[1]:
        row["recorded_at"] = datetime.fromisoformat(words[1]).isoformat()
        found = {}
    else:
        found = {"predicted_ctf_resolution_A": _finite(words[1])}
    for quantity, value in found.items():
        predicted = quantity.startswith("predicted")
        by = path.stem if predicted else "Leginon" if "offset" in quantity else ""
        measured[words[0], quantity, by] = {"subject_kind": "image", "subject": words[0], "quantity": quantity,
                                            "value": value, "by": by, "by_kind": "program"}  # fmt: skip


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text!r:.40} is no finite number")
    return value
