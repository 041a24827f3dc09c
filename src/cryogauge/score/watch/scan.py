"""What lies in a watched folder."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

from cryogauge.io.formats import known_suffixes
from cryogauge.io.zarr import is_zarr
from cryogauge.score.watch.found import Found, Mark, folder_mark, mark_of
from cryogauge.score.watch.series import SeriesFinder

_QUIET_S = 600.0


class Scanner:
    """Looks at a folder again and again.

    Parameters
    ----------
    folder
        Searched through and through, but for hidden names and what may not be read.
    leave_out
        A folder within it that is not looked at.
    tilt_series
        Look for tilt series too. Their images, and TIFF files, are then no tomograms.
    """

    def __init__(self, folder: Path, leave_out: Path, *, tilt_series: bool = True) -> None:
        self._folder = folder
        self._leave_out = leave_out
        self._series = SeriesFinder() if tilt_series else None
        self._zarr: dict[str, tuple[Mark, Mark]] = {}  # of the folder's top alone, and of all in it

    def look(self) -> list[Found]:
        """What there is, by the endings of the names; what vanishes meanwhile is not there.

        Raises
        ------
        OSError
            When the folder itself cannot be read.
        """
        suffixes = known_suffixes()
        files = dict(self._walk())
        series, images = self._series.find(files) if self._series else ([], set())
        found = [
            Found(self._name(path), path, "tomogram", mark, (path,))
            for path, mark in files.items()
            if path not in images and (path.lower().endswith(suffixes) or path in self._zarr)
        ]
        for each in series:
            mark = mark_of(each.paths)
            if mark is not None:
                found.append(Found(self._name(each.uri), each.uri, "tilt_series", mark, each.paths, each.lacks))
        return found

    def _name(self, path: str) -> str:
        name = Path(os.path.relpath(path, self._folder)).as_posix()
        return os.fsencode(name).decode("utf-8", "backslashreplace")

    def _walk(self) -> Iterator[tuple[str, Mark]]:
        """Visible files, and Zarr folders as if they were files, with their marks."""
        open_folders = [str(self._folder)]
        while open_folders:
            here = open_folders.pop()
            try:
                entries = sorted(os.scandir(here), key=lambda entry: entry.name)
            except OSError:
                if here == str(self._folder):
                    raise
                continue
            for entry in entries:
                try:
                    if entry.name.startswith(".") or Path(entry.path) == self._leave_out:
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        if is_zarr(Path(entry.path)):
                            yield entry.path, self._zarr_mark(entry.path)
                        else:
                            open_folders.append(entry.path)
                    elif entry.is_file():
                        status = entry.stat()
                        yield entry.path, Mark(1, status.st_size, status.st_mtime_ns)
                except OSError:  # it vanished since it was listed
                    continue

    def _zarr_mark(self, path: str) -> Mark:
        """The mark of a Zarr folder; one that has long been quiet is only glanced at, since it may hold many files."""
        top = folder_mark(path, deep=False)
        before, whole = self._zarr.get(path, (None, None))
        if whole is None or top != before or time.time() - whole.newest_ns / 1e9 < _QUIET_S:
            whole = folder_mark(path)
        self._zarr[path] = (top, whole)
        return whole
