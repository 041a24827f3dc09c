"""A tilt series: images and one table row per image."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cryogauge.records.errors import BadInput

#: Columns every tilt table has, in acquisition-independent order (rows follow the images).
TILT_COLUMNS = (
    "tilt_deg",  # stage tilt; positive rotates +z towards +x
    "dose_e_A2",  # exposure of this image
    "prior_dose_e_A2",  # exposure the specimen had received before this image
    "axis_deg",  # tilt axis, degrees counter-clockwise from the image's +y
    "shift_x_A",  # displacement of the image content along +x, to be undone before reconstruction
    "shift_y_A",
    "defocus_A",  # positive is underfocus
)

#: The alignment of a series that cryogauge aligned coarsely itself, and the flag of what is judged by it.
PREVIEW = "preview"

#: Columns a tilt table may have too.
OPTIONAL_TILT_COLUMNS = (
    "used",  # bool: False for an image that the alignment or a person left out
    "xtilt_deg",  # turn of the specimen about the aligned image's x axis before it is tilted; IMOD's .xtilt
    "magnification",  # by which the image must be enlarged about its centre before reconstruction
    "image",  # name of the image: its file, or its place in the stack as text
    "movie",  # path of the movie the image is the sum of
    "motion",  # path of what is known of the drift within it
    "eer_group",  # how many of an EER camera's own frames make a fraction of the movie, NaN where nobody says
    "voltage_kV",  # acceleration voltage of the microscope
    "ctf_resolution_A",  # to which rings of the contrast transfer fit, as another program found
    "ice_ring_density",  # power at the ring of crystalline ice, in CTFFIND's measure
    "motion_total_A",  # way of the specimen during the exposure
)


@dataclass(frozen=True)
class TiltSeries:
    """Projection images of one specimen.

    Attributes
    ----------
    images
        Array-like of shape ``(tilt, y, x)``.
    pixel_size_A
        Edge of the square pixel in Å.
    table
        One row an image, in the images' order, with at least ``TILT_COLUMNS``; perhaps ``OPTIONAL_TILT_COLUMNS``.
    source
        Where it came from.
    alignment
        Path of the file that the alignment came from; empty where none was found, and ``axis_deg`` is nominal and
        the shifts are 0.

    Raises
    ------
    BadInput
        When the table lacks a column or its length differs from the number of images.
    """

    images: Any
    pixel_size_A: float
    table: pd.DataFrame
    source: str = ""
    alignment: str = ""

    def __post_init__(self) -> None:
        missing = [name for name in TILT_COLUMNS if name not in self.table.columns]
        if missing:
            raise BadInput(f"the tilt table lacks {', '.join(missing)}", "give every column of TILT_COLUMNS")
        if len(self.table) != self.images.shape[0]:
            raise BadInput(f"{self.images.shape[0]} images but {len(self.table)} rows in the tilt table")

    @property
    def used(self) -> np.ndarray:
        """Which images are to be used, bool of shape ``(tilt,)``; all where the table does not say."""
        if "used" not in self.table.columns:
            return np.ones(len(self.table), dtype=bool)
        return self.table["used"].to_numpy(dtype=bool)
