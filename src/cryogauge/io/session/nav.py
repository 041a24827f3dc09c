"""SerialEM's Navigator files, ``.nav``: items with their entries, as text or as XML.

Formats: SerialEM's help, "File Formats and Other Documentation". Stage positions are in µm.
"""

import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from cryogauge.io.replace import replacing
from cryogauge.io.session.foreign import parse_xml, read_small
from cryogauge.records import BadInput

POINT, POLYGON, MAP = 0, 1, 2
_LARGEST = 256 * 2**20
_ITEM = re.compile(r"\s*\[\s*Item\s*=\s*(.*?)\s*\]\s*$")
_ENTRY = re.compile(r"\s*(\w+)\s*=\s?(.*?)\s*$")
_NAME = re.compile(r"\w+")


class NavItem(NamedTuple):
    """An item: its label, and its entries as they stand, such as ``StageXYZ``."""

    label: str
    entries: Mapping[str, str]


class ParsedItem(NamedTuple):
    """What geometry needs of an item.

    Attributes
    ----------
    kind
        0 a point, 1 a polygon, 2 a map.
    stage_um
        x, y, z.
    points_x_um, points_y_um
        The point, the corners of the polygon, or those of the map.
    registration
        Positions compare only within one.
    """

    kind: int
    stage_um: tuple[float, float, float]
    points_x_um: tuple[float, ...]
    points_y_um: tuple[float, ...]
    registration: int


def read_nav(path: Path) -> list[NavItem]:
    """The items of a Navigator file, in its order.

    Raises
    ------
    BadInput
        When it cannot be read, is of another kind, or has no items.
    """
    raw = read_small(path, _LARGEST, "a Navigator file")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")  # as the microscope's Windows writes it
    items = _from_xml(raw, path) if text.lstrip().startswith("<") else _from_text(text)
    if not items:
        raise BadInput(f"{path} has no Navigator items such as [Item = 1]", "give a .nav file of SerialEM")
    return items


def is_nav(head: bytes) -> bool:
    """Whether a file is a Navigator file, as its beginning says."""
    text = head.decode("latin-1")
    if text.lstrip("\ufeffï»¿ \r\n").startswith("<"):
        return re.search(r"<navigator\b", text, re.IGNORECASE) is not None or "<Item name=" in text
    return re.search(r"^\s*AdocVersion\s*=", text, re.MULTILINE) is not None or bool(
        re.search(r"^\[\s*Item\s*=", text, re.MULTILINE)
    )


def parse_item(item: NavItem) -> ParsedItem:
    """What an item says of its place.

    Raises
    ------
    BadInput
        When a number is missing, none, or not finite, or their count is wrong.
    """
    kind = _whole(item, "Type", POINT)
    if kind not in (POINT, POLYGON, MAP):
        raise BadInput(f"item {item.label} is of type {kind}, which is none of point, polygon and map")
    x, y, z = numbers(item, "StageXYZ", 3)
    count = _whole(item, "NumPts", 0)
    if count < 0 or count > max(len(value) for value in (*item.entries.values(), "")):
        raise BadInput(f"item {item.label} claims {count} points")
    points_x, points_y = (numbers(item, key, count) if count else () for key in ("PtsX", "PtsY"))
    return ParsedItem(kind, (x, y, z), points_x, points_y, _whole(item, "Regis", 1))


def numbers(item: NavItem, key: str, count: int) -> tuple[float, ...]:
    """So many finite numbers of an entry; raises ``BadInput`` where they are not there."""
    words = item.entries.get(key, "").split()
    try:
        values = tuple(float(word) for word in words)
    except ValueError as error:
        raise BadInput(f"item {item.label}: {key} is no number: {error}") from error
    if len(values) != count:
        raise BadInput(f"item {item.label} has {len(values)} numbers in {key}, not {count}")
    if not all(math.isfinite(value) for value in values):
        raise BadInput(f"item {item.label} has a number in {key} that is not finite")
    return values


def write_nav(path: Path, items: Iterable[NavItem]) -> None:
    """Write a Navigator file as text.

    Raises
    ------
    BadInput
        When a label, key or value cannot stand in one, or the file cannot be written.
    """
    lines = ["AdocVersion = 2.00", f"LastSavedAs = {path.name}", ""]
    for item in items:
        bad = [key for key, value in item.entries.items() if not _NAME.fullmatch(key) or not _is_line(value)]
        if bad or not _is_line(item.label) or not item.label:
            raise BadInput(f"item {item.label!r:.80} cannot be written: {', '.join(bad) or 'its label'} is no line")
        lines += [f"[Item = {item.label}]", *(f"{key} = {value}" for key, value in item.entries.items()), ""]
    with replacing(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _is_line(text: str) -> bool:
    return text == text.strip() and len(text.splitlines()) <= 1


def _whole(item: NavItem, key: str, default: int) -> int:
    text = item.entries.get(key, "").strip()
    try:
        return int(text) if text else default
    except ValueError as error:
        raise BadInput(f"item {item.label}: {key} is {text!r:.40}, no whole number") from error


def _from_text(text: str) -> list[NavItem]:
    items: list[tuple[str, dict[str, str]]] = []
    for line in text.splitlines():
        if match := _ITEM.match(line):
            items.append((match[1], {}))
        elif items and (match := _ENTRY.match(line)):
            items[-1][1][match[1]] = match[2]
    return [NavItem(label, entries) for label, entries in items]


def _from_xml(raw: bytes, path: Path) -> list[NavItem]:
    root = parse_xml(raw, path)
    return [
        NavItem(
            (child.get("name") or "").strip(),
            {str(entry.tag): (entry.text or "").strip() for entry in child if _NAME.fullmatch(str(entry.tag))},
        )
        for child in root
        if child.tag == "Item"
    ]
