"""What people want of a running session: pause, stop, leave out, do first, remarks. Heeded between two actions.

A target is a grid (``"3"``, its slot) or a square of it (``"3/17"``).
"""

import json
import os
import re
import time
from dataclasses import dataclass, field
from pathlib import Path

from cryogauge.io.replace import no_space_is_retryable
from cryogauge.records import BadInput

ORDERS = "orders.jsonl"
_KINDS = ("pause", "go on", "stop", "exclude", "include", "first", "remark")


@dataclass(frozen=True)
class Orders:
    """All orders so far.

    Attributes
    ----------
    paused, stopped
        Who wants it, or empty.
    excluded
        Targets, and who does not want them.
    first
        Targets in the order in which they are to be done, before all others.
    remarks
        (target, by, text).
    """

    paused: str = ""
    stopped: str = ""
    excluded: dict[str, str] = field(default_factory=dict)
    first: list[str] = field(default_factory=list)
    remarks: list[tuple[str, str, str]] = field(default_factory=list)


def pause(folder: Path, by: str) -> None:
    """Hold the session before its next action."""
    _order(folder, "pause", by)


def go_on(folder: Path, by: str) -> None:
    """End a pause, or take back a stop that was not heeded yet."""
    _order(folder, "go on", by)


def stop(folder: Path, by: str) -> None:
    """End the session before its next action; it can be taken up again."""
    _order(folder, "stop", by)


def exclude(folder: Path, target: str, by: str) -> None:
    """Leave a grid or square out."""
    _order(folder, "exclude", by, target)


def include(folder: Path, target: str, by: str) -> None:
    """Take an exclusion back."""
    _order(folder, "include", by, target)


def put_first(folder: Path, target: str, by: str) -> None:
    """Do a grid or square before all that are waiting."""
    _order(folder, "first", by, target)


def remark(folder: Path, target: str, by: str, text: str) -> None:
    """Say something about a grid or square; it stands in the report."""
    _order(folder, "remark", by, target, text)


def read_orders(folder: Path) -> Orders:
    """What all orders given so far come to; a line that is cut short is left out.

    A whole line that is no order may have been meant to stop something: it pauses, and ``go on`` overrules it.
    """
    path = folder / ORDERS
    paused = stopped = ""
    excluded: dict[str, str] = {}
    first: list[str] = []
    remarks: list[tuple[str, str, str]] = []
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    for number, line in enumerate(lines, 1):
        try:
            given = json.loads(line)
            kind, by, target, text = (str(given[name]) for name in ("order", "by", "target", "text"))
        except (ValueError, KeyError, TypeError):
            paused = f"line {number} of {path.name}, which is no order"
            continue
        if kind == "pause":
            paused = by
        elif kind == "go on":
            paused = stopped = ""
        elif kind == "stop":
            stopped = by
        elif kind == "exclude":
            excluded[target] = by
        elif kind == "include":
            excluded.pop(target, None)
        elif kind == "first":
            first = [target, *(each for each in first if each != target)]
        elif kind == "remark":
            remarks.append((target, by, text))
    return Orders(paused, stopped, excluded, first, remarks)


def _order(folder: Path, kind: str, by: str, target: str = "", text: str = "") -> None:
    if kind in _KINDS[3:] and not re.fullmatch(r"\d+(/\d+)?", target):
        raise BadInput(f"{target!r} is no target", "a grid by its slot such as 3, or a square of it such as 3/17")
    if not by.strip():
        raise BadInput("an order must say who gives it", "give a name")
    if not folder.is_dir():
        raise BadInput(f"{folder} is no folder of a session", "start the session first")
    line = {"order": kind, "by": by, "target": target, "text": text, "at": time.time()}
    with no_space_is_retryable(folder):
        file = os.open(folder / ORDERS, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            os.write(file, json.dumps(line, ensure_ascii=False).encode() + b"\n")  # one write: lines do not mix
        finally:
            os.close(file)
