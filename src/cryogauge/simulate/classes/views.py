"""Projections of bead clouds, and the directions from which particles are seen.

A view is a rotation matrix ``(3, 3)`` on z, y, x; the beam runs along z. Beads fall on pixels by linear weights, whose
fall-off in Fourier space is divided out, and are given their width there. What many particles that scatter about a
view and a place add up to follows from a few: a small tilt moves a bead in proportion to its depth, so beads are sorted
by depth, and each layer is blurred by how far its beads are moved.
"""

from functools import lru_cache

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from cryogauge.imaging.transforms import frequency_radius, rfft2
from cryogauge.simulate.classes.structure import POTENTIAL_V_A3_PER_KDA, Structure

Matrix = NDArray[np.floating]
#: Layer k is blurred by this many pixels times k²; how many there are.
_LAYER_PX, _LAYERS = 0.2, 9


def splat(
    structure: Structure,
    views: Matrix,
    box_px: int,
    pixel_size_A: float,
    *,
    shifts_A: NDArray[np.floating] | None = None,
    weights: NDArray[np.floating] | None = None,
    tilt_deg: float = 0.0,
    shift_A: float = 0.0,
) -> NDArray[np.complex64]:
    """Spectrum of a weighted mean of projections of a structure.

    Parameters
    ----------
    structure
        What is projected; its centre falls on pixel ``box // 2``.
    views
        Rotations ``(n, 3, 3)``.
    shifts_A
        y and x of the structure's centre in each, ``(n, 2)``; none unless given.
    weights
        Of each projection, ``(n,)``; equal and of sum 1 unless given.
    tilt_deg, shift_A
        Standard deviations of direction and place of the endlessly many particles that each projection stands for, the
        first to the first order of the angle.

    Returns
    -------
    complex64 in the layout of ``rfft2`` ``(y, x // 2 + 1)``: projected potential in V Å.
    """
    turns = np.asarray(views, dtype=np.float32).reshape(-1, 3, 3)
    moved = np.zeros((len(turns), 2)) if shifts_A is None else np.asarray(shifts_A)
    shares = np.full(len(turns), 1.0 / len(turns)) if weights is None else np.asarray(weights)
    layers = np.zeros((_LAYERS if tilt_deg else 1, box_px, box_px), dtype=np.float32)
    _add(
        structure.points_A,
        structure.weights_kDa,
        turns,
        (moved / pixel_size_A).astype(np.float32),
        shares.astype(np.float32),
        np.float32(1.0 / pixel_size_A),
        np.float32(np.deg2rad(tilt_deg) / _LAYER_PX),
        layers,
    )
    spectrum = rfft2(layers[0])
    for k in range(1, len(layers)):
        if layers[k].any():
            spectrum = spectrum + rfft2(layers[k]) * _width(box_px, 1.0, _LAYER_PX * k**2, linear=False)
    if shift_A:
        spectrum = spectrum * _width(box_px, 1.0, shift_A / pixel_size_A, linear=False)
    spectrum = spectrum * np.float32(POTENTIAL_V_A3_PER_KDA / pixel_size_A**2)
    return (spectrum * _width(box_px, pixel_size_A, structure.sigma_A)).astype(np.complex64)


@lru_cache(maxsize=64)
def _width(box_px: int, pixel_size_A: float, sigma_A: float, *, linear: bool = True) -> NDArray[np.float32]:
    """Transform of a Gaussian, over that of the linear weights of pixels unless told otherwise."""
    frequency = frequency_radius((box_px, box_px), pixel_size_A)
    gaussian = np.exp(-2.0 * (np.pi * sigma_A * frequency) ** 2)
    if linear:
        gaussian /= np.sinc(np.fft.fftfreq(box_px))[:, None] ** 2 * np.sinc(np.fft.rfftfreq(box_px))[None, :] ** 2
    return gaussian.astype(np.float32)


@njit(nogil=True, cache=True, fastmath=True)
def _add(points, masses, turns, shifts, shares, scale, layers_1_px, layers):
    size, last = layers.shape[1], layers.shape[0] - 1
    for v in range(turns.shape[0]):
        az, bz, cz = turns[v, 0, 0], turns[v, 0, 1], turns[v, 0, 2]
        ay, by, cy = turns[v, 1, 0], turns[v, 1, 1], turns[v, 1, 2]
        ax, bx, cx = turns[v, 2, 0], turns[v, 2, 1], turns[v, 2, 2]
        y0, x0, share = shifts[v, 0] + size // 2, shifts[v, 1] + size // 2, shares[v]
        for i in range(points.shape[0]):
            p, q, r = points[i, 0], points[i, 1], points[i, 2]
            y = (ay * p + by * q + cy * r) * scale + y0
            x = (ax * p + bx * q + cx * r) * scale + x0
            j, k = int(np.floor(y)), int(np.floor(x))
            if j < 0 or k < 0 or j >= size - 1 or k >= size - 1:
                continue
            fy, fx, m, layer = y - j, x - k, masses[i] * share, 0
            if last:
                layer = min(int(np.sqrt(abs(az * p + bz * q + cz * r) * scale * layers_1_px) + 0.5), last)
            layers[layer, j, k] += m * (1 - fy) * (1 - fx)
            layers[layer, j, k + 1] += m * (1 - fy) * fx
            layers[layer, j + 1, k] += m * fy * (1 - fx)
            layers[layer, j + 1, k + 1] += m * fy * fx


def random_views(count: int, rng: np.random.Generator, *, kind: str = "soluble") -> Matrix:
    """Directions ``(count, 3, 3)`` without preference; filaments lie in the plane within a few degrees."""
    if kind != "filament":
        return Rotation.random(count, rng=rng).as_matrix()
    about_own = Rotation.from_rotvec(_about_z(rng.uniform(0, 2 * np.pi, count)))
    lying = Rotation.from_rotvec(np.stack([np.zeros(count), np.zeros(count), np.full(count, np.pi / 2)], axis=1))
    out_of_plane = Rotation.from_rotvec(np.stack([np.zeros(count), np.zeros(count), rng.normal(0, 0.1, count)], axis=1))
    in_plane = Rotation.from_rotvec(_about_z(rng.uniform(0, 2 * np.pi, count)))
    return (in_plane * out_of_plane * lying * about_own).as_matrix()


def views_along(view: Matrix, count: int, askew_deg: float, rng: np.random.Generator) -> Matrix:
    """Directions ``(count, 3, 3)`` from which a filament lies along the axis that it has in a view, either way up."""
    lying = random_views(count, rng, kind="filament")
    axis = np.asarray(view)[1:, 0]
    away = np.arctan2(axis[1], axis[0]) - np.arctan2(lying[:, 2, 0], lying[:, 1, 0])
    away += np.pi * rng.integers(0, 2, count) + np.deg2rad(askew_deg) * rng.standard_normal(count)
    return (Rotation.from_rotvec(_about_z(away)) * Rotation.from_matrix(lying)).as_matrix()


def scattered_views(
    view: Matrix, count: int, spread_deg: float, in_plane_deg: float, rng: np.random.Generator
) -> Matrix:
    """Views ``(count, 3, 3)`` about one: direction and in-plane angle normally distributed with these widths."""
    tilt = np.deg2rad(spread_deg) * rng.standard_normal((count, 2))
    turn = np.deg2rad(in_plane_deg) * rng.standard_normal(count)
    tilted = Rotation.from_rotvec(np.column_stack([np.zeros(count), tilt]))
    return (Rotation.from_rotvec(_about_z(turn)) * tilted * Rotation.from_matrix(view)).as_matrix()


def _about_z(angles: NDArray[np.floating]) -> Matrix:
    """Rotation vectors about the first axis, which is z here."""
    return np.column_stack([angles, np.zeros((len(angles), 2))])
