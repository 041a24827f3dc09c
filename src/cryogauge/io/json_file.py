"""JSON files of settings and lists, written whole or not at all."""

import json
from pathlib import Path
from typing import Any

from cryogauge.io.replace import replacing
from cryogauge.records import BadInput


def read_json_file(path: str | Path, hint: str) -> Any:
    """What a JSON file holds.

    Parameters
    ----------
    path
        The file, in UTF-8.
    hint
        What to give instead.

    Raises
    ------
    BadInput
        When it cannot be read or is no JSON; its hint is the one given.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {(error.strerror or 'refused').lower()}", hint) from error
    except ValueError as error:  # not UTF-8 either
        raise BadInput(f"{path} is no JSON: {error}", hint) from error


def write_json_file(path: Path, value: Any) -> None:
    """Write a value as JSON, paths and the like as their text."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n", encoding="utf-8")
