"""A microscope that can only be watched: pictures, as its program leaves them in the session's folder."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import NoReturn

from cryogauge.collect.drivers.control import Control
from cryogauge.records import BadInput
from cryogauge.records.faults import Unsupported
from cryogauge.records.microscope import Capability, Clock, Exposure, Limits, Mode, Settings


def _refused(what: str) -> Callable[..., NoReturn]:
    """A command that is refused in words."""

    def command(self: "Watched", *_: object, **__: object) -> NoReturn:
        raise Unsupported(
            f"{self.program} cannot be told to {what} from outside",
            f"drive it in {self.program}; this driver watches its pictures",
        )

    return command


class Watched:
    """A microscope whose program takes no commands; whatever is asked of it is refused in words.

    Parameters
    ----------
    name, program
        Of the driver, and of the program.
    settings
        Modes and limits.
    control
        The clock, and whether to go on.
    pictures
        Files that are there now, each with its mode; asked at each look.
    read
        A picture by its file and mode; raises ``BadInput`` while it is not whole.
    patience_s
        After this time a picture that still cannot be read is given up, with a note.

    Attributes
    ----------
    program
        As people call it.
    notes
        What could not be read, and why.
    """

    capabilities = frozenset({Capability.WATCH})

    def __init__(
        self,
        name: str,
        program: str,
        settings: Settings,
        control: Control,
        *,
        pictures: Callable[[], Iterable[tuple[Path, str]]],
        read: Callable[[Path, str], Exposure],
        patience_s: float,
    ) -> None:
        self.name = name
        self.limits: Limits = settings.limits
        self.modes: Mapping[str, Mode] = dict(settings.modes)
        self.notes: list[str] = []
        self.program = program
        self._control = control
        self._pictures = pictures
        self._read = read
        self._patience_s = patience_s
        self._seen: set[Path] = set()
        self._since: dict[Path, float] = {}

    @property
    def clock(self) -> Clock:
        """The control's."""
        return self._control.clock

    def arrivals(self) -> list[Exposure]:
        """See :class:`Microscope`. A picture that is still being written comes at a later call."""
        arrived = []
        for path, mode in self._pictures():
            if path in self._seen:
                continue
            self._control.check()
            try:
                arrived.append(self._read(path, mode))
            except (BadInput, OSError) as error:  # such as a file that its program moved away
                if self.clock.now_s - self._since.setdefault(path, self.clock.now_s) < self._patience_s:
                    continue
                self.notes.append(str(error))
            self._seen.add(path)
        return sorted(arrived, key=lambda exposure: exposure.recorded_at_s)

    def reconnect(self) -> None:
        """The folder is looked at anew at each call."""

    def stop(self) -> None:
        """Nothing was begun."""

    def close(self) -> None:
        """Nothing is held."""

    # ------------------------------------------------------------------ what cannot be asked of it
    slots = _refused("list its grids")
    load_grid = _refused("load a grid")
    set_mode = _refused("change its optics")
    stage = _refused("tell where the stage is")
    move_stage = _refused("move its stage")
    set_image_shift = _refused("shift its image")
    set_beam_shift = _refused("shift its beam")
    set_defocus = _refused("set its defocus")
    record = _refused("take a picture")
    find_eucentricity = _refused("find eucentric height")
    autofocus = _refused("focus")
    wait_for_drift = _refused("wait for drift")
    set_slit = _refused("move its slit")
    refine_zero_loss = _refused("centre its zero-loss peak")
    status = _refused("tell its condition")


def taken_s(told: str, path: Path) -> float:
    """When a picture was taken, in seconds since 1970: as told in ISO 8601, or else when its file was written."""
    try:
        return datetime.fromisoformat(told).timestamp()
    except ValueError:
        return path.stat().st_mtime
