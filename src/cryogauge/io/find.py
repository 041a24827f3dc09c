"""From what a person names to the tomograms meant."""

import glob
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryogauge.io import copick
from cryogauge.io.formats import PICTURE_SUFFIXES, is_local, known_suffixes
from cryogauge.io.named import in_list, natural, walk_visible, without_comment
from cryogauge.io.zarr import is_zarr
from cryogauge.records import BadInput


@dataclass(frozen=True)
class TomogramSource:
    """A tomogram to be opened.

    Attributes
    ----------
    uri
        What ``open_volume`` takes.
    name
        What to call it in tables, unique among those found with it; fit for a file name.
    """

    uri: str
    name: str


def find_tomograms(inputs: Sequence[str | Path], *, pictures: bool = False) -> list[TomogramSource]:
    """The tomograms that paths, patterns, lists, projects and addresses stand for.

    Parameters
    ----------
    inputs
        Each a file; a pattern (``*``, ``?``, ``[…]``, ``**``); a folder, searched through and through but for
        hidden names, by the endings of the known formats; a ``.txt`` file with one of these a line, relative to
        it, ``#`` starting a comment; an OME-Zarr folder or URL; a copick configuration (``CONFIG.json`` or
        ``copick:CONFIG.json``) for all its tomograms, or ``copick:CONFIG.json#RUN/SPACING/TYPE`` for one.
    pictures
        Take PNG and JPEG files from folders and patterns too.

    Returns
    -------
    list of TomogramSource
        Each tomogram once, in the natural order of the URIs (``TS_2`` before ``TS_10``).

    Raises
    ------
    BadInput
        When something named does not exist, may not be read, or stands for no tomogram.
    """
    suffixes = known_suffixes() + (PICTURE_SUFFIXES if pictures else ())
    uris = {_identity(uri): uri for each in inputs for uri in _expand(str(each), suffixes)}
    ordered = sorted(uris.values(), key=natural)
    return [TomogramSource(uri, name) for uri, name in zip(ordered, _names(ordered), strict=True)]


def _expand(item: str, suffixes: tuple[str, ...]) -> Iterator[str]:
    if item.startswith(copick.PREFIX):
        config, _, member = item.removeprefix(copick.PREFIX).partition("#")
        yield from [item] if member else copick.tomogram_uris(config)
        return
    path = Path(item)
    if not is_local(item):
        yield item.rstrip("/")
    elif path.is_dir():
        yield from [item] if is_zarr(path) else _in_folder(path, suffixes)
    elif path.suffix.lower() == ".txt" and path.is_file():
        yield from _in_list(path, suffixes)
    elif path.suffix.lower() == ".json" and path.is_file():
        yield from copick.tomogram_uris(item)
    elif path.exists():
        yield item
    elif glob.has_magic(item):
        yield from _by_pattern(item, suffixes)
    else:
        raise BadInput(f"{item} does not exist", "check the path")


def _in_folder(folder: Path, suffixes: tuple[str, ...]) -> list[str]:
    found = []
    for parent, folders, files in walk_visible(folder):
        inside = [name for name in folders if is_zarr(parent / name)]
        folders[:] = [name for name in folders if name not in inside]
        inside += [name for name in files if name.lower().endswith(suffixes)]
        found += [str(parent / name) for name in inside]
    if not found:
        raise BadInput(f"no tomogram lies in {folder}", f"known are {' '.join(suffixes)}")
    return found


def _by_pattern(pattern: str, suffixes: tuple[str, ...]) -> Iterator[str]:
    hits = [hit for hit in glob.glob(pattern, recursive=True) if is_zarr(Path(hit)) or hit.lower().endswith(suffixes)]
    inside = [hit for hit in hits if not any(is_zarr(parent) for parent in Path(hit).parents)]
    if not inside:
        raise BadInput(f"no tomogram matches {pattern}", f"known are {' '.join(suffixes)}")
    yield from inside


def _in_list(path: Path, suffixes: tuple[str, ...]) -> Iterator[str]:
    def expand(item: str) -> Iterator[str]:
        if item.startswith(copick.PREFIX):
            return _expand(copick.PREFIX + str(path.parent / item.removeprefix(copick.PREFIX)), suffixes)
        return _expand(str(path.parent / item) if is_local(item) else item, suffixes)

    return in_list(path, expand, lambda line: line.strip() if line.startswith(copick.PREFIX) else without_comment(line))


def _identity(uri: str) -> str:
    """One value for all ways of writing the same path."""
    return os.path.realpath(uri) if is_local(uri) else uri


def _names(uris: Sequence[str]) -> list[str]:
    """The shortest name of each that no other one has."""
    choices = [_candidates(uri) for uri in uris]
    used = [0] * len(uris)
    while True:
        names = [choice[place] for choice, place in zip(choices, used, strict=True)]
        counts = Counter(names)
        again = [i for i, name in enumerate(names) if counts[name] > 1 and used[i] + 1 < len(choices[i])]
        if not again:
            break
        for i in again:
            used[i] += 1
    repeated = {name for name, count in counts.items() if count > 1}
    return [f"{name}_{i}" if name in repeated else name for i, name in enumerate(names, 1)]


def _candidates(uri: str) -> list[str]:
    """Names from short to long: stem, file name, then with ever more folders before it."""
    if uri.startswith(copick.PREFIX):
        config, _, member = uri.removeprefix(copick.PREFIX).partition("#")
        run, spacing, kind = (*member.split("/"), "", "")[:3]
        return [run, f"{run}_{spacing}", f"{run}_{spacing}_{kind}", f"{Path(config).stem}_{run}_{spacing}_{kind}"]
    path = Path(os.path.abspath(uri)) if is_local(uri) else Path(uri.partition("://")[2])
    suffixes = sorted((s for s in known_suffixes() if path.name.lower().endswith(s)), key=len)
    stem = path.name[: -len(suffixes[-1])] if suffixes else path.stem
    folders = [part for part in path.parts[:-1] if part != os.sep][::-1]
    longer = ["_".join([*folders[:depth][::-1], stem]) for depth in range(1, len(folders) + 1)]
    whole = ["_".join([*folders[:depth][::-1], path.name]) for depth in range(len(folders) + 1)]
    return [stem or path.name, *longer, *whole]
