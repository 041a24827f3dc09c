"""Maps as a network would make them of known particles, and labels with known errors."""

from dataclasses import replace

import numpy as np
import pandas as pd

from cryogauge.pick.presets import PRESETS
from cryogauge.records import PickObject

SMALL, LARGE, RARE = PickObject("small", 1, 40.0), PickObject("large", 2, 80.0), PickObject("rare", 3, 60.0)
KINDS = (SMALL, LARGE, RARE)
VOXEL_A = 10.0
PEAKS = PRESETS["fast"]
VOXELS = replace(PRESETS["deepfindet"], size=1.0)


def particles(seed: int, shape=(60, 200, 200), parts=(0.6, 0.3, 0.1)) -> pd.DataFrame:
    """Particles on a loose grid of a tomogram ``t<seed>``, by kind."""
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*(np.arange(10, n - 9, 20) for n in shape), indexing="ij"), -1).reshape(-1, 3)
    centres = (grid + rng.uniform(-1, 1, grid.shape)) * VOXEL_A
    names = rng.choice([each.name for each in KINDS], len(grid), p=parts)
    z, y, x = centres.T
    return pd.DataFrame({"tomogram": f"t{seed}", "object": names, "x_A": x, "y_A": y, "z_A": z, "score": 1.0})


def draw_map(seen: pd.DataFrame, heights: np.ndarray, preset=PEAKS, shape=(60, 200, 200)) -> np.ndarray:
    """The map of a network that sees these, each as high as told, in a little noise."""
    stride = preset.network.stride
    size = tuple(-(-n // stride) for n in shape)
    rng = np.random.default_rng(1)
    out = rng.uniform(0, 0.02, (len(KINDS), *size)).astype(np.float32)
    axes = np.indices(size)
    for row, height in zip(seen.itertuples(), heights, strict=True):
        kind = next(each for each in KINDS if each.name == row.object)
        centre = np.array([row.z_A, row.y_A, row.x_A]) / (stride * VOXEL_A)
        radius = kind.radius_A / (stride * VOXEL_A)
        box = tuple(
            slice(max(0, int(c - 2 * radius)), min(n, int(c + 2 * radius) + 2))
            for c, n in zip(centre, size, strict=True)
        )
        squares = sum((axes[i][box] - centre[i]) ** 2 for i in range(3))
        blob = np.exp(-squares / (2 * (0.3 * radius) ** 2)) if preset.target == "peaks" else squares <= radius**2
        np.maximum(out[kind.label - 1][box], height * blob, out=out[kind.label - 1][box])
    if preset.target == "peaks":
        return out
    return np.concatenate([1 - out.max(axis=0, keepdims=True), out])
