import numpy as np
import pytest

from cryogauge.imaging.ctf import ctf_1d
from cryogauge.records import BadInput
from cryogauge.simulate.looks import LOOKS, apply_look


@pytest.fixture
def volume():
    return np.random.default_rng(0).normal(0, 1, (12, 48, 48)).astype(np.float32)


@pytest.mark.parametrize("name", LOOKS)
def test_every_look_changes_the_volume_and_leaves_the_original(name, volume):
    before = volume.copy()
    seen, again = (apply_look(name, volume, np.random.default_rng(1), 12.0, 30_000.0) for _ in range(2))
    assert np.array_equal(volume, before)
    assert seen.shape == volume.shape
    assert seen.dtype == np.float32
    assert np.isfinite(seen).all()
    assert not np.allclose(seen, volume)
    assert np.array_equal(seen, again)


def test_eight_bits_have_few_grey_values(volume):
    assert len(np.unique(apply_look("eight-bit", volume, np.random.default_rng(2), 12.0, 3e4))) <= 256


def test_inverting_twice_changes_nothing(volume):
    rng = np.random.default_rng(0)
    np.testing.assert_array_equal(
        apply_look("inverted", apply_look("inverted", volume, rng, 12.0, 3e4), rng, 12.0, 3e4), volume
    )


def test_deconvolution_evens_out_the_transfer():
    """Two gratings transferred unequally come out dark where the potential is high, and more nearly alike."""
    x = np.arange(96)
    gratings = [np.cos(2 * np.pi * k * x / 96).astype(np.float32) for k in (3, 9)]
    seen = sum(float(ctf_1d(k / 96 / 12.0, 30_000.0)) * g for k, g in zip((3, 9), gratings, strict=True))
    stack = np.broadcast_to(seen, (2, 96, 96)).astype(np.float32)
    mended = apply_look("deconvolved", stack, np.random.default_rng(0), 12.0, 30_000.0)[0, 0]
    before, after = ([float((v * g).mean()) for g in gratings] for v in (seen, mended))
    assert max(after) < 0
    assert abs(np.log(after[1] / after[0])) < abs(np.log(before[1] / before[0]))


def test_an_unknown_look_is_refused(volume):
    with pytest.raises(BadInput, match="sepia"):
        apply_look("sepia", volume, np.random.default_rng(0), 12.0, 3e4)
