"""A thing in a watched folder, and by what one sees that it changes."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Kind = Literal["tomogram", "tilt_series"]


@dataclass(frozen=True)
class Mark:
    """Size and age of a thing on disk: two equal ones mean that nothing was written between.

    Attributes
    ----------
    files
        Number of files.
    size_bytes
        Sum of their sizes.
    newest_ns
        Latest time of modification, ns since 1970.
    """

    files: int
    size_bytes: int
    newest_ns: int


@dataclass(frozen=True)
class Found:
    """Something to be judged.

    Attributes
    ----------
    name
        Its path within the watched folder, with ``/``: no other can have it, whatever lands later.
    uri
        What ``open_volume`` or ``read_tilt_series`` takes.
    kind
        Which of the two.
    mark
        As it was when it was seen.
    paths
        Files and folders it consists of.
    lacks
        What is not there of it yet, in words; empty when it is all there.
    """

    name: str
    uri: str
    kind: Kind
    mark: Mark
    paths: tuple[str, ...]
    lacks: str = ""


def mark_of(paths: Iterable[str]) -> Mark | None:
    """The mark of files and folders together; None when one of them is not there."""
    files = size = newest = 0
    try:
        for path in paths:
            status = os.stat(path)
            inside = folder_mark(path) if os.path.isdir(path) else Mark(1, status.st_size, status.st_mtime_ns)
            files, size = files + inside.files, size + inside.size_bytes
            newest = max(newest, inside.newest_ns)
    except OSError:
        return None
    return Mark(files, size, newest)


def folder_mark(folder: str, *, deep: bool = True) -> Mark:
    """The mark of all files in a folder, or of those at its top alone; raises ``OSError`` when one vanishes."""
    files = size = 0
    newest = os.stat(folder).st_mtime_ns
    for here, below, names in os.walk(folder):
        for name in names:
            status = os.stat(os.path.join(here, name))
            files, size = files + 1, size + status.st_size
            newest = max(newest, status.st_mtime_ns)
        if not deep:
            below.clear()
    return Mark(files, size, newest)
