"""A tilt series: images and one table row per image."""

from dataclasses import dataclass
from typing import Any

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
        One row an image, in the images' order, with at least ``TILT_COLUMNS``.
    source
        Where it came from.

    Raises
    ------
    BadInput
        When the table lacks a column or its length differs from the number of images.
    """

    images: Any
    pixel_size_A: float
    table: pd.DataFrame
    source: str = ""

    def __post_init__(self) -> None:
        missing = [name for name in TILT_COLUMNS if name not in self.table.columns]
        if missing:
            raise BadInput(f"the tilt table lacks {', '.join(missing)}", "give every column of TILT_COLUMNS")
        if len(self.table) != self.images.shape[0]:
            raise BadInput(f"{self.images.shape[0]} images but {len(self.table)} rows in the tilt table")
