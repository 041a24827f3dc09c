"""Orientations: copick's matrices and the angles of our tables.

copick's rotation R turns a particle's axes into the tomogram's: a point p of the particle's map lies at
R p + location + translation. The angles rot, tilt, psi are RELION's, the intrinsic ZYZ rotation that turns the
tomogram's axes into the map's, which is the inverse: R⁻¹ = Z(rot) Y(tilt) Z(psi). Vectors are (x, y, z).
"""

import numpy as np

_GIMBAL = 1e-7  # sine of the tilt below which rot and psi turn about one axis
_TOLERANCE = 1e-2


def matrices_of(angles_deg: np.ndarray) -> np.ndarray:
    """Rotations ``(n, 3, 3)`` from the particle's axes to the tomogram's, of ``(n, 3)`` rot, tilt, psi in degrees."""
    rot, tilt, psi = np.deg2rad(np.asarray(angles_deg, dtype=np.float64).reshape(-1, 3)).T
    inverse = _about_z(rot) @ _about_y(tilt) @ _about_z(psi)
    return np.swapaxes(inverse, 1, 2)


def angles_of(matrices: np.ndarray) -> np.ndarray:
    """The angles ``(n, 3)`` rot, tilt, psi in degrees of rotations ``(n, 3, 3)`` from particle to tomogram.

    The tilt lies between 0 and 180, the others between −180 and 180. Where the tilt is 0 or 180 only the difference or
    sum of the others is known, and psi is 0. A matrix that is no rotation (a reflection, or more than 1 % off) has NaN.
    """
    inverse = np.swapaxes(np.asarray(matrices, dtype=np.float64).reshape(-1, 3, 3), 1, 2)
    sine = np.hypot(inverse[:, 0, 2], inverse[:, 1, 2])
    locked = sine < _GIMBAL
    tilt = np.arctan2(sine, inverse[:, 2, 2])
    free_rot = np.arctan2(inverse[:, 1, 2], inverse[:, 0, 2])
    rot = np.where(locked, np.arctan2(-inverse[:, 0, 1], inverse[:, 1, 1]), free_rot)
    psi = np.where(locked, 0.0, np.arctan2(inverse[:, 2, 1], -inverse[:, 2, 0]))
    angles = np.rad2deg(np.stack([rot, tilt, psi], axis=1)) + 0.0  # no −0
    angles[~is_rotation(matrices)] = np.nan
    return angles


def is_rotation(matrices: np.ndarray) -> np.ndarray:
    """Whether each of ``(n, 3, 3)`` matrices is a proper rotation, within 1 %."""
    given = np.asarray(matrices, dtype=np.float64).reshape(-1, 3, 3)
    finite = np.asarray(np.isfinite(given).all(axis=(1, 2)))
    given = np.where(finite.reshape(-1, 1, 1), given, 0.0)
    off = np.abs(given @ np.swapaxes(given, 1, 2) - np.eye(3)).max(axis=(1, 2), initial=0.0)
    return finite & (off < _TOLERANCE) & (np.linalg.det(given) > 0)


def _about_z(angle: np.ndarray) -> np.ndarray:
    c, s, o, e = np.cos(angle), np.sin(angle), np.zeros_like(angle), np.ones_like(angle)
    return np.stack([c, -s, o, s, c, o, o, o, e], axis=1).reshape(-1, 3, 3)


def _about_y(angle: np.ndarray) -> np.ndarray:
    c, s, o, e = np.cos(angle), np.sin(angle), np.zeros_like(angle), np.ones_like(angle)
    return np.stack([c, o, s, o, e, o, -s, o, c], axis=1).reshape(-1, 3, 3)
