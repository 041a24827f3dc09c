import numpy as np
import pytest

from cryogauge.imaging.correlation import best_shift


def hill(shape, at, width=3.0):
    """A parabola about ``at``, over the edges as a transform has it; nothing far from it."""
    away = [(np.arange(n) - place + n / 2) % n - n / 2 for n, place in zip(shape, at, strict=True)]
    return np.maximum(1 - (away[0][:, None] ** 2 + away[1][None, :] ** 2) / width**2, 0.0)


@pytest.mark.parametrize("at", [(0.0, 0.0), (3.0, -2.0), (-4.3, 0.4), (2.25, 6.4)])
def test_the_top_is_found_between_pixels(at):
    assert best_shift(hill((64, 96), at), 0.25) == pytest.approx(at, abs=1e-9)


def test_what_lies_out_of_reach_is_not_looked_at():
    correlation = 5 * hill((64, 96), (20.0, 30.0)) + hill((64, 96), (-2.0, 3.0))
    assert best_shift(correlation, 0.1) == pytest.approx((-2.0, 3.0), abs=1e-9)
    assert best_shift(correlation, 0.4) == pytest.approx((20.0, 30.0), abs=1e-9)


def test_at_the_edge_of_reach_there_is_nothing_to_fit():
    correlation = np.zeros((40, 40))
    correlation[4, -4] = 1.0
    assert best_shift(correlation, 0.1) == (4.0, -4.0)


def test_small_images_are_looked_at_two_pixels_around():
    correlation = np.zeros((8, 8))
    correlation[-2, 2] = 1.0
    assert best_shift(correlation, 0.1) == (-2.0, 2.0)
