"""Files of microscope programs as one session, whichever program wrote them."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from cryogauge.io.session.epu_atlas import atlas_folders, import_epu_atlas
from cryogauge.io.session.epu_session import import_epu, is_epu, latest_squares
from cryogauge.io.session.leginon_export import is_leginon_export
from cryogauge.io.session.leginon_session import import_leginon, is_leginon
from cryogauge.io.session.leginon_tables import import_leginon_tables, is_leginon_table
from cryogauge.io.session.mdoc_session import import_mdoc
from cryogauge.io.session.nav import is_nav
from cryogauge.io.session.nav_session import import_nav
from cryogauge.io.session.places import with_computed_places
from cryogauge.io.session.sift import without_faulty_rows
from cryogauge.io.session.smartscope import import_smartscope, is_smartscope
from cryogauge.io.session.smartscope_grid import import_smartscope_grid, is_smartscope_grid
from cryogauge.records import BadInput
from cryogauge.records.session import TABLES, About, CollectionSession

_HEAD_BYTES = 4096
_KNOWN = (
    "SerialEM's .nav and .mdoc, folders of EPU's sessions and atlases and of Leginon's sessions, what SmartScope "
    "exports of a grid or to train on, CryoRL's tables"
)


def import_session(paths: Sequence[Path], grid: str | None = None) -> CollectionSession:
    """A session from files of microscope programs.

    Parameters
    ----------
    paths
        Each a file or a folder of a known kind, told by its content: SerialEM's ``.nav`` and ``.mdoc``, the folder of
        an EPU session or of a sample with its atlas, SmartScope's ``metadata.yaml`` or its export of a grid, the folder
        of a Leginon session and what its database knows of its images, or tables by Leginon's names as CryoRL has them.
    grid
        Name of the grid that all of them show; by default what each says. Tables by Leginon's names say it themselves.

    Returns
    -------
    CollectionSession
        Without the rows that ``collect check`` would find fault with, which are noted, and
        together with a computed place for each image that lies in a coarser one, where stage positions and
        orientations tell.

    Raises
    ------
    BadInput
        When a path is of no known kind or cannot be used, or two of them have an image of the same name.
    """
    tables: list[Path] = []
    parts: list[CollectionSession] = []
    exports = [path for path in dict.fromkeys(paths) if path.is_file() and is_leginon_export(_head(path))]
    epu = {path: import_epu(path, grid) for path in dict.fromkeys(paths) if is_epu(path)}
    squares = {
        number: image for path, session in epu.items() for number, image in latest_squares(path, session).items()
    }
    of_session = next(iter(epu)).name if len(epu) == 1 else None  # an atlas beside a session is of its grid
    for path in dict.fromkeys(paths):
        if path in exports:
            continue
        if path in epu:
            parts.append(epu[path])
        elif atlases := atlas_folders(path):
            parts += [import_epu_atlas(folder, grid or of_session, squares) for folder in atlases]
        elif is_smartscope(path):
            parts.append(import_smartscope(path, grid))
        elif is_leginon(path):
            parts.append(import_leginon(path, grid, exports))
        elif path.is_dir():
            raise BadInput(f"{path} is no folder of a session that is known", f"known are {_KNOWN}")
        else:
            head = _head(path)
            if is_nav(head):
                parts.append(import_nav(path, grid))
            elif is_smartscope_grid(path, head):
                parts.append(import_smartscope_grid(path, grid))
            elif is_leginon_table(head):
                tables.append(path)
            elif path.suffix.lower() == ".mdoc":
                parts.append(import_mdoc(path, grid))
            else:
                raise BadInput(f"{path} is of no kind that is known", f"known are {_KNOWN}")
    if tables:
        parts.append(import_leginon_tables(tables))
    sound = without_faulty_rows(merge_sessions(parts))
    if sound.images.empty and sound.places.empty:
        raise BadInput(f"nothing can be used of {paths[0]}: {sound.about.notes[-1]}", "save or export it again")
    return without_faulty_rows(with_computed_places(sound))


def merge_sessions(sessions: Iterable[CollectionSession]) -> CollectionSession:
    """Sessions as one; grids of the same name are the same.

    Raises
    ------
    BadInput
        When two have an image or a place of the same name, or there is none.
    """
    parts = list(sessions)
    if not parts:
        raise BadInput("there is nothing to import", f"known are {_KNOWN}")
    if len(parts) == 1:
        return parts[0]
    joined = {name: pd.concat([each.table(name) for each in parts], ignore_index=True) for name in TABLES}
    joined["grids"] = joined["grids"].drop_duplicates("grid", ignore_index=True)
    for name, key in (("images", "image"), ("places", "place")):
        twice = joined[name][key].duplicated()
        if twice.any():
            raise BadInput(
                f"two sources have {key} {joined[name][key][twice].iloc[0]}", "rename a file, or import them apart"
            )
    abouts = [each.about for each in parts]
    about = About(
        title=abouts[0].title,
        voltage_kV=next((each.voltage_kV for each in abouts if each.voltage_kV == each.voltage_kV), float("nan")),
        sources=tuple(source for each in abouts for source in each.sources),
        notes=tuple(note for each in abouts for note in each.notes),
    )
    pictures = {name: picture for each in parts for name, picture in each.pictures.items()}
    return CollectionSession(
        about, joined["grids"], joined["images"], joined["places"], joined["labels"], joined["measurements"], pictures
    )


def with_grid(session: CollectionSession, **known: float | str | None) -> CollectionSession:
    """The session with what is known of all its grids, by the columns of ``GRIDS``; what is ``None`` stays."""
    grids = session.grids.copy()
    for name, value in known.items():
        if value is not None:
            grids[name] = value
    return replace(session, grids=grids)


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_HEAD_BYTES)
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {(error.strerror or 'refused').lower()}", "check the path") from error
