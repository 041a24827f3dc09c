"""Holes of a support film in a medium-magnification image, without parameters."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cryogauge.collect.targets.circles import Response, disc_response, peaks, radii, round_ones
from cryogauge.collect.targets.grey import binned
from cryogauge.collect.targets.hole_kinds import judge_holes
from cryogauge.collect.targets.hole_lattice import (
    LEAST_EVIDENCE,
    MANY,
    HoleLattice,
    find_lattice,
    heights_at,
    refine,
)
from cryogauge.collect.targets.lattice import Lattice, bend, between_sites
from cryogauge.collect.targets.squares import checked

#: Longest edge of the picture that is searched.
_SEARCHED_PX = 800
#: Part of the pitch by which a hole may lie off its site, before and after the lattice is settled.
_STRAY, _SETTLED = 0.15, 0.1
#: Bounds of the correlation that tells a hole from none, wherever the places between the sites put it.
_LEAST = 0.22, 0.45
#: Correlations between which a hole's own top comes to decide where it lies.
_FAINT = 0.25, 0.55
#: Part of the holes that may have no rim on a side.
_MOST_TORN = 0.7
#: Holes that are no lattice: few, large and plain.
_FEW, _PLAIN, _LARGE = 4, 0.8, (1 / 14, 1 / 4)


@dataclass(frozen=True)
class Holes:
    """What :func:`find_holes` returns.

    Attributes
    ----------
    table
        One row a hole, best first: ``score`` (0–1), ``hole`` (its number), ``lattice_i, lattice_j``, ``x_px, y_px``
        (centre, between pixels), ``diameter_px``, ``diameter_um`` (NaN without a pixel size), ``confidence`` (0–1, that
        it is a hole), ``bright`` (whether brighter than the foil), ``brightness`` (median grey value), ``ice_nm`` (NaN
        where vacuum is unknown), ``clean`` (share without dirt), ``bar_px`` (from its rim to the nearest bar, infinite
        where none is in view), ``target`` (whether to expose it), ``flags`` and ``why`` (why not, or what it is).
    lattice
        Square or hexagonal, in pixels of the image; ``None`` where there is none.
    diameter_px
        Of all holes; NaN without any.
    note
        What a reader must know of the image, or empty.
    """

    table: pd.DataFrame
    lattice: Lattice | None
    diameter_px: float
    note: str = ""

    @property
    def pitch_px(self) -> float:
        """Distance of neighbouring holes in pixels, NaN where unknown."""
        return float("nan") if self.lattice is None else self.lattice.pitch_px


@dataclass(frozen=True)
class _Found:
    index: NDArray[np.int64]
    xy: NDArray[np.float64]
    height: NDArray[np.float64]
    sign: NDArray[np.int64]
    confidence: NDArray[np.float64]


def find_holes(
    image: NDArray[np.floating],
    pixel_size_A: float | None = None,
    *,
    vacuum: float | None = None,
    mean_free_path_nm: float = 320.0,
) -> Holes:
    """Find the holes of a support film and judge each as a target.

    Discs of every size, bright and dark, are sought; the size that lies on a lattice, square or hexagonal, is taken;
    at each site of that lattice within the image stands a hole, or none, by how much more it looks like a disc than the
    places between the sites do.

    Parameters
    ----------
    image
        Grey values of shape (y, x), of any pixel size and any number of bits.
    pixel_size_A
        Edge of a pixel in Å, if known; it scales ``diameter_um`` alone.
    vacuum
        Grey value of the bare beam in this image, from which ``ice_nm`` follows.
    mean_free_path_nm
        See :func:`cryogauge.collect.targets.ice.ice_from_vacuum_nm`; used with ``vacuum`` alone.

    Raises
    ------
    BadInput
        When the image is not two-dimensional, has an edge below 32 pixels or no finite contrast.
    """
    image = checked(image)
    small, factor = binned(image, _SEARCHED_PX)

    def judged(found: _Found, radius: float, pitch: float) -> pd.DataFrame:
        return judge_holes(
            small, found.xy, found.index, found.confidence, found.sign, radius, pitch_px=pitch, factor=factor,
            pixel_size_A=pixel_size_A, vacuum=vacuum, mean_free_path_nm=mean_free_path_nm,
        )  # fmt: skip

    seen = find_lattice(small)
    if seen is not None:
        found, lattice, radius = _on_lattice(small, seen)
        table = judged(found, radius, lattice.pitch_px)
        if _is_believed(seen, table):
            return Holes(table, lattice.scaled(factor, (factor - 1) / 2), 2 * radius * factor)
    found, radius = _few_holes(small)
    table = judged(found, radius, 3 * radius)
    if table.empty:
        note = "no lattice: holes of no one size at no one distance, as of lacey film, or none at all"
    else:
        each = "1 plain disc" if len(table) == 1 else f"{len(table)} plain discs of one size, each for itself"
        note = f"too few holes for a lattice: {each}"
    return Holes(table, None, 2 * radius * factor if len(table) else float("nan"), note)


def _on_lattice(image: NDArray[np.floating], seen: HoleLattice) -> tuple[_Found, Lattice, float]:
    """The holes at the sites of a lattice, that lattice as they bend it, and their radius."""
    seen, response = refine(image, seen)
    lattice = seen.lattice
    for stray in (_STRAY, _SETTLED):  # the second time on the lattice as its own holes bend it
        found = _at_sites(response, lattice, seen.sign, stray)
        if len(found.xy) >= 6:
            sure = found.height >= np.median(found.height) * 0.8
            if np.linalg.matrix_rank(np.diff(found.index[sure], axis=0)) == 2:
                lattice = Lattice(lattice.kind, bend(found.index[sure], found.xy[sure]))
    return found, lattice, seen.radius_px


def _is_believed(seen: HoleLattice, table: pd.DataFrame) -> bool:
    """Whether there are holes and they are those of a lattice: faint ones when there are many, and not where most have
    no rim on a side, which is lacey film.
    """
    torn = sum("torn" in flags for flags in table["flags"])
    many = len(table) >= (1 if seen.evidence >= LEAST_EVIDENCE else MANY)
    return many and torn <= _MOST_TORN * len(table)


def _at_sites(response: Response, lattice: Lattice, sign: int, stray_part: float) -> _Found:
    """The sites of a lattice at which there is a hole."""
    shape = tuple(n * response.binning for n in response.map.shape)
    index, sites = lattice.sites((shape[0], shape[1]))
    stray = stray_part * lattice.pitch_px
    height, xy = heights_at(response, sites, stray, 1)
    other, other_xy = heights_at(response, sites, stray, -1)
    null, _ = heights_at(response, lattice.at(index + between_sites(lattice)), stray, 1)
    least = min(float(np.clip(np.percentile(null, 97), *_LEAST)), _even_odds(height, null))
    usual = max(float(np.percentile(height, 75)), least + 0.1)
    turned = (other > height) & (other > max(0.5, least))  # thicker ice than foil: dark where the others are bright
    height, xy = np.where(turned, other, height), np.where(turned[:, None], other_xy, xy)
    sure = np.clip((height - _FAINT[0]) / (_FAINT[1] - _FAINT[0]), 0, 1)[:, None]
    xy = sites + sure * (xy - sites)  # of where a faint hole lies its lattice says more than its own noise
    held = height > least
    confidence = np.clip(0.5 + 0.5 * (height - least) / (usual - least), 0, 1)
    return _Found(index[held], xy[held], height[held], np.where(turned, -sign, sign)[held], confidence[held])


def _even_odds(height: NDArray[np.float64], null: NDArray[np.float64]) -> float:
    """The correlation at which a site is as likely a hole as none, both taken as normal; of use among faint holes."""
    none, spread_none = float(np.median(null)), 1.4826 * float(np.median(np.abs(null - np.median(null)))) + 1e-6
    upper = height[height > none + 2 * spread_none]
    if len(upper) < 20:
        return 1.0
    hole = float(np.median(upper))
    spread = max(1.4826 * float(np.median(np.abs(upper - hole))), spread_none)
    share = float(np.clip(len(upper) / len(height), 0.05, 0.95))
    values = np.linspace(none, hole, 200)
    odds = np.log(share / (1 - share)) - 0.5 * ((values - hole) / spread) ** 2 - np.log(spread)
    odds += 0.5 * ((values - none) / spread_none) ** 2 + np.log(spread_none)
    return max(float(values[int(np.abs(odds).argmin())]), none + spread_none)


def _few_holes(image: NDArray[np.floating]) -> tuple[_Found, float]:
    """One to four large plain discs of one size; none otherwise."""
    best, chosen = 0.0, (np.zeros((0, 2)), np.zeros(0), 1, 1.0)
    for radius in radii((image.shape[0], image.shape[1])):
        if not _LARGE[0] < radius / min(image.shape) < _LARGE[1]:
            continue
        response = disc_response(image, float(radius))
        for sign in (1, -1):
            xy, height = peaks(response, sign, _PLAIN)
            round_ = round_ones(image, xy, float(radius), sign)
            xy, height = xy[round_], height[round_]
            total = float((height - 0.5 * _PLAIN).sum())
            if len(xy) <= _FEW and total > best:
                best, chosen = total, (xy, height, sign, float(radius))
    xy, height, sign, radius = chosen
    count = len(xy)
    return _Found(np.zeros((count, 2), np.int64), xy, height, np.full(count, sign), np.clip(height, 0, 1)), radius
