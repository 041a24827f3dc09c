"""What is said of one tomogram."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

#: ``scores.csv``: one row a tomogram.
SCORE_COLUMNS = (
    "tomogram",
    "pixel_size_A",
    "tomoscore",
    "thickness_slices",
    "thickness_nm",
    "specimen_tilt_deg",
    "best_slice",
    "smallest_feature_px",
    "smallest_feature_nm",
    "spectral_feature_px",
    "uncertainty",
    "flags",
    "seconds",
)
#: ``slices.csv``: one row a slice.
SLICE_COLUMNS = ("tomogram", "z", "score", "uncertainty", "smallest_feature_px", "smallest_feature_nm")


@dataclass(frozen=True)
class TomogramJudgement:
    """The judgement of one tomogram.

    Attributes
    ----------
    row
        The values of ``SCORE_COLUMNS``; what does not apply is NaN. ``flags`` is a tuple of words.
    slices
        Table with ``SLICE_COLUMNS``; the features are NaN where the score lies below 0.2.
    local_map
        Quality 0–1 of shape ``(z, y', x')``, one value a tile of ``tile_px`` pixels, float32.
    tile_px
        Edge of a tile of the local map in pixels of the tomogram.
    surfaces
        The specimen's fitted planes ``z = a + b·x + c·y`` in voxels, ``{"top": (a, b, c), "bottom": …}``;
        empty where none could be fitted.
    pictures
        8-bit pictures ``(y, x)`` for the report: ``best``, ``median``, ``worst``, ``xz`` and their places.
    notes
        Sentences that explain the flags, ``{flag: sentence}``.
    """

    row: dict[str, Any]
    slices: pd.DataFrame
    local_map: np.ndarray
    tile_px: int
    surfaces: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    pictures: dict[str, np.ndarray] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)

    @property
    def tomoscore(self) -> float:
        """Mean of the slice scores above 0.2; 0 when there is none (the paper's TomoScore)."""
        return float(self.row["tomoscore"])

    @property
    def flags(self) -> tuple[str, ...]:
        """Words such as ``out_of_domain``; empty when nothing is amiss."""
        return tuple(self.row["flags"])
