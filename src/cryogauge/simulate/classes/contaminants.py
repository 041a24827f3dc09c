"""What is picked beside particles, as contrast: bright where dense, in images ``(y, x)``."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from cryogauge.imaging.fourier import low_pass
from cryogauge.imaging.transforms import irfft2
from cryogauge.simulate.classes.structure import Structure
from cryogauge.simulate.classes.views import random_views, splat
from cryogauge.simulate.fields import smooth_field

Image = NDArray[np.float32]

#: Contrast of 1 V Å, between that at 200 and at 300 kV.
_CONTRAST_1_V_A = np.float32(2 * 6.9e-4)
#: Beads that are projected for the mean of clumps.
_MOST_BEADS = 3_000_000


def ice(box_px: int, pixel_size_A: float, rng: np.random.Generator) -> Image:
    """Lumps of frozen contamination: rounded or faceted, much denser than protein, larger or smaller than the box."""
    y, x = _grid(box_px, pixel_size_A)
    field = box_px * pixel_size_A
    image = np.zeros((box_px, box_px))
    for _ in range(int(rng.integers(1, 4))):
        radius = float(np.exp(rng.uniform(np.log(0.05), np.log(0.45)))) * field
        cy, cx = rng.normal(0, 0.18 * field, 2)
        angle = np.arctan2(y - cy, x - cx)
        sides, turn = int(rng.integers(5, 8)), rng.uniform(0, 2 * np.pi)
        if rng.random() < 0.25:
            edge = radius * np.cos(np.pi / sides) / np.cos(np.mod(angle - turn, 2 * np.pi / sides) - np.pi / sides)
        else:
            waves = [rng.normal(0, 0.22 / k) * np.cos(k * angle + rng.uniform(0, 2 * np.pi)) for k in range(1, 6)]
            edge = radius * np.clip(1.0 + np.sum(waves, axis=0), 0.3, None)
        depth = np.clip(1.0 - (np.hypot(y - cy, x - cx) / edge) ** 2, 0.0, None)
        image += rng.uniform(0.15, 0.8) * depth ** rng.uniform(0.3, 0.9)
    return low_pass(image, min(pixel_size_A / rng.uniform(12, 60), 0.5))


def carbon(box_px: int, pixel_size_A: float, rng: np.random.Generator) -> Image:
    """The edge of a carbon film across the box, grainy on one side, with a bright rim."""
    distance = _edge(box_px, pixel_size_A, rng)
    width = rng.uniform(8, 40)
    side = 0.5 * (1 + np.tanh(distance / width))
    grain = smooth_field((box_px, box_px), max(rng.uniform(4, 12) / pixel_size_A, 0.5), rng)
    rim = np.exp(-0.5 * (distance / rng.uniform(12, 30)) ** 2)
    amount = rng.uniform(0.08, 0.35)
    return (amount * (side * (1 + 0.15 * grain) + rng.uniform(0.0, 0.8) * rim)).astype(np.float32)


def gold(box_px: int, pixel_size_A: float, rng: np.random.Generator) -> Image:
    """The edge of a gold or thick support film: nearly opaque, with fringes beside it."""
    distance = _edge(box_px, pixel_size_A, rng)
    side = 0.5 * (1 + np.tanh(distance / rng.uniform(4, 25)))
    period = rng.uniform(20, 60)
    fringe = np.cos(2 * np.pi * distance / period) * np.exp(-np.abs(distance) / (1.2 * period))
    return (rng.uniform(0.6, 2.0) * (side - rng.uniform(0.05, 0.3) * fringe)).astype(np.float32)


def empty(box_px: int, pixel_size_A: float, rng: np.random.Generator) -> Image:
    """What aligning noise leaves behind: a faint blob, spokes from the centre or rings about it, or a mottle."""
    radius, angle = _polar(box_px)
    r = radius / (0.5 * box_px)
    style = str(rng.choice(["spokes", "rings", "blob", "mottle"], p=[0.25, 0.15, 0.25, 0.35]))
    grain_px = rng.uniform(8, 30) / pixel_size_A
    if style == "mottle":
        image = smooth_field((box_px, box_px), max(0.4 * grain_px, 0.6), rng)
    else:
        rings = max(4, round(0.5 * box_px / grain_px))
        spokes = max(8, round(2 * np.pi * 0.35 * box_px / grain_px))
        along = {"spokes": (0.3, 1.0), "rings": (1.0, 0.12), "blob": (0.7, 0.6)}[style]
        table = rng.standard_normal((max(3, round(rings * along[0])) + 2, max(3, round(spokes * along[1]))))
        places = np.stack([np.clip(r, 0, 1.42) / 1.42 * (table.shape[0] - 1), angle / (2 * np.pi) * table.shape[1]])
        image = map_coordinates(table, places, order=3, mode="grid-wrap")
        image = image * np.clip(r * 4, 0.2, 1)
    image = image / max(float(image.std()), 1e-9)
    centre = np.exp(-0.5 * (r / rng.uniform(0.1, 0.4)) ** 2)
    image = image * (rng.uniform(0.2, 1) + rng.uniform(0, 1.5) * centre) + rng.gamma(1.2, 2.0) * centre
    return (0.02 * image).astype(np.float32)


def aggregate(
    structure: Structure, box_px: int, pixel_size_A: float, rng: np.random.Generator, *, clumps: int = 1
) -> Image:
    """A clump: many copies of a structure heaped on one another, filling more of the box than a particle does.

    With ``clumps`` above 1 the mean of as many, each of other copies; of large structures of fewer.
    """
    count = int(rng.integers(4, 14))
    # copies cannot share a place: a clump is wider than one by the cube root of their number, unless it leaves the box
    reach = 0.5 * min(structure.diameter_A * rng.uniform(0.9, 1.5) * np.cbrt(count), 1.1 * box_px * pixel_size_A)
    clumps = max(1, min(clumps, _MOST_BEADS // (count * len(structure.points_A))))
    copies = count * clumps
    shifts = np.clip(rng.normal(0, 0.6, (copies, 2)), -1.2, 1.2) * reach
    weights = np.full(copies, 1.0 / clumps)
    spectrum = splat(structure, random_views(copies, rng), box_px, pixel_size_A, shifts_A=shifts, weights=weights)
    image = irfft2(spectrum, (box_px, box_px)).astype(np.float32)
    return low_pass(image, 1.0 / max(rng.uniform(8, 25) / pixel_size_A, 2.0)) * _CONTRAST_1_V_A


#: Contaminants that need no structure, by the reason that they are junk for.
CONTAMINANTS: dict[str, Callable[[int, float, np.random.Generator], Image]] = {
    "ice": ice,
    "carbon": carbon,
    "edge": gold,
    "empty": empty,
}


def _grid(box_px: int, pixel_size_A: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    place = (np.arange(box_px) - box_px // 2) * pixel_size_A
    return place[:, None] + 0 * place[None, :], place[None, :] + 0 * place[:, None]


def _polar(box_px: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    y, x = _grid(box_px, 1.0)
    return np.hypot(y, x), np.mod(np.arctan2(y, x), 2 * np.pi)


def _edge(box_px: int, pixel_size_A: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Distance in Å from the rim of a hole, positive on the film."""
    y, x = _grid(box_px, pixel_size_A)
    angle, radius = rng.uniform(0, 2 * np.pi), rng.uniform(600, 8000)
    inset = rng.normal(0, 0.15) * box_px * pixel_size_A
    cy, cx = (radius + inset) * np.sin(angle), (radius + inset) * np.cos(angle)
    away = radius - np.hypot(y - cy, x - cx)
    return away if rng.random() < 0.5 else -away
