import numpy as np
import pytest

from cryogauge.simulate.fields import smooth_field


@pytest.mark.parametrize("shape", [(64,), (48, 96), (24, 40, 56)])
@pytest.mark.parametrize("correlation_px", [1.0, 4.0])
def test_fields_are_smooth_periodic_and_of_unit_variance(shape, correlation_px):
    field = smooth_field(shape, correlation_px, np.random.default_rng(0))
    assert field.shape == shape
    assert field.dtype == np.float32
    assert abs(field.mean()) < 1e-3
    assert field.std() == pytest.approx(1.0, rel=1e-3)
    for axis in range(len(shape)):
        # the border is as smooth as the inside
        steps = np.abs(np.roll(field, -1, axis) - field)
        assert np.take(steps, -1, axis).max() <= 1.2 * steps.max()


@pytest.mark.parametrize("correlation_px", [2.0, 5.0])
def test_neighbours_are_alike_as_a_gaussian_kernel_makes_them(correlation_px):
    field = smooth_field((400, 400), correlation_px, np.random.default_rng(1))
    for lag in (1, 3, 6):
        expected = np.exp(-(lag**2) / (4 * correlation_px**2))
        assert np.mean(field * np.roll(field, lag, axis=1)) == pytest.approx(expected, abs=0.08)


def test_a_seed_draws_the_same_field_again():
    first, again = (smooth_field((32, 32), 3.0, np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(first, again)
