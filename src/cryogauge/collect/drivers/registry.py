"""The drivers at hand, ours and those of plug-ins, and the way to a microscope by whichever."""

import math
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Protocol

from cryogauge.collect.drivers.control import Control
from cryogauge.collect.drivers.guard import Guarded
from cryogauge.collect.drivers.journal import Journal
from cryogauge.collect.drivers.options import options_from
from cryogauge.records import BadInput
from cryogauge.records.microscope import DRIVER_GROUP, Microscope, Mode, Settings


@dataclass(frozen=True)
class _Described:
    """A mode but for its name."""

    pixel_size_A: float = 0.0
    shape_px: tuple[int, int] = (0, 0)
    dose_e_A2: float = 0.0


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
    if isinstance(values, Mapping):
        values = {name: value for name, value in values.items() if value is not None}
    made = options_from(Settings, values, "the microscope")
    modes = {str(name): _mode(str(name), mode) for name, mode in made.modes.items()}
    return replace(made, modes=modes, options=dict(made.options))


def _mode(name: str, values: Any) -> Mode:
    given = options_from(_Described, values, f"the mode {name}")
    if not (math.isfinite(given.pixel_size_A) and min(given.pixel_size_A, *given.shape_px) > 0):
        raise BadInput(
            f"the mode {name} has a pixel_size_A of {given.pixel_size_A:g} Å and a shape_px of {given.shape_px}",
            "give both, the shape as [y, x]",
        )
    return Mode(name, given.pixel_size_A, given.shape_px, given.dose_e_A2)
