import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryogauge.imaging.class2d.polar import Rings
from tests.imaging.class2d.shapes import shape

BOX = 40
RINGS = Rings(12, BOX, 18.0)


def waves_of(image):
    return RINGS.to_waves(RINGS.on_rings(image[None].astype(np.float32)))[0]


@settings(max_examples=25, deadline=None)
@given(st.floats(-180, 180))
def test_turning_an_image_only_turns_phases(angle):
    still, turned = waves_of(shape(0, BOX)), waves_of(shape(0, BOX, angle))
    expected = still * np.exp(-1j * np.arange(RINGS.waves) * np.deg2rad(angle))
    assert np.abs(turned - expected).max() < 2e-3 * np.abs(still).max()


def test_a_mirror_image_has_conjugate_waves():
    still, mirrored = waves_of(shape(2, BOX)), waves_of(shape(2, BOX, mirrored=True))
    assert np.abs(mirrored - still.conj()).max() < 2e-3 * np.abs(still).max()


def test_shift_factors_move_an_image():
    values = RINGS.on_rings(shape(1, BOX)[None].astype(np.float32))
    moved = RINGS.to_waves(values * RINGS.shifts(np.array([2.5, -1.25])))[0]
    assert np.abs(moved - waves_of(shape(1, BOX, shift=(2.5, -1.25)))).max() < 2e-3 * np.abs(moved).max()


def test_waves_lead_back_to_values():
    waves = waves_of(shape(0, BOX))
    np.testing.assert_allclose(RINGS.to_waves(RINGS.from_waves(waves)), waves, atol=1e-5 * np.abs(waves).max())


def test_rings_add_up_to_a_sum_over_pixels():
    """Of images with nothing beyond the outermost ring, but for the mean, which is on no ring."""
    first, second = shape(0, BOX), shape(0, BOX, 40.0, (1.0, 2.0))
    first, second = first - first.mean(), second - second.mean()
    a, b = waves_of(first), waves_of(second)
    products = (a.conj() * b).real
    total = (RINGS.quadrature * (2 * products.sum(axis=1) - products[:, 0])).sum()
    assert total == pytest.approx((first * second).sum(), rel=0.05)


def test_sums_over_turns_and_their_adjoint_agree():
    """⟨over_turns(c), p⟩ = Re ⟨c, waves_of_turns(p)*⟩, counting waves of both signs."""
    rng = np.random.default_rng(0)
    waves = (rng.standard_normal(RINGS.waves) + 1j * rng.standard_normal(RINGS.waves)).astype(np.complex64)
    waves[0] = waves[0].real
    chances = rng.random(RINGS.points).astype(np.float32)
    twice = np.where(np.arange(RINGS.waves) == 0, 1, 2)
    left = float(RINGS.over_turns(waves.copy()) @ chances)
    right = float((twice * waves * RINGS.waves_of_turns(chances)).real.sum())
    assert left == pytest.approx(right, rel=1e-4)
