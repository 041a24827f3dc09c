"""The XML that EPU (Thermo Fisher) writes beside each picture, and where in a session's folder pictures lie.

- ``Images-Disc1/GridSquare_N/GridSquare_DATE_TIME``: a square,
- ``Images-Disc1/GridSquare_N/FoilHoles/FoilHole_N_DATE_TIME``: a hole,
- ``Images-Disc1/GridSquare_N/Data/FoilHole_N_Data_…_DATE_TIME``: an exposure.

Units in the XML are metres, radians, e⁻/m², and defocus is negative for underfocus.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from cryogauge.io.session.foreign import parse_xml, read_small
from cryogauge.records import BadInput

#: By level: where its XML lies in the session's folder, and what the whole name is without its ending.
PLACES: Mapping[str, tuple[str, re.Pattern[str]]] = {
    "square": ("Images-Disc*/GridSquare_*/GridSquare_*.xml", re.compile(r"GridSquare_\d+_\d+")),
    "hole": ("Images-Disc*/GridSquare_*/FoilHoles/FoilHole_*.xml", re.compile(r"FoilHole_\d+_\d+_\d+")),
    "exposure": ("Images-Disc*/GridSquare_*/Data/FoilHole_*_Data_*.xml", re.compile(r"FoilHole_\d+_Data_\w+")),
}
_PICTURES = (".mrc", ".tiff", ".tif", ".png", ".jpg", ".jpeg")
_LARGEST_XML = 4_000_000
_SHARED = "{http://schemas.datacontract.org/2004/07/Fei.SharedObjects}"
_ARRAYS = "{http://schemas.microsoft.com/2003/10/Serialization/Arrays}"


@dataclass(frozen=True)
class EpuImage:
    """What EPU tells of a picture.

    Attributes
    ----------
    picture
        The file beside the XML, ``None`` where there is none.
    camera_pixel_A, columns, rows
        Of the camera; a JPEG beside has fewer and larger pixels.
    x_um, y_um, z_um, tilt_deg
        Of the stage.
    defocus_A, dose_e_A2
        NaN where not told.
    slit_in
        ``None`` where not told.
    taken
        Date and time in ISO form, or empty.
    told
        EPU's own finite numbers by their names.
    """

    picture: Path | None
    camera_pixel_A: float
    columns: float
    rows: float
    x_um: float
    y_um: float
    z_um: float
    tilt_deg: float
    defocus_A: float
    dose_e_A2: float
    slit_in: bool | None
    taken: str
    told: Mapping[str, float]

    def pixel_size_A(self, columns: float) -> float:
        """Pixel of the picture, which has so many columns."""
        return self.camera_pixel_A * (self.columns / columns if self.columns > 0 and columns > 0 else 1.0)


def read_epu_xml(path: Path) -> EpuImage:
    """Read what EPU tells of a picture.

    Raises
    ------
    BadInput
        When the XML is damaged, not yet whole, of another kind, or tells no pixel, camera or stage.
    """
    root = parse_xml(read_small(path, _LARGEST_XML, "an XML of EPU's"), path)
    if root.tag != f"{_SHARED}MicroscopeImage":
        raise BadInput(f"{path.name} describes no picture of EPU's")
    columns, rows = (
        _number(root, path, "microscopeData/acquisition/camera/ReadoutArea", side) for side in ("width", "height")
    )
    stage = {axis: _number(root, path, f"microscopeData/stage/Position/{axis}") for axis in ("X", "Y", "Z", "A")}
    told = _custom(root)
    slit = _text(root, "microscopeData/optics/EnergyFilter/EnergySelectionSlitInserted")
    return EpuImage(
        picture=next((path.with_suffix(end) for end in _PICTURES if path.with_suffix(end).is_file()), None),
        camera_pixel_A=_number(root, path, "SpatialScale/pixelSize/x/numericValue") * 1e10,
        columns=columns,
        rows=rows,
        x_um=stage["X"] * 1e6,
        y_um=stage["Y"] * 1e6,
        z_um=stage["Z"] * 1e6,
        tilt_deg=math.degrees(stage["A"]),
        defocus_A=-1e10 * told.get("AppliedDefocus", math.nan),
        dose_e_A2=told.get("Dose", math.nan) / 1e20,
        slit_in=slit == "true" if slit else None,
        taken=re.sub(r"(\.\d{6})\d+", r"\1", _text(root, "microscopeData/acquisition/acquisitionDateTime")),
        told=told,
    )


def _found(root: ElementTree.Element, place: str) -> ElementTree.Element | None:
    return root.find("/".join(f"{_SHARED}{part}" for part in place.split("/")))


def _text(root: ElementTree.Element, place: str) -> str:
    element = _found(root, place)
    return (element.text or "").strip() if element is not None else ""


def _number(root: ElementTree.Element, path: Path, place: str, part: str = "") -> float:
    element = _found(root, place)
    if element is not None and part:  # of another namespace than the rest
        element = next((child for child in element if child.tag.endswith(f"}}{part}")), None)
    try:
        value = float(element.text or "") if element is not None else math.nan
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise BadInput(f"{path.name} does not tell {part or place.rpartition('/')[2]}", "export it from EPU again")
    return value


def _custom(root: ElementTree.Element) -> dict[str, float]:
    """EPU's own finite numbers by their names."""
    values = {}
    for pair in root.iter(f"{_ARRAYS}KeyValueOfstringanyType"):
        key, value = pair.find(f"{_ARRAYS}Key"), pair.find(f"{_ARRAYS}Value")
        if key is not None and value is not None:
            try:
                number = float(value.text or "")
            except ValueError:
                continue  # a text or a truth
            if math.isfinite(number):
                values[key.text or ""] = number
    return values
