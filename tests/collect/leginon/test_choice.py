"""What is foreseen of squares, against the formulas solved plainly, and the order that follows."""

import numpy as np
import pytest
from scipy.stats import norm, spearmanr

from cryogauge.collect.leginon import choice
from cryogauge.collect.leginon.choice import Lessons, foresee, worth_A


def _lessons(features, score, resolution_A, holes=None):
    count = len(score)
    return Lessons(
        np.array(features, float).reshape(count, -1), np.array(score, float), np.array(resolution_A, float),
        np.array(holes if holes is not None else [4.0] * count),
    )  # fmt: skip


def test_foreseen_is_the_posterior_of_the_process(monkeypatch):
    monkeypatch.setattr(choice, "_LENGTHS", (1.3,))
    monkeypatch.setattr(choice, "_SIGNALS", (0.4,))
    monkeypatch.setattr(choice, "_NOISES", (0.2,))
    rng = np.random.default_rng(0)
    x, s = rng.normal(size=(6, 2)), rng.random(6)
    new, new_score = rng.normal(size=(3, 2)), rng.random(3)
    holes = np.array([1.0, 2, 3, 4, 5, 6])
    y = np.log(rng.uniform(3, 9, 6))
    seen = foresee(Lessons(x, s, np.exp(y), holes), new, new_score)

    scale = np.concatenate([x, new]).std(0)

    def kernel(a, b, p, q):
        apart = np.linalg.norm((a[:, None] - b[None]) / scale, axis=2)
        return 0.16 * np.exp(-(apart**2) / (2 * 1.69)) + 0.25 + 0.49 * np.outer(p - 0.5, q - 0.5)

    def prior(p):
        return np.log(20) * (1 - p) + np.log(4) * p

    inverse = np.linalg.inv(kernel(x, x, s, s) + np.diag(0.04 / holes))
    cross = kernel(new, x, new_score, s)
    assert np.allclose(np.log(seen.resolution_A), prior(new_score) + cross @ inverse @ (y - prior(s)))
    variance = np.diag(kernel(new, new, new_score, new_score) - cross @ inverse @ cross.T)
    assert np.allclose(seen.spread, np.sqrt(variance))
    spread = np.sqrt(variance + 0.04)
    assert np.allclose(seen.probability(5.0), norm.cdf(np.log(5), np.log(seen.resolution_A), spread))


def test_what_was_measured_overrules_a_score_that_misleads():
    rng = np.random.default_rng(1)
    features = rng.uniform(-2, 2, (60, 3))
    truth = 4.0 * np.exp(0.4 * np.abs(features[:, 0]))
    score = np.clip(0.5 + 0.2 * features[:, 0], 0, 1)  # likes what is no better
    shown = truth * np.exp(rng.normal(0, 0.05, 60))
    seen = foresee(_lessons(features[:30], score[:30], shown[:30]), features[30:], score[30:])
    assert spearmanr(seen.resolution_A, truth[30:])[0] > 0.75
    assert spearmanr(-score[30:], truth[30:])[0] < 0.5


def test_far_from_all_lessons_the_score_speaks_and_the_spread_is_wide():
    lessons = _lessons([[0.0], [0.1], [0.2]], [0.9, 0.9, 0.9], [4.4, 4.4, 4.4])
    seen = foresee(lessons, np.array([[0.1], [50.0], [50.0]]), np.array([0.9, 0.9, 0.1]))
    assert seen.resolution_A[0] == pytest.approx(4.4, rel=0.05)
    assert seen.resolution_A[2] > 2 * seen.resolution_A[1]
    assert seen.spread[1] > seen.spread[0]
    assert seen.nearest.tolist()[0] == 1


def test_what_a_hole_counts():
    assert worth_A(3.5, 30.0) == 3.5
    assert worth_A(90.0, 30.0) == 20.0
    assert worth_A(3.5, 0.2) == 20.0  # no ice: its rings are the foil's
    assert np.isnan(worth_A(float("nan"), 30.0))
    assert np.isnan(worth_A(-1.0, float("nan")))
    assert worth_A(3.5, float("nan")) == 3.5
