"""A microscope that can only be watched: pictures, as its program leaves them in the session's folder."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path

from cryogauge.collect.drivers.control import Control
from cryogauge.records import BadInput
from cryogauge.records.faults import Unsupported
from cryogauge.records.microscope import (
    Capability,
    Clock,
    Exposure,
    Limits,
    Mode,
    Settings,
    Slot,
    StagePosition,
    Status,
)


class Watched:
    """A microscope whose program takes no commands; whatever is asked of it is refused in words.

    Parameters
    ----------
    name, program
        Of the driver, and of the program as people call it.
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
        self._program = program
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
            except BadInput as error:
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
    def slots(self) -> list[Slot]:
        """It is only watched."""
        raise self._refusal("list its grids")

    def load_grid(self, slot: int) -> None:
        """It is only watched."""
        raise self._refusal("load a grid")

    def set_mode(self, name: str) -> None:
        """It is only watched."""
        raise self._refusal("change its optics")

    def stage(self) -> StagePosition:
        """It is only watched."""
        raise self._refusal("tell where the stage is")

    def move_stage(
        self,
        x_um: float | None = None,
        y_um: float | None = None,
        z_um: float | None = None,
        tilt_deg: float | None = None,
    ) -> None:
        """It is only watched."""
        raise self._refusal("move its stage")

    def set_image_shift(self, x_um: float, y_um: float) -> None:
        """It is only watched."""
        raise self._refusal("shift its image")

    def set_beam_shift(self, x_um: float, y_um: float) -> None:
        """It is only watched."""
        raise self._refusal("shift its beam")

    def set_defocus(self, defocus_A: float) -> None:
        """It is only watched."""
        raise self._refusal("set its defocus")

    def record(self, dose_e_A2: float | None = None, frames: bool = False) -> Exposure:
        """It is only watched."""
        raise self._refusal("take a picture")

    def find_eucentricity(self) -> float:
        """It is only watched."""
        raise self._refusal("find eucentric height")

    def autofocus(self, defocus_A: float) -> float:
        """It is only watched."""
        raise self._refusal("focus")

    def wait_for_drift(self, rate_A_s: float) -> float:
        """It is only watched."""
        raise self._refusal("wait for drift")

    def set_slit(self, inserted: bool) -> None:
        """It is only watched."""
        raise self._refusal("move its slit")

    def refine_zero_loss(self) -> None:
        """It is only watched."""
        raise self._refusal("centre its zero-loss peak")

    def status(self) -> Status:
        """It is only watched."""
        raise self._refusal("tell its condition")

    def _refusal(self, what: str) -> Unsupported:
        return Unsupported(
            f"{self._program} cannot be told to {what} from outside",
            f"drive it in {self._program}; this driver watches its pictures",
        )


def taken_s(told: str, path: Path) -> float:
    """When a picture was taken, in seconds since 1970: as told in ISO 8601, or else when its file was written."""
    try:
        return datetime.fromisoformat(told).timestamp()
    except ValueError:
        return path.stat().st_mtime
