"""Averages against references: the best turn, shift and mirror image, and how alike they then are.

Correlations are those of two images without their mean, of which the coarse frequencies up to a number of rings are
kept; they do not change when either is turned or its brightness and contrast differ.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cryogauge.imaging.class2d.polar import Rings
from cryogauge.imaging.class2d.prepare import soft_circle
from cryogauge.records import BadInput

#: Columns of a table of alignments, a row an image.
ALIGNMENT_COLUMNS = (
    "image",
    "reference",
    "angle_deg",
    "shift_y_px",
    "shift_x_px",
    "mirrored",
    "correlation",
)

_FINEST = 1 / 16  # of a pixel: the last step of the shifts
_AROUND = np.array([(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1)], dtype=float)


def polar_correlation(
    images: NDArray[np.floating],
    references: NDArray[np.floating],
    *,
    mirror: bool = True,
    rings: int | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Compare every image with every reference at every turn about pixel ``n // 2``, as they lie.

    Parameters
    ----------
    images, references
        Of one size, ``(image, n, n)`` and ``(reference, n, n)``.
    mirror
        Whether references may be mirrored, left to right.
    rings
        Frequencies to compare, in cycles per edge; 0.35 n unless given.

    Returns
    -------
    angle_deg
        Turn ``(image, reference)`` from +x towards +y of the reference, mirrored or not, that makes the image.
    correlation
        Between −1 and 1; 0 where either is constant.
    mirrored
        Whether the mirror image fits better.

    Raises
    ------
    BadInput
        When the images are not square and of one size, or hold values that are not finite.
    """
    on_rings = _rings_of(images, references, rings)
    seen, known = (_unit_waves(on_rings, on_rings.on_rings(_masked(stack))) for stack in (images, references))
    angle, correlation, mirrored = _turned(seen, known, on_rings, mirror)
    return np.rad2deg(angle) % 360, correlation, mirrored


def align_to(
    images: NDArray[np.floating],
    references: NDArray[np.floating],
    *,
    mirror: bool = True,
    max_shift_px: float = 4.0,
    rings: int | None = None,
) -> pd.DataFrame:
    """Find the reference that each image is most like, and how it lies on it.

    The image is the reference, mirrored left to right or not, then turned by ``angle_deg`` from +x towards +y about
    pixel ``n // 2``, then moved by the shift. Shifts are searched a pixel apart, then ever closer about the best.

    Parameters
    ----------
    images, references
        Of one size, ``(image, n, n)`` and ``(reference, n, n)``.
    mirror
        Whether references may be mirrored.
    max_shift_px
        How far images may be moved.
    rings
        Frequencies to compare, in cycles per edge; 0.35 n unless given.

    Returns
    -------
    A row an image: :data:`ALIGNMENT_COLUMNS`.

    Raises
    ------
    BadInput
        When the images are not square and of one size, or hold values that are not finite, or the largest shift is
        negative.
    """
    if not max_shift_px >= 0:
        raise BadInput(f"a largest shift of {max_shift_px:g} pixels is none", "give 0 or more")
    on_rings = _rings_of(images, references, rings)
    known = _unit_waves(on_rings, on_rings.on_rings(_masked(references)))
    reach = int(max_shift_px)
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1].reshape(2, -1).astype(float)
    within = np.hypot(y, x) <= max_shift_px
    grid = np.stack([y[within], x[within]], axis=1)
    seen = on_rings.on_rings(_masked(images))
    rows = [_aligned(k, values, known, grid, on_rings, mirror, max_shift_px) for k, values in enumerate(seen)]
    return pd.DataFrame(rows, columns=pd.Index(ALIGNMENT_COLUMNS))


def _aligned(
    number: int,
    values: NDArray[np.complex64],
    known: NDArray[np.complex64],
    grid: NDArray[np.float64],
    rings: Rings,
    mirror: bool,
    max_shift_px: float,
) -> tuple[int, int, float, float, float, bool, float]:
    def moved(shifts: NDArray[np.float64]) -> NDArray[np.complex64]:
        return _unit_waves(rings, values[None] * rings.shifts(-shifts))

    _, correlation, _ = _turned(moved(grid), known, rings, mirror)
    at, reference = (int(k) for k in np.unravel_index(correlation.argmax(), correlation.shape))
    chosen = known[reference : reference + 1]
    shift, step = grid[at], 0.5
    while step >= _FINEST and max_shift_px > 0:
        near = shift + step * _AROUND
        near = near[np.hypot(*near.T) <= max_shift_px + 1e-9]
        _, correlation, _ = _turned(moved(near), chosen, rings, mirror)
        shift = near[int(correlation.argmax())]
        step /= 2
    angle, correlation, mirrored = _turned(moved(shift[None]), chosen, rings, mirror)
    turn = float(np.rad2deg(angle[0, 0]) % 360)
    return number, reference, turn, float(shift[0]), float(shift[1]), bool(mirrored[0, 0]), float(correlation[0, 0])


def _rings_of(images: NDArray[np.floating], references: NDArray[np.floating], rings: int | None) -> Rings:
    for what, stack in (("images", images), ("references", references)):
        if stack.ndim != 3 or stack.shape[1] != stack.shape[2] or not len(stack):
            raise BadInput(f"{what} must be square, not an array of {stack.shape}", "give (image, y, x)")
        bad = np.flatnonzero(~np.isfinite(stack).all(axis=(1, 2)))
        if len(bad):
            raise BadInput(f"number {int(bad[0])} (from 0) of the {what} holds values that are not finite numbers")
    n = images.shape[-1]
    if references.shape[-1] != n:
        raise BadInput(f"images of {n} and references of {references.shape[-1]} pixels cannot be compared")
    return Rings(rings or max(int(0.35 * n), 3), n, n / 2)


def _masked(images: NDArray[np.floating]) -> NDArray[np.float32]:
    """Images without the mean of their rim, under the largest soft circle."""
    n = images.shape[-1]
    mask = soft_circle(n, 0.45 * n)
    rim = images[:, np.hypot(*(np.mgrid[:n, :n] - n // 2)) > 0.45 * n].mean(axis=1)
    return ((images - rim[:, None, None]) * mask).astype(np.float32)


def _unit_waves(rings: Rings, values: NDArray[np.complexfloating]) -> NDArray[np.complex64]:
    """Waves ``(image, ring, wave)`` weighted so that the sum of products is a correlation."""
    waves = rings.to_waves(values) * np.sqrt(rings.quadrature)[:, None]
    norm = np.sqrt(rings.power(waves).sum(axis=-1))
    floor = 1e-6 * max(float(norm.max(initial=0.0)), 1e-30)
    return np.where(norm > floor, 1 / np.maximum(norm, floor), 0.0).astype(np.float32)[:, None, None] * waves


def _turned(
    seen: NDArray[np.complex64], known: NDArray[np.complex64], rings: Rings, mirror: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Best turn in radians, correlation there and whether mirrored, each ``(image, reference)``."""
    found = []
    for reference in (known.conj(), known)[: 1 + mirror]:
        products = np.matmul(seen.transpose(2, 0, 1), reference.transpose(2, 1, 0))
        found.append(_top(rings.over_turns(products), rings.points))
    angles, values = (np.stack(part) for part in zip(*found, strict=True))
    best = values.argmax(axis=0)[None]
    angle, value = (np.take_along_axis(part, best, axis=0)[0] for part in (angles, values))
    return angle, np.clip(value, -1, 1), best[0] == 1


def _top(over_turns: NDArray[np.float32], points: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Turn in radians and value of the highest point along the first axis, between points by a parabola."""
    at = over_turns.argmax(axis=0)[None]
    before, here, after = (
        np.take_along_axis(over_turns, (at + k) % points, axis=0)[0].astype(np.float64) for k in (-1, 0, 1)
    )
    bend = before - 2 * here + after
    between = np.where(bend < 0, 0.5 * (before - after) / np.where(bend < 0, bend, 1.0), 0.0)
    return 2 * np.pi * (at[0] + between) / points, here - 0.25 * (before - after) * between
