"""Directions of view: even grids of them, symmetry, and how evenly a set of them samples Fourier space.

A view is RELION's matrix A (3, 3) on x, y, z: it turns the object's axes into the image's, whose z is the beam. Its
last row is the direction of view in the object, (cos rot sin tilt, sin rot sin tilt, cos tilt).
"""

import re

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from cryogauge.records import BadInput

Vectors = NDArray[np.float64]

#: Of which a grid keeps, of directions that show the same, the nearest to it; near z, and on no axis of symmetry.
_TOWARDS = np.array([0.013, 0.041, 0.999])


def symmetry_turns(symmetry: str) -> Vectors:
    """Rotations ``(copy, 3, 3)`` on x, y, z of a point group: ``C1``, ``C4``, ``D2`` … about z, or ``O``.

    The axes are RELION's: the main axis along z, a twofold one of D along x, the fourfold ones of O along x, y and z.

    Raises
    ------
    BadInput
        For any other group.
    """
    if not re.fullmatch(r"O|[CD][1-9]\d?", symmetry.upper()):
        raise BadInput(f"no symmetry is called {symmetry!r}", "give C or D and a number, such as C1 or D7, or O")
    return np.asarray(Rotation.create_group(symmetry.upper()).as_matrix())


def even_directions(count: int) -> Vectors:
    """Unit vectors ``(count, 3)`` spread evenly over the sphere, on a spiral by the golden angle."""
    k = np.arange(count) + 0.5
    z, turn = 1 - 2 * k / count, np.pi * (1 + 5**0.5) * k
    return np.stack([np.cos(turn) * np.sqrt(1 - z**2), np.sin(turn) * np.sqrt(1 - z**2), z], axis=1)


def view_grid(step_deg: float, symmetry: str = "C1") -> Vectors:
    """Views ``(view, 3, 3)`` about a step apart with psi = 0: one of all that show the same or its mirror image.

    Raises
    ------
    BadInput
        For an unknown symmetry, or a step outside 1–45 degrees.
    """
    if not 1 <= step_deg <= 45:
        raise BadInput(f"views {step_deg:g} degrees apart cannot be made", "give 1 to 45 degrees")
    directions = even_directions(round(4 * np.pi / np.deg2rad(step_deg) ** 2))
    turns = symmetry_turns(symmetry)
    nearness = np.abs(np.einsum("gij,nj,i->ng", turns, directions, _TOWARDS)).max(axis=1)
    kept = directions[directions @ _TOWARDS >= nearness - 1e-9]
    rot, tilt = np.arctan2(kept[:, 1], kept[:, 0]), np.arccos(np.clip(kept[:, 2], -1, 1))
    return views_of(np.rad2deg(np.stack([rot, tilt, np.zeros(len(kept))], axis=1)))


def views_of(angles_deg: NDArray[np.floating]) -> Vectors:
    """Views of rot, tilt, psi ``(n, 3)``."""
    return Rotation.from_euler("ZYZ", angles_deg, degrees=True).inv().as_matrix()


def angles_of(views: NDArray[np.floating]) -> Vectors:
    """Rot, tilt, psi in degrees ``(n, 3)``, tilt from 0 to 180."""
    import warnings

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Gimbal lock")  # straight from above only rot + psi is known
        return Rotation.from_matrix(views).inv().as_euler("ZYZ", degrees=True)


def directions_of(views: NDArray[np.floating]) -> Vectors:
    """Directions of view ``(n, 3)``."""
    return np.asarray(views, dtype=float)[:, 2]


def angle_between(first: NDArray[np.floating], second: NDArray[np.floating], symmetry: str = "C1") -> Vectors:
    """Degrees between directions ``(n, 3)`` and ``(m, 3)``, the smallest of all symmetric copies: ``(n, m)``."""
    cosine = np.einsum("gij,mj,ni->gnm", symmetry_turns(symmetry), second, first).max(axis=0)
    return np.rad2deg(np.arccos(np.clip(cosine, -1, 1)))


def fourier_sampling(
    directions: NDArray[np.floating], weights: NDArray[np.floating], width_deg: float, at: NDArray[np.floating]
) -> Vectors:
    """How densely views sample Fourier space in other directions, 1 being the mean over the sphere.

    A view samples the plane across it; each class is of views that scatter about it, so that its plane is smeared into
    a normal distribution of angles, which is cut at three widths.

    Parameters
    ----------
    directions, weights
        Of the views, ``(n, 3)`` and ``(n,)``.
    width_deg
        Standard deviation of views about that of their class.
    at
        Directions in Fourier space ``(m, 3)``, spread evenly.

    Returns
    -------
    float64 ``(m,)``.
    """
    total = np.zeros(len(at))
    for direction, weight in zip(directions, weights, strict=True):
        away = np.rad2deg(np.arcsin(np.clip(at @ direction, -1, 1))) / width_deg
        plane = np.where(np.abs(away) <= 3, np.exp(-0.5 * away**2), 0.0)
        total += weight * plane / plane.mean()
    return total / np.sum(weights)


def sampling_compensation(sampling: NDArray[np.floating]) -> tuple[float, float]:
    """Sampling compensation factor, and the part of Fourier space that is sampled at all.

    The factor is one over the mean of the inverse sampling, in units of the mean sampling, over what is sampled: that
    by which the spectral signal-to-noise ratio falls for views being uneven; 1 for even views, 8/π² = 0.81 for side
    views alone (Baldwin & Lyumkis, Prog. Biophys. Mol. Biol. 150, 160, 2020).

    Parameters
    ----------
    sampling
        In directions spread evenly, in units of its mean, as :func:`fourier_sampling` gives it.
    """
    seen = sampling > 0
    if not seen.any():
        return 0.0, 0.0
    return float(1 / np.mean(1 / sampling[seen]) / sampling.mean()), float(seen.mean())
