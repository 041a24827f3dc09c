"""What lies in a field: ice, films, particles, crystals, cracks. All lengths in Å; everything is drawn in place."""

import numpy as np

from cryogauge.imaging.transforms import irfft2
from cryogauge.simulate.classes.assemble import made_complex
from cryogauge.simulate.classes.structure import Structure
from cryogauge.simulate.classes.views import random_views, scattered_views, splat
from cryogauge.simulate.fields import smooth_field
from cryogauge.simulate.micrographs.field import (
    CARBON_GRAIN,
    CARBON_PATH_A,
    CARBON_V,
    ICE_GRAIN,
    ICE_PATH_A,
    ICE_V,
    PHASE_PER_V_A,
    Field,
)


def add_ice(field: Field, thickness_A: np.ndarray | float) -> None:
    """Vitreous ice; where it is less than 5 Å thick there is nothing."""
    thickness = np.broadcast_to(np.asarray(thickness_A, dtype=np.float32), field.shape)
    field.phase += np.float32(PHASE_PER_V_A * ICE_V) * thickness
    field.absorption += thickness / np.float32(ICE_PATH_A)
    field.grain += np.float32(ICE_GRAIN) * np.maximum(thickness, 0)
    field.vacuum &= thickness < 5.0


def uneven_ice_A(field: Field, thickness_A: float, unevenness: float, rng: np.random.Generator) -> np.ndarray:
    """Thickness ``(y, x)`` that changes slowly: a slope and waves of half the field, by a part of the whole."""
    y, x = field.grid_A()
    direction = rng.uniform(0, 2 * np.pi)
    slope = (y / y.max() - 0.5) * np.sin(direction) + (x / x.max() - 0.5) * np.cos(direction)
    waves = smooth_field(field.shape, max(field.shape) / rng.uniform(3, 8), rng) * 0.15
    return np.float32(thickness_A) * np.maximum(1 + np.float32(unevenness) * (slope + waves), 0.2).astype(np.float32)


def beyond_edge_A(field: Field, part: float, rng: np.random.Generator) -> np.ndarray:
    """Distance ``(y, x)`` beyond a hole's edge, an arc with about a part of the field outside it; negative inside."""
    y, x = field.grid_A()
    radius = float(np.exp(rng.uniform(np.log(2_500), np.log(15_000))))
    direction = rng.uniform(0, 2 * np.pi)
    across = y * np.sin(direction) + x * np.cos(direction)
    rest = -y * np.cos(direction) + x * np.sin(direction)
    middle = float(rest.mean()) + rng.uniform(-0.2, 0.2) * float(np.ptp(rest))
    distance = np.hypot(across - (float(across.max()) - radius), rest - middle) - radius
    distance = distance - np.float32(np.quantile(distance[::8, ::8], 1 - part))
    waves = smooth_field(field.shape, 80 / field.pixel_size_A, rng) * rng.uniform(2, 15)
    return (distance + waves).astype(np.float32)


def add_carbon(
    field: Field, beyond_A: np.ndarray, thickness_A: float, rng: np.random.Generator, *, rim: float = 0.0
) -> None:
    """Amorphous carbon where ``beyond_A`` is positive, with a rim thicker by a factor."""
    cover = np.clip(beyond_A / np.float32(2 * field.pixel_size_A) + 0.5, 0, 1)
    width = float(np.exp(rng.uniform(np.log(30), np.log(400))))
    thickness = np.float32(thickness_A) * cover * (1 + np.float32(rim) * np.exp(-np.square(beyond_A / width)))
    field.phase += np.float32(PHASE_PER_V_A * CARBON_V) * thickness
    field.absorption += thickness / np.float32(CARBON_PATH_A)
    field.grain += np.float32(CARBON_GRAIN) * thickness
    field.carbon |= beyond_A > 0
    field.vacuum &= beyond_A <= 0


def torn(field: Field, thickness_A: np.ndarray, part: float, rng: np.random.Generator) -> np.ndarray:
    """Ice ``(y, x)`` that broke: none in about a part of the field, and a thick ragged rim about it."""
    waves = smooth_field(field.shape, rng.uniform(500, 2500) / field.pixel_size_A, rng)
    waves += rng.uniform(0.02, 0.2) * smooth_field(field.shape, rng.uniform(40, 200) / field.pixel_size_A, rng)
    waves -= np.float32(np.quantile(waves[::8, ::8], 1 - part))
    rim = rng.uniform(0.3, 4.0) * np.exp(-np.square(waves / rng.uniform(0.03, 0.3)))
    field.contamination |= np.abs(waves) < 0.15
    return (thickness_A * (1 + rim) * np.clip(0.5 - waves / np.float32(0.02), 0, 1)).astype(np.float32)


def add_particles(
    field: Field, structure: Structure, coverage: float, contrast: float, rng: np.random.Generator
) -> None:
    """Copies of a structure spread at random with some distance, in all views or mostly a few, seldom on film.

    Parameters
    ----------
    structure
        What they are.
    coverage
        Part of the field that they would cover side by side.
    contrast
        Factor on protein's potential above ice.
    """
    diameter = structure.diameter_A
    length = 2 * float(np.abs(structure.points_A).max()) if structure.kind == "filament" else diameter
    count = max(round(coverage * field.area_A2 / (np.pi / 4 * diameter * length)), 1)
    clustering = smooth_field(field.shape, rng.uniform(300, 1500) / field.pixel_size_A, rng) * rng.uniform(0, 0.9)
    apart = rng.uniform(0.4, 1.0) * np.sqrt(diameter * length) / field.pixel_size_A
    centres = _spread(field.shape, count, apart, clustering, rng)
    centres = centres[~field.carbon[centres[:, 0], centres[:, 1]] | (rng.random(len(centres)) < rng.uniform(0, 0.7))]
    if not len(centres):
        return
    views = random_views(len(centres), rng, kind=structure.kind)
    if structure.kind != "filament" and rng.random() < 0.4:
        few = [scattered_views(view, len(centres), 10.0, 180.0, rng) for view in random_views(2, rng)]
        views = np.where(rng.random((len(centres), 1, 1)) < 0.7, few[0], few[1])
    _draw(field, structure, centres, views, contrast)
    field.centres_px = np.concatenate([field.centres_px, centres])
    field.diameter_A = diameter


def add_scraps(field: Field, coverage: float, contrast: float, rng: np.random.Generator) -> None:
    """Small proteins and what is left of large ones, everywhere, too small to be picked."""
    scrap = made_complex("scrap", float(rng.uniform(20, 70)), "C1", rng)
    count = max(round(coverage * field.area_A2 / (np.pi / 4 * scrap.diameter_A**2)), 1)
    places = (rng.uniform(0, 1, (count, 2)) * field.shape).astype(int)
    _draw(field, scrap, places, random_views(count, rng), contrast, told=False)


def add_aggregate(
    field: Field, structure: Structure, centre: np.ndarray, radius_A: float, rng: np.random.Generator
) -> None:
    """A clump of denatured protein: particles upon particles within a radius of ``centre`` (y, x) in pixels."""
    diameter = structure.diameter_A
    count = int(np.clip(rng.uniform(1.0, 3.5) * (2 * radius_A / diameter) ** 2, 4, 3_000))
    angle = rng.uniform(0, 2 * np.pi, count)
    outline = 1 + sum(rng.uniform(0, 0.35) * np.sin(k * angle + rng.uniform(0, 6)) for k in (2, 3))
    reach = radius_A / field.pixel_size_A * rng.random(count) ** rng.uniform(0.4, 0.8) * outline
    places = np.stack([centre[0] + reach * np.sin(angle), centre[1] + reach * np.cos(angle)], axis=1).astype(int)
    places = places[((places >= 0) & (places < field.shape)).all(axis=1)]
    if len(places):
        views = random_views(len(places), rng, kind=structure.kind)
        field.contamination |= _draw(field, structure, places, views, rng.uniform(0.6, 1.6), told=False)


def _draw(
    field: Field, structure: Structure, centres_px: np.ndarray, views: np.ndarray, contrast: float, *, told: bool = True
) -> np.ndarray:
    """Add structures to the phase; where they are, ``(y, x)``."""
    box = max(field.shape)
    shifts = (centres_px - box // 2) * field.pixel_size_A
    weights = np.full(len(centres_px), contrast)
    volts = irfft2(
        splat(structure, views, box, field.pixel_size_A, shifts_A=shifts, weights=weights), (box, box)
    )[: field.shape[0], : field.shape[1]]  # fmt: skip
    field.phase += np.float32(PHASE_PER_V_A) * volts
    there = volts > 0.3 * float(np.quantile(volts[volts > 1e-2 * volts.max()], 0.9))
    if told:
        field.particles |= there
    return there


def add_cracks(field: Field, count: int, rng: np.random.Generator) -> None:
    """Lines along which the ice has parted: thin or absent, between raised lips."""
    y, x = field.grid_A()
    for _ in range(count):
        direction = rng.uniform(0, np.pi)
        across = (y - rng.uniform(0.1, 0.9) * y.max()) * np.cos(direction) - (
            x - rng.uniform(0.1, 0.9) * x.max()
        ) * np.sin(direction)
        distance = across + smooth_field(field.shape, 700 / field.pixel_size_A, rng) * rng.uniform(20, 300)
        distance += smooth_field(field.shape, 60 / field.pixel_size_A, rng) * rng.uniform(2, 25)
        width = float(np.exp(rng.uniform(np.log(15), np.log(400))))
        gap = np.exp(-np.square(distance / width))
        lips = np.exp(-np.square((np.abs(distance) - 1.5 * width) / (0.5 * width)))
        depth = np.float32(PHASE_PER_V_A * ICE_V * rng.uniform(100, 400))
        field.phase += depth * (0.6 * lips - gap).astype(np.float32)
        field.absorption += (0.15 * lips - 0.1 * gap).astype(np.float32)
        field.contamination |= np.abs(distance) < 2 * width


def _spread(
    shape: tuple[int, int], count: int, apart_px: float, clustering: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Up to ``count`` places (y, x), at least ``apart_px`` apart, more where ``clustering`` is high."""
    taken = np.zeros((int(shape[0] / apart_px) + 2, int(shape[1] / apart_px) + 2), dtype=bool)
    trials = (rng.uniform(0, 1, (3 * count, 2)) * shape).astype(int)
    likely = np.exp(clustering[trials[:, 0], trials[:, 1]])
    trials = trials[rng.random(len(trials)) * np.exp(1.0) < likely]
    chosen = []
    for y, x in trials:
        cell = int(y / apart_px), int(x / apart_px)
        if not taken[cell]:
            taken[cell] = True
            chosen.append((y, x))
            if len(chosen) >= count:
                break
    return np.array(chosen, dtype=int).reshape(-1, 2)
