"""A grid of one disc every 10 µm, quick to picture: electrons a pixel, more of them inside a disc."""

import numpy as np

from cryogauge.collect.drivers.simulated.specimen import Source

#: How the last picture was asked for.
asked = {}


def image(grid, center_um, pixel_size_A, shape_px, *, dose_e_A2, seed, **named):
    asked.update(named, center_um=center_um, dose_e_A2=dose_e_A2, seed=seed)
    pixel_um = pixel_size_A / 1e4
    y = center_um[1] + (np.arange(shape_px[0]) - (shape_px[0] - 1) / 2)[:, None] * pixel_um
    x = center_um[0] + (np.arange(shape_px[1]) - (shape_px[1] - 1) / 2)[None, :] * pixel_um
    inside = np.hypot((x + 5) % 10 - 5, (y + 5) % 10 - 5) < 2.0
    mean = dose_e_A2 * pixel_size_A**2 * np.where(inside, 0.8, 0.4)
    rng = np.random.default_rng(seed)
    return (mean + np.sqrt(mean) * rng.standard_normal(shape_px, np.float32)).astype(np.float32)


def frames(grid, center_um, pixel_size_A, shape_px, *, drift_px, dose_e_A2, seed, **named):
    asked.update(named, drift_px=drift_px)
    for number, (y, x) in enumerate(drift_px):
        moved = (center_um[0] - x * pixel_size_A / 1e4, center_um[1] - y * pixel_size_A / 1e4)
        yield image(grid, moved, pixel_size_A, shape_px, dose_e_A2=dose_e_A2 / len(drift_px), seed=seed + number)


SOURCE = Source(lambda grid, seed: grid, image, frames)
