"""Small worlds of particles: dark balls of two sizes in noise, in arrays and as a copick project."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from cryogauge.pick.networks import NetworkPlan
from cryogauge.pick.patches import Sampling
from cryogauge.pick.presets import PRESETS
from cryogauge.records import PickObject
from cryogauge.simulate.rasterise import add_spheres

VOXEL_A = 10.0
SMALL, LARGE = PickObject("small", 1, 40.0), PickObject("large", 2, 80.0)
#: Ours, narrow and quick enough for a test.
TINY = replace(
    PRESETS["fast"],
    network=NetworkPlan("fast", stride=2, multiple=8, architecture={"width": 6, "blocks": (1, 1, 1)}),
    sampling=Sampling((32, 32, 32), batch=4),
    size=0.4,
    tile_px=64,
)


def draw_world(seed: int, shape: tuple[int, int, int] = (40, 72, 80)) -> tuple[np.ndarray, pd.DataFrame]:
    """A tomogram with balls at known places, and the picks of them in Å."""
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*(np.arange(10, n - 9, 20) for n in shape), indexing="ij"), -1).reshape(-1, 3)
    centres = (grid + rng.uniform(-1.5, 1.5, grid.shape))[rng.permutation(len(grid))[: int(0.7 * len(grid))]]
    large = rng.random(len(centres)) < 0.4
    data = np.zeros(shape, np.float32)
    add_spheres(data, centres, np.where(large, 7.0, 3.5), np.where(large, -0.8, -1.6))
    data += rng.normal(0, 0.5, shape).astype(np.float32)
    z, y, x = centres.T * VOXEL_A
    names = np.where(large, LARGE.name, SMALL.name)
    picks = pd.DataFrame({"tomogram": f"w{seed}", "object": names, "x_A": x, "y_A": y, "z_A": z, "score": 1.0})
    return data, picks


def make_project(folder: Path) -> Path:
    """A copick project of four worlds with their picks, by the user ``truth`` in the session ``1``."""
    from cryogauge.io.copick import create_project, open_project, write_project_picks, write_tomogram

    config = create_project(folder, (SMALL, LARGE))
    opened = open_project(config)
    tables = []
    for seed in range(4):
        data, picks = draw_world(seed)
        write_tomogram(opened, f"w{seed}", data, VOXEL_A, "wbp")
        tables.append(picks)
    opened.root.refresh()
    write_project_picks(opened, pd.concat(tables, ignore_index=True), user="truth", session="1")
    return config
