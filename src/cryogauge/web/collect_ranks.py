"""Grids of a session that is followed, the best first: scored anew beside the requests, since that takes time."""

import math
import threading
import time
from typing import Any

from cryogauge.collect.drivers.journal import Entry
from cryogauge.collect.screen.follow import Followed
from cryogauge.collect.screen.log import Key
from cryogauge.collect.screen.outlook import grid_names, grid_state
from cryogauge.collect.screen.ranking import rank_grids

_SPARED = 20.0  # ranking takes no more than one part in so many of the time
_RANKED = (
    "grid", "score", "squares_score", "holes_score", "exposures_score", "squares_seen", "median_fit_A",
)  # fmt: skip
_PROBLEM = "ranking"


class Ranks:
    """The grids of a session by their scores; hold the session's lock while calling.

    Parameters
    ----------
    followed
        The session.

    Attributes
    ----------
    age
        How many steps had changed when the scores were made.
    """

    def __init__(self, followed: Followed) -> None:
        self._followed = followed
        self._rows: dict[int, dict[str, Any]] = {}
        self._at_work = False
        self._again_s = 0.0
        self._life = followed.life
        self.age = 0

    def refresh(self) -> None:
        """Have the grids scored anew where one changed, in a thread, unless it was just done.

        All of them, since exposures of one tell how those of another are to be read.
        """
        followed, names = self._followed, grid_names(self._followed)
        if self._life != followed.life:
            self._life, self._rows, self.age = followed.life, {}, 0
        age = len(followed.changed)
        if self._at_work or age == self.age or time.monotonic() < self._again_s:
            return
        self._at_work = True
        work = (followed.life, age, names, dict(followed.steps), list(followed.rows.values()))
        threading.Thread(target=self._rank, args=work, daemon=True).start()

    def _rank(
        self, life: int, age: int, names: dict[int, str], steps: dict[Key, Entry], rows: list[dict[str, Any]]
    ) -> None:
        began, made, problem = time.monotonic(), {}, ""
        try:
            for row in rank_grids(names, steps, rows).to_dict("records"):
                made[int(row["slot"])] = {str(column): value for column, value in row.items()}
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            problem = f"the grids cannot be ranked by what the log tells: {error!r}"
        finally:
            with self._followed.lock:
                if life == self._followed.life:
                    self._rows |= made
                    self.age = age
                    self._followed.problems.pop(_PROBLEM, None)
                    if problem:
                        self._followed.problems[_PROBLEM] = problem
                self._at_work = False
                self._again_s = time.monotonic() + _SPARED * (time.monotonic() - began)

    def told(self) -> list[dict[str, Any]]:
        """A row a grid, the best first; one that was not scored yet has NaN."""
        followed, told = self._followed, []
        unknown = {slot: _unranked(slot, name) for slot, name in grid_names(followed).items()}
        for row in sorted((unknown | self._rows).values(), key=_best_first):
            slot = int(row["slot"])
            state, why = grid_state(followed, slot)
            found = followed.result("squares", str(slot))
            told.append({
                **{name: row[name] for name in _RANKED}, "slot": slot, "state": state, "note": why,
                "atlas": found is not None, "squares_found": 0 if found is None else found["found"],
                "exposures": len(followed.shots.get(str(slot), ())),
            })  # fmt: skip
        return told


def _unranked(slot: int, name: str) -> dict[str, Any]:
    """A grid before it was scored."""
    return {**dict.fromkeys(_RANKED, math.nan), "slot": slot, "grid": name, "squares_seen": 0}


def _best_first(row: dict[str, Any]) -> tuple[bool, float, int]:
    """Sorts by score; what has none comes last."""
    unknown = math.isnan(row["score"])
    return unknown, 0.0 if unknown else -row["score"], row["slot"]
