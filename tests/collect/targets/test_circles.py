"""Steps at the edges of discs, against discs whose steps are known."""

import numpy as np
import pytest

from cryogauge.collect.targets.circles import round_ones, steps_around


def picture():
    y, x = np.mgrid[:120, :160]
    image = np.full((120, 160), 100.0)
    image[np.hypot(x - 40, y - 60) < 15] = 150
    image[(np.hypot(x - 110, y - 60) < 15) | (x > 110)] = 150  # open to the right
    return image


CENTRES = np.array([[40.0, 60.0], [110.0, 60.0], [4.0, 60.0]])


def test_a_step_is_as_high_as_the_disc_over_what_is_beside_it():
    step = steps_around(picture(), CENTRES, 15.0, 1)
    assert step[0] == pytest.approx(np.full(12, 50.0), abs=1e-9)
    assert step[1][[11, 0]] == pytest.approx([0.0, 0.0], abs=1e-9)
    assert step[1][5:7] == pytest.approx([50.0, 50.0], abs=1e-9)
    assert np.isnan(step[2][5:7]).all()  # beyond the picture
    np.testing.assert_array_equal(steps_around(picture(), CENTRES, 15.0, [1, -1, 1])[1], -step[1])


def test_a_disc_open_to_a_side_is_not_round():
    assert round_ones(picture(), CENTRES, 15.0, 1).tolist() == [True, False, False]
    assert round_ones(200.0 - picture(), CENTRES, 15.0, -1).tolist() == [True, False, False]
    assert not round_ones(picture(), CENTRES, 15.0, -1).any()
    assert round_ones(picture(), np.zeros((0, 2)), 15.0, 1).shape == (0,)
