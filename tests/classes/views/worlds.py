"""Small specimens made for tests of views: structures, their maps, and averages of them from known views."""

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter

from cryogauge.classes.views.directions import angles_of, views_of
from cryogauge.records import ClassStack, Volume
from cryogauge.simulate.classes.assemble import made_complex
from cryogauge.simulate.classes.average import Recipe, average
from cryogauge.simulate.classes.optics import Optics, drawn_optics
from cryogauge.simulate.classes.structure import Structure
from cryogauge.simulate.classes.views import random_views

BOX_PX, PIXEL_A = 72, 3.2


@cache
def structure(seed: int, mass_kDa: float = 150.0, symmetry: str = "C1", stretch: float | None = None) -> Structure:
    return made_complex("made-up", mass_kDa, symmetry, np.random.default_rng(seed), stretch=stretch)


def rod(seed: int, mass_kDa: float, length_A: float) -> Structure:
    """Domains in a row."""
    count = 5
    parts = [structure(seed + k, mass_kDa / count) for k in range(count)]
    places = np.linspace(-length_A / 2, length_A / 2, count)
    points = np.concatenate([p.points_A + np.array([z, 0, 0]) for p, z in zip(parts, places, strict=True)])
    weights = np.concatenate([p.weights_kDa for p in parts])
    points -= np.average(points, axis=0, weights=weights)
    return replace(
        parts[0], points_A=points.astype(np.float32), weights_kDa=weights, mass_kDa=float(weights.sum()),
        moving=np.zeros(len(points), dtype=bool),
    )  # fmt: skip


def dimer(monomer: Structure) -> Structure:
    """Two copies side by side about a twofold axis."""
    half = np.array([0, 0, 0.9 * np.quantile(np.abs(monomer.points_A[:, 2]), 0.98)], dtype=np.float32)
    other = monomer.points_A * np.array([1, -1, -1], dtype=np.float32)
    points = np.concatenate([monomer.points_A + half, other - half])
    return replace(
        monomer, points_A=points, weights_kDa=np.tile(monomer.weights_kDa, 2), mass_kDa=2 * monomer.mass_kDa,
        moving=np.zeros(len(points), dtype=bool),
    )  # fmt: skip


def map_of(made: Structure, voxel_A: float = 3.0, edge: int = 64) -> Volume:
    density = np.zeros((edge,) * 3, dtype=np.float32)
    places = np.rint(made.points_A / voxel_A).astype(int) + edge // 2
    inside = ((places >= 0) & (places < edge)).all(axis=1)
    np.add.at(density, tuple(places[inside].T), made.weights_kDa[inside])
    return Volume(gaussian_filter(density, 0.8), voxel_A, source="map.mrc")


def session(seed: int = 0, pixel_size_A: float = PIXEL_A) -> Optics:
    return drawn_optics(pixel_size_A, np.random.default_rng(seed))


def averages(
    made: Structure,
    views: np.ndarray,
    rng: np.random.Generator,
    *,
    offsets_A: np.ndarray | None = None,
    box_px: int = BOX_PX,
    pixel_size_A: float = PIXEL_A,
) -> np.ndarray:
    """Averages of 400 noisy, roughly aligned particles each, from RELION's views, at pixels of 3.2 Å."""
    optics = session(pixel_size_A=pixel_size_A)
    shifts = np.zeros((len(views), 2)) if offsets_A is None else offsets_A
    recipe = Recipe(particles=400, spread_deg=4.0, in_plane_deg=1.5, shift_A=1.5)
    return np.stack(
        [
            average(made, turn, replace(recipe, offset_A=tuple(shift)), optics, box_px, rng).image
            for turn, shift in zip(np.asarray(views)[:, ::-1, ::-1], shifts, strict=True)
        ]
    )


def any_views(count: int, rng: np.random.Generator) -> np.ndarray:
    """Without preference, as RELION's matrices."""
    return random_views(count, rng)[:, ::-1, ::-1]


def tilted_views(count: int, tilt_deg: float, spread_deg: float, rng: np.random.Generator) -> np.ndarray:
    """About one tilt from z, from all sides."""
    angles = angles_of(any_views(count, rng))
    angles[:, 1] = rng.normal(tilt_deg, spread_deg, count)
    return views_of(angles)


def stacked(images: np.ndarray, pixel_size_A: float | None = PIXEL_A, **columns: Any) -> ClassStack:
    count = len(images)
    table = pd.DataFrame(
        {
            "class": np.arange(1, count + 1),
            "resolution_A": np.nan,
            "distribution": 1 / max(count, 1),
            "particles": np.nan,
        }
    )
    return ClassStack(np.asarray(images, dtype=np.float32), pixel_size_A, table.assign(**columns), source="classes")
