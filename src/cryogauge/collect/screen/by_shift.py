"""In which turn the holes of a square are exposed, and from which of them image shift reaches the others."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from cryogauge.collect.screen.log import GROUPS
from cryogauge.collect.screen.session import Session
from cryogauge.collect.targets.shift_groups import shift_groups
from cryogauge.records import BadInput, Retryable
from cryogauge.records.microscope import Capability

Turn = tuple[dict[str, Any], dict[str, Any] | None]


def check_reach(session: Session) -> None:
    """Refuse a reach of image shift that the microscope does not have.

    Raises
    ------
    BadInput
        When image shift reaches less far, or cannot be commanded.
    """
    reach_um, most_um = session.settings.pace.by_shift_um, session.scope.limits.image_shift_um
    if reach_um and not session.can(Capability.IMAGE_SHIFT):
        raise BadInput("the microscope cannot shift the image, so no holes are reached by it", "leave by_shift_um out")
    if reach_um > most_um:
        raise BadInput(
            f"by_shift_um is {reach_um:g} µm, image shift may go {most_um:g} µm",
            "give less, or raise the limit image_shift_um if the microscope allows it",
        )


def in_turn(session: Session, target: str, seen: dict[str, Any]) -> Iterator[Turn]:
    """Holes of a square in the turn in which they are exposed, each with the one that the stage goes to for it.

    As many as are planned are taken from the queue, and grouped. Groups follow each other by how near they are, the
    holes of one by how near they are to the one in its middle. Others are taken, and grouped, for those that were lost.
    Without a reach holes come as they queue, and the stage goes to each: ``None``.

    Parameters
    ----------
    session
        With its log, which keeps the groups for a later run.
    target
        The square, such as ``3/17``.
    seen
        What was seen of it: its ``queue``.
    """
    reach_um, count = session.settings.pace.by_shift_um, session.settings.holes.count
    if not reach_um:
        yield from ((hole, None) for hole in seen["queue"])
        return
    holes, turn = {hole["hole"]: hole for hole in seen["queue"]}, 0
    left = list(holes)
    while left:
        kept, missing = session.log.result(GROUPS, f"{target}/{turn}"), count - _exposed(session, target)
        if kept is None and missing <= 0:
            return
        some = [holes[number] for number in left[:missing]]
        kept = session.log.do(GROUPS, f"{target}/{turn}", lambda some=some: {"groups": group_holes(some, reach_um)})
        groups = [[number for number in group if number in left] for group in kept["groups"]]
        left = [number for number in left if not any(number in group for group in groups)]
        turn += 1
        if any(groups):  # an earlier run may have taken others
            session.log.say(_said(target, groups))
        for (middle, *_), group in zip(kept["groups"], groups, strict=True):
            yield from _from_one_place(session, target, [holes[number] for number in group], holes[middle])


def _from_one_place(
    session: Session, target: str, group: Sequence[dict[str, Any]], middle: dict[str, Any]
) -> Iterator[Turn]:
    for number, hole in enumerate(group, 1):
        yield hole, middle
        if number < len(group) and not session.log.begun("expose", f"{target}/{hole['hole']}/0"):
            rest = len(group) - number
            session.log.say(f"square {target}: {_holes(rest)} given up with it: the stage does not get there")
            break
    if session.aside_um is None:
        return  # all were exposed before, or the stage did not get there
    with suppress(Retryable):  # said; the next move of the stage does it too
        session.patiently("image shift", lambda: session.scope.set_image_shift(0.0, 0.0))


def group_holes(holes: Sequence[dict[str, Any]], reach_um: float) -> list[list[Any]]:
    """Numbers of holes in groups, in the order in which they are exposed; the first of a group is in its middle.

    The first group is that of the first hole, each next one that whose middle is nearest to that of the one before.
    """
    xy_um = np.array([(hole["x_um"], hole["y_um"]) for hole in holes], float).reshape(-1, 2)
    made = shift_groups(xy_um, reach_um)
    middles, ordered = xy_um[made.centre], []
    waiting, now = list(range(len(middles))), int(made.group[0]) if len(holes) else 0
    while waiting:
        waiting.remove(now)
        members = np.flatnonzero(made.group == now)
        away = np.hypot(*made.shift_um[members].T)
        ordered.append([holes[n]["hole"] for n in members[np.argsort(away, kind="stable")]])
        if waiting:
            now = min(waiting, key=lambda n, at=middles[now]: float(np.hypot(*(middles[n] - at))))
    return ordered


def _exposed(session: Session, target: str) -> int:
    """Holes of a square of which there is an exposure."""
    done = (name for name, _ in session.log.results("expose") if name.startswith(f"{target}/"))
    return len({name.rpartition("/")[0] for name in done})


def _said(target: str, groups: Sequence[Sequence[Any]]) -> str:
    places = sum(map(bool, groups))
    where = "one place" if places == 1 else f"{places} places"
    return f"square {target}: {_holes(sum(map(len, groups)))} exposed from {where} of the stage"


def _holes(count: int) -> str:
    return "a hole is" if count == 1 else f"{count} holes are"
