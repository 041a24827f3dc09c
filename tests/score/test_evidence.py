"""Evidence against what it stands for: powers and products of whitened, repeated and band-limited noise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryogauge.score.evidence import evidence, mean_evidence, reference, with_reference
from cryogauge.score.grey import STEPS
from cryogauge.score.network import CHANNELS, LAGS, OCTAVES, REFERENCES, TILE_PX


def _noise(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def _of(stack):
    """``(1 + lags, octaves)`` averaged over the tiles."""
    found = evidence(stack)
    assert found.shape == (CHANNELS, stack.shape[1] // TILE_PX, stack.shape[2] // TILE_PX)
    return found.mean(axis=(1, 2)).reshape(1 + len(LAGS), OCTAVES)


def test_white_noise_has_its_power_in_proportion_and_nothing_in_common():
    """Halving the sampling leaves a quarter of white noise's power: each octave takes three quarters of the rest."""
    own, alike, *products = _of(_noise((5, 512, 512)))
    expected = [0.75 * 0.25**k for k in range(OCTAVES - 1)] + [0.25 ** (OCTAVES - 1)]
    np.testing.assert_allclose(own, expected, rtol=0.1)
    np.testing.assert_allclose(alike, expected, rtol=0.1)
    assert np.abs(products).max() < 0.01


def test_a_picture_repeated_is_all_in_common():
    own, *others = _of(np.repeat(_noise((1, 64, 64)), 5, axis=0))
    for other in others:
        np.testing.assert_allclose(other, own, rtol=1e-4, atol=1e-6)


def test_shared_signal_is_told_from_noise():
    """The product at any distance is the power of what the slices share."""
    shared = 0.5 * _noise((1, 512, 512), 1)
    _, alike, *products = _of(shared + _noise((5, 512, 512), 2))
    for product in products:
        assert product.sum() == pytest.approx(0.25, rel=0.1)
    assert alike.sum() == pytest.approx(1.25, rel=0.05)


@given(st.integers(0, 2**20), st.integers(0, 3), st.booleans())
def test_turns_and_order_of_the_slices_do_not_matter(seed, quarter_turns, reverse):
    stack = _noise((5, 32, 48), seed)
    turned = np.rot90(stack, quarter_turns, axes=(1, 2))[:: -1 if reverse else 1]
    expected = np.rot90(evidence(stack), quarter_turns, axes=(1, 2))
    np.testing.assert_allclose(evidence(turned), expected, rtol=1e-3, atol=1e-5)


def test_the_power_of_all_octaves_is_the_mean_square():
    stack = _noise((5, 32, 32), 3) + 2.0
    own = evidence(stack).reshape(1 + len(LAGS), OCTAVES, 2, 2)[0].sum(axis=0)
    tiles = (stack[2] ** 2).reshape(2, TILE_PX, 2, TILE_PX).mean(axis=(1, 3))
    np.testing.assert_allclose(own, tiles, rtol=1e-4)


def test_the_reference_is_of_the_emptiest_slices_and_the_fullest():
    """Noise of twice the amplitude in the middle half; the quiet ends come first."""
    quiet = np.clip(_noise((64, 64, 64), 4), -3, 3)
    quiet[16:48] *= 2
    steps = (quiet * STEPS / 2).astype(np.int8)
    emptiest, fullest = reference(lambda z: steps[z], len(steps)).reshape(REFERENCES, 1 + len(LAGS), OCTAVES)
    assert emptiest[0].sum() == pytest.approx(0.25, rel=0.1)
    assert fullest[0].sum() == pytest.approx(1.0, rel=0.1)
    assert np.abs(emptiest[2:]).max() < 0.01, "the mirrored ends have slices in common and are left out"


@pytest.mark.parametrize("count", [1, 2, 8, 9, 20])
def test_a_volume_of_any_depth_has_a_reference(count):
    steps = (_noise((count, 16, 32)) * 20).astype(np.int8)
    assert np.isfinite(reference(lambda z: steps[z], count)).all()


def test_the_reference_is_the_same_for_every_tile():
    stack, other = _noise((5, 32, 48)), np.arange(REFERENCES * CHANNELS, dtype=np.float32)
    both = with_reference(evidence(stack), other)
    assert both.shape == ((1 + REFERENCES) * CHANNELS, 2, 3)
    np.testing.assert_array_equal(both[:CHANNELS].mean(axis=(1, 2)), mean_evidence(stack))
    assert (both[CHANNELS:] == other[:, None, None]).all()
