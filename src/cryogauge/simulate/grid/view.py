"""A view of the stage: which place each pixel of an image shows."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cryogauge.records import BadInput

_UM_PER_A = 1e-4


@dataclass(frozen=True)
class View:
    """Where an image is taken.

    The middle of the image, ``(n − 1) / 2`` along either axis, is at ``center_um``. Stage x grows with the column,
    stage y with the row. The tilt axis runs along y through the middle.

    Attributes
    ----------
    center_um
        Stage x and y.
    pixel_size_A
        Edge of a pixel at the specimen, seen along the beam.
    shape_px
        ``(y, x)``.
    tilt_deg
        Tilt of the stage: pixels are longer by one over its cosine along x.

    Raises
    ------
    BadInput
        For a view that no microscope has.
    """

    center_um: tuple[float, float]
    pixel_size_A: float
    shape_px: tuple[int, int]
    tilt_deg: float = 0.0

    def __post_init__(self) -> None:
        if not 0.05 <= self.pixel_size_A <= 1e5:
            raise BadInput(f"a pixel of {self.pixel_size_A:g} Å is out of reach", "give 0.05 to 100,000 Å")
        if min(self.shape_px) < 8:
            raise BadInput(f"an image of {self.shape_px[1]} × {self.shape_px[0]} pixels is too small", "give 8 or more")
        if not abs(self.tilt_deg) <= 75:
            raise BadInput(f"a tilt of {self.tilt_deg:g}° is out of reach", "give −75 to 75")
        if not np.isfinite(self.center_um).all():
            raise BadInput("the centre of a view must be a place on the stage")

    @property
    def step_um(self) -> tuple[float, float]:
        """Way on the specimen from pixel to pixel along x and y."""
        pixel = self.pixel_size_A * _UM_PER_A
        return pixel / float(np.cos(np.deg2rad(self.tilt_deg))), pixel

    @property
    def corner_um(self) -> tuple[float, float]:
        """Stage x and y of the centre of pixel (0, 0)."""
        step = self.step_um
        return (
            self.center_um[0] - (self.shape_px[1] - 1) / 2 * step[0],
            self.center_um[1] - (self.shape_px[0] - 1) / 2 * step[1],
        )

    @property
    def bounds_um(self) -> tuple[float, float, float, float]:
        """Lowest and highest stage x, lowest and highest y, of the image's outer edges."""
        half_x, half_y = (0.5 * n * step for n, step in zip(self.shape_px[::-1], self.step_um, strict=True))
        x, y = self.center_um
        return x - half_x, x + half_x, y - half_y, y + half_y

    def to_stage(self, column_px: ArrayLike, row_px: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Stage x and y of places in the image; the centre of pixel (0, 0) is at 0."""
        corner, step = self.corner_um, self.step_um
        return (
            corner[0] + step[0] * np.asarray(column_px, dtype=np.float64),
            corner[1] + step[1] * np.asarray(row_px, dtype=np.float64),
        )

    def to_pixel(self, x_um: ArrayLike, y_um: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Column and row of places on the stage."""
        corner, step = self.corner_um, self.step_um
        return (
            (np.asarray(x_um, dtype=np.float64) - corner[0]) / step[0],
            (np.asarray(y_um, dtype=np.float64) - corner[1]) / step[1],
        )

    def padded(self, shape_px: tuple[int, int]) -> "View":
        """The same view of more pixels: the excess is shared, and the odd one goes to the end."""
        more_y, more_x = shape_px[0] - self.shape_px[0], shape_px[1] - self.shape_px[1]
        shift = (0.5 * (more_x % 2) * self.step_um[0], 0.5 * (more_y % 2) * self.step_um[1])
        return replace(self, shape_px=shape_px, center_um=(self.center_um[0] + shift[0], self.center_um[1] + shift[1]))
