"""EPU as a microscope that can only be watched: pictures and their XML as they appear in the session's folder.

Where they lie and what the XML tells: :mod:`cryogauge.io.session.epu_xml`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cryogauge.collect.drivers.control import Control
from cryogauge.collect.drivers.options import options_from, session_folder
from cryogauge.collect.drivers.watched import Watched, taken_s
from cryogauge.io.pictures import read_picture
from cryogauge.io.session.epu_xml import PLACES, read_epu_xml
from cryogauge.records import BadInput
from cryogauge.records.microscope import Exposure, Settings, StagePosition


@dataclass(frozen=True)
class Options:
    """Options of the EPU driver.

    Attributes
    ----------
    folder
        The session's folder, the one with ``EpuSession.dm``.
    patience_s
        After this time a picture that still cannot be read is given up, with a note.
    """

    folder: str = ""
    patience_s: float = 60.0


def connect(settings: Settings, control: Control) -> Watched:
    """Watch a session of EPU; its modes are those of the files: ``square``, ``hole``, ``exposure``.

    Raises
    ------
    BadInput
        When an option of :class:`Options` is unknown, or there is no such folder.
    """
    options = options_from(Options, settings.options, "the EPU driver")
    folder = session_folder(options.folder, "an EPU", "give the one with EpuSession.dm")
    return Watched(
        "epu", "EPU", settings, control,
        pictures=lambda: _pictures(folder), read=read_epu_picture, patience_s=options.patience_s,
    )  # fmt: skip


def _pictures(folder: Path) -> Iterator[tuple[Path, str]]:
    for mode, (pattern, name) in PLACES.items():
        for path in sorted(folder.glob(pattern)):
            if name.fullmatch(path.stem):
                yield path, mode


def read_epu_picture(path: Path, mode: str) -> Exposure:
    """A picture by its XML.

    Parameters
    ----------
    path
        The XML file; the picture beside it has its name.
    mode
        What kind of picture it is.

    Returns
    -------
    Exposure
        Of the picture beside the XML, MRC before TIFF before JPEG. Its pixel size is the XML's, scaled where the
        picture has another number of columns than the camera gave, as JPEGs have. Stage, dose, applied defocus and
        slit are the XML's; its image shift is left at 0, since EPU's is not in µm of the specimen.

    Raises
    ------
    BadInput
        When XML or picture are missing, incomplete or of another kind.
    """
    told = read_epu_xml(path)
    if told.picture is None:
        raise BadInput(f"there is no picture beside {path}", "EPU may still be writing it")
    data, _ = read_picture(told.picture)
    return Exposure(
        data=data,
        pixel_size_A=told.pixel_size_A(data.shape[1]),
        mode=mode,
        stage=StagePosition(told.x_um, told.y_um, told.z_um, told.tilt_deg),
        defocus_A=told.defocus_A,
        dose_e_A2=told.dose_e_A2,
        slit_in=told.slit_in,
        recorded_at_s=taken_s(told.taken, path),
    )
