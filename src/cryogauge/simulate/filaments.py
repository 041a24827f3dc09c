"""Microtubules, actin and axonemes: subunits along bent axes."""

import numpy as np

from cryogauge.simulate.particles import PROTEIN_A3_PER_KDA, PROTEIN_V
from cryogauge.simulate.rasterise import add_blobs


def bent_path(
    start_px: np.ndarray, direction: np.ndarray, length_px: float, persistence_px: float, rng: np.random.Generator
) -> np.ndarray:
    """Points one voxel apart along a worm-like chain, float64 ``(n, 3)`` as z, y, x."""
    steps = max(2, int(length_px))
    turn = rng.standard_normal((steps, 3)) * np.sqrt(1.0 / max(persistence_px, 1.0))
    turn[:, 0] *= 0.3  # filaments in thin specimens bend mostly in the plane
    heading = direction / np.linalg.norm(direction) + np.cumsum(turn, axis=0)
    heading /= np.linalg.norm(heading, axis=1, keepdims=True)
    return start_px + np.cumsum(heading, axis=0)


def _frames(path: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Unit tangents and two normals that turn as little as possible along the path."""
    tangent = np.gradient(path, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    reference = np.array([1.0, 0.0, 0.0]) if abs(tangent[0, 0]) < 0.8 else np.array([0.0, 1.0, 0.0])
    first = np.cross(tangent, reference)
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    return tangent, first, np.cross(tangent, first)


def _along(path: np.ndarray, at_px: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positions and normals at distances along a path sampled every voxel."""
    _, first, second = _frames(path)
    index = np.arange(len(path))
    pick = [np.stack([np.interp(at_px, index, a[:, k]) for k in range(3)], axis=1) for a in (path, first, second)]
    return pick[0], pick[1], pick[2]


def add_microtubule(
    volume: np.ndarray,
    path: np.ndarray,
    voxel_size_A: float,
    rng: np.random.Generator,
    *,
    protofilaments: int = 13,
    radius_A: float = 112.0,
    arc: tuple[float, float] = (0.0, 2 * np.pi),
    offset_A: tuple[float, float] = (0.0, 0.0),
) -> None:
    """Tubulin monomers (55 kDa, 40 Å apart) on protofilaments around the path.

    ``arc`` limits the wall to part of the circle and ``offset_A`` moves its axis off the path along the two
    normals: together they make the B tubule of a doublet.
    """
    at_px = np.arange(0.0, len(path) - 1, 40.0 / voxel_size_A)
    centre, first, second = _along(path, at_px)
    blobs = []
    full = abs(arc[1] - arc[0] - 2 * np.pi) < 1e-6
    angles = np.linspace(arc[0], arc[1], protofilaments, endpoint=not full)
    for k, angle in enumerate(angles):
        shift = (k * 9.23 / voxel_size_A) % (40.0 / voxel_size_A)
        a = (offset_A[0] + radius_A * np.cos(angle)) / voxel_size_A
        b = (offset_A[1] + radius_A * np.sin(angle)) / voxel_size_A
        tangent = np.cross(first, second)
        blobs.append(centre + a * first + b * second + shift * tangent)
    _draw(volume, np.concatenate(blobs), 55.0, 14.5, voxel_size_A, rng)


def add_actin(volume: np.ndarray, path: np.ndarray, voxel_size_A: float, rng: np.random.Generator) -> None:
    """Actin subunits (42 kDa), 27.6 Å rise and −166.7° twist, 16 Å from the axis."""
    at_px = np.arange(0.0, len(path) - 1, 27.6 / voxel_size_A)
    centre, first, second = _along(path, at_px)
    angle = np.deg2rad(-166.7) * np.arange(len(at_px))
    radius = 16.0 / voxel_size_A
    _draw(volume, centre + radius * (np.cos(angle)[:, None] * first + np.sin(angle)[:, None] * second), 42.0, 13.0,
          voxel_size_A, rng)  # fmt: skip


def add_axoneme(volume: np.ndarray, path: np.ndarray, voxel_size_A: float, rng: np.random.Generator) -> None:
    """Nine doublets on a ring of 900 Å radius, two singlets in the middle, radial spokes and dynein arms."""
    for k in range(9):
        angle = 2 * np.pi * k / 9
        at = (900.0 * np.cos(angle), 900.0 * np.sin(angle))
        beside = (at[0] - 190.0 * np.sin(angle), at[1] + 190.0 * np.cos(angle))
        add_microtubule(volume, path, voxel_size_A, rng, offset_A=at)
        turn = angle + np.pi / 2
        add_microtubule(
            volume, path, voxel_size_A, rng, protofilaments=10, arc=(turn - 2.1, turn + 2.1), offset_A=beside
        )
        _decorate(volume, path, voxel_size_A, rng, 0.62 * at[0], 0.62 * at[1], 320.0, 250.0)
        _decorate(volume, path, voxel_size_A, rng, 1.02 * beside[0], 1.02 * beside[1] + 60.0, 240.0, 450.0)
    for side in (-160.0, 160.0):
        add_microtubule(volume, path, voxel_size_A, rng, offset_A=(side, 0.0))


def _decorate(
    volume: np.ndarray,
    path: np.ndarray,
    voxel_size_A: float,
    rng: np.random.Generator,
    a_A: float,
    b_A: float,
    spacing_A: float,
    mass_kDa: float,
) -> None:
    """Globular masses at regular distances along a path, off its axis."""
    at_px = np.arange(0.0, len(path) - 1, spacing_A / voxel_size_A)
    centre, first, second = _along(path, at_px)
    _draw(volume, centre + (a_A * first + b_A * second) / voxel_size_A, mass_kDa, 24.0, voxel_size_A, rng)


def _draw(
    volume: np.ndarray, centres: np.ndarray, mass_kDa: float, sigma_A: float, voxel_size_A: float,
    rng: np.random.Generator,
) -> None:  # fmt: skip
    """Subunits as blobs, a little out of place as in life."""
    centres = centres + rng.standard_normal(centres.shape) * (2.0 / voxel_size_A)
    sigma = max(np.sqrt(sigma_A**2 + voxel_size_A**2 / 12.0) / voxel_size_A, 0.42)
    integral = mass_kDa * PROTEIN_A3_PER_KDA * PROTEIN_V / voxel_size_A**3
    add_blobs(volume, centres, np.full(len(centres), sigma), np.full(len(centres), integral))
