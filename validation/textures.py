"""Volumes that have a texture and no structure: what must get no score, or a flag."""

from collections.abc import Iterator

import numpy as np
from scipy.ndimage import gaussian_filter, gaussian_filter1d

#: Correlation lengths of the coloured noise, standard deviations of the Gaussian in pixels.
CORRELATION_PX = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)


def textures(shape: tuple[int, int, int], seed: int = 0) -> Iterator[tuple[str, np.ndarray]]:
    """Names and float32 volumes ``(z, y, x)`` of ``shape``.

    Coloured noise at any correlation length, its slices independent, as correlated along z as across, or all alike;
    the same under a ramp; streaks; and a slab of stronger noise between weaker, as contamination without form.
    """
    rng = np.random.default_rng(seed)

    def noise(across_px: float, along_z_px: float) -> np.ndarray:
        field = gaussian_filter(
            rng.standard_normal(shape, dtype=np.float32), (along_z_px, across_px, across_px), mode="wrap"
        )
        return field / field.std()

    y, x = np.mgrid[: shape[1], : shape[2]].astype(np.float32)
    ramp = (0.6 * x / shape[2] + 0.4 * y / shape[1])[None]
    for length in CORRELATION_PX:
        yield f"noise {length:g} px, slices independent", noise(length, 0.0)
        if length > 0:
            yield f"noise {length:g} px, as long along z", noise(length, length)
            yield f"noise {length:g} px, with fine noise", noise(length, length) + noise(0.0, 0.0)
        yield f"noise {length:g} px, all slices alike", np.repeat(noise(length, 0.0)[:1], shape[0], axis=0)
        yield f"noise {length:g} px, on a ramp", noise(length, 0.0) + 4.0 * ramp
    for fine in (0.0, 0.3, 1.0):
        lines = gaussian_filter1d(rng.standard_normal((1, 1, shape[2])), 2.0, axis=2)
        streaks = np.broadcast_to(lines / lines.std(), shape).astype(np.float32)
        yield f"streaks, fine noise {fine:g}", streaks + fine * noise(0.0, 0.0)
        yield f"ramp, fine noise {fine:g}", np.broadcast_to(4.0 * ramp, shape) + fine * noise(0.0, 0.0)
    slab = np.exp(-(((np.arange(shape[0]) - shape[0] / 2) / (shape[0] / 6)) ** 4)).astype(np.float32)[:, None, None]
    for length in (0.0, 1.0, 3.0):
        yield f"slab of stronger noise, {length:g} px", noise(0.5, 0.5) + 2.0 * slab * noise(length, length)
