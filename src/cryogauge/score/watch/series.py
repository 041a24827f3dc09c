"""Which files of a watched folder are tilt series, and which belong to one."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from cryogauge.io.tilts.images import find_beside
from cryogauge.io.tilts.mdoc import parse_mdoc, spans_tilts, why_no_series
from cryogauge.io.tilts.stack import STACK_SUFFIXES, find_stack
from cryogauge.records import BadInput
from cryogauge.score.watch.found import Mark

_BESIDE = (".tlt", ".rawtlt", ".aln")
_ALSO = (*_BESIDE, ".xf", ".xtilt")
#: Endings of names that a microscope gives to images and movies before anything says of which series.
_IMAGES = (".st", ".ali", ".mrcs", ".tif", ".tiff", ".eer", "_fractions.mrc")


@dataclass(frozen=True)
class Series:
    """A tilt series among the files of a folder.

    Attributes
    ----------
    uri
        What ``read_tilt_series`` takes.
    paths
        The files there are of it.
    lacks
        What is not there yet, in words; empty when it is all there.
    """

    uri: str
    paths: tuple[str, ...]
    lacks: str = ""


@dataclass(frozen=True)
class _Said:
    """What an ``.mdoc`` says: whether it is a series', and the names of its movies."""

    is_series: bool
    movies: tuple[str, ...] = ()


class SeriesFinder:
    """Finds tilt series: stacks with ``.mdoc``, ``.tlt``, ``.rawtlt`` or ``.aln`` beside them, and ``.mdoc`` of frames.

    It remembers what an ``.mdoc`` says until it changes.
    """

    def __init__(self) -> None:
        self._said: dict[str, tuple[Mark, _Said]] = {}
        self._places: dict[str, dict[str, str]] = {}  # of the movies of an .mdoc that have been found

    def find(self, files: Mapping[str, Mark]) -> tuple[list[Series], set[str]]:
        """The series among files, and all files that are images of one.

        Parameters
        ----------
        files
            Paths with their marks.
        """
        series: dict[str, Series] = {}
        images: set[str] = {path for path in files if path.lower().endswith(_IMAGES)}
        for path in files:
            for each in self._at(path, files):
                series.setdefault(each.uri, each)
            if path.lower().endswith(".mdoc"):
                images.add(path[: -len(".mdoc")])
        for each in series.values():
            images.update(each.paths)
        return list(series.values()), images

    def _at(self, path: str, files: Mapping[str, Mark]) -> Iterator[Series]:
        """The series that a file is the head of."""
        kind = Path(path).suffix.lower()
        if kind in STACK_SUFFIXES and any(_swap(path, end) in files for end in _BESIDE):
            yield _of_stack(path, files)
        elif kind == ".mdoc":
            said = self._read(path, files[path])
            if not said.is_series:
                return
            stack = find_stack(Path(path))
            yield _of_stack(str(stack), files) if stack else self._of_movies(path, said, files)

    def _read(self, mdoc: str, mark: Mark) -> _Said:
        before = self._said.get(mdoc)
        if before is None or before[0] != mark:
            try:
                parsed = parse_mdoc(Path(mdoc))
                is_series = why_no_series(parsed) is None and spans_tilts(parsed)
                movies = [each.entries.get("SubFramePath", "") for each in parsed.sections]
                said = _Said(is_series, tuple(name for name in movies if name))
            except (BadInput, OSError):  # half-written, or gone again
                said = _Said(False)
            before = self._said[mdoc] = (mark, said)
        return before[1]

    def _of_movies(self, mdoc: str, said: _Said, files: Mapping[str, Mark]) -> Series:
        if not said.movies:
            return Series(mdoc, (mdoc,), "its stack is not here yet")
        places = self._places.setdefault(mdoc, {})
        for name in said.movies:
            if places.get(name) not in files:
                found = find_beside(name, Path(mdoc).parent)
                places.pop(name, None)
                if found:
                    places[name] = os.path.normpath(found)
        missing = sum(name not in places for name in said.movies)
        lacks = f"{missing} of its {len(said.movies)} images are not here yet" if missing else ""
        here = [places[name] for name in said.movies if name in places]
        return Series(mdoc, (mdoc, *_beside(mdoc, files), *dict.fromkeys(here)), lacks)


def _of_stack(stack: str, files: Mapping[str, Mark]) -> Series:
    mdocs = {f"{stack}.mdoc", *(_swap(stack, end) for end in (".mdoc", ".mrc.mdoc", ".st.mdoc"))}
    return Series(stack, (stack, *sorted(path for path in mdocs if path in files), *_beside(stack, files)))


def _beside(head: str, files: Mapping[str, Mark]) -> list[str]:
    inner = head.removesuffix(".mdoc")
    stem = (
        inner
        if inner != head and Path(inner).suffix.lower() not in STACK_SUFFIXES
        else str(Path(inner).with_suffix(""))
    )
    return [stem + end for end in _ALSO if stem + end in files]


def _swap(path: str, end: str) -> str:
    return str(Path(path).with_suffix("")) + end
