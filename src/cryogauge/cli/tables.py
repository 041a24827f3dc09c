"""The files of a scored batch that hold all tomograms together."""

import csv
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryogauge.io.replace import replacing
from cryogauge.records import SCORE_COLUMNS, SLICE_COLUMNS

if TYPE_CHECKING:
    from cryogauge.report import Failure


def write_scores(path: Path, rows: Iterable[Mapping[str, Any]], failures: "Sequence[Failure]") -> None:
    """Write ``scores.csv``: one row a tomogram.

    Cells that do not apply are empty; flags are words with spaces between them. A tomogram that could not be judged
    has a row too, with the flag ``failed`` and nothing else; ``failed.csv`` says why.

    Parameters
    ----------
    path
        The file.
    rows
        Values of ``SCORE_COLUMNS``, in the order wanted.
    failures
        Those that could not be judged; written last.
    """
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(SCORE_COLUMNS)
        for row in rows:
            table.writerow([_cell(row.get(column)) for column in SCORE_COLUMNS])
        for failure in failures:
            cells = {"tomogram": failure.tomogram, "flags": "failed"}
            table.writerow([cells.get(column, "") for column in SCORE_COLUMNS])


def write_failures(path: Path, failures: "Sequence[Failure]") -> None:
    """Write ``failed.csv`` (``tomogram, message, hint``), or remove it when nothing failed."""
    if not failures:
        path.unlink(missing_ok=True)
        return
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(("tomogram", "message", "hint"))
        table.writerows((failure.tomogram, failure.message, failure.hint) for failure in failures)


def write_slices(path: Path, folders: Iterable[Path]) -> None:
    """Write ``slices.csv``, one row a slice, from the tables in the tomograms' own folders, in the order given."""
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(SLICE_COLUMNS)
        for folder in folders:
            with (folder / "slices.csv").open(newline="", encoding="utf-8") as slices:
                table.writerows([row[column] for column in SLICE_COLUMNS] for row in csv.DictReader(slices))


def write_settings(path: Path, settings: Mapping[str, Any]) -> None:
    """Write ``settings.json``: what was used."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(settings, indent=2, default=str) + "\n", encoding="utf-8")


def _cell(value: Any) -> Any:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    return " ".join(map(str, value)) if isinstance(value, (list, tuple)) else value
