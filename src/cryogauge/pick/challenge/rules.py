"""What a challenge scores by: its kinds of particles, β, and how far from a particle a pick may lie."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryogauge.io.copick.project import weight_of
from cryogauge.io.json_file import read_json_file
from cryogauge.records import CZII_OBJECTS, BadInput, PickObject

_HINT = "give a copick configuration or a JSON list of {name, radius_A, weight}"
_KEYS = {"name", "label", "radius_A", "weight", "identifier"}


@dataclass(frozen=True)
class Rules:
    """How picks are scored; by default as in the CZII challenge.

    Attributes
    ----------
    objects
        The kinds of particles with their radii and weights. All of them count, found or not.
    beta
        How many times as much recall weighs as precision.
    radius_factor
        A pick hits a particle when it lies within this times the particle's radius of its centre.
    tolerance_A
        The same distance in Å for every kind, in place of the factor.
    """

    objects: tuple[PickObject, ...] = CZII_OBJECTS
    beta: float = 4.0
    radius_factor: float = 0.5
    tolerance_A: float | None = None

    def __post_init__(self) -> None:
        names = [each.name for each in self.objects]
        if len(set(names)) < len(names):
            raise BadInput("two kinds of particles have the same name", "give each kind once")
        if not (math.isfinite(self.beta) and self.beta > 0):
            raise BadInput(f"β cannot be {self.beta:g}", "give a number above 0")
        if not (math.isfinite(self.radius_factor) and self.radius_factor > 0):
            raise BadInput(f"a radius cannot be multiplied by {self.radius_factor:g}", "give a number above 0")
        if self.tolerance_A is not None and not (math.isfinite(self.tolerance_A) and self.tolerance_A > 0):
            raise BadInput(f"a pick cannot lie within {self.tolerance_A:g} Å", "give a number above 0")
        if not sum(each.weight for each in self.objects) > 0:
            raise BadInput("no kind of particle has a weight above 0", "give at least one kind a weight")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the kinds, in their order."""
        return tuple(each.name for each in self.objects)

    def reach_A(self, name: str) -> float:
        """How far from a particle of this kind a pick may lie, in Å."""
        radius_A = next(each.radius_A for each in self.objects if each.name == name)
        return radius_A * self.radius_factor if self.tolerance_A is None else self.tolerance_A

    def described(self) -> dict[str, Any]:
        """As plain values, for tables and for comparing."""
        kinds = [{"name": each.name, "radius_A": each.radius_A, "weight": each.weight} for each in self.objects]
        plain: dict[str, Any] = {"beta": self.beta, "radius_factor": self.radius_factor, "objects": kinds}
        return plain if self.tolerance_A is None else plain | {"tolerance_A": self.tolerance_A}


def read_objects(path: str | Path) -> tuple[PickObject, ...]:
    """Kinds of particles from a copick configuration or a JSON list of ``{name, radius_A, weight}``.

    In a copick configuration the weight is ``weight`` of a kind's metadata, where it has any; else that of the CZII
    challenge for its kinds, and 1 for any other. What is no particle (``is_particle`` false) is left out.

    Raises
    ------
    BadInput
        When the file cannot be read, is neither, or says something impossible of a kind.
    """
    document = read_json_file(path, _HINT)
    if isinstance(document, dict) and isinstance(document.get("pickable_objects"), list):
        kinds = [row for row in document["pickable_objects"] if isinstance(row, dict) and row.get("is_particle", True)]
        rows = [_of_copick(row, number) for number, row in enumerate(kinds, 1)]
    elif isinstance(document, list):
        rows = document
    else:
        raise BadInput(f"{path} lists no kinds of particles", _HINT)
    if not rows:
        raise BadInput(f"{path} lists no kind of particle", _HINT)
    return tuple(_object(row, number, path) for number, row in enumerate(rows, 1))


def _of_copick(row: dict[str, Any], number: int) -> dict[str, Any]:
    return {
        "name": row.get("name"),
        "label": row.get("label") or number,
        "radius_A": row.get("radius"),
        "weight": weight_of(str(row.get("name")), row.get("metadata")),
        "identifier": row.get("identifier") or "",
    }


def _object(row: Any, number: int, path: str | Path) -> PickObject:
    if not isinstance(row, dict) or not {"name", "radius_A"} <= row.keys():
        raise BadInput(f"kind {number} of {path} lacks a name or a radius_A", _HINT)
    unknown = sorted(str(key) for key in row.keys() - _KEYS)
    if unknown:
        raise BadInput(f"kind {number} of {path} has an unknown {unknown[0]}", f"known are {', '.join(sorted(_KEYS))}")
    try:
        return PickObject(
            str(row["name"]),
            int(row.get("label", number)),
            float(row["radius_A"]),
            float(row.get("weight", 1.0)),
            str(row.get("identifier", "")),
        )
    except (TypeError, ValueError) as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput(f"kind {number} of {path} has a radius, weight or label that is no number", _HINT) from error
