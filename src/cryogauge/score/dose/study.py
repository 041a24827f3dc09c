"""Scores of every part of the dose of a tilt series, halves against each other, and what Fourier rings say of them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cryogauge.imaging.fourier import fourier_ring_correlation
from cryogauge.records import BadInput, Volume
from cryogauge.score.dose.plan import Subset
from cryogauge.score.quality import SliceQuality
from cryogauge.score.tomogram import judge_volume
from cryogauge.score.tomoscore import FEATURE_THRESHOLD

#: Step of the human categories: what halves may differ by.
CATEGORY_STEP = 1.0 / 6.0

TOMOGRAM_COLUMNS = (
    "series", "subset", "kind", "level", "dose_e_A2", "tomoscore", "percent", "thickness_slices", "thickness_nm",
    "flags",
)  # fmt: skip
PAIR_COLUMNS = (
    "series", "parent", "level", "dose_e_A2", "tomoscore_even", "tomoscore_odd", "tomoscore_difference",
    "slice_difference_max", "slice_difference_median",
)  # fmt: skip
FRC_COLUMNS = ("series", "parent", "dose_e_A2", "place", "z", "score_even", "score_odd", "frequency_1_A", "frc")
SLICE_COLUMNS = ("series", "subset", "z", "score")


@dataclass(frozen=True)
class SeriesStudy:
    """What was found for one tilt series.

    Attributes
    ----------
    tomograms
        ``TOMOGRAM_COLUMNS``, a row a tomogram. ``level`` is the number of halvings, or the part of the dose that was
        asked for; ``percent`` that of the whole exposure's TomoScore, NaN where that is 0.
    pairs
        ``PAIR_COLUMNS``, a row a pair of halves.
    frc
        ``FRC_COLUMNS``, a row a ring: the first halves of each level, in the slice of the specimen's middle
        (``central``) and in one above the specimen (``top``).
    slices
        ``SLICE_COLUMNS``.
    """

    tomograms: pd.DataFrame
    pairs: pd.DataFrame
    frc: pd.DataFrame
    slices: pd.DataFrame


def study_series(
    name: str,
    parts: Iterable[tuple[Subset, float, Volume]],
    quality: SliceQuality,
    *,
    flags: tuple[str, ...] = (),
) -> SeriesStudy:
    """Score tomograms of parts of one tilt series' dose as they come.

    Parameters
    ----------
    name
        Of the tilt series.
    parts
        Subset, dose in e⁻/Å² and tomogram; the whole exposure first, the two halves of a pair one after the other.
        One tomogram is held at a time.
    quality
        A loaded network.
    flags
        Words put before those of every tomogram.

    Raises
    ------
    BadInput
        When the whole exposure does not come first, or its TomoScore is 0: then there is nothing to compare with.
    """
    rows: list[dict[str, Any]] = []
    pairs: list[dict[str, Any]] = []
    rings: list[pd.DataFrame] = []
    scores: dict[str, np.ndarray] = {}
    places: dict[str, int] = {}
    waiting: tuple[Subset, float, dict[str, np.ndarray]] | None = None
    for subset, dose, volume in parts:
        judgement = judge_volume(volume, f"{name} {subset.name}", quality, local_map=False)
        score = judgement.slices["score"].to_numpy(dtype=np.float64)
        scores[subset.name] = score
        if not rows:
            if subset.kind != "whole":
                raise BadInput(f"the tomogram of the whole dose of {name} must come first")
            if judgement.tomoscore == 0:
                raise BadInput(
                    f"{name} has a TomoScore of 0 at full dose: no slice of it shows structure",
                    "leave it out; `cryogauge score` shows why",
                )
            places = _places(score, judgement.surfaces, volume.shape)
        full = rows[0]["tomoscore"] if rows else judgement.tomoscore
        rows.append(
            {
                "series": name, "subset": subset.name, "kind": subset.kind,
                "level": subset.level,
                "dose_e_A2": dose, "tomoscore": judgement.tomoscore, "percent": 100.0 * judgement.tomoscore / full,
                "thickness_slices": judgement.row["thickness_slices"], "thickness_nm": judgement.row["thickness_nm"],
                "flags": " ".join((*flags, *judgement.flags)),
            }
        )  # fmt: skip
        if subset.kind == "halves":
            shown = {place: np.array(volume.slice(z)) for place, z in places.items()}
            if subset.path.endswith("e"):
                waiting = subset, dose, shown
            elif waiting is not None and waiting[0].path[:-1] == subset.path[:-1]:
                even, even_dose, even_shown = waiting
                mean_dose = (even_dose + dose) / 2
                pairs.append(_pair(name, even, mean_dose, rows[-2]["tomoscore"], rows[-1]["tomoscore"],
                                   scores[even.name], score))  # fmt: skip
                if set(even.path) == {"e"}:
                    rings += [
                        _rings(name, even.path[:-1], mean_dose, place, z, (scores[even.name][z], score[z]),
                               even_shown[place], shown[place], volume.voxel_size_A)
                        for place, z in places.items()
                    ]  # fmt: skip
    slices = [
        pd.DataFrame({"series": name, "subset": part, "z": range(len(s)), "score": s}) for part, s in scores.items()
    ]
    return SeriesStudy(
        pd.DataFrame(rows, columns=list(TOMOGRAM_COLUMNS)),
        pd.DataFrame(pairs, columns=list(PAIR_COLUMNS)),
        pd.concat(rings, ignore_index=True) if rings else pd.DataFrame(columns=list(FRC_COLUMNS)),
        pd.concat(slices, ignore_index=True),
    )


def _places(score: np.ndarray, surfaces: dict[str, Any], shape: tuple[int, int, int]) -> dict[str, int]:
    """The slice in the middle of the specimen, and one above it that scores below the threshold (else the last)."""
    nz, ny, nx = shape
    inside = np.flatnonzero(score > FEATURE_THRESHOLD)
    middle = int(np.median(inside))
    if surfaces:
        heights = [a + b * (nx - 1) / 2 + c * (ny - 1) / 2 for a, b, c in surfaces.values()]
        middle = int(np.clip(round(sum(heights) / len(heights)), 0, nz - 1))
    above = np.arange(int(inside[-1]) + 1, nz)
    return {"central": middle, "top": int(above[len(above) // 2]) if len(above) else nz - 1}


def _pair(
    name: str, even: Subset, dose: float, tomoscore_even: float, tomoscore_odd: float, a: np.ndarray, b: np.ndarray
) -> dict[str, Any]:
    difference = np.abs(a - b)
    return {
        "series": name, "parent": even.path[:-1], "level": len(even.path), "dose_e_A2": dose,
        "tomoscore_even": tomoscore_even, "tomoscore_odd": tomoscore_odd,
        "tomoscore_difference": abs(tomoscore_even - tomoscore_odd),
        "slice_difference_max": float(difference.max()), "slice_difference_median": float(np.median(difference)),
    }  # fmt: skip


def _rings(
    name: str,
    parent: str,
    dose: float,
    place: str,
    z: int,
    score: tuple[float, float],
    even: np.ndarray,
    odd: np.ndarray,
    voxel_size_A: float,
) -> pd.DataFrame:
    frequency, correlation = fourier_ring_correlation(even, odd)
    return pd.DataFrame(
        {
            "series": name, "parent": parent, "dose_e_A2": dose, "place": place, "z": z, "score_even": score[0],
            "score_odd": score[1], "frequency_1_A": frequency / voxel_size_A, "frc": correlation,
        }
    )  # fmt: skip
