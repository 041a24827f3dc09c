"""SerialEM's ``.mdoc`` of maps and exposures as a session: an image a section."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from cryogauge.io.session.foreign import inside, read_small
from cryogauge.io.session.nav import NavItem, numbers
from cryogauge.io.tilts.images import base_name
from cryogauge.io.tilts.mdoc import Mdoc, MdocSection, moment, parse_mdoc
from cryogauge.records import BadInput
from cryogauge.records.session import About, CollectionSession, Picture, session_table

_LARGEST = 256 * 2**20
_A_PER_UM = 1e4
_OWN = {"StagePosition", "StageZ", "TiltAngle", "PixelSpacing", "Magnification", "TargetDefocus", "Defocus",
        "ExposureDose", "DateTime", "SubFramePath"}  # fmt: skip


def import_mdoc(path: Path, grid: str | None = None) -> CollectionSession:
    """The sections of an ``.mdoc`` as images.

    Stage, tilt, pixel size, magnification, dose and time are columns; defocus is less ``TargetDefocus`` or ``Defocus``,
    the first there is; the rest stays in ``extra``. Pixels are those of the file that the header names (``ImageFile``),
    where it lies beside the ``.mdoc``.

    Parameters
    ----------
    path
        The file.
    grid
        Name of the grid; the file's without its endings by default.

    Raises
    ------
    BadInput
        When it cannot be read or none of its sections can be used. A section that cannot is left out and noted.
    """
    read_small(path, _LARGEST, "an .mdoc")
    mdoc = parse_mdoc(path)
    stem = path.name.removesuffix(".mdoc").rpartition(".")[0] or path.name.removesuffix(".mdoc")
    grid = grid or stem
    height_width = (mdoc.image_size or (np.nan, np.nan))[::-1]
    stack, notes = _stack(mdoc, path)
    rows: dict[str, dict[str, Any]] = {}
    pictures = {}
    for section in (each for each in mdoc.sections if each.kind != "MontSection"):  # that sums up the pieces
        name = f"{stem}/{section.number}"
        try:
            row = _row(mdoc, section)
            if name in rows:
                raise BadInput(f"section {section.number} stands twice")
        except BadInput as error:
            notes.append(f"{path.name}: left out: {error.message}")
            continue
        rows[name] = {"image": name, "grid": grid, "height_px": height_width[0], "width_px": height_width[1], **row}
        if stack is not None:
            pictures[name] = Picture(stack, section.number)
    if not rows:
        raise BadInput(f"{path} has no section that can be used: {notes[-1]}", "copy it again")
    if shifted := sum(_is_shifted(each) for each in mdoc.sections if each.kind != "MontSection"):
        notes.append(
            f"{path.name}: {shifted} pictures were taken with image shift, in units that the file does not relate to "
            "the stage: their positions are the stage's, and their centres lie beside these"
        )
    voltage = _number(mdoc.entries, "Voltage", path.name)
    return CollectionSession(
        About(title=stem, voltage_kV=voltage if voltage > 0 else np.nan, sources=(path.name,), notes=tuple(notes)),
        session_table("grids", [{"grid": grid}]),
        session_table("images", list(rows.values())),
        session_table("places", []),
        session_table("labels", []),
        session_table("measurements", []),
        pictures,
    )


def _stack(mdoc: Mdoc, path: Path) -> tuple[Path | None, list[str]]:
    file = base_name(mdoc.entries.get("ImageFile", ""))
    if not file:
        return None, []
    found = inside(path.parent, file)
    if found is not None and found.is_file():
        return found, []
    return None, [f"{path.name}: {file} is not beside it: pixels are left out"]


def _row(mdoc: Mdoc, section: MdocSection) -> dict[str, Any]:
    entries = mdoc.entries | section.entries
    where = f"section {section.number}"
    item = NavItem(where, entries)
    x, y = numbers(item, "StagePosition", 2) if "StagePosition" in entries else (np.nan, np.nan)
    defocus_um = _number(entries, "TargetDefocus" if "TargetDefocus" in entries else "Defocus", where)
    dose = _number(entries, "ExposureDose", where)
    pixel = _number(entries, "PixelSpacing", where)
    magnification = _number(entries, "Magnification", where)
    return {
        "pixel_size_A": pixel if pixel > 0 else np.nan,
        "magnification": magnification if magnification > 0 else np.nan,
        "stage_x_um": x,
        "stage_y_um": y,
        "stage_z_um": _number(entries, "StageZ", where),
        "tilt_deg": _number(entries, "TiltAngle", where),
        "defocus_A": -defocus_um * _A_PER_UM,
        "dose_e_A2": dose if dose > 0 else np.nan,  # SerialEM writes 0 for a camera that is not calibrated
        "recorded_at": taken.isoformat() if (taken := moment(entries.get("DateTime", ""))) else "",
        "source": base_name(entries.get("SubFramePath", "")) or base_name(entries.get("ImageFile", "")),
        "extra": json.dumps({k: v for k, v in section.entries.items() if k not in _OWN}, ensure_ascii=False),
    }


def _is_shifted(section: MdocSection) -> bool:
    try:
        return any(float(value) != 0 for value in section.entries.get("ImageShift", "").split())
    except ValueError:
        return False


def _number(entries: dict[str, str], key: str, where: str) -> float:
    """A finite number of an entry, NaN where it is not there."""
    if not entries.get(key, "").strip():
        return float("nan")
    return numbers(NavItem(where, {key: entries[key].split()[0]}), key, 1)[0]
