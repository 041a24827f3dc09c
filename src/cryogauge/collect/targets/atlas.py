"""One picture of a grid from tiles, placed by the stage and by what they have in common."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from cryogauge.collect.targets.grey import block_means
from cryogauge.imaging.correlation import best_shift
from cryogauge.records import BadInput

#: Overlaps are matched in pictures of tiles with at most this edge.
_MATCHED_PX = 512
#: An overlap counts when its best shift correlates this well, and then this much more than what the stage says.
_ALIKE, _TRUST = 0.5, 20.0


@dataclass(frozen=True)
class Atlas:
    """A stitched picture.

    Attributes
    ----------
    image
        Grey values of shape (y, x), float32; where no tile lies, the darkest of all.
    pixel_size_A
        Edge of its pixels in Å.
    corner_um
        Stage x and y of the centre of pixel (0, 0).
    to_um
        Stage way of one pixel along columns and along rows: a matrix of shape (2, 2), µm, applied to (x, y).
    shift_px
        How far each tile was moved from where the stage had it, (x, y) in pixels of the tiles.
    """

    image: NDArray[np.float32]
    pixel_size_A: float
    corner_um: tuple[float, float]
    to_um: NDArray[np.float64]
    shift_px: NDArray[np.float64]

    def stage_um(self, xy_px: NDArray[np.floating]) -> NDArray[np.float64]:
        """Stage positions (x, y) in µm of places (x, y) in the picture, shape ``(n, 2)``."""
        return np.asarray(xy_px, np.float64) @ self.to_um.T + np.array(self.corner_um)


def stitch(
    tiles: list[NDArray[np.floating]],
    stage_um: NDArray[np.floating],
    pixel_size_A: float,
    *,
    rotation_deg: float = 0.0,
    longest_px: int = 4096,
) -> Atlas:
    """Stitch tiles into an atlas.

    Where two tiles overlap, the peak of their phase correlation says how they lie to each other; least squares settle
    all tiles at once, each held to its stage position a little, so that a tile without features stays where it was.

    Parameters
    ----------
    tiles
        Grey values of shape (y, x), all of one shape.
    stage_um
        Stage x and y of the middle of each tile, shape ``(n, 2)``.
    pixel_size_A
        Edge of their pixels in Å.
    rotation_deg
        Direction of the columns' axis x on the stage, from stage x to stage y.
    longest_px
        Longest edge of the atlas; the pixels of larger ones are averaged.

    Raises
    ------
    BadInput
        When there are no tiles, or they differ in shape, or their positions are not as many.
    """
    stage_um = np.asarray(stage_um, float).reshape(-1, 2)
    if not tiles or len(tiles) != len(stage_um):
        raise BadInput(f"{len(tiles)} tiles and {len(stage_um)} stage positions are no atlas", "give one for each")
    if len({tile.shape for tile in tiles}) > 1 or tiles[0].ndim != 2:
        raise BadInput("the tiles differ in shape", "stitch those of one camera setting")
    turn = np.deg2rad(rotation_deg)
    axes = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    um = pixel_size_A * 1e-4
    shape = np.array(tiles[0].shape[::-1], float)
    nominal = (stage_um - stage_um.mean(0)) @ axes / um
    places = nominal + _settled(tiles, nominal)
    low = places.min(0) - shape / 2
    factor = max(1, int(np.ceil((np.ptp(places, axis=0) + shape).max() / longest_px)))
    image = _pasted(tiles, (places - shape / 2 - low) / factor, factor)
    corner = stage_um.mean(0) + axes @ (low + factor / 2) * um  # low is the outer edge of the first pixel
    return Atlas(
        image, pixel_size_A * factor, (float(corner[0]), float(corner[1])), axes * um * factor, places - nominal
    )  # fmt: skip


def _settled(tiles: list[NDArray[np.floating]], nominal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shift of each tile (x, y) in pixels."""
    ny, nx = tiles[0].shape
    binning = max(1, -(-max(ny, nx) // _MATCHED_PX))
    small = [block_means(tile, binning) for tile in tiles]
    rows, wanted, weights = [np.eye(len(tiles))], [np.zeros((len(tiles), 2))], [np.ones(len(tiles))]
    for i in range(len(tiles)):
        for j in range(i + 1, len(tiles)):
            apart = nominal[j] - nominal[i]
            if (np.abs(apart) < 0.95 * np.array([nx, ny])).all():
                found = _overlap_shift(small[i], small[j], apart / binning)
                if found is not None:
                    row = np.zeros((1, len(tiles)))
                    row[0, [i, j]] = -1, 1
                    rows.append(row)
                    wanted.append(found[None] * binning)
                    weights.append(np.array([_TRUST]))
    weight = np.sqrt(np.concatenate(weights))[:, None]
    left, right = np.concatenate(rows) * weight, np.concatenate(wanted) * weight
    return np.asarray(np.linalg.lstsq(left, right, rcond=None)[0], np.float64)


def _overlap_shift(
    one: NDArray[np.float32], other: NDArray[np.float32], apart: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """How much farther (x, y) the second tile lies from the first than said; ``None`` where nothing tells."""
    ny, nx = one.shape
    dx, dy = (round(float(v)) for v in apart)
    mine = one[max(dy, 0) : ny + min(dy, 0), max(dx, 0) : nx + min(dx, 0)]
    theirs = other[max(-dy, 0) : ny + min(-dy, 0), max(-dx, 0) : nx + min(-dx, 0)]
    if min(mine.shape) < 12:
        return None
    window = np.outer(np.hanning(mine.shape[0] + 2)[1:-1], np.hanning(mine.shape[1] + 2)[1:-1])
    a, b = ((v - v.mean()) * window for v in (mine, theirs))
    spectra: list[Any] = [fft.rfft2(a), fft.rfft2(b)]
    cross = spectra[0] * np.conj(spectra[1])
    correlation: Any = fft.irfft2(
        cross / (np.abs(cross) ** 0.5 + 1e-12), a.shape
    )  # half whitened: noise keeps its place
    y, x = best_shift(correlation, 0.4)
    if not _alike(mine, theirs, round(y), round(x)):
        return None
    return np.array([x - (apart[0] - dx), y - (apart[1] - dy)])


def _alike(mine: NDArray[np.float32], theirs: NDArray[np.float32], dy: int, dx: int) -> bool:
    """Whether two pictures correlate well once the second is shifted."""
    ny, nx = mine.shape
    a = mine[max(dy, 0) : ny + min(dy, 0), max(dx, 0) : nx + min(dx, 0)].ravel()
    b = theirs[max(-dy, 0) : ny + min(-dy, 0), max(-dx, 0) : nx + min(-dx, 0)].ravel()
    if a.size < 64 or a.std() == 0 or b.std() == 0:
        return False
    return float(np.corrcoef(a, b)[0, 1]) > _ALIKE


def _pasted(tiles: list[NDArray[np.floating]], corners: NDArray[np.float64], factor: int) -> NDArray[np.float32]:
    """Tiles at their corners (x, y), blended where they overlap by the distance from their borders."""
    small = [block_means(tile, factor) for tile in tiles]
    ny, nx = small[0].shape
    at = np.round(corners).astype(int)
    height, width = at[:, 1].max() + ny, at[:, 0].max() + nx
    total, weight = np.zeros((height, width), np.float32), np.zeros((height, width), np.float32)
    ramp = np.outer(*(np.minimum(np.arange(1, n + 1), np.arange(n, 0, -1)) for n in (ny, nx))).astype(np.float32)
    for tile, (x, y) in zip(small, at, strict=True):
        total[y : y + ny, x : x + nx] += tile * ramp
        weight[y : y + ny, x : x + nx] += ramp
    dark = min(float(tile.min()) for tile in small)
    return np.divide(total, weight, out=np.full_like(total, dark), where=weight > 0)
