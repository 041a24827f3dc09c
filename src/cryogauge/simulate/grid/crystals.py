"""Grains: crystalline ice and the gold of a foil, with diffraction contrast and lattice fringes."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from cryogauge.simulate.grid.noise import gradient_noise, normal, unit

#: Strong spacings of hexagonal and cubic ice (Dowell & Rinfret, Nature 188, 1144, 1960), and of gold.
ICE_SPACINGS_A = (3.90, 3.67, 3.44, 3.67)
GOLD_SPACINGS_A = (2.355, 2.039, 2.355, 2.355)
_STREAM = 300


def add_grains(
    transmission: NDArray[np.float32],
    phase_rad: NDArray[np.float32],
    cover: NDArray[np.float32],
    corner_um: tuple[float, float],
    step_um: tuple[float, float],
    *,
    grain_um: float,
    darkening: float,
    fringe_rad: float,
    spacings_A: tuple[float, float, float, float],
    seed: int,
) -> None:
    """Darken grains that diffract and add their lattice fringes, in place.

    Parameters
    ----------
    transmission, phase_rad
        float32 ``(y, x)``: share of electrons that come through, and phase shift.
    cover
        Where there are grains, 0 to 1, of the same shape.
    corner_um, step_um
        Stage x and y of the first pixel, and from pixel to pixel.
    grain_um
        Mean distance of grains.
    darkening
        Scatter of the logarithm of what grains let through.
    fringe_rad
        Amplitude of the strongest fringes; none where pixels are too large for them.
    spacings_A
        Of the lattice planes.
    seed
        Of the grid.
    """
    finest_A = 2.1e4 * max(step_um)
    spacings = np.array([s if s > finest_A else 0.0 for s in spacings_A]) * 1e-4
    _grains(
        transmission, phase_rad, cover, corner_um[0], corner_um[1], step_um[0], step_um[1], grain_um, darkening,
        fringe_rad, spacings, seed,
    )  # fmt: skip


@njit(nogil=True, cache=True)
def _grains(transmission, phase, cover, x0, y0, dx, dy, grain, darkening, fringe, spacings, seed):
    ny, nx = transmission.shape
    # which grain a place is in is looked up block by block
    block = max(1, int(0.03 * grain / dx))
    for top in range(0, ny, block):
        for left in range(0, nx, block):
            if cover[top, left] <= 0.0:
                continue
            x, y = x0 + left * dx, y0 + top * dy
            blotch = gradient_noise(seed, _STREAM + 2, x / (1.3 * grain), y / (1.3 * grain))
            blotch += 0.4 * gradient_noise(seed, _STREAM + 7, x / (3.0 * grain), y / (3.0 * grain))
            x += 0.12 * grain * gradient_noise(seed, _STREAM + 8, x / (0.6 * grain), y / (0.6 * grain))
            y += 0.12 * grain * gradient_noise(seed, _STREAM + 9, x / (0.6 * grain), y / (0.6 * grain))
            gi, gj = int(np.floor(x / grain)), int(np.floor(y / grain))
            first, second, i, j = np.inf, np.inf, gi, gj
            for b in range(gj - 1, gj + 2):
                for a in range(gi - 1, gi + 2):
                    px = (a + unit(seed, _STREAM, a, b)) * grain
                    py = (b + unit(seed, _STREAM + 1, a, b)) * grain
                    away = np.hypot(px - x, py - y)
                    if away < first:
                        second = first
                        first, i, j = away, a, b
                    elif away < second:
                        second = away
            dark = np.exp(-darkening * max(0.0, 0.4 + blotch + 0.35 * normal(seed, _STREAM + 3, i, j)))
            if second - first < 0.07 * grain:
                dark *= 1.0 - 0.3 * darkening
            plane = spacings[int(4.0 * unit(seed, _STREAM + 4, i, j)) % 4]
            strong = fringe * max(0.0, 1.6 * unit(seed, _STREAM + 5, i, j) - 0.6)
            angle = 2.0 * np.pi * unit(seed, _STREAM + 6, i, j)
            kx, ky = (np.cos(angle) / plane, np.sin(angle) / plane) if plane > 0.0 else (0.0, 0.0)
            for row in range(top, min(ny, top + block)):
                for column in range(left, min(nx, left + block)):
                    share = cover[row, column]
                    transmission[row, column] *= 1.0 - share * (1.0 - dark)
                    if plane > 0.0 and strong > 0.0:
                        turn = kx * (x0 + column * dx) + ky * (y0 + row * dy)
                        turn -= np.floor(turn)
                        phase[row, column] += share * strong * np.cos(2.0 * np.pi * turn)
