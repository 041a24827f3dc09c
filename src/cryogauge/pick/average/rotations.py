"""Rotations spread evenly over all there are, and around one."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

#: The constants of the spiral: √2, and the real root above 1 of ψ⁴ = ψ + 4.
_PHI, _PSI = 2.0**0.5, 1.533751168755204288118041


def even_rotations(spacing_deg: float) -> NDArray[np.float64]:
    """Rotations ``(n, 3, 3)`` of which one lies within about ``spacing_deg`` of any.

    Super-Fibonacci spirals (M. Alexa, CVPR 2022, 8291), as many as there are cubes of that edge in the group, whose
    volume is 8π² by the angle of rotation.
    """
    count = max(1, int(np.ceil(8.0 * np.pi**2 / np.deg2rad(spacing_deg) ** 3)))
    s = np.arange(count) + 0.5
    inner, outer = np.sqrt(s / count), np.sqrt(1.0 - s / count)
    alpha, beta = 2.0 * np.pi * s / _PHI, 2.0 * np.pi * s / _PSI
    quaternions = np.stack(
        [inner * np.sin(alpha), inner * np.cos(alpha), outer * np.sin(beta), outer * np.cos(beta)], axis=1
    )
    return Rotation.from_quat(quaternions).as_matrix()


def neighbours(step_deg: float) -> NDArray[np.float64]:
    """The 27 rotations by −1, 0 or 1 steps about each axis, ``(27, 3, 3)``; the middle one is none."""
    steps = np.stack(np.meshgrid(*[[-1.0, 0.0, 1.0]] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    return Rotation.from_rotvec(np.deg2rad(step_deg) * steps).as_matrix()


def ball(radius: float, spacing: float) -> NDArray[np.float64]:
    """Points ``(n, 3)`` of a cubic lattice through zero within a radius, by rising distance."""
    reach = int(np.floor(radius / spacing + 1e-9))
    grid = np.stack(np.meshgrid(*[np.arange(-reach, reach + 1.0)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    distance = np.linalg.norm(grid, axis=1) * spacing
    order = np.argsort(distance, kind="stable")
    return (spacing * grid[order])[distance[order] <= radius + 1e-9]


def angle_between_deg(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.float64]:
    """Angle of the rotation from each of ``(n, 3, 3)`` to the other, degrees, ``(n,)``."""
    return np.rad2deg(Rotation.from_matrix(np.swapaxes(a, -1, -2) @ b).magnitude())
