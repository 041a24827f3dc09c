"""Thickness by fitted surfaces and by the paper's count of slices, against the specimens' true thickness."""

import numpy as np
from scipy.stats import theilslopes

from cryogauge.score.accuracy import ransac_line
from validation.held_out import HeldOut, held_out, judged

FIGURES = (
    "thickness_slope",
    "thickness_slope_ransac",
    "thickness_slope_count",
    "thickness_within_10pct",
    "thickness_within_10pct_hard",
    "thickness_within_10pct_count",
)
#: A tomogram is hard where the slab is tilted at least so much, or the tilts reach no further than this.
HARD_TILT_DEG, HARD_RANGE_DEG = 5.0, 50.0


def is_hard(tomogram: HeldOut) -> bool:
    """Whether the specimen is tilted in its volume, or smeared along z by a wide missing wedge."""
    return tomogram.slab_tilt_deg >= HARD_TILT_DEG or tomogram.half_range_deg <= HARD_RANGE_DEG


def run(small: bool = False) -> dict[str, float]:
    """Measure the figures; every tomogram that is off by more than a tenth is printed."""
    rows = []
    print("     off by more than 10 %: kind, Å/px, true nm, fitted nm, counted nm, tilt °, range °, best slice")
    for tomogram in held_out("thickness-test", small=small):
        judgement = judged(tomogram.path)
        fitted = float(judgement.row["thickness_nm"])
        counted = float(judgement.row["thickness_slices"]) * tomogram.voxel_size_A / 10.0
        rows.append((tomogram.thickness_nm, fitted, counted, is_hard(tomogram)))
        if not abs(fitted / tomogram.thickness_nm - 1) <= 0.1:
            print(
                f"     {tomogram.kind:10} {tomogram.voxel_size_A:5.1f} {tomogram.thickness_nm:6.0f} {fitted:6.0f} "
                f"{counted:6.0f} {tomogram.slab_tilt_deg:5.1f} {tomogram.half_range_deg:4.0f} "
                f"{tomogram.score.max():5.2f}"
            )
    true, fitted, counted = np.array([row[:3] for row in rows]).T
    hard = np.array([row[3] for row in rows])
    # a thickness that could not be told is a miss of 100 %
    fitted = np.nan_to_num(fitted)
    good, good_count = (np.abs(guess / true - 1) <= 0.1 for guess in (fitted, counted))
    return {
        "thickness_slope": float(np.array(theilslopes(fitted, true))[0]),
        "thickness_slope_ransac": ransac_line(true, fitted)[0],
        "thickness_slope_count": float(np.array(theilslopes(counted, true))[0]),
        "thickness_within_10pct": float(good.mean()),
        "thickness_within_10pct_hard": float(good[hard].mean()) if hard.any() else float("nan"),
        "thickness_within_10pct_count": float(good_count.mean()),
        "thickness_hard": float(hard.sum()),
        "thickness_not_told": float((fitted == 0).sum()),
    }
