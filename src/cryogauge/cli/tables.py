"""The files of a scored batch that hold all tomograms together."""

import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any

from cryogauge.io.json_file import read_json_file
from cryogauge.io.replace import replacing
from cryogauge.records import SLICE_COLUMNS, BadInput

if TYPE_CHECKING:
    from cryogauge.report import Failure

#: Settings of a score as ``settings.json`` holds them, and what each may be.
_SETTINGS: dict[str, tuple[type, ...]] = {
    "version": (str,),
    "weights_checksum": (str,),
    "pixel_size_A": (float, int, NoneType),
    "model": (str,),
    "weights": (str, NoneType),
    "local_map": (bool,),
    "device": (str,),
    "threads": (int,),
    "slices": (bool,),
}


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


def read_settings(path: Path) -> dict[str, Any]:
    """What was used for a score, from its ``settings.json``.

    Raises
    ------
    BadInput
        When the file cannot be read, lacks a setting, or holds one that is unknown or of the wrong kind.
    """
    again = "give the settings.json of a folder that cryogauge score wrote"
    found = read_json_file(path, again)
    if not isinstance(found, dict) or set(found) != set(_SETTINGS):
        odd = sorted(set(found) ^ set(_SETTINGS)) if isinstance(found, dict) else sorted(_SETTINGS)
        raise BadInput(f"{path} holds no settings of a score: unknown or missing: {', '.join(odd)}", again)
    for name, kinds in _SETTINGS.items():
        if not isinstance(found[name], kinds):
            raise BadInput(f"{path}: {name} cannot be {json.dumps(found[name])}", again)
    return found
