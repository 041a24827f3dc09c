"""Grey values become normal scores: order counts, scale does not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryogauge.score import grey


@pytest.fixture(scope="module")
def slices() -> np.ndarray:
    """Forty slices: a third of fine noise, the rest four times as strong and skewed."""
    rng = np.random.default_rng(0)
    values = rng.standard_normal((40, 4000)).astype(np.float32)
    values[12:] = 4.0 * np.sinh(0.6 * values[12:])
    return values


MONOTONE = {
    "scaled": lambda v: 1e6 * v - 3e5,
    "tiny": lambda v: 1e-6 * v,
    "logistic": lambda v: 1.0 / (1.0 + np.exp(-v / 3.0)),
    "arcsinh": np.arcsinh,
    "cubed": lambda v: v + 0.05 * v**3,
}


@pytest.mark.parametrize("name", MONOTONE)
def test_what_keeps_the_order_changes_nothing_but_the_last_steps(name, slices):
    expected = grey.fit_volume(slices)[0](slices).astype(int)
    changed = MONOTONE[name](slices.astype(np.float64)).astype(np.float32)
    found = grey.fit_volume(changed)[0](changed).astype(int)
    # 32 steps a standard deviation of the noise: a slice's own noise is far coarser than one of them
    assert np.abs(found - expected).mean() < 1.0
    assert np.quantile(np.abs(found - expected), 0.999) <= 4


@given(scale=st.integers(-20, 20), image=st.integers(0, 39))
def test_a_power_of_two_changes_nothing_at_all(slices, scale, image):
    factor = np.float32(2.0**scale)
    expected = grey.fit_volume(slices)[0](slices[image])
    assert np.array_equal(grey.fit_volume(slices * factor)[0](slices[image] * factor), expected)


@given(st.lists(st.floats(-50, 50, width=32), min_size=2, max_size=50))
def test_the_map_never_reverses_an_order(slices, values):
    mapped = grey.fit_volume(slices)[0](np.sort(np.array(values, dtype=np.float32)))
    assert (np.diff(mapped.astype(int)) >= 0).all()


def test_the_reference_is_the_emptiest_slices(slices):
    to_grey, spread = grey.fit_volume(slices)
    assert spread.shape == (40,)
    assert spread[:12].max() < spread[12:].min()
    # ranked among its own kind and among everything, noise keeps between half and all of its unit spread
    assert 0.5 * grey.STEPS < to_grey(slices[:12]).std() < 1.05 * grey.STEPS
    assert to_grey(slices[12:]).std() > 1.3 * to_grey(slices[:12]).std()


def test_a_slice_on_its_own_becomes_gaussian():
    picture = np.random.default_rng(1).exponential(size=(64, 64)).astype(np.float32)
    scores = grey.fit_slice(picture)(picture).astype(float) / grey.STEPS
    assert scores.mean() == pytest.approx(0, abs=0.02)
    assert scores.std() == pytest.approx(1, abs=0.03)


def test_values_beyond_the_ends_stay_within_int8(slices):
    to_grey, _ = grey.fit_volume(slices)
    mapped = to_grey(np.array([-1e30, -1e3, 0.0, 1e3, 1e30], dtype=np.float32))
    assert mapped.dtype == np.int8
    # the table ends at the last ten-thousandth on either side, 3.7 standard deviations away
    assert -127 <= mapped[0] == mapped[1] < -110
    assert 127 >= mapped[3] == mapped[4] > 110


def test_what_is_no_number_is_grey_and_does_not_disturb_the_rest(slices):
    spoilt = slices.copy()
    spoilt[5, :100] = np.nan
    spoilt[20, :50] = np.inf
    to_grey, _ = grey.fit_volume(spoilt)
    mapped = to_grey(spoilt)
    assert (mapped[5, :100] == 0).all()
    expected = grey.fit_volume(slices)[0](slices)
    assert np.abs(mapped[5, 100:].astype(int) - expected[5, 100:]).max() <= 2


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_a_volume_of_one_value_is_grey(value):
    flat = np.full((8, 100), value, dtype=np.float32)
    to_grey, spread = grey.fit_volume(flat)
    assert (to_grey(flat) == 0).all()
    assert (spread == 0).all()


@given(count=st.integers(1, 40), index=st.integers(-60, 60))
def test_reflected_indices_are_inside_and_mirror_the_ends(count, index):
    found = int(grey.reflected(np.array([index]), count)[0])
    assert 0 <= found < count
    if 0 <= index < count:
        assert found == index
    elif -count < index < 0:
        assert found == -index


def test_sampled_pixels_span_the_volume():
    volume = np.arange(200, dtype=np.float32)[:, None, None] * np.ones((1, 8, 8), dtype=np.float32)
    sample = grey.sample_pixels(volume, np.random.default_rng(0), slices=10, pixels=30)
    assert sample.shape == (10, 30)
    assert sample[0, 0] == 0
    assert sample[-1, 0] == 199
