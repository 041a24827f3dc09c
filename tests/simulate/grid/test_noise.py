import numpy as np

from cryogauge.simulate.grid.noise import gradient_noise, normal, unit, white_noise


def test_a_place_has_its_own_number_and_neighbours_have_others():
    values = np.array([[unit(5, 1, i, j) for i in range(-40, 40)] for j in range(-40, 40)])
    assert values.min() >= 0
    assert values.max() < 1
    assert abs(values.mean() - 0.5) < 0.02
    assert abs(np.corrcoef(values[:, 1:].ravel(), values[:, :-1].ravel())[0, 1]) < 0.05
    assert unit(5, 1, 3, 4) == values[44, 43]
    assert unit(5, 2, 3, 4) != values[44, 43]
    assert unit(6, 1, 3, 4) != values[44, 43]


def test_normal_numbers_are_normal():
    values = np.array([normal(1, 2, i, -i) for i in range(4000)])
    assert abs(values.mean()) < 0.08
    assert abs(values.std() - 1) < 0.05
    assert 0.63 < np.mean(np.abs(values) < 1) < 0.73


def test_smooth_noise_is_smooth_and_of_unit_variance():
    x = np.arange(0, 300, 0.37)
    values = np.array([gradient_noise(1, 1, a, 0.73 * a) for a in x])
    assert 0.8 < values.std() < 1.2
    step = max(abs(gradient_noise(1, 1, a + 1e-4, 2.0) - gradient_noise(1, 1, a, 2.0)) for a in x[:200])
    assert step < 5e-3


def test_white_noise_belongs_to_its_place():
    whole, part = np.empty((64, 64), np.float32), np.empty((20, 30), np.float32)
    white_noise(3, 1, -10, 5, whole)
    white_noise(3, 1, 0, 15, part)
    np.testing.assert_array_equal(part, whole[10:30, 10:40])
    assert abs(whole.std() - 1) < 0.05
