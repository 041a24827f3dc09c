"""What plug-ins add to a session: scorers of squares and holes, and judges of exposures, by entry points.

A scorer is a function of the group ``cryogauge.scorers``, a judge one of ``cryogauge.judges``; each is loaded when it
is asked for by its name, and what it returns is checked, for its author is not the one who reads the error.
"""

from collections.abc import Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cryogauge.records import BadInput

SCORERS, JUDGES = "cryogauge.scorers", "cryogauge.judges"
What = Literal["squares", "holes"]


class Scorer(Protocol):
    """What scores squares or holes."""

    def __call__(
        self, what: What, table: pd.DataFrame, image: NDArray[np.floating], pixel_size_A: float | None
    ) -> Sequence[float] | NDArray[np.floating]:
        """A score between 0 and 1 for each row.

        Parameters
        ----------
        what
            ``squares`` or ``holes``.
        table
            As :func:`cryogauge.collect.targets.squares.find_squares` or ``find_holes`` returns it.
        image
            In which they were found, shape (y, x).
        pixel_size_A
            Edge of its pixels in Å, ``None`` where unknown.
        """
        ...


class Judge(Protocol):
    """What judges exposures besides ours."""

    def __call__(self, image: NDArray[np.float32], pixel_size_A: float) -> Mapping[str, float]:
        """Numbers by their names; one called ``score``, between 0 and 1, multiplies the exposure's.

        Parameters
        ----------
        image
            The exposure, its frames summed, shape (y, x).
        pixel_size_A
            Edge of its pixels in Å, NaN where unknown.
        """
        ...


def known_plugins(group: str) -> dict[str, EntryPoint]:
    """Entry points of a group by name; none is loaded."""
    return {entry.name: entry for entry in entry_points(group=group)}


def load_plugin(group: str, name: str) -> Any:
    """The function that a plug-in registered.

    Raises
    ------
    BadInput
        When none is called so, it cannot be loaded, or is no function.
    """
    kind = group.rpartition(".")[2].removesuffix("s")
    known = known_plugins(group)
    if name not in known:
        there = ", ".join(sorted(known)) or "none is installed"
        raise BadInput(f"no {kind} is called {name!r:.80}", f"known by name: {there}")
    try:
        found = known[name].load()
    except (ImportError, AttributeError) as error:
        raise BadInput(f"the {kind} {name} ({known[name].value}) cannot be loaded: {error}", "reinstall it") from error
    if not callable(found):
        raise BadInput(f"the {kind} {name} ({known[name].value}) is no function", f"its author registers a {kind}")
    return found


def checked_scores(name: str, scores: Any, count: int) -> NDArray[np.float64]:
    """Scores of a plug-in, shape ``(count,)``; raises ``BadInput`` when they are not that many between 0 and 1."""
    try:
        values = np.asarray(scores, np.float64)
    except (TypeError, ValueError) as error:
        raise BadInput(f"the scorer {name} returned what is no number: {error}", "ask its author") from error
    if values.shape != (count,):
        raise BadInput(f"the scorer {name} returned shape {values.shape} for {count} targets", "ask its author")
    if not np.all((values >= 0) & (values <= 1)):
        raise BadInput(f"the scorer {name} returned scores beyond 0 and 1", "ask its author")
    return values


def checked_verdict(name: str, verdict: Any) -> dict[str, float]:
    """What a judge of a plug-in returned, as numbers by ``NAME_key``.

    Raises
    ------
    BadInput
        When it is no mapping of names to numbers, or its ``score`` is beyond 0 and 1.
    """
    if not isinstance(verdict, Mapping):
        raise BadInput(f"the judge {name} returned no mapping of names to numbers", "ask its author")
    try:
        values = {f"{name}_{key}": float(value) for key, value in verdict.items()}
    except (TypeError, ValueError) as error:
        raise BadInput(f"the judge {name} returned what is no number: {error}", "ask its author") from error
    if not 0 <= values.get(f"{name}_score", 0.0) <= 1:
        raise BadInput(f"the judge {name} returned a score beyond 0 and 1", "ask its author")
    return values
