"""Contrast transfer of micrographs as RELION's jobs wrote it: ``micrographs_ctf.star`` of versions 3 to 5.

Version 3.0 has one block without a name; from 3.1 on micrographs have a block of their own beside the optics. What the
job ran, CTFFIND or Gctf, stands in the same columns.
"""

import math
from pathlib import Path

import numpy as np
import pandas as pd

from cryogauge.io.classes.star import StarBlock, read_star_text
from cryogauge.records import BadInput

_HINT = "give the micrographs_ctf.star of a CtfFind job of RELION's"


def read_micrograph_ctf(path: str | Path) -> pd.DataFrame:
    """The fits of a ``micrographs_ctf.star``, a row a micrograph.

    Returns
    -------
    DataFrame
        Indexed by the micrograph's name without folder and ending. ``defocus_A`` is the mean, positive for underfocus,
        ``astigmatism_A`` the larger less the smaller, ``astigmatism_deg`` the direction of the larger from 0 to 180;
        ``ctf_correlation`` is ``rlnCtfFigureOfMerit`` and ``ctf_resolution_A`` ``rlnCtfMaxResolution``, infinite where
        that says no positive number; NaN where a column is missing. ``micrograph`` is the name as it stands.

    Raises
    ------
    BadInput
        When the file cannot be read, is of something else, has a defocus that is no number, or two micrographs of the
        same name.
    """
    star = read_star_text(Path(path))
    block = next((each for name in ("micrographs", "") if (each := star.block(name)) is not None), None)
    if block is None or "rlnMicrographName" not in block or "rlnDefocusU" not in block:
        raise BadInput(f"{path} is no table of micrographs with their contrast transfer", _HINT)
    if "rlnCoordinateX" in block or "rlnImageName" in block:
        raise BadInput(f"{path} is of particles", _HINT)
    micrographs = block.texts("rlnMicrographName")
    first, second = block.numbers("rlnDefocusU"), block.numbers("rlnDefocusV")
    angle = block.numbers("rlnDefocusAngle")
    if not np.isfinite([first, second, angle]).all():
        raise BadInput(f"{path} has a defocus that is no number", "leave those micrographs out, or fit them again")
    resolution = _numbers(block, "rlnCtfMaxResolution")
    table = pd.DataFrame(
        {
            "micrograph": micrographs,
            "defocus_A": (first + second) / 2,
            "astigmatism_A": np.abs(first - second),
            # the angle is that of the first, which is the larger unless somebody wrote it otherwise
            "astigmatism_deg": np.where(first >= second, angle, angle + 90) % 180.0,
            "ctf_correlation": _numbers(block, "rlnCtfFigureOfMerit"),
            "ctf_resolution_A": np.where(np.isfinite(resolution) & (resolution <= 0), math.inf, resolution),
        },
        index=pd.Index([Path(name).stem for name in micrographs], name="name"),
    )
    twice = table.index[table.index.duplicated()]
    if len(twice):
        raise BadInput(f"{path} has two micrographs called {twice[0]}", "split the table, or rename the files")
    return table


def _numbers(block: StarBlock, label: str) -> np.ndarray:
    return block.numbers(label) if label in block else np.full(len(block.rows), np.nan)
