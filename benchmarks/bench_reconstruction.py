"""Weighted back-projection against torch-tomogram: the same noise-free series, the same machine, one after the other.

``python -m benchmarks.bench_reconstruction [--small]`` prints the figures as JSON. Compilation is not timed: both
reconstruct something small first. Both use as many threads as :func:`cryogauge.imaging.threads.thread_count` says.
Ours uses the exact filter, since torch-tomogram too divides every frequency by how often it was measured; the ramp
takes as long and is reported for its correlation.
"""

import argparse
import json
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from cryogauge.imaging import project, weighted_back_projection
from cryogauge.imaging.threads import thread_count

FIGURES = ("wbp_seconds", "wbp_speed_ratio", "wbp_correlation", "wbp_correlation_ratio")

_TILTS_DEG = np.arange(-60.0, 61.0, 3.0)


def phantom(shape: tuple[int, int, int]) -> NDArray[np.float32]:
    """A slab crowded with balls of 3 to 12 voxels, empty above and below, periodic along x and y."""
    rng = np.random.default_rng(20)
    nz, ny, nx = shape
    volume = np.zeros(shape, dtype=np.float32)
    for _ in range(nz * ny * nx // 20_000):
        radius = rng.uniform(1.5, 6.0)
        reach = int(np.ceil(radius))
        offsets = np.mgrid[-reach : reach + 1, -reach : reach + 1, -reach : reach + 1]
        inside = np.sum(offsets**2, axis=0) <= radius**2
        centre = rng.integers((nz // 4, 0, 0), (nz - nz // 4, ny, nx))
        z, y, x = (offsets[:, inside].T + centre).T
        volume[np.clip(z, 0, nz - 1), y % ny, x % nx] += np.float32(rng.uniform(0.5, 1.0))
    return volume


def _torch_tomogram(images: NDArray[np.float32], shape: tuple[int, int, int], sidelength: int) -> NDArray[np.float32]:
    """Reconstruct by torch-tomogram in tiles.

    It counts from voxel n // 2, we from (n - 1) / 2: the translations along x make up for the half voxels.
    """
    import torch
    from torch_tomogram import Tomogram

    torch.set_num_threads(thread_count())
    angles = np.deg2rad(_TILTS_DEG)
    translations = np.zeros((len(angles), 2), dtype=np.float32)
    translations[:, 1] = 0.5 * np.cos(angles) + 0.5 * np.sin(angles) - 0.5
    tomogram = Tomogram(
        tilt_angles=torch.as_tensor(_TILTS_DEG),
        tilt_axis_angle=torch.zeros(len(angles)),
        sample_translations=torch.as_tensor(translations),
        images=torch.as_tensor(images),
    )
    return tomogram.reconstruct_tomogram(shape, sidelength).numpy()


def _timed(reconstruct: Callable[[], NDArray[np.float32]]) -> tuple[float, NDArray[np.float32]]:
    start = time.perf_counter()
    volume = reconstruct()
    return time.perf_counter() - start, volume


def _correlation(volume: NDArray[np.float32], truth: NDArray[np.float32]) -> float:
    return float(np.corrcoef(volume.ravel(), truth.ravel())[0, 1])


def run(small: bool = False) -> dict[str, float]:
    """Measure; ``small`` takes a quarter of each edge, for a quick try."""
    shape, sidelength = ((50, 128, 128), 32) if small else ((200, 512, 512), 128)
    truth = phantom(shape)
    images = project(truth, _TILTS_DEG)
    weighted_back_projection(images[:, :8, :16], _TILTS_DEG, (4, 8, 16), filter="exact")
    _torch_tomogram(images[:, :32, :32], (8, 32, 32), 8)
    seconds, ours = _timed(lambda: weighted_back_projection(images, _TILTS_DEG, shape, filter="exact"))
    peer_seconds, theirs = _timed(lambda: _torch_tomogram(images, shape, sidelength))
    correlation, peer_correlation = _correlation(ours, truth), _correlation(theirs, truth)
    return {
        "wbp_seconds": seconds,
        "wbp_speed_ratio": peer_seconds / seconds,
        "wbp_correlation": correlation,
        "wbp_correlation_ratio": correlation / peer_correlation,
        "ramp_correlation": _correlation(weighted_back_projection(images, _TILTS_DEG, shape), truth),
        "torch_tomogram_seconds": peer_seconds,
        "torch_tomogram_correlation": peer_correlation,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="a quick try on a small volume")
    print(json.dumps(run(small=parser.parse_args().small), indent=2))
