"""Movies of a camera, frame by frame, and the gain reference."""

from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cryogauge.io.lazy import LazyArray
from cryogauge.io.mrc import FORMAT as MRC
from cryogauge.io.mrc import map_mrc
from cryogauge.io.tiff import open_tiff, page_by_page
from cryogauge.records import BadInput

_TIFF = (".tif", ".tiff")
_EER = (".eer", ".ecc")
MOVIE_SUFFIXES = (*MRC.suffixes, *_TIFF, *_EER)
#: Frames into which an EER movie is rendered unless told otherwise, about.
_EER_FRAMES = 30


def open_movie(path: str | Path, *, eer_group: int | None = None) -> Any:
    """Open a movie without reading its frames.

    TIFF pages are turned upside down, as RELION, MotionCor and IMOD do, so that the first row is the lowest and the
    frames lie as in MRC files and their gain references. EER frames stay as they are, as in RELION.

    Parameters
    ----------
    path
        MRC (also compressed), TIFF or EER; an MRC or TIFF file of one image is a movie of one frame.
    eer_group
        How many of the camera's own frames of an EER file are added up to one frame, at the camera's own sampling;
        what remains at the end is left out, as by RELION. Unless given, so many that about 30 frames result.

    Returns
    -------
    array-like
        Of shape ``(frame, y, x)``. Indexing reads no more than the frames asked for; an EER frame is rendered from one
        of the camera's frames after another, so that memory holds no more than two of them.

    Raises
    ------
    BadInput
        When the file does not exist, is damaged or of another kind, or the group is larger than the movie.
    """
    path = Path(path)
    name = path.name.lower()
    if not path.is_file():
        raise BadInput(f"{path} does not exist", "check the path")
    if is_eer(name):
        return _open_eer(path, eer_group)
    if name.endswith(_TIFF):
        return _open_tiff_movie(path)
    if name.endswith(MRC.suffixes):
        return map_mrc(path)[1]
    raise BadInput(f"{path} is no movie cryogauge reads", f"known are {' '.join((*_TIFF, *_EER))} and MRC")


def is_eer(name: str) -> bool:
    """Whether a file is an EER movie, by its name."""
    return name.lower().endswith(_EER)


def usual_eer_group(path: Path) -> int:
    """How many of the camera's own frames :func:`open_movie` adds up to one unless told; raises ``BadInput``."""
    with open_tiff(path) as file:
        return _usual_group(int(file.series[0].shape[0]))


def eer_groups(table: pd.DataFrame) -> list[int | None]:
    """What the table of a tilt series says to give each movie's :func:`open_movie` as ``eer_group``."""
    if "eer_group" not in table.columns:
        return [None] * len(table)
    return [int(group) if group > 0 else None for group in table["eer_group"]]


def read_gain(path: str | Path, shape: Sequence[int]) -> NDArray[np.float32]:
    """What the frames of a movie are to be multiplied by.

    As RELION has it: an MRC file, a TIFF file (turned upside down as TIFF movies are) or a ``.gain`` file of a Falcon
    camera (as it stands) is multiplied with; where it is 0, the pixel is dead. An MRC or TIFF reference made for
    *EER* movies before ``.gain`` files is the average of images instead: divide its mean by it, pixel by pixel.

    Parameters
    ----------
    path
        MRC, TIFF or ``.gain`` (a TIFF file within) of one image.
    shape
        Shape ``(y, x)`` of the frames, or ``(frame, y, x)`` of the movie.

    Returns
    -------
    gain
        float32 of shape ``(y, x)``.

    Raises
    ------
    BadInput
        When the file is of another kind, holds more than one image, has another size or values that are not finite.
    """
    path = Path(path)
    name = path.name.lower()
    if not path.is_file():
        raise BadInput(f"{path} does not exist", "check the path")
    if name.endswith((*_TIFF, ".gain")):
        with open_tiff(path) as file:
            gain = file.pages.first.asarray()
        gain = gain if name.endswith(".gain") else gain[::-1]
    elif name.endswith(MRC.suffixes):
        data = map_mrc(path)[1]
        if len(data) != 1:
            raise BadInput(f"{path} holds {len(data)} images, not one gain reference", "name the gain reference")
        gain = data[0]
    else:
        raise BadInput(f"{path} is no gain reference cryogauge reads", "convert it to MRC, with dm2mrc or newstack")
    wanted = tuple(int(n) for n in shape[-2:])
    if gain.shape != wanted:
        turned = "; turn it by 90 degrees" if gain.shape == wanted[::-1] else ""
        shown = " × ".join(str(n) for n in reversed(gain.shape))
        raise BadInput(
            f"the gain reference {path} is of {shown} pixels, the frames of {wanted[1]} × {wanted[0]}",
            f"give the reference of this camera and mode{turned}",
        )
    gain = np.ascontiguousarray(gain, dtype=np.float32)
    if not np.isfinite(gain).all():
        raise BadInput(f"the gain reference {path} has values that are not numbers", "make it again")
    return gain


def _open_tiff_movie(path: Path) -> LazyArray:
    with open_tiff(path) as file:
        series = file.series[0]
        shape = tuple(int(n) for n in series.shape if n != 1) if series.ndim > 2 else tuple(series.shape)
        dtype = np.dtype(series.dtype or "V1")
        if len(shape) not in (2, 3) or "S" in series.axes or dtype.kind not in "iuf":
            raise BadInput(f"{path} has shape {tuple(series.shape)} and type {dtype}, not frames of a camera")
        upright = page_by_page(file, (1, *shape) if len(shape) == 2 else shape, dtype)
    height = upright.shape[1]

    def read(z: slice, y: slice, x: slice) -> np.ndarray:
        return upright[z, height - y.stop : height - y.start, x][:, ::-1]

    return LazyArray(upright.shape, dtype, read)


def _usual_group(count: int) -> int:
    return max(count // _EER_FRAMES, 1)


def _open_eer(path: Path, group: int | None) -> LazyArray:
    with open_tiff(path) as file:
        series = file.series[0]
        if series.kind != "eer" or series.ndim != 3:
            raise BadInput(f"{path} is no EER movie", "name an .eer file of a Falcon camera")
        count, height, width = (int(n) for n in series.shape)
        pages = series.pages
        stated = (file.eer_metadata or {}).get("numberOfFrames", count)
    if int(stated) > count:
        raise BadInput(f"{path} is truncated: it has {count} of {stated} frames", "copy it again")
    if group is not None and not 1 <= group <= count:
        raise BadInput(f"{path} has {count} frames, which cannot be grouped by {group}", f"give 1 to {count}")
    size = group or _usual_group(count)
    one_at_a_time = Lock()

    def read(z: slice, y: slice, x: slice) -> np.ndarray:
        out = np.zeros((z.stop - z.start, y.stop - y.start, x.stop - x.start), np.uint16)
        with one_at_a_time, file.filehandle as handle:
            handle.open()
            for total, first in zip(out, range(z.start * size, z.stop * size, size), strict=True):
                for number, page in enumerate(pages[first : first + size], first + 1):
                    try:
                        total += page.asarray()[y, x] if page is not None else 0
                    except (RuntimeError, ValueError) as error:
                        raise BadInput(f"{path}: frame {number} is damaged: {error}", "copy it again") from error
        return out

    return LazyArray((count // size, height, width), np.dtype(np.uint16), read)
