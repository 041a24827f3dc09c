"""Q-scores of ten thousand atoms, spaced as in proteins, in a map of 1 Å voxels, on one core.

The fit of the atoms plays no part in the time, so that the map is noise. Compilation is not timed: a few atoms are
scored first.
"""

import os
import time

import numpy as np

from cryogauge.imaging.q_score import q_scores

FIGURES = ("q_score_seconds_10000",)

#: Atoms but hydrogens in a cubic Å of protein, and the least distance between two of them, Å.
_DENSITY_1_A3, _APART_A = 0.06, 1.3
_MARGIN_A = 6.0


def run(small: bool = False) -> dict[str, float]:
    """Measure; ``small`` takes a tenth of the atoms, the time of which is scaled up."""
    count = 1_000 if small else 10_000
    places, edge = packed_atoms(count)
    density = np.random.default_rng(0).normal(size=(edge,) * 3).astype(np.float32)
    before = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = "1"
    try:
        q_scores(density, 1.0, places[:10])
        start = time.perf_counter()
        q_scores(density, 1.0, places)
        seconds = time.perf_counter() - start
    finally:
        os.environ.pop("OMP_NUM_THREADS")
        if before is not None:
            os.environ["OMP_NUM_THREADS"] = before
    return {"q_score_seconds_10000": seconds * 10_000 / count}


def packed_atoms(count: int) -> tuple[np.ndarray, int]:
    """Places ``(count, 3)`` as close as in protein, within a box with a margin, and its edge in Å."""
    rng = np.random.default_rng(0)
    edge = (count / _DENSITY_1_A3) ** (1 / 3)
    step = edge / np.ceil(count ** (1 / 3))
    axis = (np.arange(round(edge / step)) + 0.5) * step
    grid = np.stack(np.meshgrid(axis, axis, axis), axis=-1).reshape(-1, 3)[:count]
    # On a lattice, each moved by no more than keeps neighbours apart.
    shaken = grid + rng.uniform(-1, 1, grid.shape) * (step - _APART_A) / 2
    return shaken + _MARGIN_A, int(np.ceil(edge + 2 * _MARGIN_A)) + 1
