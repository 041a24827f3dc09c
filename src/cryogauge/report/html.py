"""``report.html``: one file that opens without a network."""

import base64
import hashlib
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cryogauge.records import TomogramJudgement
from cryogauge.report.columns import (
    COLUMNS,
    NOTHING,
    Column,
    Failure,
    best_first,
    cell_text,
    flag_words,
    in_words,
    name_in_words,
    number_in,
    sort_key,
    value_in_words,
)
from cryogauge.report.curves import score_curve_svg, score_strip_svg, sparkline_svg
from cryogauge.report.pictures import data_uri, encode_within, heat_colours, heat_map_png, reduce_picture
from cryogauge.report.svg import PLOT_CSS
from cryogauge.report.xz import surface_lines

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

#: The whole report stays below 25 MB, however many tomograms share it …
_REPORT_BYTES = 24_500_000
#: … and a few do not get more than can be seen.
_TOMOGRAM_BYTES = 420_000
#: Bytes below which a picture shows nothing; thousands of tomograms then make a larger report.
_PICTURE_BYTES = 1_000
_LONGEST_PX = 480
_LONGEST_XZ_PX = 640
_MAP_TILES = 160

_TEMPLATES = files("cryogauge.report").joinpath("templates")
#: The slices shown, with the column of a row that holds their z.
_SLICES = (("best", "best_slice"), ("median", "median_slice"), ("worst", "worst_slice"))


@dataclass(frozen=True)
class _Entry:
    """What is kept of a judgement while the others are read: all but the pictures, which wait on disk."""

    row: Mapping[str, Any]
    scores: np.ndarray  # (z,)
    uncertainty: np.ndarray  # (z,)
    notes: Mapping[str, str]
    lines: Mapping[str, tuple[float, float]]  # see surface_lines
    pictures: Path

    @property
    def marks(self) -> dict[str, int]:
        """The slices shown as pictures, ``{word: z}``."""
        places = {word: number_in(self.row, column) for word, column in _SLICES}
        return {word: int(z) for word, z in places.items() if z is not None and 0 <= z < len(self.scores)}


def write_report(
    path: Path,
    judgements: Iterable[TomogramJudgement],
    failures: Sequence[Failure] = (),
    *,
    settings: Mapping[str, object],
) -> Path:
    """Write the report of a batch: a ranked table and a section for each tomogram.

    Parameters
    ----------
    path
        Where it goes; it appears there only when it is whole.
    judgements
        Taken one at a time, in any order. Pictures may have any size, with square pixels: ``best``, ``median`` and
        ``worst`` of shape ``(y, x)``, ``xz`` of shape ``(z, x)``.
    failures
        Tomograms that could not be judged.
    settings
        What the batch was run with, shown as it is: ``model``, ``weights`` and ``version`` first.

    Returns
    -------
    ``path``. The file stays below 25 MB: the more tomograms, the smaller their pictures. Beyond about 800 tomograms
    the text and the smallest pictures of worth exceed it.

    Raises
    ------
    OSError
        The folder does not exist, cannot be written, or is full.
    """
    path = Path(path)
    part = path.with_name(f".{path.name}.part")
    with tempfile.TemporaryDirectory(prefix="cryogauge-report-") as scratch:
        entries = [_set_aside(judgement, Path(scratch) / f"{i}.npz") for i, judgement in enumerate(judgements)]
        ranked = [entries[position] for position in best_first(entry.row for entry in entries)]
        environment = page_environment()
        page = environment.get_template("report.html")
        content = _page_content(ranked, failures, settings)
        # The table comes first in the file but what it leaves to the pictures must be known: render it twice.
        table_bytes = len(page.render(**content, sections=()).encode())
        budget = min(_TOMOGRAM_BYTES, (_REPORT_BYTES - table_bytes) // max(len(ranked), 1))
        try:
            with part.open("wb") as file:
                page.stream(**content, sections=_sections(environment, ranked, budget)).dump(file, encoding="utf-8")
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    return path


def _set_aside(judgement: TomogramJudgement, file: Path) -> _Entry:
    """Keep a judgement's numbers in memory and its pictures, already reduced, in a file."""
    row, pictures = judgement.row, judgement.pictures
    kept = {word: reduce_picture(pictures[word], _LONGEST_PX) for word, _ in _SLICES if word in pictures}
    lines: Mapping[str, tuple[float, float]] = {}
    if "xz" in pictures:
        kept["xz"] = reduce_picture(pictures["xz"], _LONGEST_XZ_PX)
        plane = pictures["best"].shape if "best" in pictures else None
        lines = surface_lines(judgement.surfaces, pictures["xz"].shape, plane, len(judgement.slices))
    best = number_in(row, "best_slice")
    if judgement.local_map.size and best is not None:
        kept["map"] = _reduce_map(judgement.local_map[min(int(best), len(judgement.local_map) - 1)])
    np.savez(file, allow_pickle=False, **kept)
    return _Entry(
        row=dict(row),
        scores=judgement.slices["score"].to_numpy(np.float32),
        uncertainty=judgement.slices["uncertainty"].to_numpy(np.float32),
        notes=dict(judgement.notes),
        lines=lines,
        pictures=file,
    )


def _reduce_map(tiles: np.ndarray) -> np.ndarray:
    """A map of shape ``(y', x')`` averaged over whole blocks until it has no more tiles than can be told apart."""
    block = -(-max(tiles.shape) // _MAP_TILES)
    if block == 1:
        return tiles
    y, x = (edge // block * block for edge in tiles.shape)
    return tiles[:y, :x].reshape(y // block, block, x // block, block).mean(axis=(1, 3))


def page_environment() -> "Environment":
    """Our templates; all that is filled into them is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("cryogauge.report"),
        autoescape=True,  # names, messages and settings come from strangers' files
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["breakable"] = _breakable
    environment.filters["in_words"] = value_in_words
    return environment


def style_sheet(name: str = "report.css") -> str:
    """The look of every page, or what a page adds to it."""
    return _TEMPLATES.joinpath(name).read_text("utf-8")


def page_script(name: str) -> dict[str, Any]:
    """A page's script, and the digest by which the page allows it and no other."""
    from markupsafe import Markup

    script = _TEMPLATES.joinpath(name).read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    return {"script": Markup(script), "script_digest": digest}


def _breakable(name: str) -> "Markup":
    """A name that may break after its underscores, dots, hyphens and slashes, escaped."""
    from markupsafe import Markup, escape

    return Markup(re.sub(r"([_./-])", r"\1<wbr>", str(escape(name))))


def _page_content(
    ranked: Sequence[_Entry], failures: Sequence[Failure], settings: Mapping[str, object]
) -> dict[str, Any]:
    """Everything of the page but the sections."""
    from markupsafe import Markup

    scores = [number_in(entry.row, "tomoscore") for entry in ranked]
    flagged = [bool(flag_words(entry.row)) for entry in ranked]
    names = [str(entry.row["tomogram"]) for entry in ranked]
    known = [score for score in scores if score is not None]
    heat = ",".join(f"rgb({r} {g} {b})" for r, g, b in heat_colours()[::32].tolist() + heat_colours()[-1:].tolist())
    leading = [name for name in ("model", "weights", "version") if name in settings]
    return {
        "style": Markup(f"{style_sheet()}{PLOT_CSS}.heat{{background:linear-gradient(to right,{heat})}}"),
        **page_script("report.js"),
        "columns": COLUMNS,
        "rows": [_table_row(index, entry) for index, entry in enumerate(ranked)],
        "strip": Markup(score_strip_svg(scores, flagged, names)),
        "judged": len(ranked),
        "flagged": sum(flagged),
        "failures": failures,
        "median": f"{np.median(known):.2f}" if known else NOTHING,
        "finest": _finest(ranked),
        "settings": [
            (name_in_words(name), settings[name]) for name in [*leading, *(s for s in settings if s not in leading)]
        ],
    }


def _finest(ranked: Sequence[_Entry]) -> str:
    """The smallest of the smallest features, in nm."""
    values = [number_in(entry.row, "smallest_feature_nm") for entry in ranked]
    known = [value for value in values if value is not None]
    return f"{min(known):.1f} nm" if known else NOTHING


def _table_row(index: int, entry: _Entry) -> dict[str, Any]:
    from markupsafe import Markup

    return {
        "index": index,
        "flags": [in_words(flag) for flag in flag_words(entry.row)],
        "cells": [_cell(column, entry.row) for column in COLUMNS],
        "score": round(min(max(number_in(entry.row, "tomoscore") or 0.0, 0.0), 1.0), 3),
        "spark": Markup(sparkline_svg(entry.scores)),
    }


def _cell(column: Column, row: Mapping[str, Any]) -> dict[str, Any]:
    return {"column": column, "text": cell_text(column, row), "key": sort_key(column, row)}


def _sections(environment: "Environment", ranked: Sequence[_Entry], budget: int) -> Iterator[Any]:
    """The HTML of each tomogram's section, within ``budget`` bytes each, one at a time."""
    from markupsafe import Markup

    section = environment.get_template("tomogram.html")
    for index, entry in enumerate(ranked):
        with np.load(entry.pictures, allow_pickle=False) as stored:
            pictures = {name: stored[name] for name in stored.files}
        content = _section_content(entry, index, len(ranked), pictures)
        text_bytes = len(section.render(**content, sources=dict.fromkeys(pictures, "")).encode())
        yield Markup(section.render(**content, sources=_sources(pictures, budget - text_bytes)))


def _sources(pictures: Mapping[str, np.ndarray], budget: int) -> dict[str, str]:
    """Pictures as addresses that hold them, sharing ``budget`` bytes of HTML by their areas."""
    sources = {}
    if "map" in pictures:
        sources["map"] = data_uri("png", heat_map_png(pictures["map"]))
        budget -= len(sources["map"])
    grey = {name: picture for name, picture in pictures.items() if name != "map"}
    area = sum(picture.size for picture in grey.values())
    for name, picture in grey.items():
        # Base64 writes three bytes as four; forty bytes say what the picture is.
        share = (budget * picture.size / area - 40) * 3 / 4
        sources[name] = data_uri("jpeg", encode_within(picture, max(int(share), _PICTURE_BYTES)))
    return sources


def _section_content(entry: _Entry, index: int, total: int, pictures: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Everything of a section but the pictures themselves."""
    from markupsafe import Markup

    row, marks = entry.row, entry.marks
    places = {word: {"z": z, "score": f"{entry.scores[z]:.2f}"} for word, z in marks.items()}
    cells = {column.name: _cell(column, row) for column in COLUMNS}
    return {
        "index": index,
        "rank": index + 1,
        "total": total,
        "cells": cells,
        "slices": len(entry.scores),
        "flags": [(in_words(flag), entry.notes.get(flag, "")) for flag in flag_words(row)],
        "remarks": [note for name, note in entry.notes.items() if name not in flag_words(row)],
        "curve": Markup(score_curve_svg(entry.scores, entry.uncertainty, marks)),
        "places": places,
        "opinion": _opinion(row),
        "lines": entry.lines,
        "best_fraction": (marks["best"] + 0.5) / len(entry.scores) if "best" in marks else None,
        "shapes": {name: picture.shape for name, picture in pictures.items()},
    }


def _opinion(row: Mapping[str, Any]) -> str:
    """The network's smallest feature against that of the power spectrum, in one sentence."""
    network, spectrum = number_in(row, "smallest_feature_px"), number_in(row, "spectral_feature_px")
    if spectrum is None:
        return "There is none: it needs slices without specimen at the top or bottom of the volume to compare with."
    if network is None:
        return f"The network sees no feature; the spectrum alone lets one expect {spectrum:.1f} px."
    ratio = max(network / spectrum, spectrum / network)
    return (
        f"The network sees features down to {network:.1f} px; the spectrum alone lets one expect "
        f"{spectrum:.1f} px, a factor of {ratio:.1f} apart."
    )
