"""The measured figures: ``docs/figures.json`` and the page made of it.

``python -m tools.figures`` writes the page again from the numbers.
"""

import fcntl
import json
import math
import os
import platform
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from tools.goals import FIGURES, Figure

ROOT = Path(__file__).resolve().parent.parent
FIGURES_JSON = ROOT / "docs" / "figures.json"
FIGURES_PAGE = ROOT / "docs" / "figures.md"

_BOUND = re.compile(r"(>=|<=|>|<) (\S+)")
_RANGE = re.compile(r"(\S+) to (\S+)")


def told(value: float | str) -> str:
    """A value as it is shown."""
    return value if isinstance(value, str) else f"{value:.4g}"


def meets(value: float | str, goal: str) -> bool | None:
    """Whether ``value`` meets ``goal`` (see ``Figure.goal``); None where there is no goal."""
    if not goal or isinstance(value, str):
        return None
    if match := _BOUND.fullmatch(goal):
        bound = float(match[2])
        return {">=": value >= bound, "<=": value <= bound, ">": value > bound, "<": value < bound}[match[1]]
    if match := _RANGE.fullmatch(goal):
        return float(match[1]) <= value <= float(match[2])
    raise ValueError(f"a goal reads '>= 0.9' or '0.97 to 1.03', not {goal!r}")


def machine() -> str:
    """Processor, cores this process may use, and memory; nothing that names the computer."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists() and (match := re.search(r"^model name\s*:\s*(.+)$", cpuinfo.read_text(), re.MULTILINE)):
        model = match[1]
    memory_GiB = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{model}, {len(os.sched_getaffinity(0))} cores, {memory_GiB:.0f} GiB"


def load(path: Path = FIGURES_JSON) -> dict[str, dict[str, Any]]:
    """The recorded entries by name; none where nothing was recorded yet."""
    return {entry["name"]: entry for entry in json.loads(path.read_text())} if path.exists() else {}


def record(values: Mapping[str, float | str], command: str, path: Path = FIGURES_JSON) -> list[dict[str, Any]]:
    """Write measured values beside those recorded before, and by other processes meanwhile.

    Parameters
    ----------
    values
        Value by the name of a declared figure; words only where there is no goal.
    command
        What a reader types to measure them again.
    path
        The file of figures; entries of other names keep their value, date and machine.

    Returns
    -------
    list of dict
        The new entries.

    Raises
    ------
    ValueError
        A value is not finite, or its figure is not declared in ``tools.goals``.
    """
    declared = {figure.name: figure for figure in FIGURES}
    found: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        if name not in declared:
            raise ValueError(f"{name} is not declared in tools/goals")
        if isinstance(value, str):
            kept: float | str = value
        elif math.isfinite(value):
            kept = float(f"{value:.6g}")
        else:
            raise ValueError(f"{name} is {value}")
        measured = {"value": kept, "date": date.today().isoformat(), "machine": machine()}
        found[name] = _entry(declared[name], {**measured, "command": command})
    with _alone(path):
        _write(load(path) | found, path)
    return list(found.values())


def _entry(figure: Figure, measured: dict[str, Any]) -> dict[str, Any]:
    entry = {
        "capability": figure.capability,
        "name": figure.name,
        "value": measured["value"],
        "unit": figure.unit,
        "goal": figure.goal,
        "met": meets(measured["value"], figure.goal),
        "command": measured["command"],
        "date": measured["date"],
        "machine": measured["machine"],
    }
    return {**entry, "note": figure.note} if figure.note else entry


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keep other processes from the file of figures between its reading and its writing."""
    with path.with_name(f".{path.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _write(entries: dict[str, dict[str, Any]], path: Path) -> None:
    """Entries in the order of the declarations, with goals and notes as declared now.

    Names that are not declared stay, at the end: a process that began before they were declared knows nothing of them.
    """
    ordered = [_entry(figure, entries[figure.name]) for figure in FIGURES if figure.name in entries]
    ordered += [entries[name] for name in entries.keys() - {figure.name for figure in FIGURES}]
    replacement = path.with_suffix(".tmp")
    replacement.write_text(json.dumps(ordered, indent=1, ensure_ascii=False) + "\n")
    replacement.replace(path)


def page(entries: dict[str, dict[str, Any]]) -> str:
    """The page of tables for ``entries``, in Markdown."""
    lines = [
        "# Measured figures",
        "",
        "Written by `make validate` and `make bench`; nothing here is typed by hand, and what was not reached is "
        "shown like the rest. What the words mean: [what a score means](explanation/scores.md).",
    ]
    for capability in dict.fromkeys(figure.capability for figure in FIGURES):
        lines += [
            "",
            f"## {capability}",
            "",
            "| figure | value | goal | reached | |",
            "| --- | ---: | --- | --- | --- |",
        ]
        lines += [_row(figure, entries.get(figure.name)) for figure in FIGURES if figure.capability == capability]
    lines += ["", "## How they were measured", ""]
    runs = {(e["command"], e["date"], e["machine"]): None for e in entries.values()}
    lines += ["| command | date | machine |", "| --- | --- | --- |"]
    lines += [f"| `{command}` | {day} | {computer} |" for command, day, computer in runs]
    return "\n".join(lines) + "\n"


def _row(figure: Figure, entry: dict[str, Any] | None) -> str:
    cell = f"`{figure.name}`: {figure.meaning}"
    if entry is None:
        return f"| {cell} | not measured | {figure.goal} | | {figure.note} |"
    value = f"{told(entry['value'])} {figure.unit}".strip()
    reached = {True: "yes", False: "**no**", None: ""}[entry["met"]]
    return f"| {cell} | {value} | {figure.goal} | {reached} | {figure.note} |"


def write_page() -> None:
    """Bring goals and notes up to date in the JSON, and write the page from it."""
    with _alone(FIGURES_JSON):
        _write(load(), FIGURES_JSON)
        FIGURES_PAGE.write_text(page(load()))


if __name__ == "__main__":
    write_page()
