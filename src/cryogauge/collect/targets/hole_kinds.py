"""What a hole is worth as a target, and why one is left out."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cryogauge.collect.targets.circles import SIDES, steps_around
from cryogauge.collect.targets.ice import ice_from_vacuum_nm
from cryogauge.collect.targets.surroundings import look_around
from cryogauge.records import BadInput

#: Columns of the table of holes.
COLUMNS = (
    "score", "hole", "lattice_i", "lattice_j", "x_px", "y_px", "diameter_px", "diameter_um", "confidence", "bright",
    "brightness", "ice_nm", "clean", "bar_px", "target", "flags", "why",
)  # fmt: skip
#: Those by which a session can group holes; it has no ``ice_nm``, which takes the grey value of the bare beam.
NUMBERS = ("score", "x_px", "y_px", "diameter_px", "diameter_um", "confidence", "brightness", "clean", "bar_px")
#: A target's rim stays away from bars by this part of a diameter, and a target is clean over this share.
_BAR_GAP, _CLEAN = 0.25, 0.9
#: Grey values off the usual of a hole by this many spreads are dirt (darker) or a tear (brighter).
_OFF = 5.0
#: Part of a hole's usual step at its rim below which two sides next to each other have none, and errors of a step by
#: which that must be sure.
_OPEN, _SURE = 0.25, 3.0
#: Holes this many times as bright as the bare beam are given another's grey value: ice and noise leave less.
_BRIGHTER = 1.2
#: Ice in which particles are seen, nm: below and above, a hole is worth less.
_ICE_NM = (10.0, 100.0)


def judge_holes(
    image: NDArray[np.floating],
    xy: NDArray[np.float64],
    index: NDArray[np.int64],
    confidence: NDArray[np.float64],
    sign: NDArray[np.int64],
    radius_px: float,
    *,
    pitch_px: float,
    factor: int,
    pixel_size_A: float | None,
    vacuum: float | None,
    mean_free_path_nm: float,
) -> pd.DataFrame:
    """The table of holes, best first.

    Parameters
    ----------
    image
        The searched picture (y, x), grey values as the camera gave them.
    xy, index
        Centres (x, y) in its pixels and sites (i, j), shape ``(n, 2)``.
    confidence
        That each is a hole, 0–1.
    sign
        1 where brighter than the foil, −1 where darker.
    radius_px, pitch_px
        Of all holes, in its pixels.
    factor
        Pixels of the original in one of ``image`` along an edge; the table is in those of the original.
    pixel_size_A
        Edge of a pixel of the original in Å, or ``None``.
    vacuum, mean_free_path_nm
        Grey value of the bare beam and the path, for ``ice_nm``.
    """
    if len(xy) == 0:
        return pd.DataFrame({name: pd.Series(dtype=object) for name in COLUMNS})
    looks = np.array([_grey_values(image, centre, radius_px) for centre in xy])
    ring, level, spread = looks.T
    usual_spread = float(np.median(spread)) + 1e-9
    around = look_around(image, ring, usual_spread, radius_px, pitch_px)
    clean = np.array([_clean(image, c, radius_px, m, usual_spread) for c, m in zip(xy, level, strict=True)])
    bar_px = (around.bar_distance_px(xy) - radius_px) * factor
    ny, nx = image.shape
    cut = np.any((xy < radius_px - 0.5) | (xy > np.array([nx, ny]) - radius_px - 0.5), axis=1)
    torn = _torn(image, xy, radius_px, sign, usual_spread)
    buried = np.asarray(bar_px < -radius_px * factor + 1)
    if vacuum and (usual := float(np.median(level))) > _BRIGHTER * vacuum:
        raise BadInput(
            f"the grey value of the bare beam is given as {vacuum:g}, but holes have {usual:.4g}",
            "give it as this image has it, the camera's offset taken off both",
        )
    ice = ice_from_vacuum_nm(level, vacuum, mean_free_path_nm) if vacuum else np.full(len(xy), np.nan)
    diameter = 2 * radius_px * factor
    rows = []
    for k in np.flatnonzero(~buried).tolist():
        flags, reasons = _reasons(
            bool(cut[k]), bool(torn[k]), float(bar_px[k]), diameter, float(clean[k]), float(ice[k])
        )
        score = confidence[k] * clean[k] * _worth_of_ice(float(ice[k])) * (0.0 if reasons else 1.0)
        kind = "bright" if sign[k] > 0 else "dark"
        told = f"a {kind} hole, {100 * clean[k]:.0f} % clean"
        if np.isfinite(ice[k]):
            told += f", ice of {ice[k]:.0f} nm"
        place = xy[k] * factor + (factor - 1) / 2
        rows.append(
            {
                "score": round(float(score), 4), "hole": int(k),
                "lattice_i": int(index[k, 0]), "lattice_j": int(index[k, 1]),
                "x_px": float(place[0]), "y_px": float(place[1]), "diameter_px": diameter,
                "diameter_um": diameter * pixel_size_A * 1e-4 if pixel_size_A else float("nan"),
                "confidence": float(confidence[k]), "bright": bool(sign[k] > 0), "brightness": float(level[k]),
                "ice_nm": float(ice[k]), "clean": float(clean[k]), "bar_px": float(bar_px[k]), "target": not reasons,
                "flags": flags, "why": "left out: " + ", ".join(reasons) if reasons else told,
            }
        )  # fmt: skip
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.sort_values("score", ascending=False, kind="stable", ignore_index=True)


def _patch(image: NDArray[np.floating], centre: NDArray[np.float64], reach: float) -> tuple:
    """Grey values within a reach of a centre, and their distances from it."""
    y0, x0 = max(int(centre[1] - reach), 0), max(int(centre[0] - reach), 0)
    patch = image[y0 : int(centre[1] + reach) + 2, x0 : int(centre[0] + reach) + 2]
    y, x = np.ogrid[: patch.shape[0], : patch.shape[1]]
    return patch, np.hypot(y + y0 - centre[1], x + x0 - centre[0])


def _grey_values(image: NDArray[np.floating], centre: NDArray[np.float64], radius: float) -> tuple:
    """Medians of the ring about a hole and of its inside, and the spread of the latter."""
    patch, r = _patch(image, centre, 1.4 * radius)
    inside, ring = patch[r < max(0.75 * radius, 1.5)], patch[(r > 1.15 * radius) & (r < 1.4 * radius)]
    level = float(np.median(inside))
    spread = 1.4826 * float(np.median(np.abs(inside - level)))
    return float(np.median(ring)) if ring.size else level, level, spread


def _clean(
    image: NDArray[np.floating], centre: NDArray[np.float64], radius: float, level: float, spread: float
) -> float:
    """Share of a hole's inside of its own grey value, but for noise."""
    patch, r = _patch(image, centre, radius)
    inside = patch[r < max(0.8 * radius, 1.5)]
    return float((np.abs(inside - level) < _OFF * spread).mean())


def _torn(
    image: NDArray[np.floating], xy: NDArray[np.float64], radius: float, sign: NDArray[np.int64], spread: float
) -> NDArray[np.bool_]:
    """Which holes surely have no rim on a side, as where the foil is torn, or none at all."""
    step = steps_around(image, xy, radius, sign)
    error = spread / np.sqrt(max(2 * np.pi * radius / SIDES, 1.0))  # two rings inside, two outside
    seen = np.isfinite(step).any(axis=1, keepdims=True)
    usual = np.nanpercentile(np.where(seen, step, 0.0), 75, axis=1)
    pairs = (step + np.roll(step, 1, axis=1)) / 2
    open_ = np.nanmin(np.where(np.isfinite(pairs), pairs, np.inf), axis=1) + _SURE * error / np.sqrt(2) < _OPEN * usual
    return open_ | ((usual < _SURE * error) & (np.median(usual) > 3 * _SURE * error))


def _reasons(
    cut: bool, torn: bool, bar_px: float, diameter_px: float, clean: float, ice_nm: float
) -> tuple[tuple[str, ...], list[str]]:
    """Flags, and why a hole is no target in words."""
    found = []
    if cut:
        found.append(("partial", "cut by the border of the image"))
    if torn:
        found.append(("torn", "no rim on a side: torn foil, or no hole"))
    if bar_px < _BAR_GAP * diameter_px:
        gap = "covered in part by a bar" if bar_px < 0 else f"{bar_px:.0f} px from a bar"
        found.append(("near_bar", gap))
    if clean < _CLEAN:
        found.append(("contaminated", f"{100 * (1 - clean):.0f} % covered by dirt or torn"))
    if ice_nm < 1:
        found.append(("empty", "no ice: as bright as the bare beam"))
    return tuple(flag for flag, _ in found), [words for _, words in found]


def _worth_of_ice(ice_nm: float) -> float:
    """1 for ice in which particles are seen or of unknown thickness, less below and above."""
    if not np.isfinite(ice_nm):
        return 1.0
    low, high = _ICE_NM
    return float(np.clip(ice_nm / low, 0, 1) * np.exp(-max(0.0, ice_nm - high) / high))
