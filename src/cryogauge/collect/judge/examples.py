"""Simulated thumbnails that the micrograph network learns from, and what is where on them."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cryogauge.collect.judge.network import CELL_PX
from cryogauge.io.replace import replacing
from cryogauge.simulate.micrographs import MICROGRAPH_CLASSES, Field, simulate_micrograph, thumbnail

#: Pixels of the pictures: a camera of 3,710 × 3,838 shrunk to 494 lines.
SHAPE = (494, 512)
#: Most pictures have pixels of about the first edge in Å, some of any between the others.
_USUAL_A, _ANY_A = 7.5, (2.5, 14.0)
#: Pictures in a file.
_TOGETHER = 60

Example = tuple[NDArray[np.uint8], NDArray[np.uint8]]


def simulated_example(order: tuple[int, int]) -> Example:
    """Picture ``k`` of a seed, of class ``k`` modulo the number of classes.

    Returns
    -------
    The picture, uint8 ``(494, 512)``, and what is where: uint8 ``(layer, y, x)``, in cells of ``CELL_PX``, 255 where
    all of a cell is of a layer, in the order of ``LAYERS``.
    """
    seed, k = order
    rng = np.random.default_rng([seed, k])
    usual = np.exp(rng.normal(np.log(_USUAL_A), 0.2))
    pixel = float(np.clip(usual, *_ANY_A) if rng.random() < 0.6 else np.exp(rng.uniform(*np.log(_ANY_A))))
    kind = tuple(MICROGRAPH_CLASSES)[k % len(MICROGRAPH_CLASSES)]
    made = simulate_micrograph(kind, SHAPE, pixel, rng)
    return thumbnail(made.electrons), _layers(made.field)


def _layers(field: Field) -> NDArray[np.uint8]:
    ny, nx = (-(-n // CELL_PX) for n in field.shape)
    masks = np.stack([field.particles, field.contamination, field.crystalline, field.carbon, field.vacuum])
    rest = [(0, ny * CELL_PX - field.shape[0]), (0, nx * CELL_PX - field.shape[1])]
    masks = np.pad(masks, [(0, 0), *rest], mode="edge")
    cells = masks.reshape(len(masks), ny, CELL_PX, nx, CELL_PX).mean(axis=(2, 4))
    return np.round(255 * cells).astype(np.uint8)


def simulated_examples(seed: int, count: int, folder: Path, workers: int = 1) -> Example:
    """Pictures ``(n, 494, 512)`` and layers ``(n, layer, y, x)`` of simulated micrographs; made once, kept in
    ``folder``, so that an interruption costs little.
    """
    folder.mkdir(parents=True, exist_ok=True)
    found: list[dict[str, NDArray[np.uint8]]] = []
    for number, first in enumerate(range(0, count, _TOGETHER)):
        numbers = range(first, min(first + _TOGETHER, count))
        path = folder / f"examples-{seed}-{number:04d}-{len(numbers)}.npz"
        if not path.exists():
            pictures, layers = zip(*_made([(seed, k) for k in numbers], workers), strict=True)
            with replacing(path) as temporary, temporary.open("wb") as file:
                np.savez(file, pictures=np.stack(pictures), layers=np.stack(layers))
        with np.load(path, allow_pickle=False) as kept:
            found.append({name: kept[name] for name in ("pictures", "layers")})
    return tuple(np.concatenate([part[name] for part in found]) for name in ("pictures", "layers"))  # pyright: ignore


def _made(orders: list[tuple[int, int]], workers: int) -> Iterator[Example]:
    if workers == 1:
        yield from map(simulated_example, orders)
    else:
        with ProcessPoolExecutor(workers) as pool:
            yield from pool.map(simulated_example, orders, chunksize=4)
