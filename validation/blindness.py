"""Changes to a file that leave its structure as it was, and one that takes away nothing else."""

from collections.abc import Iterator

import numpy as np

from cryogauge.imaging.degrade import add_spots, clip_mad, match_histogram

#: Part of the pixels or voxels that spots cover.
SPOTS = 0.0003


def unchanged_in_structure(data: np.ndarray, reference: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Copies of a picture or volume that must score as it does, and the figure each belongs to.

    Parameters
    ----------
    data
        Picture ``(y, x)`` or volume ``(z, y, x)``.
    reference
        Another one, of any shape, whose histogram the first copy gets: grey values keep their order.
    """
    yield "grey_value_invariance", match_histogram(data, reference)
    yield "clip_invariance", clip_mad(data, 3.0)
    yield "spot_invariance", add_spots(data, SPOTS, sign=-1, seed=1)
    yield "spot_invariance", add_spots(data, SPOTS, sign=1, seed=2)
