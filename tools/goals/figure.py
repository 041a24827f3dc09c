"""What a measured number is."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One measured number.

    Attributes
    ----------
    name
        The key a measurement returns.
    capability
        The heading it stands under.
    meaning
        What the number is, for a reader of the table.
    unit
        Its unit; empty for a ratio.
    goal
        ``">= 0.95"``, ``"< 0.1"`` or ``"0.97 to 1.03"``; empty for a number that is only reported.
    note
        What a reader must know to judge it.
    """

    name: str
    capability: str
    meaning: str
    unit: str = ""
    goal: str = ""
    note: str = ""


def under(capability: str, *figures: tuple[str, ...]) -> tuple[Figure, ...]:
    """Figures of one heading: name, meaning, unit, goal and note of each."""
    return tuple(Figure(name, capability, *rest) for name, *rest in figures)
