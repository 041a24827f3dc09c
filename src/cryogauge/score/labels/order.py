"""Which slices of a tomogram are to be labelled."""

import numpy as np

from cryogauge.jobs.turns import generator_of


def choose_slices(
    depth: int, count: int, key: str, uncertainty: np.ndarray | None = None
) -> tuple[list[int], set[int]]:
    """Slices of one tomogram to be labelled.

    Without ``uncertainty`` one at random from each of ``count`` equal layers. With it, half of them are found that way,
    so that the labels can calibrate a model too; the other half are those that the model is least sure of, kept
    apart where that is possible, since neighbours hold nearly the same.

    Parameters
    ----------
    depth
        Number of slices.
    count
        How many are wanted.
    key
        What the choice depends on, such as a seed and the tomogram's content: the same key, the same slices.
    uncertainty
        The model's, one value a slice, shape ``(depth,)``; NaN where it has none.

    Returns
    -------
    z
        Indices, ascending.
    unsure
        Those among them that were taken for the model's uncertainty.
    """
    random = generator_of(key)
    count = min(count, depth)
    wanted = 0 if uncertainty is None else min(count // 2, int(np.isfinite(uncertainty).sum()))
    # the random ones first, of all slices: drawn of what the uncertain ones leave, they would be too easy
    layers = np.array_split(np.arange(depth), count - wanted) if count > wanted else []
    drawn = [int(random.choice(layer)) for layer in layers]
    unsure: list[int] = []
    if uncertainty is not None:
        order = [int(z) for z in np.argsort(-uncertainty, kind="stable") if np.isfinite(uncertainty[z])]
        left = [z for z in order if z not in set(drawn)]
        apart = max(depth // (2 * count), 1)
        for distance in (apart, 1):
            for z in left:
                if len(unsure) < wanted and all(abs(z - other) >= distance for other in unsure):
                    unsure.append(z)
    rest = np.setdiff1d(np.arange(depth), [*unsure, *drawn])
    drawn += [int(z) for z in random.permutation(rest)[: count - len(unsure) - len(drawn)]]
    return sorted([*unsure, *drawn]), set(unsure)
