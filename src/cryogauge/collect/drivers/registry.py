"""The drivers at hand, ours and those of plug-ins, and the way to a microscope by whichever."""

import threading
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import fields
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Protocol

from cryogauge.collect.drivers.control import Control
from cryogauge.collect.drivers.guard import Guarded
from cryogauge.collect.drivers.journal import Journal
from cryogauge.records import BadInput
from cryogauge.records.microscope import DRIVER_GROUP, Limits, Microscope, Mode, Settings


class Connect(Protocol):
    """What a driver registers: a function that connects to a microscope."""

    def __call__(self, settings: Settings, control: Control) -> Microscope:
        """Connect.

        Parameters
        ----------
        settings
            Modes, limits and the driver's own options.
        control
            What the driver asks while it waits; it may put a clock of its own there.

        Raises
        ------
        BadInput
            When an option is unknown or cannot be, or the vendor's module is missing.
        ConnectionLost
            When the microscope program does not answer.
        """
        ...


def known_drivers() -> dict[str, EntryPoint]:
    """Entry points of all registered drivers by name; none is loaded."""
    return {entry.name: entry for entry in entry_points(group=DRIVER_GROUP)}


def open_microscope(
    name: str,
    settings: Settings | None = None,
    *,
    journal: Path | None = None,
    cancelled: threading.Event | None = None,
    timeouts_s: Mapping[str, float] | None = None,
) -> Guarded:
    """Connect to a microscope; every command then passes through limits, time-outs and the journal.

    Parameters
    ----------
    name
        The driver's, one of :func:`known_drivers`.
    settings
        Modes, limits, options.
    journal
        File of the session's journal, continued when it is there.
    cancelled
        Set from any thread to call the running command off, and all that follow.
    timeouts_s
        Seconds by command, over those of the guard.

    Raises
    ------
    BadInput
        When there is no such driver, it cannot be loaded, or its settings are wrong.
    ConnectionLost
        When the microscope program does not answer.
    """
    drivers = known_drivers()
    if name not in drivers:
        raise BadInput(f"no driver is called {name!r}", f"one of: {', '.join(sorted(drivers)) or 'none is installed'}")
    try:
        connect: Connect = drivers[name].load()
    except (ImportError, AttributeError) as error:
        raise BadInput(
            f"the driver {name} ({drivers[name].value}) cannot be loaded: {error}", "reinstall it"
        ) from error
    return guard(connect, settings, journal=journal, cancelled=cancelled, timeouts_s=timeouts_s)


def guard(
    connect: Connect,
    settings: Settings | None = None,
    *,
    journal: Path | None = None,
    cancelled: threading.Event | None = None,
    timeouts_s: Mapping[str, float] | None = None,
) -> Guarded:
    """Connect by a driver that is not registered; otherwise as :func:`open_microscope`."""
    control = Control(cancelled=cancelled)
    with ExitStack() as opened:
        written = Journal(journal) if journal is not None else None
        if written is not None:
            opened.callback(written.close)
        driver = connect(settings or Settings(), control)
        opened.callback(driver.close)
        guarded = Guarded(driver, control, written, timeouts_s)
        opened.pop_all()
    return guarded


def settings_from(values: Mapping[str, Any]) -> Settings:
    """Settings of a driver from a session's file.

    Parameters
    ----------
    values
        ``modes`` (by name: ``pixel_size_A``, ``shape_px`` as (y, x), ``dose_e_A2``), ``limits`` (fields of
        :class:`Limits`) and ``options`` of the driver; each may be left out.

    Raises
    ------
    BadInput
        For names that are none and values that cannot be.
    """
    _refuse_unknown("settings of a driver", values, Settings)
    modes = {}
    for name, mode in (values.get("modes") or {}).items():
        _refuse_unknown(f"the mode {name}", {**mode, "name": name}, Mode)
        try:
            height, width = (int(count) for count in mode["shape_px"])
            made = Mode(name, float(mode["pixel_size_A"]), (height, width), float(mode.get("dose_e_A2", 0.0)))
        except (KeyError, TypeError, ValueError) as error:
            raise BadInput(
                f"the mode {name} is not described: {error}", "give pixel_size_A and shape_px [y, x]"
            ) from error
        if not (made.pixel_size_A > 0 and height > 0 and width > 0):
            raise BadInput(f"the mode {name} has pixels of {made.pixel_size_A:g} Å and shape {made.shape_px}")
        modes[name] = made
    given = values.get("limits") or {}
    _refuse_unknown("the limits", given, Limits)
    limits: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
    return Settings(modes, Limits(**limits), dict(values.get("options") or {}))


def _refuse_unknown(where: str, values: Mapping[str, Any], kind: type) -> None:
    known = [each.name for each in fields(kind)]
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise BadInput(f"{where} know no {unknown[0]!r}", f"they are: {', '.join(known)}")
