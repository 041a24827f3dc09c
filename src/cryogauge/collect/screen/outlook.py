"""What a session that is followed will do next and why, and how long that takes at the pace so far."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy.stats import t as student

from cryogauge.collect.screen.follow import Followed
from cryogauge.collect.screen.log import GROUPS
from cryogauge.collect.screen.orders import Orders

GridState = Literal["waiting", "under way", "done", "left out"]
SquareState = Literal["exposed", "seen", "under way", "planned", "spare", "left out"]
_ASKED = "asked for first"
_SURE = 0.95  # quantile at both ends: a range of 90 %
_FEW = 2  # squares measured before anything is foretold


def grid_names(session: Followed) -> dict[int, str]:
    """Names of the grids by slot; of a session that did not tell, those it came to."""
    told = session.about().get("grids")
    if told:
        return {int(slot): str(name) for slot, name in told.items()}
    slots = {int(target.split("/")[0]) for step, target in session.steps if step in ("tile", "squares", "grid", "skip")}
    return {slot: f"grid {slot}" for slot in sorted(slots)}


def grid_state(session: Followed, slot: int) -> tuple[GridState, str]:
    """Where a grid stands, and why it, or the rest of it, is left out."""
    name = str(slot)
    skipped = (session.result("skip", name) or {}).get("why", "")
    if session.result("grid", name) is not None:
        taken = session.result("squares", name) is not None
        return ("done" if taken or not skipped else "left out"), skipped
    if name in session.orders.excluded:
        return "left out", f"left out by {session.orders.excluded[name]}"
    if skipped:
        return "left out", skipped
    return ("under way" if name == current_grid(session) else "waiting"), ""


def current_grid(session: Followed) -> str:
    """Slot of the grid that was worked on last, unless it is done; empty when there is none."""
    for step, target in reversed(session.changed):
        if step in ("tile", "squares", "square", "expose", "visited"):
            slot = target.split("/")[0]
            return "" if session.result("grid", slot) is not None else slot
        if step in ("grid", "begun"):
            return ""
    return ""


def current_square(session: Followed) -> str:
    """The square that is looked at or exposed; empty when there is none."""
    for step, target in reversed(session.changed):
        if step in ("square", "expose"):
            square = "/".join(target.split("/")[:2])
            ended = session.result("visited", square) is not None or session.result("skip", square) is not None
            return "" if ended else square
        if step in ("visited", "grid", "squares", "tile", "begun"):
            return ""
    return ""


def square_states(session: Followed, slot: int) -> dict[int, tuple[SquareState, str]]:
    """Where each square of a grid stands, and why: by its number, in the order in which they were found."""
    found = session.result("squares", str(slot))
    if found is None:
        return {}
    queue = {int(square["square"]): square for square in found["queue"]}
    now, planned = current_square(session), _planned(session)
    first = set(list(queue)[:planned])
    shot = session.shots
    states: dict[int, tuple[SquareState, str]] = {}
    for each in found["all"]:
        number, target = int(each["square"]), f"{slot}/{each['square']}"
        skipped = (session.result("skip", target) or {}).get("why", "")
        why = str(queue.get(number, {}).get("chosen_because") or each.get("why", ""))
        if target == now:
            states[number] = "under way", why
        elif target in session.orders.excluded and target not in shot:
            states[number] = "left out", f"left out by {session.orders.excluded[target]}"
        elif target in shot:
            states[number] = "exposed", skipped or why
        elif skipped:
            states[number] = "left out", skipped
        elif session.result("visited", target) is not None:
            states[number] = "seen", why
        elif number not in queue:
            states[number] = "left out", each.get("why", "") or "not worth a visit"
        else:
            states[number] = ("planned" if number in first else "spare"), why
    return states


# ------------------------------------------------------------------ what comes next
def upcoming(session: Followed, most: int = 8) -> list[dict[str, str]]:
    """What comes next: ``target`` (grid or square), ``what`` and ``why``, in order."""
    coming = []
    slot, orders = current_grid(session), session.orders
    now = current_square(session)
    if now:
        coming.append({"target": now, "what": f"square {now}", "why": _progress(session, now)})
    if slot and slot not in orders.excluded and session.result("skip", slot) is None:
        coming += [
            {"target": target, "what": f"square {target}", "why": why} for target, why in _squares_left(session, slot)
        ]
    names = grid_names(session)
    waiting = [s for s in names if str(s) != slot and grid_state(session, s)[0] == "waiting"]
    for each in sorted(waiting, key=lambda s: _place(orders, str(s))):
        asked = str(each) in orders.first
        coming.append(
            {"target": str(each), "what": f"grid {each}: {names[each]}", "why": _ASKED if asked else "its turn"}
        )
    return coming[:most]


def _progress(session: Followed, square: str) -> str:
    done = len({shot.split("/")[2] for shot in session.shots.get(square, ())})
    if session.result("square", square) is None:
        return "its picture is being taken"
    count = session.about().get("holes", {}).get("count")
    told = f"{done} of {count} holes exposed" if count else f"{done} holes exposed"
    places = _places(session, square)
    begun = sum(left < 1.0 for left in places)
    return f"{told}, from place {max(begun, 1)} of {len(places)} of the stage" if places else told


def _places(session: Followed, square: str) -> list[float]:
    """Of each place of the stage from which image shift reaches holes of a square, the part of these that is left."""
    begun = {target.split("/")[2] for target in session.of.get("expose", ()) if target.startswith(f"{square}/")}
    plans = [
        entry.result["groups"]
        for target, entry in session.of.get(GROUPS, {}).items()
        if target.startswith(f"{square}/") and entry.outcome == "done"
    ]
    return [sum(str(hole) not in begun for hole in group) / len(group) for plan in plans for group in plan]


def _squares_left(session: Followed, slot: str) -> list[tuple[str, str]]:
    """Squares of the current grid still to come, as many as are planned, and why."""
    found = session.result("squares", slot)
    if found is None:
        return []
    now, orders = current_square(session), session.orders
    left = []
    for square in found["queue"]:
        target = f"{slot}/{square['square']}"
        if target == now or target in orders.excluded or session.result("visited", target) is not None:
            continue
        if session.result("skip", target) is None:
            left.append((target, square.get("chosen_because") or "the next by score, in place of one that was lost"))
    left.sort(key=lambda each: _place(orders, each[0]))
    count = _planned(session) - _counted(session, slot) - bool(now)
    return [(target, _ASKED if target in orders.first else why) for target, why in left[: max(count, 0)]]


def _planned(session: Followed) -> int:
    return int(session.about().get("squares", {}).get("count", 0))


def _counted(session: Followed, slot: str) -> int:
    """Squares of a grid that count as sampled."""
    visits = session.of.get("visited", {}).items()
    return sum(
        target.startswith(f"{slot}/") and visit.outcome == "done" and bool(visit.result["counts"])
        for target, visit in visits
    )


def _place(orders: Orders, target: str) -> int:
    return orders.first.index(target) if target in orders.first else len(orders.first)


# ------------------------------------------------------------------ how long it takes
@dataclass(frozen=True)
class TimeLeft:
    """How long the rest takes.

    Attributes
    ----------
    low_s, middle_s, high_s
        Of the microscope's clock; 90 times in 100 the truth lies between, if the rest is like what was seen. NaN where
        nothing can be said.
    said
        On what this rests, in a sentence.
    """

    low_s: float
    middle_s: float
    high_s: float
    said: str


def time_left(session: Followed) -> TimeLeft:
    """How long the session will still take, by the squares and grids so far.

    What is left is so many grids to be looked over and so many squares; each takes the mean of those measured. Where
    image shift reaches holes from few places of the stage, the places left tell the part of the square under way. The
    range is that of a sum of independent times whose mean and spread are known from few: ``t · s · √(n + n²/k)`` for n
    to come after k seen, likewise for the number of squares that a grid comes to when rules cut some short.

    Parameters
    ----------
    session
        As it is followed. Pauses count for nothing where the microscope's clock is the world's.
    """
    looks, squares = _durations(session)
    slot, names = current_grid(session), grid_names(session)
    if not session.about() or len(squares) < _FEW:
        return TimeLeft(math.nan, math.nan, math.nan, "Not foretold before two squares are done.")
    waiting = [s for s in names if str(s) != slot and grid_state(session, s)[0] == "waiting"]
    here = len(_squares_left(session, slot)) + bool(current_square(session)) if slot else 0
    places = _places(session, current_square(session)) if slot else []
    done = 1.0 - float(np.mean(places)) if places else 0.0  # of the square under way
    ended = [s for s in names if session.result("grid", str(s)) is not None and session.result("squares", str(s))]
    per_grid = [float(_counted(session, str(s))) for s in ended] or [float(_planned(session))]
    looking = len(waiting) + bool(slot and session.result("squares", slot) is None)
    here += 0 if here or not (slot and session.result("squares", slot) is None) else round(float(np.mean(per_grid)))
    many, many_spread = _sum_of(per_grid, len(waiting), 0.0)
    square_s = float(np.mean(squares))
    look_sum, look_spread = _sum_of(looks, looking, 0.5)
    square_sum, square_spread = _sum_of(squares, here + many - done, 0.5)
    middle = look_sum + square_sum
    spread = math.sqrt(look_spread**2 + square_spread**2 + (square_s * many_spread) ** 2)
    reach = float(student.ppf(_SURE, max(len(squares) - 1, 1))) * spread
    least = min(looks, default=0.0) * looking + min(squares) * (here - done)
    said = (
        f"{_count(len(waiting), 'grid')} and {_count(round(here + many), 'square')} are left; "
        f"a square took {square_s / 60:.1f} min on the average of {len(squares)}."
    )
    return TimeLeft(max(middle - reach, min(least, middle)), middle, middle + reach, said)


def _sum_of(seen: Sequence[float], to_come: float, share: float) -> tuple[float, float]:
    """Expected sum of ``to_come`` more like those seen, and its standard deviation; one alone spreads by ``share``."""
    if not seen or not to_come:
        return 0.0, 0.0
    mean, k = float(np.mean(seen)), len(seen)
    s = float(np.std(seen, ddof=1)) if k > 1 else share * mean
    return to_come * mean, s * math.sqrt(to_come + to_come**2 / k)


def _durations(session: Followed) -> tuple[list[float], list[float]]:
    """Seconds that looking a grid over took (with loading it), and seconds of each square that was visited."""
    marks = sorted(
        (entry.ended_s, entry.number, step)
        for step in ("squares", "visited", "grid")
        for entry in session.of.get(step, {}).values()
        if entry.outcome == "done"
    )
    looks, squares, before = [], [], session.starts_s[0] if session.starts_s else math.nan
    for at_s, _, step in marks:
        since = max([before, *(start for start in session.starts_s if start <= at_s)])
        paused = sum(max(0.0, min(end, at_s) - max(begin, since)) for begin, end in session.pauses)
        if step == "squares":
            looks.append(at_s - since - paused)
        elif step == "visited":
            squares.append(at_s - since - paused)
        before = at_s
    return looks, squares


def _count(count: int, what: str) -> str:
    return f"{count} {what}" + ("" if count == 1 else "s")


def totals(session: Followed) -> Mapping[str, Any]:
    """Counts of grids done, squares visited, exposures judged, exposures lost."""
    return {
        "grids": len(grid_names(session)),
        "grids_done": sum(grid_state(session, slot)[0] in ("done", "left out") for slot in grid_names(session)),
        "squares": len(session.of.get("visited", {})),
        "exposures": len(session.rows),
        "lost": len(session.lost),
    }
