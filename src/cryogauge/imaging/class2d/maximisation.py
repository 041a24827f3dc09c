"""From sums over particles to class averages and the noise."""

import numpy as np
from numpy.typing import NDArray

from cryogauge.imaging.class2d.expectation import Sums
from cryogauge.imaging.class2d.polar import Rings

_EMPTY = 0.1  # of an even share of the particles: a class that has less is made anew
_TRUST = 2.0  # times the power of the last averages: what the next may have, as RELION's T for 2-D classes


def averages_of(
    sums: Sums, noise_power: NDArray[np.floating], last_power: NDArray[np.floating], half: int | None = None
) -> NDArray[np.complex64]:
    """Averages ``(class, ring, wave)``, Wiener filtered ring by ring.

    Parameters
    ----------
    sums
        Of both halves.
    noise_power
        Mean square of the particles' noise around each ring ``(ring,)``.
    last_power
        That of the averages of the iteration before ``(class, ring)``; where it is 0, as on rings that were not there,
        that of noise averaged is taken.
    half
        Of one half alone.
    """
    total = sums.total.sum(axis=0) if half is None else sums.total[half]
    weight = sums.weight.sum(axis=0) if half is None else sums.weight[half]
    members = np.maximum(sums.members.sum(axis=0), 1.0)[:, None]
    prior = _TRUST * np.where(last_power > 0, last_power, noise_power[None] / members)
    penalty = noise_power[None] / np.maximum(prior, 1e-9 * noise_power[None])
    return (total / (weight + penalty)[..., None]).astype(np.complex64)


def noise_power(
    power: NDArray[np.floating], averages: NDArray[np.complexfloating], sums: Sums, rings: Rings
) -> NDArray[np.float64]:
    """Mean square of the noise around each ring: that of the particles less what the averages explain.

    Parameters
    ----------
    power
        Mean square ``(ring,)`` of the particles.
    averages, sums, rings
        Of this iteration.
    """
    explained = (rings.power(averages) * sums.weight.sum(axis=0)).sum(axis=0) / sums.members.sum()
    return np.maximum(power - explained, 0.1 * power)


def refill(
    averages: NDArray[np.complex64], sums: Sums, noise_power: NDArray[np.floating], last_power: NDArray[np.floating]
) -> tuple[NDArray[np.complex64], int]:
    """Give each class that has hardly a particle one half of the largest, whose other half stays where it is.

    Returns
    -------
    averages
        With classes made anew.
    count
        How many these are.
    """
    members = sums.members.sum(axis=0)
    empty = np.flatnonzero(members < _EMPTY * members.mean())
    if not len(empty):
        return averages, 0
    averages = averages.copy()
    halves = [averages_of(sums, noise_power, last_power, half) for half in (0, 1)]
    donors = np.argsort(-members, kind="stable")[: len(empty)]
    for to, donor in zip(empty, donors, strict=True):
        averages[donor], averages[to] = halves[0][donor], halves[1][donor]
    return averages, len(empty)
