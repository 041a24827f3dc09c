"""From a network's probabilities of one kind to what they are worth, learned from its labels."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

#: At least this part of a kind's particles is labelled.
COMPLETE = 0.5
#: Probabilities are told apart down to this, and up to 1 less it.
_FINEST = 1e-4
#: What is thought of completeness before any pick is seen, between half and all: so many of so many particles labelled.
_PRIOR = (15.0, 20.0)
_STEPS, _ROUNDS = 25, 60


@dataclass(frozen=True)
class Curve:
    """A logistic curve over the logit of a probability: 1 / (1 + exp(−(offset + slope · logit)))."""

    offset: float
    slope: float

    def __call__(self, probability: np.ndarray) -> np.ndarray:
        """The curve's value, 0–1, rising with the probability."""
        return 1 / (1 + np.exp(-(self.offset + self.slope * logit(probability))))


def logit(probability: np.ndarray) -> np.ndarray:
    """log(p / (1 − p)), 0 and 1 taken for nearly so."""
    p = np.clip(np.asarray(probability, dtype=float), _FINEST, 1 - _FINEST)
    return np.log(p / (1 - p))


def fit_curve(probability: np.ndarray, target: np.ndarray, weight: np.ndarray) -> Curve:
    """The likeliest curve for targets 0–1; few examples leave it flat, since a slope is held against a prior of 0 ± 1.

    Parameters
    ----------
    probability, target, weight
        ``(n,)``: what is known, what it should say, and how many examples each counts for.

    Returns
    -------
    A curve that does not fall.
    """
    x = np.stack([np.ones(len(probability)), logit(probability)], 1)
    prior = np.diag([1e-3, 1.0])
    found = np.zeros(2)

    def loss(at: np.ndarray) -> float:
        z = x @ at
        return float(weight @ (np.logaddexp(0, z) - target * z) + at @ prior @ at / 2)

    for _ in range(_STEPS):  # Newton's method, with the step halved where it leads too far
        p = 1 / (1 + np.exp(-(x @ found)))
        gradient = x.T @ (weight * (p - target)) + prior @ found
        step = np.linalg.solve((x.T * (weight * p * (1 - p))) @ x + prior, gradient)
        size = 1.0
        while size > 1e-3 and loss(found - size * step) > loss(found):
            size /= 2
        found = found - size * step
        if np.abs(size * step).max() < 1e-8:
            break
    if found[1] < 0:
        part = np.clip(weight @ target / max(weight.sum(), 1e-12), _FINEST, 1 - _FINEST)
        return Curve(float(logit(part)), 0.0)
    return Curve(float(found[0]), float(found[1]))


def particle_given_unlabelled(score: np.ndarray, labelled: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """The probability that a pick without a label is a particle, by its score.

    A pick is a particle with probability σ(score), and a particle is labelled with probability c, whatever its score
    (Elkan and Noto 2008: labelled completely at random). Both are fitted by expectation and maximisation (Ward et al.,
    Biometrics 2009, for presence-only data); σ is a :class:`Curve`. A pick without a label is then a particle with
    probability (1 − c) σ / (1 − c σ).

    Parameters
    ----------
    score
        ``(n,)``: of the picks of a kind.
    labelled
        bool ``(n,)``: which have a label.
    """
    if not len(score):
        return lambda height: np.zeros(np.shape(height))
    complete = _PRIOR[0] / _PRIOR[1]
    ones = np.ones(len(score))
    particle = np.where(labelled, 1.0, 0.5)
    curve = Curve(0.0, 0.0)
    for _ in range(_ROUNDS):
        curve = fit_curve(score, particle, ones)
        sigma = curve(score)
        updated = np.where(labelled, 1.0, (1 - complete) * sigma / (1 - complete * sigma))
        moved = float(np.abs(updated - particle).max())
        particle = updated
        complete = max(COMPLETE, (labelled.sum() + _PRIOR[0]) / (particle.sum() + _PRIOR[1]))
        if moved < 1e-4:
            break
    return lambda height: (1 - complete) * curve(height) / (1 - complete * curve(height))


def place_given_height(labels: np.ndarray, places: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """The probability, at even odds, that a height is that of a random place and not that of a label.

    Parameters
    ----------
    labels, places
        ``(n,)`` and ``(m,)``: the highest probability of the kind within reach of each.
    """
    if not len(labels) or not len(places):
        return lambda height: np.full(np.shape(height), 0.5)
    heights = np.concatenate([labels, places])
    target = np.repeat([1.0, 0.0], [len(labels), len(places)])
    weight = np.repeat([1.0, len(labels) / len(places)], [len(labels), len(places)])
    curve = fit_curve(heights, target, weight)
    return lambda height: 1 - curve(height)
