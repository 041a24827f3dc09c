"""From what a person names to the tilt series meant."""

import glob
import logging
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryogauge.io.named import in_list, natural, walk_visible
from cryogauge.io.tilts.mdoc import check_series, parse_mdoc, spans_tilts, why_no_series
from cryogauge.io.tilts.relion import SEPARATOR, series_names, series_star, split_uri
from cryogauge.io.tilts.stack import STACK_SUFFIXES, TILT_ENDS, find_mdoc, find_stack, is_sidecar, sidecar, stack_of
from cryogauge.io.tilts.tomostar import check_tomostar
from cryogauge.io.tilts.warp import read_warp_root
from cryogauge.records import BadInput

_log = logging.getLogger("cryogauge.io")

_KNOWN = (
    "stacks with an .mdoc, .tlt, .rawtlt, .aln or _TLT.txt beside them, .mdoc of frames, RELION 5 STAR files, "
    "Warp's XML and .tomostar"
)
#: Bytes at a file's start that show of what kind it is.
_START = 65536
#: Where several kinds of file describe a series, the one that says most is read.
_RANK = {"star": 0, "xml": 1, "stack": 2, "tomostar": 3, "mdoc": 4}


@dataclass(frozen=True)
class TiltSeriesSource:
    """A tilt series to be read.

    Attributes
    ----------
    name
        What to call it in tables, unique among those found with it.
    uri
        What ``read_tilt_series`` takes.
    """

    name: str
    uri: str


@dataclass(frozen=True)
class _Found:
    kind: str
    name: str
    uri: str

    @property
    def identity(self) -> str:
        """One value for all ways of writing the same path."""
        path, name = split_uri(self.uri)
        return f"{os.path.realpath(path)}{SEPARATOR}{name}"


def find_tilt_series(paths: Sequence[str]) -> list[TiltSeriesSource]:
    """The tilt series that files, folders, patterns and lists stand for.

    Parameters
    ----------
    paths
        Each a stack; an ``.mdoc``; a RELION 5 STAR file of one series, or of several for all of them
        (``tomograms.star::TS_01`` for one); Warp's XML or ``.tomostar``; a folder, searched through and through but
        for hidden names; a pattern (``*``, ``**``); a ``.txt`` file with one of these a line, relative to it, ``#``
        starting a comment.

    Returns
    -------
    list of TiltSeriesSource
        Each series once, in the natural order of the URIs. Where, in a folder or a pattern's hits, files of several
        kinds bear one name, the RELION STAR is taken (of the job with the highest number), or else Warp's XML, or
        else the stack (``.st`` before ``.mrc``, ``.mrcs`` and ``.ali``), or else the ``.tomostar``, or else the
        ``.mdoc``.

    Raises
    ------
    BadInput
        When something named does not exist, is no tilt series, or holds none.
    """
    found: dict[str, _Found] = {}
    for each in (each for item in paths for each in _expand(str(item))):
        found.setdefault(each.identity, each)
    ordered = sorted(found.values(), key=lambda each: natural(each.uri))
    return [TiltSeriesSource(name, each.uri) for name, each in zip(_names(ordered), ordered, strict=True)]


def _expand(item: str) -> Iterable[_Found]:
    path = Path(item)
    if SEPARATOR in item and not path.exists():
        _, name, _ = series_star(item)
        return [_Found("star", name, item)]
    if path.is_dir():
        return _merged((parent / name for parent, _, files in walk_visible(path) for name in files), f"lies in {path}")
    if path.suffix.lower() == ".txt" and path.is_file() and not is_sidecar(path):
        return in_list(path, lambda listed: _expand(str(path.parent / listed)))
    if path.is_file():
        return _named(path)
    if glob.has_magic(item):
        return _merged((Path(hit) for hit in glob.iglob(item, recursive=True)), f"matches {item}")
    raise BadInput(f"{item} does not exist", "check the path")


def _named(path: Path) -> list[_Found]:
    """What a file stands for that a person named."""
    kind = path.suffix.lower()
    if kind == ".mdoc":
        check_series(parse_mdoc(path))
        stack = find_stack(path)
        return [_stack(stack)] if stack else [_Found("mdoc", _series_stem(path), str(path))]
    if kind == ".star":
        names = series_names(path)
        listed = [_Found("star", name, f"{path}{SEPARATOR}{name}") for name in names]
        return listed or [_Found("star", series_star(str(path))[1], str(path))]
    if kind == ".xml":
        read_warp_root(path)
        return [_Found("xml", path.stem, str(path))]
    if kind == ".tomostar":
        check_tomostar(path)
        return [_Found("tomostar", path.stem, str(path))]
    if is_sidecar(path):
        return [_stack(stack_of(path))]
    if kind not in STACK_SUFFIXES:
        raise BadInput(f"{path} is no tilt series cryogauge reads", f"known are {_KNOWN}")
    if not (find_mdoc(path) or sidecar(path, *TILT_ENDS)):
        raise BadInput(
            f"{path} has nothing beside it that says its tilts: {path.name}.mdoc, {path.stem}.tlt, .rawtlt, .aln or "
            f"{path.stem}_TLT.txt",
            "put one there",
        )
    return [_stack(path)]


def _merged(files: Iterable[Path], where: str) -> list[_Found]:
    """The series among files, each name of the best kind only; raises ``BadInput`` where there is none."""
    found: dict[str, _Found] = {}
    passed: dict[str, int] = {}
    for path in files:
        for each in _recognised(path, passed):
            found.setdefault(each.identity, each)
    counted = "; ".join(f".mdoc that {reason}: {count}" for reason, count in passed.items())
    if counted:
        _log.info("left out, as no tilt series: %s", counted)
    if not found:
        raise BadInput(f"no tilt series {where}" + (f"; {counted}" if counted else ""), f"known are {_KNOWN}")
    chosen: list[_Found] = []
    for name in {each.name: None for each in found.values()}:
        same = [each for each in found.values() if each.name == name]
        best = min(same, key=lambda each: _RANK[each.kind]).kind
        chosen += _without_copies([each for each in same if each.kind == best])
        for each in same:
            if each.kind != best:
                _log.info("%s is read from its %s, not from %s", name, best, each.uri)
    return chosen


def _without_copies(same: list[_Found]) -> list[_Found]:
    """Of stacks in one folder the likeliest recording, of STAR files that of the last job."""
    if same[0].kind == "star":
        return [max(same, key=lambda each: (SEPARATOR in each.uri, _job(each.uri), natural(each.uri)))]
    if same[0].kind == "stack":
        by_folder: dict[Path, _Found] = {}
        for each in sorted(same, key=lambda each: STACK_SUFFIXES.index(Path(each.uri).suffix.lower())):
            by_folder.setdefault(Path(each.uri).parent, each)
        return list(by_folder.values())
    return same


def _recognised(path: Path, passed: dict[str, int]) -> list[_Found]:
    """What a file that was come across stands for; reasons why an ``.mdoc`` stands for nothing are counted."""
    kind = path.suffix.lower()
    if kind in STACK_SUFFIXES:
        if sidecar(path, *TILT_ENDS):
            return [_stack(path)]
        mdoc = find_mdoc(path)
        return [_stack(path)] if mdoc and _is_series(mdoc, passed) else []
    if kind == ".mdoc" and not find_stack(path) and _is_series(path, passed):
        return [_Found("mdoc", _series_stem(path), str(path))]
    if kind == ".xml" and "<TiltSeries" in _start(path):
        return [_Found("xml", path.stem, str(path))]
    if kind == ".tomostar" and "_wrpAngleTilt" in _start(path):
        return [_Found("tomostar", path.stem, str(path))]
    if kind == ".star":
        start = _start(path)
        try:
            if "_rlnTomoTiltSeriesStarFile" in start:
                return _named(path)
            if "_rlnTomoNominalStageTiltAngle" in start or "_rlnTomoYTilt" in start:
                return _named(path)
        except BadInput as error:
            _log.warning("%s; it is left out", error.message)
    return []


def _is_series(path: Path, passed: dict[str, int]) -> bool:
    try:
        mdoc = parse_mdoc(path)
        reason = why_no_series(mdoc) or ("" if spans_tilts(mdoc) else "describes images of one tilt")
    except BadInput:
        reason = "is damaged"
    if reason:
        passed[reason] = passed.get(reason, 0) + 1
    return not reason


def _stack(path: Path) -> _Found:
    return _Found("stack", path.stem, str(path))


def _series_stem(mdoc: Path) -> str:
    """``TS_01.mrc.mdoc`` and ``TS_01.mdoc`` → ``TS_01``."""
    inner = mdoc.with_suffix("")
    return inner.stem if inner.suffix.lower() in (*STACK_SUFFIXES, ".tif", ".eer") else inner.name


def _start(path: Path) -> str:
    """The text at a file's start, in UTF-8 or UTF-16; empty where it may not be read."""
    try:
        with path.open("rb") as file:
            raw = file.read(_START)
    except OSError:
        return ""
    return raw.decode("utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8", errors="replace")


def _job(uri: str) -> int:
    jobs = re.findall(r"job(\d+)", uri)
    return int(jobs[-1]) if jobs else 0


def _names(found: list[_Found]) -> list[str]:
    """The name of each, with as many folders before it as tell it from the others, or else a number behind it."""
    taken = [each.name for each in found]
    folders = [split_uri(os.path.abspath(each.uri))[0].parts[-2:0:-1] for each in found]
    for depth in range(1, max((len(each) for each in folders), default=0) + 1):
        again = {name for name in taken if taken.count(name) > 1}
        if not again:
            break
        taken = [
            "_".join([*parts[:depth][::-1], each.name]) if name in again else name
            for name, parts, each in zip(taken, folders, found, strict=True)
        ]
    again = {name for name in taken if taken.count(name) > 1}
    return [f"{name}_{i}" if name in again else name for i, name in enumerate(taken, 1)]
