"""Whether files that strangers send are what their names say, and name nothing that they did not send."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cryogauge.io.classes.cs_file import read_cs, texts
from cryogauge.io.classes.relion import REFERENCE
from cryogauge.io.classes.star import read_star_text
from cryogauge.io.mrc import map_mrc
from cryogauge.io.tilts.images import base_name
from cryogauge.records import BadInput

#: Endings of files that are taken. No HDF5: its files can have parts of this machine's others shown as theirs.
SUFFIXES = (".mrcs", ".mrc", ".star", ".cs")
STACKS = (".mrcs", ".mrc")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,119}")
#: cryoSPARC's packed tables may not unpack to more than this.
_MOST_UNPACKED_BYTES = 2**31
_LONGEST_HEADER = 2**20
_TAKEN = f"files that are taken end in {', '.join(SUFFIXES)}"


def check_file_name(name: str) -> str:
    """A name that a file may be kept under, as it was given.

    Raises
    ------
    BadInput
        When it is not a plain name of letters, digits, dots, dashes and underscores with a known ending.
    """
    if not _NAME.fullmatch(name) or Path(name).suffix not in SUFFIXES:
        raise BadInput(f"a file cannot be called {name[:120]!r} here", _TAKEN)
    return name


def check_content(path: Path) -> None:
    """Raise ``BadInput`` when a file is not what its ending says, or would unpickle; only its head is read."""
    if path.suffix in STACKS:
        map_mrc(path)
    elif path.suffix == ".star":
        with path.open("rb") as file:
            head = file.read(2**16)
        if b"\0" in head or b"data_" not in head:
            raise BadInput(f"{path.name} is no STAR file", "send it as RELION wrote it")
    else:
        with path.open("rb") as file:
            packed = file.read(6) == b"\x95CSDAT"
        if packed:
            _check_packed(path)
        else:
            read_cs(path)


def check_references(folder: Path) -> None:
    """Raise ``BadInput`` when a table names averages that are not in its folder: they would be sought elsewhere."""
    for path in sorted(folder.iterdir()):
        if path.suffix == ".star":
            listed = read_star_text(path).with_column(REFERENCE)
            named = [] if listed is None else [name.rpartition("@")[2] for name in listed.texts(REFERENCE)]
        elif path.suffix == ".cs":
            table = read_cs(path)
            names = table.dtype.names or ()
            # Tables of particles name their own images, which nobody reads.
            averages = "blob/path" in names and "alignments2D/class" not in names
            named = [name.removeprefix(">") for name in texts(table, "blob/path")] if averages else []
        else:
            continue
        for name in dict.fromkeys(named):
            if not (folder / base_name(name)).is_file():
                raise BadInput(f"{path.name} names {name}, which was not sent", "send the averages too")


def averages_in(folder: Path) -> Path:
    """What to open of a folder of files that were sent: the folder itself, or the one stack in it.

    Raises
    ------
    BadInput
        When there are no averages, or several stacks and no table that says which.
    """
    names = [path.name for path in folder.iterdir()]
    stacks = sorted(name for name in names if name.endswith(STACKS))
    if not stacks:
        raise BadInput("no averages were sent", "add the .mrcs or .mrc file")
    if any(name.endswith((".star", ".cs")) for name in names):
        return folder
    if len(stacks) > 1:
        raise BadInput(f"which of {', '.join(stacks)} holds the averages?", "send one stack a job")
    return folder / stacks[0]


def _check_packed(path: Path) -> None:
    """Refuse a packed table that says it is larger than it can be, before anything is unpacked."""
    with path.open("rb") as file:
        file.seek(6)
        length = int.from_bytes(file.read(4), "little")
        text = file.read(length) if length <= _LONGEST_HEADER else b""
    try:
        header = json.loads(text)
        row = sum(_bytes_of(kind, shape) for _, kind, *shape in header["dtype"])
        unpacked = int(header["length"]) * row
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise BadInput(f"{path.name} is a damaged .cs file", "copy or export it again") from error
    # LZ4 packs at most 255 to one.
    if not 0 <= unpacked <= min(_MOST_UNPACKED_BYTES, 256 * path.stat().st_size):
        raise BadInput(f"{path.name} says that it holds {unpacked} bytes, which it cannot", "export it again")


def _bytes_of(kind: str, shape: Sequence[Sequence[int]]) -> int:
    each = 8 if np.dtype(kind).kind == "O" else np.dtype(kind).itemsize
    return each * int(np.prod(shape[0] if shape else ()))
