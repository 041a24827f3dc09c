"""One door to every kind of file with picks."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pandas as pd

from cryogauge.io.picks.check import check_inside, check_numbers, tell_duplicates, tell_left_out
from cryogauge.io.picks.chimerax import CHIMERAX
from cryogauge.io.picks.columns import CHALLENGE, NAPARI, OURS
from cryogauge.io.picks.deepfinder import DEEPFINDER
from cryogauge.io.picks.dynamo import DYNAMO
from cryogauge.io.picks.em import EM
from cryogauge.io.picks.eman2 import EMAN2
from cryogauge.io.picks.eman2_list import EMAN2_LIST
from cryogauge.io.picks.frame import ANGLES, Frame, PickFormat, log, read_bytes
from cryogauge.io.picks.imod import IMOD
from cryogauge.io.picks.relion import RELION3, RELION4, RELION5
from cryogauge.io.picks.tomograms import numbering_file, read_tomograms
from cryogauge.io.picks.warp import WARP, M
from cryogauge.records import PICK_COLUMNS, BadInput, check_picks

_FORMATS = (
    OURS, CHALLENGE, NAPARI, RELION5, RELION4, WARP, RELION3, M, IMOD, EM, DEEPFINDER, CHIMERAX, EMAN2, EMAN2_LIST,
    DYNAMO,
)  # fmt: skip
_BY_KIND = {each.kind: each for each in _FORMATS}
_NUMBERED = (DYNAMO.kind, EM.kind, DEEPFINDER.kind)
#: Kinds of files that can be read.
READABLE = tuple(_BY_KIND)
#: Kinds of files that can be written.
WRITABLE = tuple(each.kind for each in _FORMATS if each.write is not None)
_HEAD = 2**16


def pick_kind(path: str | Path) -> str:
    """Which kind of picks a file holds, by its content; its name plays no part.

    Raises
    ------
    BadInput
        When it cannot be read or is of no kind known.
    """
    path = Path(path)
    if path.is_dir():
        raise BadInput(f"{path} is a folder", "name a file of picks; a copick project is read as a project")
    head = read_bytes(path)
    found = next((each.kind for each in _FORMATS if each.recognises(head[:_HEAD])), None)
    if found is None and EMAN2.recognises(head):  # its boxes may stand behind much else
        found = EMAN2.kind
    if found is None and b"_rlnCoordinateX" in head and b"_rlnCoordinateZ" not in head:
        raise BadInput(f"{path} holds positions in images, without rlnCoordinateZ", "name one of picks in tomograms")
    if found is None:
        raise BadInput(
            f"{path} is {'empty' if not head else 'no file of picks that is known'}",
            "known are " + ", ".join(READABLE) + "; a pick table of ours has " + ", ".join(PICK_COLUMNS),
        )
    return found


def read_picks_as(
    path: str | Path,
    *,
    kind: str | None = None,
    voxel_size_A: float | None = None,
    shape: tuple[int, int, int] | None = None,
    tomogram: str | None = None,
    tomograms: str | Path | None = None,
    objects: Mapping[int, str] | None = None,
) -> pd.DataFrame:
    """Read picks of any kind as a table in Å, the centre of voxel i being at i × voxel size.

    Logged in a line each: picks outside the tomogram, picks given twice, columns left out, a voxel size that differs
    from the one the file states.

    Parameters
    ----------
    path
        The file.
    kind
        One of ``READABLE``; found from the content without it.
    voxel_size_A
        Voxel that positions are counted in, where the file does not say it; of RELION 4 the pixel of the tilt series.
    shape
        Size of the tomograms in voxels (z, y, x): for files that count from the centre, and for checking.
    tomogram
        Name of the tomogram, where the file holds those of one and does not name it; by default the file's.
    tomograms
        A list of tomograms, see :func:`cryogauge.io.picks.tomograms.read_tomograms`; of files that number tomograms
        by default one beside it, of the same name with ``.doc`` appended.
    objects
        Names of particles by class number, and at 0 for picks without one, or of files that name none.

    Returns
    -------
    pandas.DataFrame
        ``PICK_COLUMNS``, and ``rot, tilt, psi`` where the file has orientations. Unknown scores are NaN. Where the
        positions were in voxels, ``attrs["voxel_size_A"]`` is the voxel they were taken for.

    Raises
    ------
    BadInput
        When it cannot be read, something needed is missing (the hint names the option), a position is no number, or
        most picks lie outside the tomogram or as voxels that are taken for Å, or Å for voxels.
    """
    path = Path(path)
    chosen = _format(kind or pick_kind(path), READABLE)
    if tomograms is None and chosen.kind in _NUMBERED and numbering_file(path).is_file():
        tomograms = numbering_file(path)
    frame = _frame(voxel_size_A, shape, tomogram, tomograms, objects)
    table = chosen.read(path, frame)
    voxel = table.attrs.get("voxel_size_A")
    if frame.voxel_size_A is None and voxel is not None:
        frame = replace(frame, voxel_size_A=voxel)
    if table.empty:
        log.warning("%s holds no picks", path)
    check_numbers(table, path)
    check_inside(table, path, frame)
    tell_duplicates(table, path)
    return table


def write_picks_as(
    path: str | Path,
    table: pd.DataFrame,
    kind: str,
    *,
    voxel_size_A: float | None = None,
    shape: tuple[int, int, int] | None = None,
    tomograms: str | Path | None = None,
    objects: Mapping[int, str] | None = None,
) -> list[Path]:
    """Write a pick table as another program's file.

    A kind that holds one tomogram or one kind of particle gets a file each, with their names appended to the file's; a
    kind that numbers tomograms gets their names beside it, in a file with ``.doc`` appended to its name. What a kind
    has no place for is left out, and a line is logged.

    Parameters
    ----------
    path
        The file.
    table
        Picks in Å with ``PICK_COLUMNS``, and optionally ``rot, tilt, psi``.
    kind
        One of ``WRITABLE``.
    voxel_size_A, shape, tomograms, objects
        As :func:`read_picks_as` takes them.

    Returns
    -------
    list of pathlib.Path
        The files written.

    Raises
    ------
    BadInput
        When the table lacks a column, a position is no number, something needed is missing, most picks lie outside
        the tomogram, there is nothing to write, or the folder cannot be written.
    """
    path = Path(path)
    chosen = _format(kind, WRITABLE)
    frame = _frame(voxel_size_A, shape, None, tomograms, objects)
    check_picks(table)
    check_numbers(table, path)
    check_inside(table, path, frame)
    if table.empty and chosen not in (OURS, CHALLENGE):
        raise BadInput(f"there are no picks to write to {path}", "look at where they come from")
    tell_left_out(_unheld(table, chosen), path)
    written: list[Path] = []
    for part, rows in _parts(path, table, chosen):
        assert chosen.write is not None
        written += chosen.write(part, rows.reset_index(drop=True), frame)
    return written


def _format(kind: str, kinds: tuple[str, ...]) -> PickFormat:
    if kind not in kinds:
        raise BadInput(f"{kind} is no kind of picks that can be used here", f"choose one of {', '.join(kinds)}")
    return _BY_KIND[kind]


def _frame(
    voxel_size_A: float | None,
    shape: tuple[int, int, int] | None,
    tomogram: str | None,
    tomograms: str | Path | None,
    objects: Mapping[int, str] | None,
) -> Frame:
    if voxel_size_A is not None and not 0 < voxel_size_A < 1e4:
        raise BadInput(f"a voxel cannot be {voxel_size_A:g} Å", "give its edge in Å with --voxel-size")
    if shape is not None and min(shape) < 1:
        raise BadInput(f"a tomogram cannot be {shape} voxels", "give --size as Z,Y,X")
    listed = () if tomograms is None else read_tomograms(tomograms)
    return Frame(voxel_size_A, shape, tomogram, dict(objects or {}), listed)


def _unheld(table: pd.DataFrame, chosen: PickFormat) -> list[str]:
    """Columns with something in them that a kind of file has no place for."""
    if chosen is OURS:
        return []
    held = {*PICK_COLUMNS[:5], *(ANGLES if chosen.angles else ())}
    if chosen.scores or table["score"].isna().all():
        held.add("score")
    return [str(name) for name in table.columns if name not in held]


def _parts(path: Path, table: pd.DataFrame, chosen: PickFormat) -> list[tuple[Path, pd.DataFrame]]:
    """The rows of each file to be written."""
    by = [
        name
        for name, needed in (("tomogram", chosen.one_tomogram), ("object", chosen.one_object))
        if needed and table[name].nunique() > 1
    ]
    if not by:
        return [(path, table)]
    parts: list[tuple[Path, pd.DataFrame]] = []
    taken: set[str] = set()
    for names, rows in table.groupby(by, sort=True):
        stem = "_".join([path.stem, *(_plain(str(name)) for name in names)])
        name, count = stem, 1
        while name in taken:
            name, count = f"{stem}-{count + 1}", count + 1
        taken.add(name)
        parts.append((path.with_name(name + path.suffix), rows))
    return parts


def _plain(name: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "._-" else "_" for letter in name)
