"""Options of a driver, and what else of a session's file describes a microscope, as frozen dataclasses."""

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from itertools import repeat
from pathlib import Path
from typing import Any, TypeVar

from cryogauge.records import BadInput

_Options = TypeVar("_Options")


def options_from(kind: type[_Options], given: Any, who: str) -> _Options:
    """A dataclass of options by what a file gives, of the types of their usual values.

    Parameters
    ----------
    kind
        The dataclass; a field may be such a dataclass too. What has ``None`` as its usual value is not looked at.
    given
        Values by name; what is not given has its usual value.
    who
        Whose options they are, for messages.

    Raises
    ------
    BadInput
        For a name that is none, one that is lacking, and a value of another type.
    """
    if not isinstance(given, Mapping):
        raise BadInput(f"{who}: {given!r:.80} are no options by name", "give names and values")
    known = {each.name: each for each in fields(kind)}  # type: ignore[arg-type] - a dataclass
    unknown = sorted(str(name) for name in set(given) - set(known))
    if unknown:
        raise BadInput(f"{who}: no option is called {unknown[0]!r}", f"they are: {', '.join(known)}")
    lacking = [name for name, each in known.items() if name not in given and _usual(each) is MISSING]
    if lacking:
        raise BadInput(f"{who}: {lacking[0]} is not given", f"give {', '.join(lacking)}")
    return kind(**{name: _fitting(known[name], value, who) for name, value in given.items()})


def session_folder(folder: str, program: str, hint: str) -> Path:
    """The folder of a session that is watched; raises ``BadInput`` when there is none."""
    if not folder or not Path(folder).is_dir():
        raise BadInput(f"{folder or 'the folder'} is no folder of {program} session", hint)
    return Path(folder)


def _usual(each: Field[Any]) -> Any:
    return each.default if each.default_factory is MISSING else each.default_factory()


def _fitting(each: Field[Any], value: Any, who: str) -> Any:
    usual = _usual(each)
    if usual is None:
        return value
    if is_dataclass(usual):
        kind = type(usual)
        return value if isinstance(value, kind) else options_from(kind, value, f"{who}: {each.name}")
    try:
        if isinstance(usual, tuple) and isinstance(value, (list, tuple)):
            kinds = map(type, usual) if usual else repeat(object, len(value))
            return tuple(_as(part, kind) for part, kind in zip(value, kinds, strict=True))
        return _as(value, each.type if usual is MISSING else type(usual))
    except (TypeError, ValueError) as error:
        shown = list(usual) if isinstance(usual, tuple) else usual
        mend = "" if usual is MISSING else f"it is {shown!r} when not given"
        raise BadInput(f"{who}: {each.name} cannot be {value!r:.80}", mend) from error


def _as(value: Any, kind: Any) -> Any:
    """A value of a type, or an error of Python's: a truth is no number, an integer serves as one, NaN does not."""
    if kind is float and isinstance(value, str):  # YAML takes 1e-4 for text
        value = float(value)
    known = {float: (float, int), dict: Mapping}
    if (isinstance(value, bool) and kind not in (bool, object)) or not isinstance(value, known.get(kind, kind)):
        raise TypeError
    if value != value:
        raise ValueError
    return value
