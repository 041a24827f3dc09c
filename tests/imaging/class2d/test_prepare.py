import numpy as np
import pytest

from cryogauge.imaging.class2d.prepare import normalised, reduced, shrunk, sign_of, soft_circle
from cryogauge.records import BadInput
from tests.imaging.class2d.shapes import particles, shape


def test_the_mask_is_whole_inside_and_ends_within_the_box():
    mask = soft_circle(32, 10.0)
    away = np.hypot(*(np.mgrid[:32, :32] - 16))
    assert (mask[away <= 10] == 1).all()
    assert (mask[away >= 14] == 0).all()
    assert soft_circle(32, 15.0)[0, :].max() == 0


def test_background_gets_mean_0_and_variance_1():
    images = np.random.default_rng(0).normal(7.0, 3.0, (4, 32, 32))
    images[3] = 2.0
    found, flat = normalised(images, 12.0)
    rim = found[:, np.hypot(*(np.mgrid[:32, :32] - 16)) > 12]
    np.testing.assert_allclose(rim[:3].mean(axis=1), 0, atol=1e-5)
    np.testing.assert_allclose(rim[:3].std(axis=1), 1, atol=1e-5)
    assert list(flat) == [False, False, False, True]
    assert (found[3] == 0).all()


@pytest.mark.parametrize("box", [40, 41])
def test_shrunk_images_keep_their_low_frequencies_about_their_middle(box):
    image = shape(2, box, shift=(1.0, -2.0))
    small = shrunk(image[None].astype(np.float32), 28)[0]
    centred = [np.fft.fft2(np.roll(a, (-(len(a) // 2),) * 2, axis=(0, 1))) for a in (image, small)]
    np.testing.assert_allclose(centred[1][:8, :8], centred[0][:8, :8], atol=1e-3)


def test_an_image_that_is_not_numbers_is_named():
    images = np.random.default_rng(0).standard_normal((300, 16, 16))
    images[270, 3, 3] = np.nan
    with pytest.raises(BadInput, match="particle 270 "):
        reduced(images, 6.0, 16)


def test_contrast_is_told_from_the_mean_with_and_without_transfer():
    images, *_ = particles(100, 32, 0.1, 3)
    assert sign_of(images, 13.0) == 1
    assert sign_of(-images, 13.0) == -1
    negative = np.full((100, 32, 17), -1.0)
    assert sign_of(-images, 13.0, negative) == 1
