"""Leginon as a microscope that can only be watched: its images as they appear in the session's folder.

What names say: :mod:`cryogauge.io.session.leginon_names`; what the database knows of images:
:mod:`cryogauge.io.session.leginon_export`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from cryogauge.collect.drivers.control import Control
from cryogauge.collect.drivers.options import options_from, session_folder
from cryogauge.collect.drivers.watched import Watched, taken_s
from cryogauge.io.session.leginon_export import LeginonImage, read_leginon_export
from cryogauge.io.session.leginon_names import LEVELS, leginon_pictures, open_leginon
from cryogauge.records import BadInput
from cryogauge.records.microscope import Exposure, Mode, Settings, StagePosition


@dataclass(frozen=True)
class Options:
    """Options of the Leginon driver.

    Attributes
    ----------
    folder
        The session's folder of images, or the one that holds it as ``rawdata``.
    table
        What the database knows of the images; without it stage, defocus and dose are not told. It is read anew when it
        was written anew, and a picture waits until it stands there.
    levels
        Modes of presets that have names of their own, such as ``{"hln": "hole"}``; the mode of a preset that is
        neither there nor common is the preset's name.
    patience_s
        After this time a picture that still cannot be read is given up, with a note.
    """

    folder: str = ""
    table: str = ""
    levels: Mapping[str, str] = field(default_factory=dict)
    patience_s: float = 60.0


def connect(settings: Settings, control: Control) -> Watched:
    """Watch a session of Leginon; its modes are ``atlas``, ``square``, ``hole``, ``exposure`` and ``focus``.

    Raises
    ------
    BadInput
        When an option of :class:`Options` is unknown, or there is no such folder.
    """
    options = options_from(Options, settings.options, "the Leginon driver")
    folder = session_folder(options.folder, "a Leginon", "give the one with its images")
    known = _Known(Path(options.table)) if options.table else None
    levels = {**LEVELS, **options.levels}

    def pictures() -> Iterator[tuple[Path, str]]:
        for path, name in leginon_pictures(folder):
            yield path, levels.get(name.preset, name.preset)

    def read(path: Path, mode: str) -> Exposure:
        told = LeginonImage() if known is None else known.of(path)
        return read_leginon_picture(path, mode, told, settings.modes.get(mode))

    return Watched("leginon", "Leginon", settings, control, pictures=pictures, read=read, patience_s=options.patience_s)


def read_leginon_picture(path: Path, mode: str, told: LeginonImage, usual: Mode | None = None) -> Exposure:
    """A picture of Leginon's.

    Parameters
    ----------
    path
        The MRC file.
    mode
        What kind of picture it is.
    told
        What the database knows of it. Its pixel size counts first, then the header's, which says 1 Å where Leginon did
        not know it.
    usual
        The mode as it was set up; its pixel counts last, scaled where the picture has another number of columns.

    Raises
    ------
    BadInput
        When the picture is missing, incomplete or of another kind, or nobody tells its pixel size.
    """
    data, stated_A = open_leginon(path)
    size = told.pixel_size_A if told.pixel_size_A > 0 else stated_A
    if not size > 0 and usual is not None:
        size = usual.pixel_size_A * usual.shape_px[1] / data.shape[1]
    if not size > 0:
        raise BadInput(f"{path.name} does not tell its pixel size", f"give the mode {mode}, or a table of the database")
    return Exposure(
        data=np.array(data),
        pixel_size_A=size,
        mode=mode,
        stage=StagePosition(told.stage_x_um, told.stage_y_um, told.stage_z_um, told.tilt_deg),
        defocus_A=told.defocus_A,
        dose_e_A2=told.dose_e_A2,
        recorded_at_s=taken_s(told.recorded_at, path),
    )


class _Known:
    """The table as it was last written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._written_ns = -1
        self._images: dict[str, LeginonImage] = {}

    def of(self, path: Path) -> LeginonImage:
        if not self._path.is_file():
            raise BadInput(f"{self._path} does not exist", "have the database write it")
        written_ns = self._path.stat().st_mtime_ns
        if written_ns != self._written_ns:
            self._images = read_leginon_export(self._path)
            self._written_ns = written_ns
        if path.stem not in self._images:
            raise BadInput(f"{path.name} does not stand in {self._path.name}", "have the database write it again")
        return self._images[path.stem]
