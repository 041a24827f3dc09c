"""What a microscope program must offer, whichever it is: states, limits, commands; its faults are another module's.

The common driver interface asked for by Bepler et al. 2022, "Smart data collection for CryoEM", section 10. Stage
positions, image shifts and beam shifts are in µm, angles in degrees, defocus in Å (positive for underfocus), exposure
in e⁻/Å², time in seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from cryogauge.records.errors import BadInput

#: Entry-point group of microscope drivers: ``name = "package.module:connect"``, a :class:`Connect`.
DRIVER_GROUP = "cryogauge.drivers"


class Capability(StrEnum):
    """What a driver can do; a command outside its capabilities raises :class:`Unsupported`."""

    LOAD = "load"
    MODES = "modes"
    STAGE = "stage"
    TILT = "tilt"
    IMAGE_SHIFT = "image shift"
    BEAM_SHIFT = "beam shift"
    DEFOCUS = "defocus"
    RECORD = "record"
    FRAMES = "frames"
    EUCENTRICITY = "eucentricity"
    AUTOFOCUS = "autofocus"
    DRIFT = "drift"
    FILTER = "energy filter"
    ZERO_LOSS = "zero loss"
    STATUS = "status"
    WATCH = "watch"


@dataclass(frozen=True)
class StagePosition:
    """Where the stage is: µm, and degrees of its tilt."""

    x_um: float
    y_um: float
    z_um: float
    tilt_deg: float


@dataclass(frozen=True)
class Mode:
    """A named state of the optics and camera, such as ``atlas``, ``square``, ``hole``, ``exposure``.

    Attributes
    ----------
    name
        What it is called.
    pixel_size_A
        Pixel on the specimen.
    shape_px
        (y, x) of its pictures.
    dose_e_A2
        Its usual exposure; 0 where the program sets it by itself and does not tell.
    """

    name: str
    pixel_size_A: float
    shape_px: tuple[int, int]
    dose_e_A2: float = 0.0

    @property
    def field_um(self) -> tuple[float, float]:
        """Height and width (y, x) of a picture on the specimen."""
        return self.shape_px[0] * self.pixel_size_A / 1e4, self.shape_px[1] * self.pixel_size_A / 1e4


@dataclass(frozen=True)
class Slot:
    """A place of the grid loader.

    Attributes
    ----------
    number
        From 1.
    occupied
        Whether a grid is there, or ``None`` when the program does not know. Programs differ on the slot whose grid is
        in the column; ``loaded`` tells it apart.
    loaded
        Whether its grid is in the column.
    name
        What the operator called it.
    """

    number: int
    occupied: bool | None
    loaded: bool = False
    name: str = ""


@dataclass(frozen=True)
class Status:
    """What the program tells of the microscope's condition; ``None`` for what it does not tell.

    Attributes
    ----------
    dewars_filling, pumping
        Exposures would be spoilt: wait.
    valves_open
        Column or gun valves.
    vacuum_ready
        Good enough for the beam.
    temperature_K
        Of the specimen's holder or cartridge.
    """

    dewars_filling: bool | None = None
    pumping: bool | None = None
    valves_open: bool | None = None
    vacuum_ready: bool | None = None
    temperature_K: float | None = None


@dataclass(frozen=True)
class Exposure:
    """A picture, and where and how it was taken.

    Attributes
    ----------
    data
        (y, x), in the rows' order of the program that took it.
    pixel_size_A
        Pixel on the specimen.
    mode
        Name of the mode.
    stage
        The stage as it read when the picture was taken.
    image_shift_um
        (x, y).
    defocus_A
        As set, positive for underfocus; NaN where not told.
    dose_e_A2
        On the specimen; NaN where not told.
    slit_in
        Energy filter's slit, ``None`` without a filter or where not told.
    pixel_to_stage_um
        ((a, b), (c, d)): a pixel dx columns and dy rows from the centre lies at stage x + a·dx + b·dy,
        y + c·dx + d·dy. ``None`` where the program has no calibration.
    frames
        Path of the movie as the camera's computer knows it, or empty.
    recorded_at_s
        By the driver's clock.
    """

    data: NDArray[np.generic]
    pixel_size_A: float
    mode: str
    stage: StagePosition
    image_shift_um: tuple[float, float] = (0.0, 0.0)
    defocus_A: float = float("nan")
    dose_e_A2: float = float("nan")
    slit_in: bool | None = None
    pixel_to_stage_um: tuple[tuple[float, float], tuple[float, float]] | None = None
    frames: str = ""
    recorded_at_s: float = 0.0

    def stage_at(self, x_px: float, y_px: float) -> tuple[float, float]:
        """Stage x and y in µm that bring pixel (x, y) to the centre of such a picture.

        Raises
        ------
        BadInput
            When the picture has no calibration to stage positions.
        """
        if self.pixel_to_stage_um is None:
            raise BadInput(
                "the picture has no calibration from pixels to the stage", "calibrate the microscope program"
            )
        (a, b), (c, d) = self.pixel_to_stage_um
        dx = x_px - (self.data.shape[1] - 1) / 2
        dy = y_px - (self.data.shape[0] - 1) / 2
        x_um, y_um = self.stage.x_um + self.image_shift_um[0], self.stage.y_um + self.image_shift_um[1]
        return x_um + a * dx + b * dy, y_um + c * dx + d * dy


@dataclass(frozen=True)
class Limits:
    """What may be asked of the microscope; every command is held against it before anything moves.

    Attributes
    ----------
    x_um, y_um, z_um, tilt_deg
        Lowest and highest of the stage.
    image_shift_um, beam_shift_um
        Largest length of the shift.
    defocus_A
        Lowest and highest.
    dose_e_A2
        Largest of one exposure.
    """

    x_um: tuple[float, float] = (-1000.0, 1000.0)
    y_um: tuple[float, float] = (-1000.0, 1000.0)
    z_um: tuple[float, float] = (-250.0, 250.0)
    tilt_deg: tuple[float, float] = (-65.0, 65.0)
    image_shift_um: float = 15.0
    beam_shift_um: float = 15.0
    defocus_A: tuple[float, float] = (-3_000_000.0, 3_000_000.0)
    dose_e_A2: float = 200.0

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            low, high = value if isinstance(value, tuple) else (0.0, value)
            if not (np.isfinite(low) and np.isfinite(high) and low <= high):
                raise BadInput(f"the limit {each.name} is {value}", "give finite numbers, the lower one first")

    def within(self, other: "Limits") -> Self:
        """The narrower of both in everything.

        Raises
        ------
        BadInput
            When nothing is allowed by both.
        """
        narrowed: dict[str, Any] = {}
        for each in fields(self):
            ours, theirs = getattr(self, each.name), getattr(other, each.name)
            if isinstance(ours, tuple):
                narrowed[each.name] = (max(ours[0], theirs[0]), min(ours[1], theirs[1]))
            else:
                narrowed[each.name] = min(ours, theirs)
        return replace(self, **narrowed)


@runtime_checkable
class Clock(Protocol):
    """Time as the microscope lives it: the wall's, or a simulation's."""

    @property
    def now_s(self) -> float: ...  # noqa: D102

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        ...


@runtime_checkable
class Microscope(Protocol):
    """A microscope, by whichever program drives it.

    Every command ends when the microscope has done it, and raises one of :mod:`cryogauge.records.faults` when it has
    not.
    A command that is not among the capabilities raises :class:`Unsupported`.

    Attributes
    ----------
    name
        One word, the name the driver is registered by.
    capabilities
        What it can do.
    modes
        The states of optics and camera, by name.
    limits
        What may be asked of it; its own tasks (eucentricity, autofocus) keep to them too.
    clock
        The time it lives in.
    """

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def capabilities(self) -> frozenset[Capability]: ...  # noqa: D102

    @property
    def modes(self) -> Mapping[str, Mode]: ...  # noqa: D102

    @property
    def limits(self) -> Limits: ...  # noqa: D102

    @property
    def clock(self) -> Clock: ...  # noqa: D102

    def slots(self) -> list[Slot]:
        """List the places of the grid loader."""
        ...

    def load_grid(self, slot: int) -> None:
        """Bring a grid into the column, putting back the one that is there. Loading what is loaded does nothing."""
        ...

    def set_mode(self, name: str) -> None:
        """Set optics and camera to one of the modes."""
        ...

    def stage(self) -> StagePosition:
        """Where the stage reads that it is."""
        ...

    def move_stage(
        self,
        x_um: float | None = None,
        y_um: float | None = None,
        z_um: float | None = None,
        tilt_deg: float | None = None,
    ) -> None:
        """Go to a position; an axis that is not named stays."""
        ...

    def set_image_shift(self, x_um: float, y_um: float) -> None:
        """Deflect image and beam together, by µm of the specimen along the stage's x and y."""
        ...

    def set_beam_shift(self, x_um: float, y_um: float) -> None:
        """Deflect the beam alone."""
        ...

    def set_defocus(self, defocus_A: float) -> None:
        """Set the defocus relative to the eucentric plane, positive for underfocus."""
        ...

    def record(self, dose_e_A2: float | None = None, frames: bool = False) -> Exposure:
        """Take a picture in the present mode.

        Parameters
        ----------
        dose_e_A2
            Exposure of the specimen; the mode's own when ``None``.
        frames
            Whether to save the movie too.
        """
        ...

    def find_eucentricity(self) -> float:
        """Bring the specimen to eucentric height; return the stage's z in µm."""
        ...

    def autofocus(self, defocus_A: float) -> float:
        """Bring the specimen to a defocus; return what was measured, in Å."""
        ...

    def wait_for_drift(self, rate_A_s: float) -> float:
        """Wait until the specimen moves no faster than this; return the rate measured last, in Å/s."""
        ...

    def set_slit(self, inserted: bool) -> None:
        """Put the energy filter's slit in or out."""
        ...

    def refine_zero_loss(self) -> None:
        """Centre the zero-loss peak in the slit."""
        ...

    def status(self) -> Status:
        """Read the condition of the microscope."""
        ...

    def arrivals(self) -> list[Exposure]:
        """Pictures that the program took by itself since the last call, in the order they were taken."""
        ...

    def stop(self) -> None:
        """Halt what is moving, as far as the program allows. May be called from another thread."""
        ...

    def reconnect(self) -> None:
        """Set up the connection anew. Image shift may be at zero after it, whatever it was before."""
        ...

    def close(self) -> None:
        """Let go of the microscope. It may be called twice."""
        ...


@dataclass(frozen=True)
class Settings:
    """How a driver is set up.

    Attributes
    ----------
    modes
        The modes by name, where the driver cannot ask the program for them.
    limits
        What may be asked of the microscope.
    options
        What else the driver needs; it refuses names it does not know.
    """

    modes: Mapping[str, Mode] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    options: Mapping[str, Any] = field(default_factory=dict)
