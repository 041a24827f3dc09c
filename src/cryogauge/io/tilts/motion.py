"""Drift within movies as RELION's motion correction leaves it."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cryogauge.io.tilts.relion import read_star
from cryogauge.records import BadInput

#: What RELION writes for the shift of a frame that it left out.
_NOT_OBSERVED = -9999


def read_motion(path: str | Path, frames: int) -> NDArray[np.float64]:
    """Displacement of the specimen in each frame of a movie, by a STAR file of RELION's job MotionCorr.

    RELION's ``rlnMicrographShiftX`` and ``Y`` are what has to be added to undo it: the displacement's negative,
    relative to the first frame. Frames that RELION left out are given the displacement of the nearest it has. Local
    motion is not taken over. Of an EER movie that RELION rendered finer than the camera's pixels
    (``rlnEERUpsampling``) the shifts are in those finer pixels, and are turned into the camera's.

    Parameters
    ----------
    path
        The STAR file of one movie, with the table ``global_shift``.
    frames
        How many frames the movie has; of an EER movie grouped by ``rlnEERGrouping``, as in the column ``eer_group``
        of :func:`cryogauge.io.read_tilt_series`.

    Returns
    -------
    Displacement (y, x) in pixels of the movie, shape ``(frame, 2)``, of mean 0.

    Raises
    ------
    BadInput
        When the file is none of motion, or of a movie of another length.
    """
    path = Path(path)
    tables = read_star(path)
    shifts = tables.get("global_shift")
    columns = ["rlnMicrographFrameNumber", "rlnMicrographShiftY", "rlnMicrographShiftX"]
    if shifts is None or not set(columns) <= set(shifts.columns):
        raise BadInput(f"{path} holds no global shifts", "give the STAR file that MotionCorr wrote for this movie")
    general = tables.get("general")
    stated = frames if general is None or "rlnImageSizeZ" not in general else int(general["rlnImageSizeZ"].iloc[0])
    if stated != frames:
        raise BadInput(f"{path} is of a movie of {stated} frames, not of {frames}", "they belong to different movies")
    seen = shifts[(shifts[columns] != _NOT_OBSERVED).all(axis=1)]
    if seen.empty:
        raise BadInput(f"{path} has no shift of any frame", "run MotionCorr again")
    number, y, x = (seen[name].to_numpy(dtype=np.float64) for name in columns)
    order = np.argsort(number)
    places = np.arange(1, frames + 1)
    found = np.stack([-np.interp(places, number[order], values[order]) for values in (y, x)], axis=1)
    finer = 1 if general is None or "rlnEERUpsampling" not in general else int(general["rlnEERUpsampling"].iloc[0])
    return (found - found.mean(axis=0)) / 2 ** (finer - 1)
