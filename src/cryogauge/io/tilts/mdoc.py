"""SerialEM's and Tomo5's ``.mdoc``: a header and a section an image."""

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd

from cryogauge.records import BadInput

#: SerialEM's RotationAngle is that of the image's x axis: the tilt axis and a quarter turn.
QUARTER_TURN_DEG = 90.0
A_PER_UM = 1e4
#: Degrees by which the axis in the title and that of the sections may differ before the title is believed.
_SAME_AXIS_DEG = 1.0
#: Degrees that the images of a tilt series span at least.
_MIN_SPAN_DEG = 1.0

_SECTION = re.compile(r"\s*\[\s*(ZValue|FrameSet|MontSection)\s*=\s*(-?\d+)\s*\]\s*$")
_ENTRY = re.compile(r"\s*(\w+)\s*=\s?(.*?)\s*$")
_AXIS = re.compile(r"Tilt ?axis ?angle\s*=\s*(-?[\d.]+)", re.IGNORECASE)
_MONTHS = "janfebmaraprmayjunjulaugsepoctnovdec"


@dataclass(frozen=True)
class MdocSection:
    """One section.

    Attributes
    ----------
    kind
        ``ZValue``, ``FrameSet`` or ``MontSection``.
    number
        Its number.
    entries
        What it says, by key.
    lines
        Its lines as they stand, from its heading on.
    """

    kind: str
    number: int
    entries: dict[str, str]
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Mdoc:
    """A parsed ``.mdoc``.

    Attributes
    ----------
    path
        The file.
    entries
        What its header says, by key.
    lines
        The header's lines as they stand, titles (``[T = …]``) included.
    sections
        In the file's order.
    """

    path: Path
    entries: dict[str, str]
    lines: tuple[str, ...]
    sections: tuple[MdocSection, ...]

    def numbers(self, key: str) -> np.ndarray:
        """A number of each section, shape ``(section,)``; NaN where a section does not say it.

        Raises
        ------
        BadInput
            When one is no number.
        """
        try:
            return np.array(
                [float(each.entries[key].split()[0]) if each.entries.get(key) else np.nan for each in self.sections]
            )
        except ValueError as error:
            raise BadInput(f"{self.path} is damaged: {key} is no number: {error}", "copy it again") from error

    @property
    def image_size(self) -> tuple[int, int] | None:
        """Columns and rows of the images; ``None`` where the header does not say."""
        words = self.entries.get("ImageSize", "").split()
        return (int(words[0]), int(words[1])) if len(words) == 2 and all(w.isdecimal() for w in words) else None

    @property
    def pixel_size_A(self) -> float | None:
        """Å a pixel, from the sections or the header; ``None`` where neither says it."""
        stated = [value for value in self.numbers("PixelSpacing") if value > 0]
        if stated:
            return float(stated[0])
        try:
            value = float(self.entries.get("PixelSpacing", "nan"))
        except ValueError:
            return None
        return value if value > 0 else None


def parse_mdoc(path: Path) -> Mdoc:
    """Read an ``.mdoc`` of any kind.

    Raises
    ------
    BadInput
        When it does not exist or has no sections.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError as error:
        raise BadInput(f"{path} does not exist", "check the path") from error
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")  # as the microscope's Windows writes it
    head: list[str] = []
    bodies: list[tuple[str, int, list[str]]] = []
    for line in text.splitlines():
        if match := _SECTION.match(line):
            bodies.append((match[1], int(match[2]), [line]))
        else:
            (bodies[-1][2] if bodies else head).append(line)
    if not bodies:
        raise BadInput(
            f"{path} is no .mdoc: it has no section such as [ZValue = 0]", "name an .mdoc of SerialEM or Tomo5"
        )
    sections = tuple(MdocSection(kind, number, _entries(lines[1:]), tuple(lines)) for kind, number, lines in bodies)
    return Mdoc(path, _entries(head), tuple(head), sections)


def why_no_series(mdoc: Mdoc) -> str | None:
    """What makes this the ``.mdoc`` of something else than a tilt series, or ``None``."""
    kinds = {each.kind for each in mdoc.sections}
    if kinds == {"FrameSet"}:
        return "describes the frames of a single image"
    montage = any("PieceCoordinates" in each.entries for each in mdoc.sections)
    if "MontSection" in kinds or montage or mdoc.entries.get("Montage") == "1":
        return "describes a montage"
    if np.isnan(mdoc.numbers("TiltAngle")).any():
        return "has sections without TiltAngle"
    return None


def spans_tilts(mdoc: Mdoc) -> bool:
    """Whether the images are of more than one tilt, as those of a tilt series are and maps of a grid are not."""
    return bool(np.ptp(mdoc.numbers("TiltAngle")) >= _MIN_SPAN_DEG)


def check_series(mdoc: Mdoc) -> None:
    """Refuse an ``.mdoc`` that describes no tilt series; raises ``BadInput`` that says what it describes."""
    if reason := why_no_series(mdoc):
        raise BadInput(f"{mdoc.path} {reason}, not a tilt series", "name the .mdoc of the whole series")


def mdoc_table(mdoc: Mdoc) -> pd.DataFrame:
    """What an ``.mdoc`` says of a tilt series, a row an image in the order of the sections' numbers.

    Columns ``tilt_deg, dose_e_A2, prior_dose_e_A2, axis_deg, defocus_A``, ``movie`` (text as it stands) where
    sections name one, and ``voltage_kV`` where it is said. What the file does not say is NaN:

    - *dose*: ``ExposureDose``, or where that is missing or zero (SerialEM writes 0 for a camera that is not
      calibrated) the sum of ``FrameDosesAndNumber``. ``DoseRate`` is what reaches the camera, behind the specimen,
      and is not used. *Dose before*: ``PriorRecordDose``, or where that is missing the doses added up in the order
      of ``DateTime``.
    - *axis*: ``RotationAngle`` of the section less a quarter turn; the ``Tilt axis angle`` of the title where there
      is no ``RotationAngle``, or where their mean differs from it by more than a degree.
    - *defocus*: less ``CtfFind``, ``TargetDefocus`` or ``Defocus``, the first there is, µm to Å. ``Defocus`` is the
      microscope's own reading, which counts from anywhere.
    """
    order = np.argsort([each.number for each in mdoc.sections], kind="stable")
    table = pd.DataFrame({"tilt_deg": mdoc.numbers("TiltAngle")})
    table["dose_e_A2"], table["prior_dose_e_A2"] = _doses(mdoc)
    table["axis_deg"] = _axis(mdoc)
    defocus_um = np.full(len(table), np.nan)
    for key in ("CtfFind", "TargetDefocus", "Defocus"):
        defocus_um = np.where(np.isnan(defocus_um), mdoc.numbers(key), defocus_um)
    table["defocus_A"] = -defocus_um * A_PER_UM
    voltage = next(
        (each["Voltage"] for each in (mdoc.entries, *(s.entries for s in mdoc.sections)) if "Voltage" in each), ""
    )
    if voltage.replace(".", "", 1).isdigit():
        table["voltage_kV"] = float(voltage)
    if any("SubFramePath" in each.entries for each in mdoc.sections):
        table["movie"] = [each.entries.get("SubFramePath", "") for each in mdoc.sections]
    return table.iloc[order].reset_index(drop=True)


def without_sections(mdoc: Mdoc, keep: np.ndarray) -> str:
    """The text of the ``.mdoc`` without some sections.

    Parameters
    ----------
    mdoc
        A tilt series.
    keep
        bool of shape ``(image,)``, in the order of the sections' numbers; the kept are numbered anew from 0.
    """
    ordered = sorted(mdoc.sections, key=lambda each: each.number)
    numbers = iter(range(int(np.sum(keep))))
    kept = {id(each): next(numbers) for each, stays in zip(ordered, keep, strict=True) if stays}
    lines = list(mdoc.lines)
    for each in mdoc.sections:
        if id(each) in kept:
            lines += [f"[{each.kind} = {kept[id(each)]}]", *each.lines[1:]]
    return "\n".join(lines).rstrip() + "\n"


def _entries(lines: list[str]) -> dict[str, str]:
    matches = [_ENTRY.match(line) for line in lines if not line.lstrip().startswith("[")]
    return {match[1]: match[2] for match in matches if match}


def _doses(mdoc: Mdoc) -> tuple[np.ndarray, np.ndarray]:
    dose, prior = mdoc.numbers("ExposureDose"), mdoc.numbers("PriorRecordDose")
    unknown = np.isnan(dose) | ((dose == 0) & np.isnan(prior))
    dose = np.where(unknown, [_frame_dose(each.entries) for each in mdoc.sections], dose)
    if not np.isnan(prior).any():
        return dose, prior
    moments = [moment(each.entries.get("DateTime", "")) for each in mdoc.sections]
    added = np.full(len(dose), np.nan)
    if None not in moments:
        order = sorted(range(len(dose)), key=lambda i: (moments[i], mdoc.sections[i].number))
        added[order] = np.cumsum(dose[order]) - dose[order]
    return dose, added


def _frame_dose(entries: dict[str, str]) -> float:
    """Dose a frame times frames, over the groups of frames; NaN where it is not said or zero."""
    try:
        values = [float(word) for word in entries.get("FrameDosesAndNumber", "").split()]
    except ValueError:
        return float("nan")
    return sum(dose * count for dose, count in zip(values[::2], values[1::2], strict=False)) or float("nan")


def moment(text: str) -> datetime | None:
    """``06-Jun-23  23:19:46`` or with four digits of year, whatever the language of the machine."""
    match = re.match(r"\s*(\d{1,2})-(\w{3})-(\d{2,4})\s+(\d{1,2}):(\d{2}):(\d{2})", text)
    month = _MONTHS.find(match[2].lower()) if match else -1
    if not match or month % 3:
        return None
    year = int(match[3]) + (2000 if len(match[3]) == 2 else 0)
    try:
        return datetime(year, month // 3 + 1, int(match[1]), int(match[4]), int(match[5]), int(match[6]))
    except ValueError:
        return None


def _axis(mdoc: Mdoc) -> np.ndarray:
    axes = mdoc.numbers("RotationAngle") - QUARTER_TURN_DEG
    title = next((float(match[1]) for line in mdoc.lines if (match := _AXIS.search(line))), None)
    if title is None:
        return axes
    apart = (np.nanmean(axes) - title + 180) % 360 - 180 if not np.isnan(axes).all() else np.inf
    return np.full(len(axes), title) if abs(apart) > _SAME_AXIS_DEG else np.where(np.isnan(axes), title, axes)
