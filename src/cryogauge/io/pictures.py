"""Single pictures: screenshots, figures, micrographs."""

from pathlib import Path

import numpy as np

from cryogauge.io.formats import PICTURE_SUFFIXES
from cryogauge.io.mrc import FORMAT as MRC
from cryogauge.io.mrc import map_mrc
from cryogauge.io.tiff import FORMAT as TIFF
from cryogauge.io.tiff import open_tiff, stated_pixel_A
from cryogauge.io.voxel import check_given, voxel_size
from cryogauge.records import BadInput

#: Luminance of red, green and blue (ITU-R BT.601).
_LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)


def read_picture(path: str | Path, pixel_size_A: float | None = None) -> tuple[np.ndarray, float]:
    """Read one grey picture.

    Parameters
    ----------
    path
        PNG, JPEG, TIFF (its only page) or MRC (its only section). Colours become luminance, transparency is
        ignored.
    pixel_size_A
        Pixel edge in Å, which takes precedence over the file's own.

    Returns
    -------
    picture
        Grey values of shape (y, x), float32, in the file's own units.
    pixel_size_A
        Å; NaN where neither the file nor the caller knows it.

    Raises
    ------
    BadInput
        When the file is missing, damaged, of another kind, or holds more than one picture.
    """
    path = Path(path)
    check_given(pixel_size_A)
    try:
        if not path.is_file():
            raise BadInput(f"{path} does not exist", "check the path")
        if MRC.recognises(str(path)):
            header, data = map_mrc(path)
            sizes = header.voxel_A[:2]
        elif TIFF.recognises(str(path)):
            data, sizes = _read_tiff(path)
        elif path.suffix.lower() in PICTURE_SUFFIXES:
            data, sizes = _read_with_pillow(path), None
        else:
            raise BadInput(f"{path} is no picture cryogauge reads", "known are PNG, JPEG, TIFF and MRC")
    except PermissionError as error:
        raise BadInput(f"{path} may not be read", "ask its owner for permission") from error
    grey = data @ _LUMINANCE if data.ndim == 3 and data.shape[2] == 3 and not MRC.recognises(str(path)) else data
    grey = np.asarray(grey, dtype=np.float32).squeeze()
    if grey.ndim != 2:
        raise BadInput(f"{path} holds {len(data)} pictures", "score it without --slices")
    return grey, _pixel_size(str(path), sizes, pixel_size_A)


def _pixel_size(source: str, stated_A: "tuple[float, ...] | list[float] | None", pixel_size_A: float | None) -> float:
    """The given or the stated size, or NaN: most pictures know a printer's resolution at best."""
    try:
        return voxel_size(source, stated_A, pixel_size_A)
    except BadInput:
        return float("nan")


def _read_tiff(path: Path) -> tuple[np.ndarray, list[float] | None]:
    with open_tiff(path) as file:
        if len(file.pages) > 1:
            raise BadInput(f"{path} holds {len(file.pages)} pictures", "score it without --slices")
        page = file.pages.first
        data = page.asarray()
        if data.ndim == 3:  # colours, perhaps in planes and with transparency
            data = np.moveaxis(data, page.axes.index("S"), -1)[..., :3]
        stated = stated_pixel_A(file)
        return data, list(stated[:2]) if stated else None


def _read_with_pillow(path: Path) -> np.ndarray:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            grey = image.mode in ("1", "L", "I", "F") or image.mode.startswith("I;16")
            return np.asarray(image if grey else image.convert("RGB"), dtype=np.float32)
    except (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        if isinstance(error, PermissionError):
            raise
        raise BadInput(f"{path} is no picture, or a damaged one", "copy or save it again") from error
