"""Seconds for an atlas: 25 tiles of 1,024² stitched and its squares found, on one thread.

``python -m benchmarks.bench_atlas [--small]`` prints the figures as JSON. The tiles are of a simulated grid, each off
from where the stage says by some µm; making them is not timed, nor is the first call, which compiles and imports.
"""

import argparse
import json
import time

import numpy as np

from cryogauge.collect.targets.atlas import Atlas, stitch
from cryogauge.collect.targets.squares import Squares, find_squares
from cryogauge.simulate.grid import GridSettings, grid_image, make_grid

FIGURES = ("atlas_seconds", "atlas_stitch_error_px")
_PIXEL_A, _OVERLAP, _STAGE_ERROR_UM = 3500.0, 0.12, 2.0


def run(small: bool = False) -> dict[str, float]:
    """Measure; ``small`` takes 3 × 3 tiles of 256², for a quick try."""
    side, pixels = (3, 256) if small else (5, 1024)
    step_um = pixels * (1 - _OVERLAP) * _PIXEL_A * 1e-4
    places = np.array([(x, y) for y in range(side) for x in range(side)], float) - (side - 1) / 2
    true = places * step_um
    grid = make_grid(GridSettings(mesh=300), seed=5)
    tiles = [
        grid_image(
            grid, (float(x), float(y)), _PIXEL_A, (pixels, pixels), defocus_A=5e5, dose_e_A2=5e-5, seed=k, slit=False
        )
        for k, (x, y) in enumerate(true)
    ]  # fmt: skip
    said = true + np.random.default_rng(5).normal(0, _STAGE_ERROR_UM, true.shape)
    _atlas(tiles[:2], said[:2])
    start = time.perf_counter()
    atlas, squares = _atlas(tiles, said)
    seconds = time.perf_counter() - start
    left = atlas.shift_px * _PIXEL_A * 1e-4 + said - true
    left -= left.mean(0)
    return {
        "atlas_seconds": seconds,
        "atlas_stitch_error_px": float(np.sqrt((left**2).mean()) / (_PIXEL_A * 1e-4)),
        "atlas_squares": float(len(squares.table)),
        "atlas_edge_px": float(max(atlas.image.shape)),
    }


def _atlas(tiles: list[np.ndarray], stage_um: np.ndarray) -> tuple[Atlas, Squares]:
    atlas = stitch(tiles, stage_um, _PIXEL_A)
    return atlas, find_squares(atlas.image, atlas.pixel_size_A)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="a quick try on small tiles")
    print(json.dumps(run(small=parser.parse_args().small), indent=2))
