"""The unattended session: grid after grid, square after square, hole after hole, until it is done or must stop."""

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from cryogauge import __version__
from cryogauge.collect.drivers.guard import Guarded
from cryogauge.collect.drivers.journal import loaded_slot, read_journal
from cryogauge.collect.drivers.registry import open_microscope
from cryogauge.collect.judge.batch import check_judge
from cryogauge.collect.judge.classify import SHIPPED
from cryogauge.collect.screen.by_shift import in_turn
from cryogauge.collect.screen.expose import EXPOSURES, expose_hole, judge_exposures
from cryogauge.collect.screen.eyes import eyes_of
from cryogauge.collect.screen.log import BEGUN, ENDED, LOAD, Log
from cryogauge.collect.screen.look import find_grid_squares, look_at_square, take_atlas
from cryogauge.collect.screen.orders import Orders, go_on
from cryogauge.collect.screen.pace import Focus
from cryogauge.collect.screen.page import write_session
from cryogauge.collect.screen.plan_check import check_plan
from cryogauge.collect.screen.reloaded import place_grid, place_square
from cryogauge.collect.screen.rules import why_skip
from cryogauge.collect.screen.session import Ended, Exchanged, Eyes, Lost, Session, Skipped
from cryogauge.collect.screen.settings import SessionSettings, pinned
from cryogauge.collect.targets.realign import Placement
from cryogauge.jobs.ledger import Ledger
from cryogauge.learn.weights import checksum
from cryogauge.records import BadInput, CryogaugeError, Retryable
from cryogauge.records.faults import Cancelled, LoaderFault, Unsafe
from cryogauge.records.microscope import Capability, Settings

JOURNAL = "microscope.jsonl"
#: Drivers whose programs do not tell which grid is in the column.
_TOLD_LOADED = ("serialem", "temscript")


@dataclass(frozen=True)
class Ending:
    """How a session ended.

    Attributes
    ----------
    finished
        Whether all was done that is to be done.
    why
        In a sentence; it is the last of ``session.log`` too.
    report
        The page.
    """

    finished: bool
    why: str
    report: Path


def screen(
    settings: SessionSettings,
    folder: Path,
    *,
    eyes: Eyes | None = None,
    tell: Callable[[str], None] = print,
    connect: Callable[[SessionSettings, Path], Guarded] | None = None,
) -> Ending:
    """Run a session, or take it up where it was when it stopped or was killed.

    Parameters
    ----------
    settings
        What to do.
    folder
        Of the session: its log, pictures, tables, judgements and page.
    eyes
        What looks at pictures; our own finders and judge when not given.
    tell
        Gets what the session says, sentence by sentence.
    connect
        Opens the microscope, whose commands go into a journal; by its driver's name when not given.

    Raises
    ------
    BadInput
        When driver, settings or folder cannot be used, or another run uses the folder. Whatever happens once the
        session runs ends it with a sentence and a page; a mistake of the program itself is raised again after that.
    """
    model = SHIPPED if settings.judge.model is None else Path(settings.judge.model)
    weights = checksum(model)
    check_judge(settings.judge, model)
    (folder / EXPOSURES).mkdir(parents=True, exist_ok=True)
    with ExitStack() as opened:
        ledger = opened.enter_context(Ledger(folder / "ledger.sqlite"))
        log = Log(folder, tell)
        opened.callback(log.close)
        _refuse_others(log, settings, folder)
        scope = opened.enter_context((connect or open_scope)(settings, folder))
        log.clock = scope.clock
        session = Session(settings, folder, scope, log, ledger, eyes_of(settings, eyes), weights)
        check_plan(session)
        go_on(folder, "the start")
        log.say("the session goes on" if log.steps else "the session begins")
        log.renew(BEGUN, "", about(settings))
        try:
            ending = _run(session)
        except BaseException as error:
            why = f"ended by an error of the program: {type(error).__name__}: {error}"
            if isinstance(error, KeyboardInterrupt):
                by = f"by {error.args[0]}" if error.args else "from the keyboard"
                why = f"was interrupted {by}. Run again to go on."
            with suppress(Exception):
                _end(session, False, f"The session {why}")
            raise
    return ending


def _refuse_others(log: Log, settings: SessionSettings, folder: Path) -> None:
    """Refuse to go on with a plan that is not the one which the session was begun with."""
    begun, wanted = (log.result(BEGUN, "") or {}).get("pinned"), pinned(settings)
    for name, value in (begun or {}).items():
        if wanted.get(name, value) != value:
            raise BadInput(
                f"the session in {folder} was begun with {name} {value!r}, not {wanted[name]!r}",
                "give the settings that it was begun with, or another folder",
            )


def about(settings: SessionSettings) -> dict[str, Any]:
    """What those who follow a session need to know of it: its plan, and which process it is."""
    plan = {part: asdict(getattr(settings, part)) for part in ("squares", "holes", "exposures", "skip", "classes")}
    grids = {str(slot): name for slot, name in settings.grids.items()}
    run = {"at": time.time(), "host": socket.gethostname(), "pid": os.getpid()}
    return {
        "version": __version__,
        "driver": settings.driver,
        "grids": grids,
        **plan,
        **run,
        "pinned": pinned(settings),
    }


def open_scope(settings: SessionSettings, folder: Path) -> Guarded:
    """The microscope of a session; it is told which grid is in the column where its program does not tell."""
    journal = folder / JOURNAL
    options = dict(settings.microscope.options)
    if settings.driver in _TOLD_LOADED and journal.exists():
        options["loaded"] = loaded_slot(read_journal(journal)) or options.get("loaded", 0)
    microscope: Settings = replace(settings.microscope, options=options)
    return open_microscope(settings.driver, microscope, journal=journal)


def _run(session: Session) -> Ending:
    try:
        for slot in _grids(session):
            _grid(session, slot)
            if str(slot) not in session.orders(working=False).excluded:  # that may be taken back
                session.log.settle("grid", str(slot), {"slot": slot})
            write_session(session)
        session.rounds.finish(session)
        why = "The session is finished: all grids are done."
        return _end(session, True, why)
    except Ended as error:
        why = f"The session stopped: {error}." + (f" To mend it: {error.hint}." if error.hint else "")
    except Cancelled as error:
        why = f"The session stopped: {error}."
    except LoaderFault as error:
        why = f"The session stopped: the grid loader needs a person: {error}. Then run again."
    except Retryable as error:  # of our own files: those of the microscope are met where they strike
        why = f"The session stopped: {error}. Run again to go on."
    except CryogaugeError as error:
        why = f"The session stopped: {error}."
    return _end(session, False, why)


def _end(session: Session, finished: bool, why: str) -> Ending:
    """Leave the microscope at low magnification, where the beam is faintest, and say why."""
    session.scope.rest(session.settings.modes.atlas)
    try:
        page = write_session(session, why)
    except CryogaugeError as error:
        session.log.say(f"the report could not be written: {error}")
        page = session.folder / "report.html"
    with suppress(CryogaugeError):
        session.log.renew(ENDED, "", {"finished": finished, "why": why, "at": time.time()})
    session.log.say(why)
    return Ending(finished, why, page)


def _grids(session: Session) -> Iterator[int]:
    """Slots in the order in which they are wanted, asked anew after each."""
    visited: set[int] = set()
    while True:
        orders = session.orders(working=False)
        waiting = [slot for slot in session.settings.grids if slot not in visited]
        waiting.sort(key=lambda slot: _place(orders, str(slot)))
        if not waiting:
            return
        visited.add(waiting[0])
        if session.log.result("grid", str(waiting[0])) is None:
            yield waiting[0]


def _place(orders: Orders, target: str) -> int:
    return orders.first.index(target) if target in orders.first else len(orders.first)


def _grid(session: Session, slot: int) -> None:
    while True:
        try:
            return _look_over(session, slot)
        except Exchanged as error:
            session.log.say(f"{error}: it is loaded again")
        except Skipped as error:
            return skip(session, str(slot), str(error))
        except LoaderFault as error:
            if session.tells(slot, occupied=False):
                return skip(session, str(slot), f"grid {slot} is skipped: slot {slot} holds no grid.", no_grid=True)
            why = f"the grid loader needs a person: {error}"
            raise Ended(why, error.hint or "see to it, then run again") from error


def _look_over(session: Session, slot: int) -> None:
    """Load a grid, find its squares or where they are now, and visit them."""
    log, name = session.log, str(slot)
    _leave_out(session.orders(working=False), name)
    load(session, slot)
    if log.result("squares", name) is None:
        log.say(f"grid {slot} ({session.settings.grids[slot]}): atlas")
        atlas = take_atlas(session, slot)
        session.orders()
        log.do("squares", name, lambda: find_grid_squares(session, slot, atlas))
        session.placed[name] = Placement()
    found = log.result("squares", name)
    if name not in session.placed:
        found = place_grid(session, slot, found)
    log.say(f"grid {slot}: {found['found']} squares, {len(found['queue'])} worth a visit")
    _squares(session, slot, found)


def load(session: Session, slot: int) -> None:
    """Bring a grid into the column unless it is there."""
    if session.loaded == slot:
        return
    session.placed = {target: lies for target, lies in session.placed.items() if target.split("/")[0] != str(slot)}
    if session.can(Capability.LOAD):
        session.loaded, known = 0, session.log.begun("tile", f"{slot}/0")
        if not (known and session.tells(slot, loaded=True)):
            session.log.renew(LOAD, str(slot), {"slot": slot})  # tiles from before it may show it elsewhere
        session.log.say(f"loading grid {slot} ({session.settings.grids[slot]})")
        session.patiently("load", lambda: session.scope.load_grid(slot))
        if session.can(Capability.ZERO_LOSS):
            session.patiently("zero loss", session.scope.refine_zero_loss)
    elif len(session.settings.grids) > 1:
        raise Ended("the microscope cannot change grids", "give one grid to a session, and load it by hand")
    session.loaded, session.focus = slot, Focus()


def _squares(session: Session, slot: int, found: dict[str, Any]) -> None:
    """Visit squares until as many were sampled as are planned, or the grid is not worth more."""
    by_number = {square["square"]: square for square in found["queue"]}
    numbers = {square["square"] for square in found["all"]}
    done = sum(  # of an atlas before this one
        visit["counts"] for target, visit in session.log.results("visited")
        if target.startswith(f"{slot}/") and int(target.split("/")[1]) not in numbers
    )  # fmt: skip
    while by_number and done < session.settings.squares.count:
        orders = session.orders()
        _leave_out(orders, str(slot))
        number = min(by_number, key=lambda n: _place(orders, f"{slot}/{n}"))  # of equals the first in the queue
        square = by_number.pop(number)
        if f"{slot}/{number}" in orders.excluded:
            why = f"square {slot}/{number} is skipped: left out by {orders.excluded[f'{slot}/{number}']}."
            skip(session, f"{slot}/{number}", why)
            continue
        done += _square(session, slot, square)
        rows = judge_exposures(session, str(slot))
        if (
            by_number
            and done < session.settings.squares.count
            and (why := why_skip(rows, session.settings.skip, "grid"))
        ):
            raise Skipped(f"the rest of grid {slot} is skipped: {why}")


def _square(session: Session, slot: int, square: dict[str, Any]) -> bool:
    """Sample a square; whether it counts as one of those planned."""
    target, log = f"{slot}/{square['square']}", session.log
    if (kept := log.result("visited", target)) is not None:
        return bool(kept["counts"])
    try:
        known = log.result("square", target) is not None
        seen = log.do("square", target, lambda: look_at_square(session, slot, square))
        log.say(f"square {target}: {seen['holes']} holes, {seen['targets']} targets")
        seen = place_square(session, slot, square, seen) if known else seen
        exposed = _holes(session, slot, square, seen)
        counts = exposed > 0
        if not counts:
            log.say(f"square {target}: no exposure was kept; another takes its place")
    except Skipped as error:
        skip(session, target, str(error))
        counts = True
    except (Retryable, Unsafe) as error:
        skip(session, target, f"square {target} is given up: {error}.")
        session.missed(error)
        return False  # another takes its place, and a later run tries it again
    log.settle("visited", target, {"counts": counts})
    return counts


def _holes(session: Session, slot: int, square: dict[str, Any], seen: dict[str, Any]) -> int:
    """Expose holes until as many were as are planned, or the square is not worth more; how many were."""
    target, exposed = f"{slot}/{square['square']}", 0
    for hole, centre in in_turn(session, target, seen):
        if exposed >= session.settings.holes.count:
            break
        orders = session.orders()
        _leave_out(orders, str(slot))
        _leave_out(orders, target)
        if why := why_skip(judge_exposures(session, target), session.settings.skip, "square"):
            raise Skipped(f"the rest of square {target} is skipped: {why}")
        session.rounds.look(session)
        try:
            exposed += expose_hole(session, slot, square, seen, hole, centre) > 0
        except Lost as error:
            session.log.say(str(error))
            session.missed(error)
    judge_exposures(session, target)
    return exposed


def _leave_out(orders: Orders, target: str) -> None:
    if target in orders.excluded:
        what = "square" if "/" in target else "grid"
        raise Skipped(f"{what} {target} is skipped: left out by {orders.excluded[target]}.")


def skip(session: Session, target: str, why: str, *, no_grid: bool = False) -> None:
    """Write down and say why a grid or square is left out, or the rest of it; or that there is none."""
    if session.log.result("skip", target) is None:
        session.log.do("skip", target, lambda: {"why": why, "no_grid": no_grid})
        session.log.say(why)
