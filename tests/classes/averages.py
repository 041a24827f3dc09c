"""Small averages made for tests: particles of some blobs, masked, noisy, of known grade."""

import numpy as np
import pandas as pd

from cryogauge.records import ClassStack


def particle(
    edge: int, rng: np.random.Generator, *, radius_px: float, blobs: int = 12, detail_px: float = 2.0
) -> np.ndarray:
    """A particle of Gaussian blobs within a radius about pixel ``edge // 2``, of peak about 1."""
    axis = np.arange(edge) - edge // 2
    y, x = axis[:, None], axis[None, :]
    image = np.zeros((edge, edge))
    for _ in range(blobs):
        r, angle = radius_px * np.sqrt(rng.random()), rng.uniform(0, 2 * np.pi)
        image += np.exp(-((y - r * np.sin(angle)) ** 2 + (x - r * np.cos(angle)) ** 2) / (2 * detail_px**2))
    return (image / image.max()).astype(np.float32)


def stack_of(images: np.ndarray, pixel_size_A: float | None = 2.0, **columns: object) -> ClassStack:
    """A stack whose table tells as little as it may, or the columns given."""
    count = len(images)
    table = pd.DataFrame(
        {"class": np.arange(1, count + 1), "resolution_A": np.nan, "distribution": 1 / count, "particles": np.nan}
    )
    return ClassStack(np.asarray(images, dtype=np.float32), pixel_size_A, table.assign(**columns))
