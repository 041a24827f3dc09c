"""What people name as input: folders, lists of paths, and the order in which they count."""

import logging
import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from cryogauge.records import BadInput

Found = TypeVar("Found")
_log = logging.getLogger("cryogauge.io")


def natural(text: str) -> list[tuple[int, str]]:
    """A key to sort by that takes runs of digits for numbers: ``TS_2`` before ``TS_10``."""
    return [(int(part), "") if part.isdecimal() else (0, part) for part in re.split(r"(\d+)", text)]


def walk_visible(folder: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    """Each folder below and with ``folder``, the names of folders and files in it, sorted; without what is hidden.

    Folders that are taken out of their list are not gone into; one that may not be read is left out.

    Raises
    ------
    BadInput
        When ``folder`` itself may not be read.
    """

    def unreadable(error: OSError) -> None:
        if Path(error.filename) == folder:
            raise BadInput(f"the folder {folder} may not be read", "ask its owner for permission") from error
        _log.warning("the folder %s may not be read and is left out", error.filename)

    for parent, folders, files in os.walk(folder, onerror=unreadable):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield Path(parent), folders, sorted(name for name in files if not name.startswith("."))


def without_comment(line: str) -> str:
    """What a line of a list names; empty for a comment."""
    return line.partition("#")[0].strip()


def in_list(
    path: Path, expand: Callable[[str], Iterable[Found]], item_of: Callable[[str], str] = without_comment
) -> Iterator[Found]:
    """What the lines of a text file stand for, one after another.

    Parameters
    ----------
    path
        The list.
    expand
        From what a line names to what is meant.
    item_of
        What a line names; empty for nothing.

    Raises
    ------
    BadInput
        When the file is no list, is empty, or names another list; with the line's number where a line is wrong.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is not a text file", "a list has one path a line") from error
    items = [item_of(line) for line in lines]
    if not any(items):
        raise BadInput(f"the list {path} is empty", "a list has one path a line")
    for number, item in enumerate(items, 1):
        if not item:
            continue
        if Path(item).suffix.lower() == ".txt":
            raise BadInput(f"{path}, line {number}: a list may not name another list ({item})")
        try:
            yield from expand(item)
        except BadInput as error:
            raise BadInput(f"{path}, line {number}: {error.message}", error.hint) from error
