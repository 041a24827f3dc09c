import numpy as np
import pytest
from scipy.ndimage import rotate

from cryogauge.classes.framing import find_framing, resampled
from cryogauge.classes.prepare import framed, published
from cryogauge.records import BadInput
from tests.classes.averages import particle


@pytest.fixture(scope="module")
def averages() -> np.ndarray:
    rng = np.random.default_rng(3)
    clean = np.stack([particle(128, rng, radius_px=22, detail_px=4.0) for _ in range(6)])
    return (clean + 0.05 * rng.normal(size=clean.shape)).astype(np.float32)


def likeness(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Correlation of each image with its partner, within the circle."""
    axis = np.arange(a.shape[-1]) - a.shape[-1] // 2
    inside = np.hypot(axis[:, None], axis[None, :]) < 0.9 * a.shape[-1] / 2
    return np.array([np.corrcoef(x[inside], y[inside])[0, 1] for x, y in zip(a, b, strict=True)])


@pytest.mark.parametrize(
    "change",
    [
        lambda x: 1000.0 - 30.0 * x,
        lambda x: np.pad(x, ((0, 0), (32, 32), (32, 32))),
        lambda x: np.pad(x, ((0, 0), (11, 12), (11, 12)), constant_values=1.0),
        lambda x: x[:, 16:-16, 16:-16],
        lambda x: np.stack([resampled(each, 64.0, 96) for each in x]),
        lambda x: np.stack([resampled(each, 64.0, 181) for each in x]),
    ],
    ids=["dark and rescaled", "padded", "padded oddly", "cropped", "binned", "enlarged"],
)
def test_the_frame_shows_the_same_whatever_the_box(averages, change):
    assert likeness(framed(averages, 64), framed(change(averages), 64)).min() > 0.9


def test_a_mask_is_seen_and_not_the_frame(averages):
    axis = np.arange(128) - 64
    masked = np.where(np.hypot(axis[:, None], axis[None, :]) < 50, averages, np.float32(0))
    framing = find_framing(masked)
    assert framing.content_px == pytest.approx(49, abs=1.5)
    assert framing.frame_px == pytest.approx(find_framing(averages).frame_px, rel=0.1)


@pytest.mark.parametrize("edge", [128, 96, 160], ids=["8 bit", "binned", "enlarged"])
def test_sampling_and_the_steps_of_pictures_do_not_move_the_frame_of_masked_averages(averages, edge):
    axis = np.arange(128) - 64
    masked = averages * np.clip((52 - np.hypot(axis[:, None], axis[None, :])) / 5, 0, 1).astype(np.float32)
    if edge == 128:
        low, high = (np.quantile(masked, q, axis=(1, 2), keepdims=True) for q in (0.001, 0.999))
        other = np.round(255 * np.clip((masked - low) / (high - low), 0, 1)).astype(np.float32)
    else:
        other = np.stack([resampled(each, 64.0, edge) for each in masked])
    before, after = find_framing(masked), find_framing(other)
    assert after.content_px == pytest.approx(before.content_px * edge / 128, rel=0.04)
    assert after.frame_px == pytest.approx(before.frame_px * edge / 128, rel=0.06)
    assert (after.sign == before.sign).all()


def test_the_frame_turns_with_the_particle(averages):
    turned = rotate(averages, 37, axes=(2, 1), reshape=False, mode="nearest")
    assert find_framing(turned).frame_px == pytest.approx(find_framing(averages).frame_px, rel=0.08)
    assert np.allclose(find_framing(np.rot90(averages, 1, (1, 2))).sign, 1)


def test_noise_fills_its_frame_and_its_contrast_follows_the_others(averages):
    noise = np.random.default_rng(0).normal(size=(40, 128, 128)).astype(np.float32)
    framing = find_framing(np.concatenate([averages, noise]))
    assert np.median(framing.frame_px[6:]) == 64
    dark = find_framing(-np.concatenate([averages, noise]))
    assert (dark.sign == -framing.sign).all()
    assert (framing.sign[:6] == 1).all()


def test_the_middle_pixel_stays_the_middle():
    image = np.zeros((64, 64), dtype=np.float32)
    image[32, 32] = 1.0
    for edge in (32, 48, 96, 127, 200):
        for radius in (32.0, 20.0, 50.0):
            out = resampled(image, radius, edge)
            assert np.unravel_index(out.argmax(), out.shape) == (edge // 2, edge // 2)


def test_broken_and_flat_images_are_told_apart(averages):
    images = averages[:3].copy()
    images[0, 5, 5] = np.inf
    images[1] = -2.0
    framing = find_framing(images)
    assert framing.usable.tolist() == [False, False, True]
    assert framing.broken.tolist() == [True, False, False]
    assert not framed(images, 48)[:2].any()


@pytest.mark.parametrize("shape", [(2, 30, 30), (2, 40, 41), (40, 40)])
def test_what_cannot_be_judged_is_refused(shape):
    with pytest.raises(BadInput):
        find_framing(np.zeros(shape, dtype=np.float32))


def test_the_published_form_pads_with_zeros_and_crops_in_fourier_space():
    rng = np.random.default_rng(0)
    small = published(np.stack([particle(100, rng, radius_px=20)]))[0]
    assert small.shape == (210, 210)
    assert not small[:55].any()
    assert not small[155:].any()
    assert (small.min(), small.max()) == (0.0, 1.0)
    axis = np.arange(420)
    wave = np.cos(2 * np.pi * 10 * axis / 420)[:, None] + np.cos(2 * np.pi * 200 * axis / 420)[None, :]
    large = published(wave[None].astype(np.float32))[0]  # the second is beyond the new Nyquist frequency
    expected = 0.5 * np.cos(2 * np.pi * 10 * np.arange(210) / 210)[:, None]  # whose contrast nothing tells
    assert min(np.abs(large - 0.5 - sign * expected).max() for sign in (1, -1)) < 0.01


def test_protein_is_bright_where_nothing_tells():
    axis = np.arange(64) - 32
    y, x = axis[:, None], axis[None, :]
    bump = np.exp(-((y - 9) ** 2 + x**2) / 18.0)
    both = (bump - bump[::-1])[None].astype(np.float32)  # as much bright as dark
    both = both - np.roll(both[:, ::-1], 1, 1)
    assert find_framing(both).sign.tolist() == [1.0]
    assert find_framing(-both).sign.tolist() == [1.0]
