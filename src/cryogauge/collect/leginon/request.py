"""A request as Leginon sends it: one JSON object, whose ``image`` is a list of rows of numbers.

A picture of 4096 × 4096 pixels is some 300 MB of such text. It is read row by row from the file that it was received
into, so that it never lies in memory as Python numbers.
"""

import json
import mmap
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryogauge.records import BadInput

#: Longest edge of an image.
LONGEST_PX = 16384
#: Of a request without its image: ids and numbers.
_LARGEST_REST = 4 * 2**20
_IMAGE = re.compile(rb'"image"\s*:\s*(?=\[)')
_END = re.compile(rb"\]\s*\]")
_HINT = "Leginon sends a list of rows of numbers"


def read_request(path: Path) -> tuple[dict[str, Any], NDArray[np.float32] | None]:
    """The values of a request and its image, where it has one.

    Parameters
    ----------
    path
        File with the body.

    Returns
    -------
    tuple
        Everything but the image, and the image of shape (y, x), or ``None``.

    Raises
    ------
    BadInput
        When it is no JSON object, too large, or its image is no picture.
    """
    if path.stat().st_size == 0:
        return {}, None
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as body:
        found = _IMAGE.search(body)
        if found is None:
            return _values(body[: _LARGEST_REST + 1]), None
        end = _END.search(body, found.end())
        if end is None:
            raise BadInput("the image is not a list of lists that ends", _HINT)
        if found.start() > _LARGEST_REST or len(body) - end.end() > _LARGEST_REST:
            raise BadInput("the request is too large beside its image", "send ids and numbers alone")
        values = _values(body[: found.end()] + b"null" + body[end.end() :])
        return values, _rows(body, found.end(), end.end())


def whole(values: dict[str, Any], name: str, *, default: int | None = None) -> int:
    """A whole number of a request; raises ``BadInput`` where it is none."""
    given = values.get(name, default)
    if isinstance(given, float) and given.is_integer():
        given = int(given)
    if isinstance(given, bool) or not isinstance(given, int):
        raise BadInput(f"{name} is {given!r:.60}, not a whole number", "send what Leginon sends")
    return given


def numbers(values: dict[str, Any], name: str) -> list[float]:
    """A list of numbers of a request, NaN for those that are null; raises ``BadInput`` where it is none."""
    given = values.get(name)
    if not isinstance(given, list):
        raise BadInput(f"{name} is no list", "send what Leginon sends")
    try:
        return [float("nan") if each is None else float(each) for each in given]
    except (TypeError, ValueError) as error:
        raise BadInput(f"{name} holds what is no number: {error}", "send what Leginon sends") from error


def _values(body: bytes) -> dict[str, Any]:
    if len(body) > _LARGEST_REST:
        raise BadInput(f"the request has more than {_LARGEST_REST} bytes", "send ids and numbers alone")
    try:
        values = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"the request is no JSON: {error!s:.120}", "send what Leginon sends") from error
    if not isinstance(values, dict):
        raise BadInput("the request is no JSON object", "send what Leginon sends")
    return values


def _rows(body: mmap.mmap, start: int, end: int) -> NDArray[np.float32]:
    rows: list[NDArray[np.float32]] = []
    at = body.find(b"[", start + 1, end)
    while at >= 0:
        close = body.find(b"]", at, end)
        row = _row(body[at : close + 1], len(rows))
        if len(rows) >= LONGEST_PX or len(row) > LONGEST_PX:
            raise BadInput(f"the image has an edge of more than {LONGEST_PX} pixels", "bin it")
        if rows and len(row) != len(rows[0]):
            raise BadInput(f"row {len(rows)} of the image has {len(row)} pixels, the first {len(rows[0])}", _HINT)
        rows.append(row)
        at = body.find(b"[", close, end)
    return np.stack(rows)


def _row(text: bytes, number: int) -> NDArray[np.float32]:
    try:
        row = np.array(json.loads(text))
    except (ValueError, RecursionError) as error:
        raise BadInput(f"row {number} of the image is no list of numbers", _HINT) from error
    if row.dtype.kind not in "if":
        raise BadInput(f"row {number} of the image holds what is no number", _HINT)
    return row.astype(np.float32)
