"""Warp's XML of tilt series."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd

from cryogauge.io.mrc import map_mrc
from cryogauge.io.tilts.images import base_name, stack_files
from cryogauge.io.tilts.relion import smallest_step
from cryogauge.records import BadInput, TiltSeries

_A_PER_UM = 1e4
#: Relative difference between the smallest dose and a step between doses that rounding explains.
_SAME_DOSE = 0.01


@dataclass(frozen=True)
class _Images:
    images: object
    header_A: float | None
    names: list[str]
    present: np.ndarray


def read_warp_root(path: Path) -> ElementTree.Element:
    """The root of Warp's XML of a tilt series, in UTF-8 or UTF-16.

    Raises
    ------
    BadInput
        When it does not exist, is damaged, or describes something else.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError as error:
        raise BadInput(f"{path} does not exist", "check the path") from error
    if b"<!DOCTYPE" in raw or "<!DOCTYPE".encode("utf-16-le") in raw:
        raise BadInput(f"{path} declares a document type, which Warp never does", "it is not read")
    try:
        root = ElementTree.fromstring(raw)
    except ElementTree.ParseError as error:
        raise BadInput(f"{path} is no XML, or damaged: {error}", "copy it again") from error
    if root.tag != "TiltSeries":
        raise BadInput(f"{path} is Warp's XML of a {root.tag}, not of a tilt series", "name that of the tilt series")
    return root


def read_warp(path: Path, pixel_size_A: float | None) -> TiltSeries:
    """Read Warp's XML.

    ``AxisAngle`` is the table's axis, ``AxisOffsetX`` and ``Y`` the displacement of the image's content in Å, and the
    tilt is ``Angles`` plus ``LevelAngleY``, taken as they stand: WarpTools turns their sign against SerialEM's on
    import, which mirrors the volume along z and nothing else. ``Dose`` is what the specimen had received before the
    image; where the smallest equals one step it includes the image's own, as old versions wrote, and that is taken
    off. Defocus is ``GridCTF`` where it has a value a tilt, else ``CTF``'s. ``UseTilt`` is the column ``used``.
    ``PlaneNormal``, ``LevelAngleX``, ``MagnificationCorrection`` and the grids of local movement play no part.

    Images are averages named after ``MoviePath`` in folders ``average`` beside the XML, its folder's neighbours and
    the movies' folder, or ``tiltstack/NAME/NAME.st`` beside the XML, which holds the used tilts.
    """
    root = read_warp_root(path)
    tilts = _numbers(root, "Angles", path)
    count = len(tilts)
    if not count:
        raise BadInput(f"{path} has no Angles", "process the series with Warp first")
    dose = _numbers(root, "Dose", path, count)
    step, dose = doses_of_warp(dose)
    used = np.array([text == "True" for text in _texts(root, "UseTilt", path, count, "True")])
    movies = _texts(root, "MoviePath", path, count, "")
    found = _images(path, root, movies, used)
    pixel = pixel_size_A or _pixel(root, found)
    table = pd.DataFrame(
        {
            "tilt_deg": tilts + float(root.get("LevelAngleY") or 0),
            "dose_e_A2": step,
            "prior_dose_e_A2": dose,
            "axis_deg": np.nan_to_num(_numbers(root, "AxisAngle", path, count)),
            "shift_x_A": np.nan_to_num(_numbers(root, "AxisOffsetX", path, count)),
            "shift_y_A": np.nan_to_num(_numbers(root, "AxisOffsetY", path, count)),
            "defocus_A": _defocus_um(root, count) * _A_PER_UM,
            "image": found.names,
            "movie": movies,
        }
    )
    if not used.all():
        table["used"] = used
    table = table[found.present].reset_index(drop=True)
    if not pixel:
        raise BadInput(f"{path} does not say its pixel size", "give it with --pixel-size (Å), or pixel_size_A=")
    aligned = np.any(table[["shift_x_A", "shift_y_A"]])
    return TiltSeries(found.images, pixel, table, str(path), str(path) if aligned else "")


def doses_of_warp(dose: np.ndarray) -> tuple[float, np.ndarray]:
    """The dose of an image, and the doses before images, of Warp's doses; the former is the smallest step."""
    step = smallest_step(dose)
    includes_own = np.isfinite(dose).any() and abs(np.nanmin(dose) / step - 1) < _SAME_DOSE
    return step, dose - step if includes_own else dose


def find_averages(folder: Path, movies: Sequence[str], data: str = "") -> list[Path] | None:
    """The averages of a series' movies, named after these, in folders ``average``; ``None`` where one is missing.

    They are looked for beside the metadata in ``folder``, in its neighbours, and where the movies lie, by paths from
    there or from ``data``.
    """
    names = [_average_name(movie) for movie in movies]
    places = [folder / "average", *_neighbours(folder)]
    for each in {Path(movie.replace("\\", "/")).parent for movie in movies if movie}:
        places += [base / each / "average" for base in (folder, Path(data))] + [folder / each]
    for place in places:
        files = [place / name for name in names]
        if movies[0] and all(file.is_file() for file in files):
            return files
    return None


def _average_name(movie: str) -> str:
    return f"{Path(base_name(movie)).stem}.mrc"


def _images(path: Path, root: ElementTree.Element, movies: list[str], used: np.ndarray) -> _Images:
    stem, folder = path.stem, path.parent
    averages = find_averages(folder, movies, root.get("DataDirectory") or "")
    if averages is not None:
        images, header_A = stack_files(averages)
        return _Images(images, header_A, [each.name for each in averages], np.ones(len(movies), dtype=bool))
    stacks = [folder / "tiltstack" / stem / f"{stem}.st", folder / "tiltstack" / f"{stem}.st", folder / f"{stem}.st"]
    stack = next((each for each in stacks if each.is_file()), None)
    if stack is None:
        raise BadInput(
            f"the images of {path} are not to be found: neither {_average_name(movies[0])} and the others in a folder "
            f"average, nor {stacks[0].relative_to(folder)}",
            "keep the XML in its Warp project, or write the stacks with ts_stack",
        )
    header, images = map_mrc(stack)
    present = next((mask for mask in (np.ones_like(used), used) if mask.sum() == len(images)), None)
    if present is None:
        raise BadInput(f"{stack} has {len(images)} images, {path.name} {len(used)} tilts, {used.sum()} of them used")
    names = np.full(len(used), "", dtype=object)
    names[present] = [str(i) for i in range(1, len(images) + 1)]
    return _Images(images, header.voxel_A[0] or None, list(names), present)


def _neighbours(folder: Path) -> list[Path]:
    """Folders ``average`` of other steps of the project, beside the XML's own."""
    return sorted(each for each in folder.parent.glob("*/average") if each.is_dir())


def _pixel(root: ElementTree.Element, found: _Images) -> float | None:
    """The header's pixel, since stacks and averages are often binned; else the one that the CTF was fitted at."""
    if found.header_A and found.header_A != 1:
        return found.header_A
    for block in ("CTF", "OptionsCTF"):
        for name in ("PixelSize", "PixelSizeX"):
            node = root.find(f"{block}/Param[@Name='{name}']")
            if node is not None and float(node.get("Value") or 0) > 0:
                return float(node.get("Value") or 0)
    return None


def _defocus_um(root: ElementTree.Element, count: int) -> np.ndarray:
    grid = root.find("GridCTF")
    if grid is not None and [grid.get(name) for name in ("Width", "Height", "Depth")] == ["1", "1", str(count)]:
        values = {int(node.get("Z") or -1): float(node.get("Value") or "nan") for node in grid.iter("Node")}
        return np.array([values.get(i, np.nan) for i in range(count)])
    node = root.find("CTF/Param[@Name='Defocus']")
    return np.full(count, float(node.get("Value") or "nan") if node is not None else np.nan)


def _texts(root: ElementTree.Element, tag: str, path: Path, count: int | None, default: str) -> list[str]:
    words = [line.strip() for line in (root.findtext(tag) or "").split("\n") if line.strip()]
    if count is None:
        return words
    if words and len(words) != count:
        raise BadInput(f"{path} is damaged: {len(words)} values of {tag} for {count} tilts", "copy it again")
    return words or [default] * count


def _numbers(root: ElementTree.Element, tag: str, path: Path, count: int | None = None) -> np.ndarray:
    words = _texts(root, tag, path, count, "nan")
    try:
        return np.array([float(word) for word in words])
    except ValueError as error:
        raise BadInput(f"{path} is damaged: {tag} is no list of numbers", "copy it again") from error
