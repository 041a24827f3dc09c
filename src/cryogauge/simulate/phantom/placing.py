"""Placing particles by their outlines so that none overlaps anything."""

import numpy as np
import pandas as pd
from numba import njit
from scipy.spatial.transform import Rotation

from cryogauge.simulate.canvas import MEDIUM, Canvas
from cryogauge.simulate.phantom.species import Shape
from cryogauge.simulate.rasterise import add_template

#: Random positions tried for each copy before giving it up.
_TRIES = 60


def place_shape(
    canvas: Canvas, labels: np.ndarray, shape: Shape, count: int, margin_A: float, *, clustering: float = 0.0
) -> None:
    """Place copies of a particle at random, turned at random, where its outline is free; records them as picks.

    Parameters
    ----------
    canvas
        Its ``biology`` and ``occupied`` are changed, and ``picks`` where the shape has a label.
    labels
        uint8 ``(z, y, x)``, changed in place within the particles' outlines.
    count
        How many are wanted; fewer are placed when the room runs out.
    margin_A
        Distance to keep between the centre's reach and the surfaces of the slab.
    clustering
        Part of the copies tried beside an earlier one.
    """
    rng, reach = canvas.rng, shape.reach_px
    placed: list[np.ndarray] = []
    turns: list[np.ndarray] = []
    for _ in range(count):
        beside = bool(placed) and rng.random() < clustering
        for _ in range(_TRIES):
            centre = _beside(placed, reach, rng) if beside else _within(canvas, reach)
            if not _in_slab(canvas, centre, reach, canvas.px(margin_A)):
                continue
            rotation = Rotation.random(rng=rng).as_matrix()
            if claim(canvas.occupied, shape.mask, shape.fence, reach, centre, rotation):
                add_template(canvas.biology, shape.density, centre, rotation)
                if shape.label:
                    paint(labels, shape.mask, reach, centre, rotation, shape.label)
                placed.append(centre)
                turns.append(rotation)
                break
    if placed and shape.label:
        canvas.picks.append(_pick_table(shape.name, np.array(placed) * canvas.voxel_size_A, np.array(turns)))


def _within(canvas: Canvas, reach_px: float) -> np.ndarray:
    """A random position whose particle stays within the sides of the volume where that is wide enough."""
    y, x = (canvas.rng.uniform(min(reach_px, n / 2), max(n - 1 - reach_px, n / 2)) for n in canvas.shape[1:])
    low, high = canvas.bottom[int(y), int(x)], canvas.top[int(y), int(x)]
    return np.array([canvas.rng.uniform(low, high), y, x])


def _beside(placed: list[np.ndarray], reach_px: float, rng: np.random.Generator) -> np.ndarray:
    direction = rng.standard_normal(3)
    distance = reach_px * rng.uniform(1.5, 2.2)
    return placed[int(rng.integers(len(placed)))] + distance * direction / np.linalg.norm(direction)


def _in_slab(canvas: Canvas, centre: np.ndarray, reach_px: float, margin_px: float) -> bool:
    """Whether the particle lies within the sides and, with its margin, within the slab where that is thick enough."""
    z, y, x = centre
    _, ny, nx = canvas.shape
    side = min(reach_px, (min(ny, nx) - 1) / 2)
    if not (side <= y <= ny - 1 - side and side <= x <= nx - 1 - side):
        return False
    low, high = canvas.bottom[int(y), int(x)] + margin_px, canvas.top[int(y), int(x)] - margin_px
    return bool(low <= z <= high and canvas.region[int(z), int(y), int(x)] == MEDIUM)


def _pick_table(name: str, centres_A: np.ndarray, turns: np.ndarray) -> pd.DataFrame:
    # RELION's angles turn the specimen's axes into the template's
    euler = Rotation.from_matrix(turns[:, ::-1, ::-1]).inv().as_euler("ZYZ", degrees=True)
    columns = {"tomogram": "", "object": name, "x_A": centres_A[:, 2], "y_A": centres_A[:, 1], "z_A": centres_A[:, 0]}
    return pd.DataFrame(columns | {"score": 1.0, "rot": euler[:, 0], "tilt": euler[:, 1], "psi": euler[:, 2]})


@njit(cache=True)
def _sample(mask, z, y, x, rotation):
    """A mask at specimen coordinates relative to its centre, turned; 0 outside, trilinear within."""
    tz, ty, tx = mask.shape
    u = rotation[0, 0] * z + rotation[1, 0] * y + rotation[2, 0] * x + (tz - 1) / 2.0
    v = rotation[0, 1] * z + rotation[1, 1] * y + rotation[2, 1] * x + (ty - 1) / 2.0
    w = rotation[0, 2] * z + rotation[1, 2] * y + rotation[2, 2] * x + (tx - 1) / 2.0
    if u < 0 or v < 0 or w < 0 or u >= tz - 1 or v >= ty - 1 or w >= tx - 1:
        return 0.0
    a, b, c = int(u), int(v), int(w)
    fu, fv, fw = u - a, v - b, w - c
    near = (1 - fv) * ((1 - fw) * mask[a, b, c] + fw * mask[a, b, c + 1]) + fv * (
        (1 - fw) * mask[a, b + 1, c] + fw * mask[a, b + 1, c + 1]
    )
    far = (1 - fv) * ((1 - fw) * mask[a + 1, b, c] + fw * mask[a + 1, b, c + 1]) + fv * (
        (1 - fw) * mask[a + 1, b + 1, c] + fw * mask[a + 1, b + 1, c + 1]
    )
    return (1 - fu) * near + fu * far


@njit(cache=True)
def claim(
    occupied: np.ndarray,
    mask: np.ndarray,
    fence: np.ndarray,
    reach_px: float,
    centre_px: np.ndarray,
    rotation: np.ndarray,
) -> bool:
    """Whether a turned fence is free, above and below too; if so the voxels of the mask are marked as taken.

    Parameters
    ----------
    occupied
        uint8 ``(z, y, x)``, changed in place; it repeats along y and x.
    mask, fence
        float32 of one shape.
    reach_px
        Radius that holds the fence.
    centre_px
        ``(3,)`` as z, y, x.
    rotation
        ``(3, 3)`` matrix that turns template vectors (z, y, x) into specimen vectors.
    """
    nz, ny, nx = occupied.shape
    reach = int(np.ceil(reach_px))
    z0, y0, x0 = int(np.round(centre_px[0])), int(np.round(centre_px[1])), int(np.round(centre_px[2]))
    for marking in range(2):
        for z in range(z0 - reach, z0 + reach + 1):
            for y in range(y0 - reach, y0 + reach + 1):
                for x in range(x0 - reach, x0 + reach + 1):
                    form = mask if marking else fence
                    if _sample(form, z - centre_px[0], y - centre_px[1], x - centre_px[2], rotation) < 0.5:
                        continue
                    if marking:
                        occupied[z, y % ny, x % nx] = 1
                    elif z < 0 or z >= nz or occupied[z, y % ny, x % nx]:
                        return False
    return True


@njit(cache=True)
def paint(
    labels: np.ndarray, mask: np.ndarray, reach_px: float, centre_px: np.ndarray, rotation: np.ndarray, label: int
) -> None:
    """Write a label into the voxels of a turned mask; see :func:`claim`."""
    nz, ny, nx = labels.shape
    reach = int(np.ceil(reach_px))
    z0, y0, x0 = int(np.round(centre_px[0])), int(np.round(centre_px[1])), int(np.round(centre_px[2]))
    for z in range(max(0, z0 - reach), min(nz, z0 + reach + 1)):
        for y in range(y0 - reach, y0 + reach + 1):
            for x in range(x0 - reach, x0 + reach + 1):
                if _sample(mask, z - centre_px[0], y - centre_px[1], x - centre_px[2], rotation) >= 0.5:
                    labels[z, y % ny, x % nx] = label
