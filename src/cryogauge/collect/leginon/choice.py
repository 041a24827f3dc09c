"""Which square next: what holes of a square will resolve, foreseen from those that were exposed.

A Gaussian process (Rasmussen & Williams, Gaussian Processes for Machine Learning, 2006, chapters 2 and 5) of the
logarithm of the resolution over the features of squares. Without data it says what the finders' own score says; where
squares of the same looks were visited, it says what was measured there. Squares are ranked by the probability that a
hole of theirs is as good as the best quarter of those measured so far, which favours both what is foreseen to be good
and what is not known yet.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.special import ndtr

#: Resolutions are kept within these, Å; a hole without ice, or whose rings show nothing, has the worst.
BEST_A, WORST_A = 2.0, 20.0
#: Thinner ice is none, nm.
NO_ICE_NM = 1.0
#: What a score of 1 lets expect, Å; one of 0 lets expect the worst.
_EXPECTED_A = 4.0
#: Standard deviations, of logarithms: how far the scores may mislead as a whole and as a scale.
_OFFSET, _SLOPE = 0.5, 0.7
#: Of what is tried: lengths over which squares are alike, in spreads of the features; how much they differ; the spread
#: of holes within a square.
_LENGTHS, _SIGNALS, _NOISES = (0.7, 1.4, 2.8, 5.6), (0.1, 0.25, 0.6), (0.1, 0.25, 0.5)
#: Beyond so many lessons the last count.
_MOST = 400


@dataclass(frozen=True)
class Lessons:
    """What was learned from.

    Attributes
    ----------
    features
        Shape ``(n, d)``.
    score
        The finders' own, shape ``(n,)``.
    resolution_A
        Geometric mean of the holes measured, shape ``(n,)``.
    holes
        How many were, shape ``(n,)``.
    """

    features: NDArray[np.float64]
    score: NDArray[np.float64]
    resolution_A: NDArray[np.float64]
    holes: NDArray[np.float64]


@dataclass(frozen=True)
class Foreseen:
    """Of each candidate: the expected resolution, its spread (of the logarithm), and that of a single hole.

    Attributes
    ----------
    resolution_A, spread, hole_spread
        Shape ``(n,)``, ``(n,)`` and one number.
    nearest
        Which lesson is most alike, shape ``(n,)``; −1 without lessons.
    """

    resolution_A: NDArray[np.float64]
    spread: NDArray[np.float64]
    hole_spread: float
    nearest: NDArray[np.int64]

    def probability(self, cutoff_A: float) -> NDArray[np.float64]:
        """That a hole resolves ``cutoff_A`` or better."""
        return ndtr((np.log(cutoff_A) - np.log(self.resolution_A)) / np.hypot(self.spread, self.hole_spread))


def worth_A(ctf_A: float, ice_nm: float) -> float:
    """Resolution that a hole counts with: what was fitted, within bounds, the worst without ice; NaN where unknown."""
    if ice_nm < NO_ICE_NM:
        return WORST_A
    return float(np.clip(ctf_A, BEST_A, WORST_A)) if ctf_A > 0 else float("nan")


def foresee(lessons: Lessons, features: NDArray[np.float64], score: NDArray[np.float64]) -> Foreseen:
    """What holes of candidates will resolve.

    Parameters
    ----------
    lessons
        What was measured.
    features, score
        Of the candidates, shapes ``(m, d)`` and ``(m,)``.
    """
    keep = slice(-_MOST, None)
    known, known_score, counts = lessons.features[keep], lessons.score[keep], lessons.holes[keep]
    rest = np.log(lessons.resolution_A[keep]) - _expected(known_score)
    everything = np.concatenate([known, features])
    scale = everything.std(0)
    scale[scale < 1e-9] = 1.0
    a, b = known / scale, features / scale
    apart, across = _squared(a, a), _squared(b, a)
    fitted = max(
        (_fit(apart, known_score, counts, rest, *tried) for tried in product(_LENGTHS, _SIGNALS, _NOISES)),
        key=lambda each: each[0],
    )
    _, (length, signal, noise), factor, weights = fitted
    covariance = _kernel(across, score, known_score, length, signal)
    mean = covariance @ weights
    prior = signal**2 + _OFFSET**2 + (_SLOPE * (score - 0.5)) ** 2
    variance = prior - np.einsum("ij,ji->i", covariance, cho_solve(factor, covariance.T))
    return Foreseen(
        np.exp(np.clip(_expected(score) + mean, np.log(BEST_A), np.log(WORST_A))),
        np.sqrt(np.maximum(variance, 0.0)),
        noise,
        across.argmin(1),
    )


def _expected(score: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logarithm of the resolution that a score lets expect."""
    return np.log(WORST_A) + np.clip(score, 0, 1) * (np.log(_EXPECTED_A) - np.log(WORST_A))


def _squared(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    return ((a[:, None] - b[None]) ** 2).sum(2)


def _kernel(
    squared: NDArray[np.float64], score: NDArray[np.float64], other: NDArray[np.float64], length: float, signal: float
) -> NDArray[np.float64]:
    alike = signal**2 * np.exp(-0.5 * squared / length**2)
    return alike + _OFFSET**2 + _SLOPE**2 * np.outer(score - 0.5, other - 0.5)


def _fit(
    squared: NDArray[np.float64],
    score: NDArray[np.float64],
    counts: NDArray[np.float64],
    rest: NDArray[np.float64],
    length: float,
    signal: float,
    noise: float,
) -> tuple[float, tuple[float, float, float], tuple, NDArray[np.float64]]:
    """Logarithm of the evidence, what was tried, and what foreseeing needs."""
    covariance = _kernel(squared, score, score, length, signal) + np.diag(noise**2 / counts)
    factor = cho_factor(covariance, lower=True)
    weights = cho_solve(factor, rest)
    evidence = -0.5 * rest @ weights - np.log(np.diag(factor[0])).sum()
    return float(evidence), (length, signal, noise), factor, weights
