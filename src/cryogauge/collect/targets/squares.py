"""Squares of a grid in a low-magnification image or an atlas, without parameters."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cryogauge.collect.targets.components import square_centres
from cryogauge.collect.targets.grey import binned, smooth, stable_root
from cryogauge.collect.targets.lattice import Lattice, fit_lattice
from cryogauge.collect.targets.outline import Outline, corners, outline_at
from cryogauge.collect.targets.square_kinds import judge_squares
from cryogauge.records import BadInput

#: Longest edge of the picture that is searched, and of the one in which its squares are first looked for; a whole
#: grid has some thirty squares along it.
_SEARCHED_PX, _SEEDED_PX = 1536, 800
#: A square is told from dirt on the bars by its area against the usual one.
_MIN_AREA = 0.12
#: And by its contrast against the usual one.
_MIN_CONTRAST = 0.08


@dataclass(frozen=True)
class Squares:
    """What :func:`find_squares` returns.

    Attributes
    ----------
    table
        One row a square, best first: ``score`` (0–1), ``square`` (its number), ``kind``, ``x_px, y_px`` (centre),
        ``vertices`` (four (x, y) in turn), ``side_px``, ``area_px``, ``area_um2`` (NaN without a pixel size),
        ``brightness`` (mean grey value), ``usable`` (part of its area), ``partial`` (cut by the border of the image),
        ``flags`` and ``why`` (a sentence).
    lattice
        The mesh, or ``None`` when too few squares tell it.
    rotation_deg
        Rotation of all squares, in [0, 90).
    side_px
        Usual edge of a square in pixels; NaN without squares.
    note
        What a reader must know of the image, or empty.
    """

    table: pd.DataFrame
    lattice: Lattice | None
    rotation_deg: float
    side_px: float
    note: str = ""

    @property
    def pitch_px(self) -> float:
        """Distance of neighbouring squares in pixels, NaN where unknown."""
        return float("nan") if self.lattice is None else self.lattice.pitch_px


def find_squares(image: NDArray[np.floating], pixel_size_A: float | None = None) -> Squares:
    """Find, outline and judge the squares of a low-magnification image.

    Squares of one size are sought at many thresholds; their mesh says where others must be, however dim or torn, and
    each is cut out by a threshold of its own between the bars around it and its film.

    Parameters
    ----------
    image
        Grey values of shape (y, x), bars dark, of any pixel size and any number of bits.
    pixel_size_A
        Edge of a pixel in Å, if known; it scales ``area_um2`` alone.

    Raises
    ------
    BadInput
        When the image is not two-dimensional, has an edge below 32 pixels or no finite contrast.
    """
    image = checked(image)
    small, factor = binned(image, _SEARCHED_PX)
    root = smooth(stable_root(small), 1.0)
    coarse, step = binned(root, _SEEDED_PX)
    centres, area = square_centres(coarse)
    centres, area = centres * step + (step - 1) / 2, area * step**2
    if len(centres) == 0:
        return _none(small)
    side = float(np.sqrt(area))
    fitted = fit_lattice(centres, kinds=("square",), min_pitch_px=0.9 * side) if len(centres) > 3 else None
    lattice = fitted[0] if fitted else None
    rotation = lattice.angle_deg if lattice else edge_rotation(root)
    if lattice is not None:
        side = min(side, 0.9 * lattice.pitch_px)
    found: list[tuple[NDArray[np.float64], Outline]] = []
    for _ in range(2):  # the second time with the size and the mesh as the outlines say
        pitch = lattice.pitch_px if lattice else 1.6 * side
        sought = _sought(centres, lattice, side, root.shape)
        cut = [(c, outline_at(root, c, side, pitch, rotation)) for c in sought]
        found = [(c, o) for c, o in cut if o is not None and o.area_px >= _MIN_AREA * side**2]
        if not found:
            break
        usual = float(np.median([o.contrast for _, o in found]))
        found = [(c, o) for c, o in found if o.contrast > _MIN_CONTRAST * usual]  # not a glow on the bars
        centres = np.array([c for c, _ in found])
        whole = [o for _, o in found if not o.touches(root.shape)] or [o for _, o in found]
        side = float(np.sqrt(np.median([o.area_px for o in whole])))
        lattice, rotation = _mesh(found, root.shape, side, lattice, rotation)
    if not found:
        return _none(small)
    outlines = _apart([o for _, o in found])
    boxes = np.array([corners(o.points(), rotation) for o in outlines])
    partial = {k for k, o in enumerate(outlines) if o.touches(root.shape) and o.area_px < 0.9 * side**2}
    table = judge_squares(outlines, small, boxes, side, partial, factor, pixel_size_A)
    offset = (factor - 1) / 2
    note = "" if lattice else "too few squares for a mesh: each stands for itself"
    return Squares(table, lattice.scaled(factor, offset) if lattice else None, rotation, side * factor, note)


def _none(image: NDArray[np.floating]) -> Squares:
    table = judge_squares([], image, np.zeros((0, 4, 2)), 0.0, set(), 1, None)
    note = "no squares: nothing bright of one size and shape stands before dark bars"
    return Squares(table, None, float("nan"), float("nan"), note)


def checked(image: NDArray[np.floating]) -> NDArray[np.floating]:
    """The image if it can be searched.

    Parameters
    ----------
    image
        Grey values.

    Raises
    ------
    BadInput
        When it is not two-dimensional, has an edge below 32 pixels or no finite contrast.
    """
    image = np.asarray(image)
    if image.ndim != 2 or min(image.shape) < 32:
        raise BadInput(f"an image of shape {image.shape} cannot be searched", "give one picture of 32 pixels or more")
    image = image if np.issubdtype(image.dtype, np.floating) else image.astype(np.float32)
    if not np.isfinite(image).all():
        raise BadInput("the image holds values that are no numbers", "write it again without them")
    if np.ptp(image) <= 0:
        raise BadInput("all pixels of the image are alike", "was the beam blanked, or the valve closed?")
    return image


def edge_rotation(root: NDArray[np.floating]) -> float:
    """Rotation in [0, 90) of edges at right angles, by the directions of the steepest slopes of an image (y, x)."""
    soft = smooth(root, 2.0)
    gy, gx = (np.asarray(np.gradient(soft, axis=axis)) for axis in (0, 1))
    strength = gx * gx + gy * gy
    steep = strength > np.percentile(strength, 95)
    order = (strength[steep] * np.exp(4j * np.arctan2(gy[steep], gx[steep]))).sum()
    return float(np.rad2deg(np.angle(order)) / 4 % 90)


def _sought(
    centres: NDArray[np.float64], lattice: Lattice | None, side: float, shape: tuple[int, ...]
) -> NDArray[np.float64]:
    """Sites of the mesh, and centres away from every site."""
    if lattice is None:
        return centres
    padded = (int(shape[0] + side), int(shape[1] + side))
    moved = Lattice(lattice.kind, lattice.coefficients.copy())
    moved.coefficients[0] += side / 2  # sites up to half a square beyond the border
    _, sites = moved.sites(padded)
    sites = sites - side / 2
    off = np.array([np.linalg.norm(sites - c, axis=1).min() > 0.3 * lattice.pitch_px for c in centres], bool)
    return np.concatenate([sites, centres[off]])


def _mesh(
    found: list[tuple[NDArray[np.float64], Outline]],
    shape: tuple[int, ...],
    side: float,
    lattice: Lattice | None,
    rotation: float,
) -> tuple[Lattice | None, float]:
    """Mesh and rotation by the middles of the whole outlines."""
    if lattice is None:
        return None, rotation
    middles = [
        corners(o.points(), rotation).mean(0)
        for _, o in found
        if not o.touches((shape[0], shape[1])) and o.area_px > 0.8 * side**2
    ]
    fitted = fit_lattice(np.array(middles), kinds=("square",), min_pitch_px=side) if len(middles) > 3 else None
    return (fitted[0], fitted[0].angle_deg) if fitted else (lattice, rotation)


def _apart(outlines: list[Outline]) -> list[Outline]:
    """The outlines without those whose middle lies within a larger one."""
    kept: list[Outline] = []
    for outline in sorted(outlines, key=lambda o: -o.area_px):
        x, y = outline.points().mean(0)
        if not any(_holds(other, x, y) for other in kept):
            kept.append(outline)
    return sorted(kept, key=lambda o: o.corner)


def _holds(outline: Outline, x: float, y: float) -> bool:
    row, column = round(y) - outline.corner[0], round(x) - outline.corner[1]
    ny, nx = outline.mask.shape
    return bool(0 <= row < ny and 0 <= column < nx and outline.mask[row, column])
