"""What a square is worth, by what its image tells: torn, dry, thick, empty, cracked, contaminated."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage

from cryogauge.collect.targets.grey import labelled
from cryogauge.collect.targets.outline import Outline

#: Columns of the table of squares.
COLUMNS = (
    "score", "square", "kind", "x_px", "y_px", "vertices", "side_px", "area_px", "area_um2", "brightness", "relative",
    "usable", "partial", "flags", "why",
)  # fmt: skip
#: Those by which a session can group squares.
NUMBERS = ("score", "x_px", "y_px", "side_px", "area_px", "area_um2", "brightness", "relative", "usable")
#: Vacuum is seen where something is brighter than the usual film by this factor at least, above the bars.
_VACUUM_OVER_FILM = 1.12
#: Parts of a square's edge: longer bright patches are tears, shorter ones holes.
_TEAR_LENGTH = 0.2
#: Film darker than this part of the square's own is covered by something.
_DARK = 0.6
_TORN, _CRACKED, _EMPTY, _DIRTY, _THICK, _SMALL = 0.08, 0.004, 0.8, 0.06, 0.55, 0.8


@dataclass(frozen=True)
class _Look:
    """Shares of one square, and its brightness against the usual film's (1)."""

    relative: float
    torn: float
    dark: float
    specks: float


def judge_squares(
    outlines: list[Outline],
    image: NDArray[np.floating],
    boxes: NDArray[np.float64],
    side_px: float,
    partial: set[int],
    factor: int,
    pixel_size_A: float | None,
) -> pd.DataFrame:
    """The table of squares, best first.

    Parameters
    ----------
    outlines
        Squares as cut out of ``image``.
    image
        The searched picture (y, x), grey values as the camera gave them.
    boxes
        Corners (x, y) of each, shape ``(n, 4, 2)``, in pixels of ``image``.
    side_px
        Usual edge in pixels of ``image``.
    partial
        Which are cut by the border of the image.
    factor
        Pixels of the original in one of ``image`` along an edge; the table is in those of the original.
    pixel_size_A
        Edge of a pixel of the original in Å, or ``None``.
    """
    if not outlines:
        return pd.DataFrame({name: pd.Series(dtype=object) for name in COLUMNS})
    bars, film, vacuum = _levels(outlines, image)
    usual_spread = 1.4826 * float(np.median(np.abs(_relative(outlines, image, bars, film) - 1.0)))
    rows = []
    for k, (outline, box) in enumerate(zip(outlines, boxes, strict=True)):
        look = _look(outline, image, bars, film, vacuum, side_px)
        size = outline.area_px / side_px**2
        edges = np.linalg.norm(box[1:3] - box[:2], axis=1)
        cut = size < _SMALL and (outline.area_px < 0.75 * edges.prod() or edges.min() < 0.7 * edges.max())
        kind = _kind(look, size, cut, k in partial, usual_spread)
        usable = float(np.clip(1 - look.torn - look.dark - look.specks, 0, 1))
        thin = float(np.clip((look.relative - 0.3) / 0.4, 0, 1))
        worth = {"empty": 0.0, "dry": 0.3}.get(kind, 1.0)
        corner_px = box * factor + (factor - 1) / 2
        area_px = outline.area_px * factor**2
        flags, why = _words(kind, look, size, k in partial)
        rows.append(
            {
                "score": round(usable * thin * worth * min(size, 1.0), 4),
                "square": k, "kind": kind,
                "x_px": float(corner_px[:, 0].mean()), "y_px": float(corner_px[:, 1].mean()),
                "vertices": tuple((float(x), float(y)) for x, y in corner_px),
                "side_px": float(np.sqrt(area_px)), "area_px": area_px,
                "area_um2": area_px * (pixel_size_A * 1e-4) ** 2 if pixel_size_A else float("nan"),
                "brightness": float(outline.values(image).mean()), "relative": look.relative,
                "usable": usable, "partial": k in partial, "flags": flags, "why": why,
            }
        )  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS)).sort_values(
        "score", ascending=False, kind="stable", ignore_index=True
    )


def _levels(outlines: list[Outline], image: NDArray[np.floating]) -> tuple[float, float, float]:
    """Grey values of the bars, of the usual film, and of vacuum (infinite where none is seen)."""
    dark = np.ones(image.shape, bool)
    for outline in outlines:
        y, x = outline.corner
        dark[y : y + outline.mask.shape[0], x : x + outline.mask.shape[1]] &= ~outline.mask
    bars = float(np.percentile(image[dark], 20)) if dark.any() else float(image.min())
    film = float(np.median([np.median(o.values(image)) for o in outlines]))
    top = max(float(np.percentile(o.values(image), 97)) for o in outlines)
    return bars, film, top if top - bars > _VACUUM_OVER_FILM * (film - bars) else float("inf")


def _relative(outlines: list[Outline], image: NDArray[np.floating], bars: float, film: float) -> NDArray[np.float64]:
    return np.array([(np.median(o.values(image)) - bars) / (film - bars) for o in outlines], np.float64)


def _look(
    outline: Outline, image: NDArray[np.floating], bars: float, film: float, vacuum: float, side_px: float
) -> _Look:
    y, x = outline.corner
    patch = (image[y : y + outline.mask.shape[0], x : x + outline.mask.shape[1]] - bars) / (film - bars)
    inner: Any = ndimage.binary_erosion(outline.mask, iterations=max(1, round(0.05 * side_px)))
    if not inner.any():
        inner = outline.mask
    area = float(inner.sum())
    torn = np.zeros_like(inner)
    if np.isfinite(vacuum):
        bright = ndimage.gaussian_filter(patch, 0.7) > 1 + 0.6 * ((vacuum - bars) / (film - bars) - 1)
        torn = _long(bright & inner, _TEAR_LENGTH * side_px)
    own = inner & ~torn
    level = float(np.median(patch[own])) if own.any() else float(np.median(patch[inner]))
    dark = own & (patch < _DARK * level)
    lumps = dark & ndimage.binary_opening(dark, iterations=max(1, round(0.06 * side_px)))
    return _Look(
        relative=level, torn=float(torn.sum()) / area, dark=float(lumps.sum()) / area,
        specks=float((dark & ~lumps).sum()) / area,
    )  # fmt: skip


def _long(mask: NDArray[np.bool_], length_px: float) -> NDArray[np.bool_]:
    """The connected parts of a mask that reach over more than a length."""
    labels = labelled(mask, diagonal=True)
    boxes = ndimage.find_objects(labels)
    reach = [np.hypot(b[0].stop - b[0].start, b[1].stop - b[1].start) for b in boxes]
    long = np.concatenate([[False], np.array(reach, float) > length_px]) if reach else np.zeros(1, bool)
    return long[labels]


def _kind(look: _Look, size: float, cut: bool, partial: bool, usual_spread: float) -> str:
    if look.torn > _EMPTY:
        return "empty"
    if not partial and cut:
        return "fraction"
    if look.torn > _TORN:
        return "broken"
    if look.torn > _CRACKED:
        return "cracked"
    if look.relative < _THICK or look.dark > 0.5:
        return "thick"
    if look.specks + look.dark > _DIRTY:
        return "contaminated"
    if look.relative > 1 + max(4 * usual_spread, 0.04):
        return "dry"
    return "small" if not partial and size < _SMALL else "intact"


def _words(kind: str, look: _Look, size: float, partial: bool) -> tuple[tuple[str, ...], str]:
    told = {
        "empty": "no film: as bright as the beam itself",
        "fraction": f"a fraction: {100 * size:.0f} % of the usual area, cut by the rim or by dirt",
        "broken": f"film torn over {100 * look.torn:.0f} % of the square",
        "cracked": f"a crack through the film, {100 * look.torn:.1f} % of the square",
        "thick": f"ice too thick: film {100 * look.relative:.0f} % as bright as usual",
        "contaminated": f"{100 * (look.specks + look.dark):.0f} % covered by dark matter",
        "dry": f"film {100 * look.relative - 100:.0f} % brighter than usual: no ice on it",
        "small": f"{100 * size:.0f} % of the usual area",
        "intact": f"whole film, {100 * look.relative:.0f} % as bright as usual, {100 * look.dark:.0f} % dark",
    }[kind]
    flags = () if kind == "intact" else (kind,)
    return (*flags, "partial") if partial else flags, told + ("; cut by the border of the image" if partial else "")
