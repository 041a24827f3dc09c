"""A driver's own options, from its settings."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

from cryogauge.records import BadInput

_Options = TypeVar("_Options")


def options_from(kind: type[_Options], given: Mapping[str, Any], program: str) -> _Options:
    """A driver's ``Options`` as they were given.

    Raises
    ------
    BadInput
        When the driver of this program has no option of that name.
    """
    names = [each.name for each in fields(kind)]  # type: ignore[arg-type] - a dataclass
    unknown = sorted(set(given) - set(names))
    if unknown:
        raise BadInput(f"the {program} driver has no option {unknown[0]!r}", f"they are: {', '.join(names)}")
    return kind(**given)
