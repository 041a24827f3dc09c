"""What beam and camera do not do alike everywhere."""

import numpy as np

from cryogauge.simulate.fields import smooth_field


def flawed(electrons: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Electrons ``(y, x)`` under a beam that is uneven and at times ends in the field, by a camera with seams, bad
    columns and hot pixels, float32.
    """
    ny, nx = electrons.shape
    y, x = np.linspace(-0.5, 0.5, ny)[:, None], np.linspace(-0.5, 0.5, nx)[None, :]
    turn = rng.uniform(0, 2 * np.pi)
    slope = y * np.sin(turn) + x * np.cos(turn)
    strength = float(np.exp(rng.uniform(np.log(0.001), np.log(0.1))))
    shading = 1 + strength * (slope - rng.uniform(0, 1.5) * (y**2 + x**2))
    shading = shading + rng.uniform(0, 0.3) * strength * smooth_field((ny, nx), max(ny, nx) / 4, rng)
    if rng.random() < 0.06:  # the rim of the beam, with its fringes
        away = (slope + rng.uniform(0.3, 0.6)) / np.exp(rng.uniform(np.log(0.01), np.log(0.1)))
        shading = shading * (0.5 + 0.5 * np.tanh(away)) * (1 + 0.1 * np.exp(-np.abs(away)) * np.cos(3 * away))
    if rng.random() < 0.3:
        parts = int(rng.integers(2, 17))
        steps = 1 + np.exp(rng.uniform(np.log(0.0003), np.log(0.005))) * rng.standard_normal(parts)
        shading = shading * np.repeat(steps, -(-nx // parts))[None, :nx]
    if rng.random() < 0.1:
        column = int(rng.integers(0, nx))
        shading[:, column] *= 1 + rng.normal(0, 0.05)
    picture = electrons * np.maximum(shading, 0.0)
    if rng.random() < 0.25:
        count = int(rng.integers(1, 30))
        places = rng.integers(0, ny, count), rng.integers(0, nx, count)
        picture[places] += rng.exponential(6 * float(picture.std()), count) * rng.choice([1.0, 1.0, -0.5], count)
    picture = np.maximum(picture, 0)
    return (np.rot90(picture, 2) if rng.random() < 0.5 else picture).astype(np.float32)
