"""``dataset.json`` against its JSON schema: as much of JSON Schema 2020-12 as that schema uses."""

import json
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "null": (type(None),),
}
_LARGEST = 1e300


def dataset_schema() -> dict[str, Any]:
    """The JSON schema of ``dataset.json``."""
    return json.loads(files("cryogauge.io.session").joinpath("dataset.schema.json").read_text(encoding="utf-8"))


def breaches(value: Any) -> Iterator[tuple[str, str]]:
    """Where a document departs from the schema of ``dataset.json``: place and what is amiss."""
    root = dataset_schema()
    yield from _breaches(value, root, root, "")


def _breaches(value: Any, rule: dict[str, Any], root: dict[str, Any], place: str) -> Iterator[tuple[str, str]]:
    if "$ref" in rule:
        rule = root["$defs"][rule["$ref"].rpartition("/")[2]]
    if "const" in rule and value != rule["const"]:
        yield place, f"is {value!r:.60}, not {rule['const']!r}"
    kinds = rule.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(_is(value, kind) for kind in kinds):
        yield place, f"is {value!r:.60}, not {' or '.join(kinds)}"
        return
    if _is(value, "number"):
        if value < rule.get("minimum", value):
            yield place, f"is {value}, below {rule['minimum']}"
        if value <= rule.get("exclusiveMinimum", value - 1):
            yield place, f"is {value}, not above {rule['exclusiveMinimum']}"
    if isinstance(value, dict):
        yield from _of_object(value, rule, root, place)
    if isinstance(value, list) and "items" in rule:
        for number, item in enumerate(value):
            yield from _breaches(item, rule["items"], root, f"{place}[{number}]")


def _of_object(
    value: dict[str, Any], rule: dict[str, Any], root: dict[str, Any], place: str
) -> Iterator[tuple[str, str]]:
    known, others = rule.get("properties", {}), rule.get("additionalProperties", True)
    lead = f"{place}." if place else ""
    for name in rule.get("required", ()):
        if name not in value:
            yield f"{lead}{name}", "is missing"
    for name, item in value.items():
        if name in known:
            yield from _breaches(item, known[name], root, f"{lead}{name}")
        elif others is False:
            yield f"{lead}{name}", "is not known"
        elif isinstance(others, dict):
            yield from _breaches(item, others, root, f"{lead}{name}")


def _is(value: Any, kind: str) -> bool:
    if kind in ("integer", "number"):  # in Python a truth is an integer; JSON's NaN and 10⁴⁰⁰ are no numbers to us
        return isinstance(value, _TYPES[kind]) and not isinstance(value, bool) and abs(value) < _LARGEST
    return isinstance(value, _TYPES[kind])
