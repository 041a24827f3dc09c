"""What is in the picture but is no biology: gold, ice crystals, carbon film, frost, curtains, holes."""

import numpy as np

from cryogauge.simulate.fields import smooth_field
from cryogauge.simulate.rasterise import add_blobs, add_spheres

#: Potential above vitreous ice, V.
GOLD_V = 22.0
CARBON_V = 3.5
FROST_V = 4.5
#: Nothing, where ice is missing: vitreous ice holds 3.5 V (Wang et al., Biophys. J. 110, 2016).
VACUUM_V = -3.5


def add_gold(
    volume: np.ndarray, positions_px: np.ndarray, diameter_A: float, voxel_size_A: float, rng: np.random.Generator
) -> None:
    """Gold beads of nearly one size at the positions ``(n, 3)`` (z, y, x)."""
    n = len(positions_px)
    radius = 0.5 * diameter_A / voxel_size_A * (1.0 + 0.06 * rng.standard_normal(n))
    # beads smaller than a voxel keep their mass
    scale = np.minimum(1.0, (2.0 * np.maximum(radius, 0.2)) ** 3)
    add_spheres(volume, np.ascontiguousarray(positions_px), np.maximum(radius, 0.5), GOLD_V * scale)


def add_frost(
    volume: np.ndarray,
    positions_px: np.ndarray,
    diameter_A: float,
    voxel_size_A: float,
    rng: np.random.Generator,
) -> None:
    """Ice crystals condensed on a surface: clusters of overlapping balls around each position."""
    for centre in positions_px:
        balls = int(rng.integers(1, 9))
        radius = 0.5 * diameter_A / voxel_size_A * rng.uniform(0.35, 1.0, balls)
        offsets = rng.standard_normal((balls, 3)) * (0.35 * diameter_A / voxel_size_A) * np.array([0.4, 1.0, 1.0])
        add_spheres(volume, centre + offsets, np.maximum(radius, 0.6), np.full(balls, FROST_V))


def carbon_film(
    shape: tuple[int, int, int],
    z_px: float,
    thickness_px: float,
    hole_edge: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """An amorphous film, V, present where ``hole_edge`` (y, x) is positive.

    Its grain is white at the voxel scale, as amorphous carbon's is at these samplings.
    """
    z = np.arange(shape[0], dtype=np.float32)[:, None, None]
    cover = np.clip(0.5 * thickness_px + 0.5 - np.abs(z - z_px), 0.0, 1.0)
    grain = 1.0 + 0.25 * rng.standard_normal(shape).astype(np.float32)
    return (CARBON_V * cover * grain * (hole_edge > 0)[None]).astype(np.float32)


def curtains(shape: tuple[int, int], depth_px: float, rng: np.random.Generator) -> np.ndarray:
    """Relief ``(y, x)`` in voxels that a focused ion beam leaves on a lamella: streaks along one direction."""
    stripes = smooth_field((shape[1],), float(rng.uniform(1.5, 10.0)), rng)
    slow = smooth_field(shape, max(shape) / 3.0, rng)
    angle = rng.integers(0, 2)
    relief = np.broadcast_to(stripes[None, :], shape) if angle == 0 else np.broadcast_to(
        smooth_field((shape[0],), float(rng.uniform(1.5, 10.0)), rng)[:, None], shape
    )  # fmt: skip
    return (depth_px * relief * (1.0 + 0.5 * slow)).astype(np.float32)


def ice_hole(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Where ice has torn: 1 within a rounded hole somewhere in the field, 0 without, float32 ``(y, x)``."""
    ny, nx = shape
    y, x = np.mgrid[:ny, :nx].astype(np.float32)
    centre = rng.uniform(0.0, 1.0, 2) * shape
    radius = float(rng.uniform(0.08, 0.35)) * min(shape)
    edge = radius * (1.0 + 0.08 * smooth_field(shape, max(shape) / 8.0, rng))
    return np.clip(edge - np.hypot(y - centre[0], x - centre[1]) + 0.5, 0.0, 1.0).astype(np.float32)


def add_glycogen(volume: np.ndarray, positions_px: np.ndarray, voxel_size_A: float, rng: np.random.Generator) -> None:
    """Glycogen-like granules: round, dense, 200–350 Å across, with no inner structure."""
    n = len(positions_px)
    sigma_A = rng.uniform(70.0, 120.0, n) / 1.6
    integral = (2.0 * np.pi) ** 1.5 * sigma_A**3 * 3.4 / voxel_size_A**3
    sigma_px = np.maximum(np.sqrt(sigma_A**2 + voxel_size_A**2 / 12.0) / voxel_size_A, 0.42)
    add_blobs(volume, np.ascontiguousarray(positions_px), sigma_px, integral)
