"""Images that lie in files of their own, as one stack that reads what is asked for."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cryogauge.io.lazy import LazyArray
from cryogauge.io.mrc import map_mrc
from cryogauge.io.tilts.movies import open_movie
from cryogauge.records import BadInput

#: Folders beside a metadata file, and beside its folder, in which frames are looked for.
_FOLDERS = ("", "frames", "Frames", "movies", "raw", "..", "../frames", "../Frames", "../movies", "../raw")


def base_name(path: str) -> str:
    """The last part of a path of either Windows or Unix."""
    return path.replace("\\", "/").rsplit("/", 1)[-1]


def find_beside(name: str, folder: Path) -> Path | None:
    """A file that metadata name by a path of another machine, near those metadata; ``None`` where there is none."""
    own = Path(name)
    if own.is_absolute() and own.is_file():
        return own
    for place in _FOLDERS:
        path = folder / place / base_name(name)
        if path.is_file():
            return path
    return None


def find_below_ancestor(name: str, folder: Path) -> Path | None:
    """A file named relative to a project's folder: ``folder`` or one above it; ``None`` where there is none."""
    if Path(name).is_absolute():
        return Path(name) if Path(name).is_file() else None
    folder = folder.absolute()
    return next((above / name for above in (folder, *folder.parents) if (above / name).is_file()), None)


def each_found(names: Sequence[str], find: Callable[[str], Path | None], source: Path, what: str) -> list[Path]:
    """Paths of all files named; raises ``BadInput`` that counts the missing and names the first."""
    paths = [find(name) for name in names]
    missing = [name for name, path in zip(names, paths, strict=True) if path is None]
    if missing:
        raise BadInput(
            f"{source} names {len(names)} {what}, {len(missing)} of which are not to be found, first {missing[0]}",
            "put them where it says, or beside it",
        )
    return [path for path in paths if path is not None]


def stack_files(paths: Sequence[Path], sections: Sequence[int | None] | None = None) -> tuple[LazyArray, float | None]:
    """One image a file, or a movie's unaligned sum where a file holds several, read when they are indexed.

    Parameters
    ----------
    paths
        MRC, TIFF or EER files of one size, in the images' order.
    sections
        For each, the section to take, counted from 0, or ``None`` for all it holds.

    Returns
    -------
    images
        Shape ``(tilt, y, x)``: sums are float32, single images of the type in the first file.
    pixel_size_A
        As the header of the first file states it; ``None`` where that is no MRC file or does not.

    Raises
    ------
    BadInput
        When a file is damaged; on reading an image, when its size differs from the first's.
    """
    chosen = sections or [None] * len(paths)
    first = open_movie(paths[0])
    single = len(first) == 1 or chosen[0] is not None
    dtype = np.dtype(first.dtype) if single else np.dtype(np.float32)
    height, width = (int(n) for n in first.shape[1:])

    def read(z: slice, y: slice, x: slice) -> np.ndarray:
        out = np.empty((z.stop - z.start, y.stop - y.start, x.stop - x.start), dtype)
        for row, i in zip(out, range(z.start, z.stop), strict=True):
            movie = open_movie(paths[i])
            if tuple(movie.shape[1:]) != (height, width):
                raise BadInput(
                    f"{paths[i]} is of {movie.shape[2]} × {movie.shape[1]} pixels, {paths[0]} of {width} × {height}",
                    "all images of a series have one size",
                )
            section = chosen[i]
            row[:] = movie[section, y, x] if section is not None else _sum(movie, y, x, dtype)
        return out

    return LazyArray((len(paths), height, width), dtype, read), _stated_A(paths[0])


def _sum(movie: Any, y: slice, x: slice, dtype: np.dtype) -> np.ndarray:
    if len(movie) == 1:
        return movie[0, y, x]
    total = np.zeros((y.stop - y.start, x.stop - x.start), dtype)
    for i in range(len(movie)):
        total += movie[i, y, x]
    return total


def _stated_A(path: Path) -> float | None:
    if path.suffix.lower() not in (".mrc", ".mrcs", ".st"):
        return None
    size = map_mrc(path)[0].voxel_A[0]
    return size if size > 0 else None
