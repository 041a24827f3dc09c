"""Particles that lie in known ways: look-alike ribosomes behind a missing wedge, in noise."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from cryogauge.imaging.degrade import widen_wedge
from cryogauge.io.copick.transforms import angles_of
from cryogauge.pick.average.align import Poses
from cryogauge.pick.average.particles import ParticleBoxes
from cryogauge.simulate.phantom.lookalikes import lookalike
from cryogauge.simulate.rasterise import add_template

VOXEL_A, RADIUS_A, EDGE, RANGE = 20.0, 150.0, 25, 60.0


def truth(edge: int = EDGE) -> NDArray[np.float32]:
    """The map that every particle is a turned copy of."""
    return one(np.eye(3), np.zeros(3), edge)


def one(turn: NDArray[np.floating], shift_px: NDArray[np.floating], edge: int = EDGE) -> NDArray[np.float32]:
    """A ribosome, turned and shifted (z, y, x), in the middle of a box."""
    box = np.zeros((edge,) * 3, dtype=np.float32)
    add_template(box, lookalike("ribosome", VOXEL_A).density, np.full(3, edge // 2) + shift_px, turn)
    return box


def some(count: int, noise: float, seed: int = 0, *, wedge: bool = True) -> tuple[ParticleBoxes, Poses]:
    """Dark ribosomes with noise of so many times their own standard deviation, and how they lie."""
    rng = np.random.default_rng(seed)
    turns = Rotation.random(count, rng=rng).as_matrix()
    shifts = rng.uniform(-0.5, 0.5, (count, 3))
    clean = np.stack([one(turn, shift) for turn, shift in zip(turns, shifts, strict=True)])
    data = -clean / clean.std() + noise * rng.standard_normal(clean.shape).astype(np.float32)
    if wedge:
        data = np.stack([widen_wedge(box, RANGE) for box in data])
    data /= data.std(axis=(1, 2, 3), keepdims=True)
    boxes = ParticleBoxes(
        data.astype(np.float32), shifts, np.ones(count, dtype=bool), np.zeros(count, dtype=np.intp),
        1000.0 * np.arange(3 * count).reshape(count, 3), ((-RANGE, RANGE) if wedge else (-89.0, 89.0),), VOXEL_A,
    )  # fmt: skip
    return boxes, Poses(turns, shifts, np.zeros(count))


def tomogram(seed: int, noise: float = 1.5, wanted: int = 18) -> tuple[NDArray[np.float32], pd.DataFrame]:
    """A tomogram of dark ribosomes, and picks of them with their angles."""
    rng = np.random.default_rng(seed)
    data = np.zeros((40, 130, 100), dtype=np.float32)
    grid = np.stack(np.meshgrid([20.0], np.arange(15, 120, 20.0), np.arange(15, 90, 20.0), indexing="ij"), -1)
    places = grid.reshape(-1, 3)[rng.permutation(24)[:wanted]] + rng.uniform(-1, 1, (wanted, 3))
    turns = Rotation.random(wanted, rng=rng).as_matrix()
    for place, turn in zip(places, turns, strict=True):
        add_template(data, lookalike("ribosome", VOXEL_A).density, place, turn)
    data = -data / data.std() + noise * rng.standard_normal(data.shape).astype(np.float32)
    table = pd.DataFrame(
        {
            "tomogram": f"T{seed}", "object": "ribosome", "x_A": places[:, 2], "y_A": places[:, 1],
            "z_A": places[:, 0], "score": 1.0,
        }
    )  # fmt: skip
    table[["x_A", "y_A", "z_A"]] *= VOXEL_A
    table[["rot", "tilt", "psi"]] = angles_of(turns[:, ::-1, ::-1])
    return widen_wedge(data, RANGE), table
