import numpy as np
import pytest

from cryogauge.pick.average import mask_from_average, write_mask
from cryogauge.pick.average.shells import soft_sphere
from cryogauge.pick.masks import load_masks
from cryogauge.records import BadInput, PickObject
from tests.pick.average import worlds


def test_a_ball_in_noise_is_found_with_its_hollow_filled_and_specks_left_out():
    ball = soft_sphere(31, 9.0, 1.0) - soft_sphere(31, 4.0, 1.0)
    ball[2:4, 2:4, 2:4] = 5.0  # beyond the particle's reach
    noisy = ball + 0.15 * np.random.default_rng(0).standard_normal(ball.shape)
    mask = mask_from_average(noisy, 10.0, 90.0)
    assert mask.shape[0] % 2 == 1
    assert mask[(mask.shape[0] // 2,) * 3]
    assert mask.sum() == pytest.approx(4 / 3 * np.pi * 9.5**3, rel=0.1)
    middle = np.argwhere(mask).mean(axis=0) - mask.shape[0] // 2
    assert np.abs(middle).max() < 0.3


def test_the_shape_is_the_particles_own():
    density = worlds.truth()
    mask = mask_from_average(density, worlds.VOXEL_A, worlds.RADIUS_A)
    edge, half = len(density), mask.shape[0] // 2
    inner = slice(edge // 2 - half, edge // 2 + half + 1)
    held = density[inner, inner, inner]
    assert held[mask].sum() > 0.85 * density.sum()
    assert mask.sum() < 0.6 * (4 / 3 * np.pi * (worlds.RADIUS_A / worlds.VOXEL_A) ** 3)


def test_a_quantile_leaves_its_share():
    density = worlds.truth()
    tight, loose = (
        mask_from_average(density, worlds.VOXEL_A, worlds.RADIUS_A, quantile=share).sum() for share in (0.95, 0.8)
    )
    assert 0 < tight < 0.4 * loose


def test_it_is_read_as_it_was_written(tmp_path):
    mask = mask_from_average(worlds.truth(), worlds.VOXEL_A, worlds.RADIUS_A)
    write_mask(tmp_path, "ribosome", mask, worlds.VOXEL_A)
    read = load_masks(tmp_path, [PickObject("ribosome", 4, 150.0)], worlds.VOXEL_A)[4]
    spare = (read.shape[0] - mask.shape[0]) // 2
    assert read.shape[0] % 2 == 1
    assert np.array_equal(read, np.pad(mask, spare))


@pytest.mark.parametrize(
    ("average", "quantile", "message"),
    [
        (np.zeros((8, 8, 8)), None, "no middle voxel"),
        (np.zeros((9, 9, 9)), None, "one grey value"),
        (np.eye(3)[None].repeat(3, 0), 1.5, "outside 0 to 1"),
    ],
)
def test_what_has_no_shape_is_refused(average, quantile, message):
    with pytest.raises(BadInput, match=message):
        mask_from_average(average, 10.0, 50.0, quantile=quantile)
