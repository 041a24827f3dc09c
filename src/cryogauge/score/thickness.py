"""The specimen's top and bottom surfaces, its thickness and tilt, from the local quality map.

Counting slices above 0.2, as the TomoScore paper does, measures the extent along z of everything that scores: a
tilted slab spans more slices than it is thick, and what the missing wedge smears along z counts too. Planes fitted
robustly to where quality begins and ends in each column of tiles measure the slab itself.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cryogauge.imaging.feature_scale import FEATURE_THRESHOLD
from cryogauge.records import BadInput

#: A plane ``z = a + b x + c y`` in voxels.
Plane = tuple[float, float, float]

_TRIALS = 500  # with three columns in ten astray, 0.7^6 of the trials draw six good points: about 60
_MOST_TILES = 32  # along an axis: a thousand columns pin two planes, and larger tiles are less noisy
_FEWEST_COLUMNS = 6  # below, no plane can be told from chance: the surfaces are taken as level
_FULL_ABOVE = 0.65  # a column whose outside scores this much of its inside shows no surface
_FAINT_BELOW = 0.4  # a column this faint beside the best ones holds no specimen
_UNSEEN_ABOVE = 0.75  # a surface that has left the volume in a larger share of the columns is not seen


@dataclass(frozen=True)
class Surfaces:
    """Planes that bound the specimen, ``z = a + b x + c y`` with x, y, z in voxels of the tomogram.

    Attributes
    ----------
    top, bottom
        ``(a, b, c)`` of the surface at lower and at higher z.
    thickness_px
        Mean distance of the planes over the columns they were fitted to, perpendicular to the plane midway.
    tilt_deg
        Angle between that plane's normal and z; NaN where the field is too small to tell.
    inlier_fraction
        Share of the columns with specimen that agree with the planes.
    residual_px
        Root mean square distance along z of those columns' surface points from the planes: curvature, roughness and
        the map's noise together.
    touches_end
        True where a surface lies outside the volume over most of the field: the thickness is a lower bound.
    """

    top: Plane
    bottom: Plane
    thickness_px: float
    tilt_deg: float
    inlier_fraction: float
    residual_px: float
    touches_end: bool

    def thickness_nm(self, voxel_size_A: float) -> float:
        """Thickness in nm at ``voxel_size_A`` Å a voxel."""
        return self.thickness_px * voxel_size_A / 10


def fit_surfaces(
    local_map: NDArray[np.floating],
    tile_px: int,
    *,
    threshold: float = FEATURE_THRESHOLD,
    z_step: int = 1,
    seed: int = 0,
) -> Surfaces | None:
    """Fit the specimen's two surfaces to a local quality map.

    In each column of tiles the least-squares box (quality one value inside, another outside) tells where quality
    rises and falls, whatever holes lie between; the surface points are where it crosses half-way between what lies
    just inside and just outside, so that a faint skirt of smeared density does not move them. Two planes are then
    fitted to the points by least median of squares (RANSAC without a fixed tolerance; Fischler & Bolles 1981,
    Rousseeuw 1984), refined by least squares over the columns that agree with both. A surface outside the volume in
    some columns, as at the edges of a steeply tilted slab, is fitted to the others.

    Parameters
    ----------
    local_map
        Quality 0-1 of shape ``(z, y', x')``; tile i covers pixels ``i tile_px`` to ``(i + 1) tile_px - 1``. Tiles
        that could not be scored are NaN and count as 0.
    tile_px
        Edge of a tile in pixels of the tomogram. In a slab tilted so far that it rises by more than its own thickness
        within one tile, thickness is overestimated.
    threshold
        Columns whose quality stays below it inside their box hold no specimen and take no part.
    z_step
        Slices from one entry of the map to the next; entry k belongs to slice ``k z_step``.
    seed
        Of the random draws; the same seed gives the same planes.

    Returns
    -------
    Surfaces, or None where no column holds specimen or the points lie farther from the planes than these from each
    other, so that there is no slab to speak of.

    Raises
    ------
    BadInput
        When the map is not three-dimensional or ``tile_px`` or ``z_step`` is below 1.
    """
    if np.ndim(local_map) != 3 or tile_px < 1 or z_step < 1:
        raise BadInput(
            f"surfaces need a map (z, y, x) and positive steps, not {np.ndim(local_map)} dimensions, "
            f"tiles of {tile_px} px and every {z_step} slices"
        )
    quality, tile_px = _pooled(np.nan_to_num(np.asarray(local_map, dtype=float)), tile_px)
    design, points = _surface_points(quality, tile_px, threshold, z_step)
    if not len(design):
        return None
    unseen = np.isinf(points).mean(axis=0) > _UNSEEN_ABOVE
    # A surface that is hardly seen is taken at the volume's end: a lower bound of the thickness, and flagged.
    ends = np.array([-0.5, len(quality) - 0.5]) * z_step
    points = np.where(unseen & np.isinf(points), ends, points)

    sloping = all(_spans_plane(design[np.isfinite(points[:, side])]) for side in (0, 1))
    basis = design if sloping else design[:, :1]
    planes, inliers = _refine(basis, points, ends, _draw_planes(basis, points, ends, np.random.default_rng(seed)))
    residual = (points - basis @ planes.T)[inliers[:, None] & np.isfinite(points)]
    residual_px = float(np.sqrt(np.mean(residual**2)))
    # The plane midway has the normal (-b, -c, 1): its angle to z shortens the distance along z to that across.
    slope = float(np.hypot(*planes.mean(axis=0)[1:])) if sloping else 0.0
    thickness_px = float((basis[inliers] @ (planes[1] - planes[0])).mean() / np.hypot(1.0, slope))
    if thickness_px <= residual_px:
        return None
    return Surfaces(
        top=_plane(planes[0]),
        bottom=_plane(planes[1]),
        thickness_px=thickness_px,
        tilt_deg=float(np.degrees(np.arctan(slope))) if sloping else float("nan"),
        inlier_fraction=float(inliers.mean()),
        residual_px=residual_px,
        touches_end=bool(unseen.any()),
    )


def _pooled(quality: NDArray[np.float64], tile_px: int) -> tuple[NDArray[np.float64], int]:
    """Fewer, larger tiles where there are more than planes need, and their edge in pixels."""
    nz, ny, nx = quality.shape
    k = -(-max(ny, nx) // _MOST_TILES)
    k = min(k, ny, nx)
    whole = quality[:, : ny // k * k, : nx // k * k]
    return whole.reshape(nz, ny // k, k, nx // k, k).mean(axis=(2, 4)), tile_px * k


def _plane(terms: NDArray[np.float64]) -> Plane:
    """The plane of its one (level) or three terms."""
    a, b, c = np.pad(terms, (0, 3 - len(terms)))
    return float(a), float(b), float(c)


def _surface_points(
    quality: NDArray[np.float64], tile_px: int, threshold: float, z_step: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rows ``(1, x, y)`` of the columns with specimen and their surface points ``(top, bottom)``, all in voxels.

    A surface is minus or plus infinity where the specimen leaves the volume before it ends.
    """
    nz, ny, nx = quality.shape
    margin = max(1, nz // 50)  # quality is smoothed along z: the outermost entries show no surface of their own
    rows: list[tuple[float, float, float]] = []
    points: list[tuple[float, float]] = []
    levels: list[float] = []
    for y, x in np.ndindex(ny, nx):
        column = quality[:, y, x]
        first, stop = _box(column)
        inside = column[first:stop].mean()
        if inside < threshold:
            continue
        outside = np.concatenate([column[:first], column[stop:]])
        full = outside.size == 0 or outside.mean() > _FULL_ABOVE * inside
        reach = max(4, (stop - first) // 4)
        top = -np.inf if full or first <= margin else _edge(column, first, reach)
        bottom = np.inf if full or stop >= nz - margin else nz - 1 - _edge(column[::-1], nz - stop, reach)
        rows.append((1.0, (x + 0.5) * tile_px - 0.5, (y + 0.5) * tile_px - 0.5))
        points.append((top * z_step, bottom * z_step))
        levels.append(float(inside))
    # What is faint beside the rest is smear, or the map's noise where the specimen has left the volume.
    clear = np.array(levels) >= _FAINT_BELOW * np.percentile(levels, 90) if levels else np.zeros(0, dtype=bool)
    return np.reshape(rows, (-1, 3))[clear], np.reshape(points, (-1, 2))[clear]


def _box(column: NDArray[np.float64]) -> tuple[int, int]:
    """First entry of the least-squares box of a profile, and the first after it.

    A box of n of the N entries explains ``S² N / (n (N - n))`` of the variance, S being the sum of what its entries
    exceed the mean by, so that running sums compare all boxes at once. Only boxes above their surroundings count;
    a constant profile is all box. Edges are looked for at 128 places at most; what follows refines them.
    """
    count = len(column)
    places = np.append(np.arange(0, count, -(-count // 128)), count)
    sums = np.concatenate([[0.0], np.cumsum(column - column.mean())])[places]
    size = places[None, :] - places[:, None]  # [i, j]: the box from place i to place j
    excess = sums[None, :] - sums[:, None]
    proper = (size > 0) & (size < count) & (excess > 1e-9)
    explained = np.divide(excess**2, size * (count - size), out=np.zeros_like(excess), where=proper)
    if not proper.any():
        return 0, count
    first, stop = np.unravel_index(int(np.argmax(explained)), explained.shape)
    return int(places[first]), int(places[stop])


def _edge(column: NDArray[np.float64], start: int, reach: int) -> float:
    """Fractional index near ``start`` at which a profile rises half-way from what lies before to what lies after.

    Levels are means over ``reach`` entries on either side: a faint skirt before the edge raises the level with it.
    A rise as wide as that, of a tilted surface within a tile, is left where it is.
    """
    edge = start - 0.5
    for _ in range(3):
        middle = int(np.clip(np.ceil(edge), 1, len(column) - 1))
        near = slice(max(middle - reach, 0), middle + reach)
        half = (column[near.start : middle].mean() + column[middle : near.stop].mean()) / 2
        rises = np.flatnonzero((column[near][:-1] < half) & (column[near][1:] >= half)) + near.start
        if not rises.size:
            break
        crossings = rises + (half - column[rises]) / (column[rises + 1] - column[rises])
        edge = float(crossings[np.argmin(np.abs(crossings - edge))])
    return edge


def _spans_plane(design: NDArray[np.float64]) -> bool:
    """Whether enough columns, not all in one line, are there to fit a plane."""
    return len(design) >= _FEWEST_COLUMNS and bool(np.linalg.matrix_rank(design) == 3)


def _draw_planes(
    basis: NDArray[np.float64], points: NDArray[np.float64], ends: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Pair of planes ``(2, k)``, each through k random points, of least median distance from the columns.

    Both surfaces are judged by the same columns: apart, the two planes of a curved specimen might settle on
    different parts of it and their distance would mean nothing.
    """
    terms = basis.shape[1]
    pairs = np.empty((_TRIALS, 2, terms))
    for side in (0, 1):
        usable = np.flatnonzero(np.isfinite(points[:, side]))
        chosen = usable[rng.random((_TRIALS, len(usable))).argsort(axis=1)[:, :terms]]
        # The pseudo-inverse makes do with three columns in a line; the median passes such planes over.
        pairs[:, side] = (np.linalg.pinv(basis[chosen]) @ points[chosen, side, None])[..., 0]
    return pairs[int(np.argmin(np.median(_distance(basis, points, ends, pairs), axis=-1)))]


def _distance(
    basis: NDArray[np.float64], points: NDArray[np.float64], ends: NDArray[np.float64], planes: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Larger distance along z ``(…, column)`` of a column's two points from planes ``(…, 2, k)``.

    A surface that the column does not show should lie beyond the volume's end: it is as far off as it lies within.
    """
    surface = planes @ basis.T  # (…, 2, column)
    within = np.maximum((surface - ends[:, None]) * np.array([[1.0], [-1.0]]), 0.0)
    away = np.where(np.isfinite(points.T), np.abs(surface - points.T), within)
    return away.max(axis=-2)


def _refine(
    basis: NDArray[np.float64], points: NDArray[np.float64], ends: NDArray[np.float64], planes: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Least-squares planes of the columns that agree, until these no longer change, and which they are.

    Tolerance is 2.5 robust standard deviations, but never less than two voxels or a tenth of the
    thickness: a curved specimen is described whole, not by its flattest part.
    """
    inliers = np.zeros(len(basis), dtype=bool)
    spread = np.inf
    for _ in range(20):
        away = _distance(basis, points, ends, planes)
        # The larger of two normal deviations has a median of 1.05 standard deviations. It must not grow again, or
        # columns astray would let in others.
        spread = min(spread, float(np.median(away)) / 1.05)
        gap = float(np.median(basis @ (planes[1] - planes[0])))
        agree = away <= max(2.5 * spread, 2.0, 0.1 * gap)
        if (agree == inliers).all():
            break
        inliers = agree
        planes = np.stack([_least_squares(basis[agree], points[agree, side], planes[side]) for side in (0, 1)])
    return planes, inliers


def _least_squares(
    basis: NDArray[np.float64], z: NDArray[np.float64], otherwise: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Plane of least squared distance from the points that are seen; ``otherwise`` where they do not fix one."""
    seen = np.isfinite(z)
    if np.linalg.matrix_rank(basis[seen]) < basis.shape[1]:
        return otherwise
    return np.asarray(np.linalg.lstsq(basis[seen], z[seen], rcond=None)[0], dtype=float)
