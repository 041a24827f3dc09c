"""Which images to leave out, told to IMOD, AreTomo, RELION 5 and Warp in their own files."""

import re
from pathlib import Path

import numpy as np

from cryogauge.io.replace import replacing
from cryogauge.io.tilts.aretomo import read_aln
from cryogauge.io.tilts.imod import view_list
from cryogauge.io.tilts.mdoc import Mdoc, parse_mdoc, without_sections
from cryogauge.io.tilts.relion import SEPARATOR, series_star
from cryogauge.io.tilts.stack import find_mdoc, mdoc_rows, raw_angles
from cryogauge.io.tilts.warp import read_warp_root
from cryogauge.records import BadInput, TiltSeries


def write_exclusions(series: TiltSeries, keep: np.ndarray, folder: str | Path, name: str) -> dict[str, Path]:
    """Write what to leave out as each program expects it; nothing that was read is altered.

    - ``imod``: ``NAME_exclude.txt`` with the line ``EXCLUDELIST2 1-3,7`` for ``tilt.com``, views counted from 1, and
      as comments the calls of ``excludeviews`` and ``newstack`` that take the views out of the stack.
    - ``aretomo``: aligned by an ``.aln``, that file with the rows turned into ``DarkFrame`` lines, to reconstruct
      from; else the ``.mdoc`` without the sections, for AreTomo3, if it names frames; else ``NAME.rawtlt`` with the
      tilts that stay, for ``-AngFile`` with a stack that has lost the same views.
    - ``relion``: from a STAR file, that file without the rows, as its job ExcludeTiltImages writes it; else the
      ``.mdoc`` without the sections, for its importer, if it names frames.
    - ``warp``: from its XML, that file with ``UseTilt`` False; from a ``.tomostar``, that file without the rows; else
      the ``.mdoc`` without the sections, for ``ts_import``, if it names frames.

    Parameters
    ----------
    series
        As ``read_tilt_series`` gave it.
    keep
        bool of shape ``(tilt,)``. Images that the series does not use already are left out too.
    folder
        Where to; created if need be. It must not be that of the series' own files where names would clash.
    name
        Stem of the files.

    Returns
    -------
    dict
        The paths, by ``imod``, ``aretomo``, ``relion`` and ``warp``; the latter two only where there is something
        that the program reads.

    Raises
    ------
    BadInput
        When ``keep`` has another length or keeps nothing, a file would replace one that was read, or the folder
        cannot be written.
    """
    keep = np.asarray(keep, dtype=bool)
    if keep.shape != (len(series.table),):
        raise BadInput(f"{keep.shape} choices for {len(series.table)} images of {series.source}")
    keep = keep & series.used
    if not keep.any():
        raise BadInput(f"every image of {series.source} would be left out", "keep at least one")
    folder = Path(folder)
    if folder.is_file():
        raise BadInput(f"{folder} is a file, not a folder", "choose another folder")
    texts: dict[str, tuple[str, bytes]] = {"imod": (f"{name}_exclude.txt", _imod(series, keep).encode())}
    kind = Path(series.source.partition(SEPARATOR)[0]).suffix.lower()
    reduced = _reduced_mdoc(series, keep)
    if kind == ".star":
        texts["relion"] = (f"{name}.star", _without_rows(series_star(series.source)[0], keep).encode())
    elif kind == ".xml":
        texts["warp"] = (f"{name}.xml", _warp(series, keep))
    elif kind == ".tomostar":
        texts["warp"] = (f"{name}.tomostar", _without_rows(Path(series.source), keep).encode())
    if reduced is not None and "SubFramePath" in reduced:
        for program in ("relion", "warp"):
            texts.setdefault(program, (f"{name}.mdoc", reduced.encode()))
    if series.alignment.endswith(".aln"):
        texts["aretomo"] = (f"{name}.aln", _aretomo(series, keep).encode())
    elif reduced is not None and "SubFramePath" in reduced:
        texts["aretomo"] = (f"{name}.mdoc", reduced.encode())
    else:
        tilts = series.table["tilt_deg"].to_numpy()[keep]
        texts["aretomo"] = (f"{name}.rawtlt", "".join(f"{tilt:.3f}\n" for tilt in tilts).encode())
    return _write(folder, texts, _inputs(series))


def _write(folder: Path, texts: dict[str, tuple[str, bytes]], inputs: list[Path]) -> dict[str, Path]:
    paths = {program: folder / file for program, (file, _) in texts.items()}
    own = {each.resolve() for each in inputs}
    clash = next((path for path in paths.values() if path.resolve() in own), None)
    if clash is not None:
        raise BadInput(f"{clash} is a file of the series itself, which is never altered", "choose another folder")
    folder.mkdir(parents=True, exist_ok=True)
    for program, path in paths.items():
        with replacing(path) as temporary:
            temporary.write_bytes(texts[program][1])
    return paths


def _inputs(series: TiltSeries) -> list[Path]:
    source = Path(series.source.partition(SEPARATOR)[0])
    beside = [
        source.with_name(source.stem + end)
        for end in (".mdoc", ".rawtlt", ".tlt", ".aln", ".star", ".xml", ".tomostar")
    ]
    if source.suffix.lower() == ".star":
        beside.append(series_star(series.source)[0])
    return [source, *beside, *([Path(series.alignment)] if series.alignment else [])]


def _imod(series: TiltSeries, keep: np.ndarray) -> str:
    out = [int(i) + 1 for i in np.flatnonzero(~keep)]
    stack = Path(series.source.partition(SEPARATOR)[0]).name
    if not out:
        return f"# No view of {stack} is left out.\n"
    sections = view_list([int(i) for i in np.flatnonzero(keep)])
    return (
        f"# Views of {stack} to leave out, counted from 1. For tilt.com:\n"
        f"EXCLUDELIST2 {view_list(out)}\n"
        "# Or take them out of the stack, reversibly:\n"
        f"#   excludeviews -views {view_list(out)} {stack}\n"
        "# Or write a stack without them (sections counted from 0):\n"
        f"#   newstack -secs {sections} {stack} kept_{stack}\n"
    )


def _reduced_mdoc(series: TiltSeries, keep: np.ndarray) -> str | None:
    """The series' ``.mdoc`` without the sections left out; ``None`` where the series has none."""
    source = Path(series.source.partition(SEPARATOR)[0])
    if source.suffix.lower() in (".star", ".xml", ".tomostar"):
        return None
    path = source if source.suffix.lower() == ".mdoc" else find_mdoc(source)
    if path is None:
        return None
    mdoc = parse_mdoc(path)
    own = series.table["tilt_deg"].to_numpy() if source == path else raw_angles(source, len(keep))
    return without_sections(mdoc, _by_section(mdoc, keep, own))


def _by_section(mdoc: Mdoc, keep: np.ndarray, own: np.ndarray | None) -> np.ndarray:
    kept = np.zeros(len(mdoc.sections), dtype=bool)
    kept[mdoc_rows(mdoc, own)] = keep
    return kept


def _without_rows(path: Path, keep: np.ndarray) -> str:
    """A STAR file of one table without the rows left out."""
    rows = iter(keep)
    lines, in_loop = [], False
    for line in path.read_text(encoding="utf-8").splitlines():
        text = line.strip()
        if text.startswith(("loop_", "data_")):
            in_loop = text.startswith("loop_")
        elif in_loop and text and not text.startswith(("_", "#")) and not next(rows):
            continue
        lines.append(line)
    return "\n".join(lines) + "\n"


def _warp(series: TiltSeries, keep: np.ndarray) -> bytes:
    path = Path(series.source)
    root = read_warp_root(path)
    count = len((root.findtext("Angles") or "").split())
    used = np.array([word == "True" for word in (root.findtext("UseTilt") or "True " * count).split()])
    rows = np.flatnonzero(used) if len(keep) != count else np.arange(count)
    stays = np.zeros(count, dtype=bool)
    stays[rows] = keep
    words = "\n".join("True" if each else "False" for each in stays)
    raw = path.read_bytes()
    wide = raw[:2] in (b"\xff\xfe", b"\xfe\xff")
    encoding = ("utf-16-le" if raw[:2] == b"\xff\xfe" else "utf-16-be") if wide else "utf-8"
    text = raw.decode(encoding)
    tag = f"<UseTilt>{words}</UseTilt>"
    text, found = re.subn(r"<UseTilt>.*?</UseTilt>", tag, text, count=1, flags=re.DOTALL)
    return (text if found else text.replace("</Angles>", f"</Angles>\n\t{tag}", 1)).encode(encoding)


def _aretomo(series: TiltSeries, keep: np.ndarray) -> str:
    """The ``.aln`` with rows turned into ``DarkFrame`` lines: place in tilt, number of the section, tilt."""
    lines = Path(series.alignment).read_text(encoding="utf-8").splitlines()
    tilts = series.table["tilt_deg"].to_numpy()
    place = np.argsort(np.argsort(tilts, kind="stable"), kind="stable")
    local = next((i for i, line in enumerate(lines) if line.startswith("# Local Alignment")), len(lines))
    rows = [i for i, line in enumerate(lines[:local]) if line.strip() and not line.lstrip().startswith("#")]
    out: list[str] = []
    darks = [(int(line.split()[3]), line) for line in lines[:local] if line.startswith("# DarkFrame")]
    dropped = set()
    for i, image in zip(rows, read_aln(Path(series.alignment), len(keep), tilts).section, strict=True):
        if not keep[image]:
            section = int(lines[i].split()[0])
            darks.append((int(place[image]), f"# DarkFrame = {place[image]:5d}{section:5d} {tilts[image]:8.2f}"))
            dropped.add(i)
    first_after = next(i for i, line in enumerate(lines) if line.startswith(("# AlphaOffset", "# BetaOffset", "# SEC")))
    for i, line in enumerate(lines):
        if i == first_after:
            out += [line for _, line in sorted(darks, key=lambda dark: dark[0])]
        if i not in dropped and not line.startswith("# DarkFrame"):
            out.append(line)
    return "\n".join(out) + "\n"
