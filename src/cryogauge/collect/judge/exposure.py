"""An exposure as it is judged: one image, and what its frames did."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryogauge.imaging.motion import register_frames
from cryogauge.io import read_gain, read_picture
from cryogauge.io.formats import PICTURE_SUFFIXES
from cryogauge.io.mrc import map_mrc
from cryogauge.io.tiff import open_tiff, stated_pixel_A
from cryogauge.io.tilts.movies import MOVIE_SUFFIXES, is_eer, open_movie
from cryogauge.io.voxel import check_given, voxel_size
from cryogauge.records import BadInput

_COARSEST_MOVIE_A = 10.0  # a pixel; stacks of coarser ones are volumes and tilt series
#: Files that a folder of exposures may hold.
EXPOSURE_SUFFIXES = (*MOVIE_SUFFIXES, *PICTURE_SUFFIXES)


@dataclass(frozen=True)
class Exposure:
    """What is judged.

    Attributes
    ----------
    image
        float32 ``(y, x)``: of a movie, the sum of its frames with their whole-frame motion undone to the pixel.
    pixel_size_A
        Edge of its pixel; NaN where nobody says.
    frames
        How many it is the sum of.
    path_px
        Displacement (y, x) of each frame, ``(frame, 2)``; of no length for a single image.
    picture
        Whether it is a picture of eight bits for people, whose grey values count nothing.
    """

    image: NDArray[np.float32]
    pixel_size_A: float
    frames: int = 1
    path_px: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 2)))
    picture: bool = False


def read_exposure(path: str | Path, *, pixel_size_A: float | None = None, gain: str | Path | None = None) -> Exposure:
    """Read a micrograph or a movie.

    Parameters
    ----------
    path
        MRC (also compressed), TIFF or EER, of one image or of frames; or a PNG or JPEG picture.
    pixel_size_A
        Takes precedence over the file's own.
    gain
        Reference that frames are multiplied by, as :func:`cryogauge.io.read_gain` takes it.

    Raises
    ------
    BadInput
        When the file is missing, damaged or of another kind, has values that are no numbers, or no contrast.
    """
    path = Path(path)
    check_given(pixel_size_A)
    if path.suffix.lower() in PICTURE_SUFFIXES:
        image, size = read_picture(path, pixel_size_A)
        return _checked(Exposure(image, size, picture=True), path)
    if path.is_file() and not path.name.lower().endswith(EXPOSURE_SUFFIXES):
        raise BadInput(f"{path} is no exposure cryogauge reads", f"known are {' '.join(EXPOSURE_SUFFIXES)}")
    movie = open_movie(path)
    size = _pixel_size_A(path, pixel_size_A)
    count = len(movie)
    if count > 1 and size > _COARSEST_MOVIE_A:
        raise BadInput(
            f"{path} has {count} images of {size:.3g} Å a pixel: it is a volume or a series, not a movie",
            "give micrographs or movies; tomograms are for cryogauge score",
        )
    reference = read_gain(gain, movie.shape) if gain is not None else None
    if count == 1:
        image = np.array(movie[0], dtype=np.float32)
        return _checked(Exposure(image if reference is None else image * reference, size), path)
    drift = register_frames(movie, reference)
    total = _sum(movie, drift)
    return _checked(Exposure(total if reference is None else total * reference, size, count, drift), path)


def _sum(movie: Any, drift_px: NDArray[np.float64]) -> NDArray[np.float32]:
    """Frames put back by whole pixels, which takes no time; half a pixel less costs only what is finest."""
    total = np.zeros(movie.shape[1:], dtype=np.float32)
    for frame, (dy, dx) in zip(range(len(movie)), np.round(drift_px).astype(int), strict=True):
        total += np.roll(np.asarray(movie[frame], dtype=np.float32), (-dy, -dx), (0, 1))
    return total


def _pixel_size_A(path: Path, given_A: float | None) -> float:
    """The given or the stated size; NaN where there is none, or one that cannot be."""
    stated = None
    if given_A is None and not is_eer(path.name):
        if path.suffix.lower() in (".tif", ".tiff"):
            with open_tiff(path) as file:
                stated = stated_pixel_A(file)
        else:
            stated = map_mrc(path)[0].voxel_A
        stated = None if stated is None else stated[:2]
    try:
        return voxel_size(str(path), stated, given_A)
    except BadInput:
        return float("nan")


def _checked(exposure: Exposure, path: Path) -> Exposure:
    low, high = float(exposure.image.min()), float(exposure.image.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise BadInput(f"{path} has values that are not numbers", "write it again")
    if low == high:
        raise BadInput(f"{path} has the same value everywhere", "look at the camera")
    return exposure
