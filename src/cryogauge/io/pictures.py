"""Single pictures: screenshots, figures, micrographs."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cryogauge.io.formats import PICTURE_SUFFIXES
from cryogauge.io.mrc import FORMAT as MRC
from cryogauge.io.mrc import map_mrc
from cryogauge.io.tiff import FORMAT as TIFF
from cryogauge.io.tiff import open_tiff, stated_pixel_A
from cryogauge.io.voxel import ABSURD_A, check_given, voxel_size
from cryogauge.records import BadInput

#: Luminance of red, green and blue (ITU-R BT.601).
_LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)


def read_picture(
    path: str | Path, pixel_size_A: float | None = None, *, absurd_A: float = ABSURD_A
) -> tuple[np.ndarray, float]:
    """Read one grey picture.

    Parameters
    ----------
    path
        PNG, JPEG, TIFF (its only page) or MRC (its only section). Colours become luminance, transparency is
        ignored.
    pixel_size_A
        Pixel edge in Å, which takes precedence over the file's own.
    absurd_A
        Pixels this coarse are not believed; :data:`cryogauge.io.voxel.ABSURD_GRID_A` for pictures of grids.

    Returns
    -------
    picture
        Grey values of shape (y, x), float32, in the file's own units.
    pixel_size_A
        Å; NaN where neither the file nor the caller knows it.

    Raises
    ------
    BadInput
        When the file is missing, a folder, damaged, of another kind, or holds more than one picture.
    """
    path = Path(path)
    check_given(pixel_size_A, absurd_A)
    try:
        if path.is_dir():
            raise BadInput(f"{path} is a folder, not a picture", "give the pictures in it")
        if not path.is_file():
            raise BadInput(f"{path} does not exist", "check the path")
        if MRC.recognises(str(path)):
            data, sizes = _read_mrc(path)
        elif TIFF.recognises(str(path)):
            data, sizes = _read_tiff(path)
        elif path.suffix.lower() in PICTURE_SUFFIXES:
            data, sizes = _read_with_pillow(path), None
        else:
            raise BadInput(f"{path} is no picture cryogauge reads", "known are PNG, JPEG, TIFF and MRC")
    except PermissionError as error:
        raise BadInput(f"{path} may not be read", "ask its owner for permission") from error
    return np.asarray(data, dtype=np.float32), _pixel_size(str(path), sizes, pixel_size_A, absurd_A)


def _pixel_size(source: str, stated_A: Sequence[float] | None, pixel_size_A: float | None, absurd_A: float) -> float:
    """The given or the stated size, or NaN: most pictures know a printer's resolution at best."""
    try:
        return voxel_size(source, stated_A, pixel_size_A, absurd_A)
    except BadInput:
        return float("nan")


def _several(path: Path, count: int) -> BadInput:
    return BadInput(
        f"{path} holds {count} pictures, not one", "give a file of one; several are a stack, a movie or a tomogram"
    )


def _read_mrc(path: Path) -> tuple[np.ndarray, tuple[float, ...]]:
    header, data = map_mrc(path)
    if len(data) != 1:
        raise _several(path, len(data))
    return data[0], header.voxel_A[:2]


def _read_tiff(path: Path) -> tuple[np.ndarray, Sequence[float] | None]:
    with open_tiff(path) as file:
        if len(file.pages) > 1:
            raise _several(path, len(file.pages))
        page = file.pages.first
        data = page.asarray()
        if "S" in page.axes:  # colours or grey, perhaps in planes, perhaps with transparency
            samples = np.moveaxis(data, page.axes.index("S"), -1)
            data = samples[..., :3] @ _LUMINANCE if samples.shape[-1] >= 3 else samples[..., 0]
        if data.ndim != 2:
            raise _several(path, len(data))
        stated = stated_pixel_A(file)
        return data, stated[:2] if stated else None


def _read_with_pillow(path: Path) -> np.ndarray:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            grey = image.mode in ("1", "L", "I", "F") or image.mode.startswith("I;16")
            return np.asarray(image) if grey else np.asarray(image.convert("RGB")) @ _LUMINANCE
    except (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        if isinstance(error, PermissionError):
            raise
        raise BadInput(f"{path} is no picture, or a damaged one", "copy or save it again") from error
