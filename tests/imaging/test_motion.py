import numpy as np
import pytest
from scipy.ndimage import fourier_shift, gaussian_filter

from cryogauge.imaging.motion import register_frames


def movie(path, counts=0.6, size=(96, 128), seed=0):
    """Counted frames of a specimen that moves along ``path`` (frame, 2), few electrons a pixel."""
    rng = np.random.default_rng(seed)
    specimen = gaussian_filter(rng.standard_normal(size), 2.5)
    specimen /= specimen.std()
    spectrum = np.fft.fft2(specimen)
    frames = [np.fft.ifft2(fourier_shift(spectrum, step)).real for step in path]
    return rng.poisson(counts * np.clip(1 + 0.35 * np.array(frames), 0.05, None)).astype(np.uint8)


def drift(count, reach=(4.0, -2.5)):
    """A path that slows down, about its mean."""
    t = np.linspace(0, 1, count)[:, None]
    path = np.array(reach) * (1 - (1 - t) ** 2)
    return path - path.mean(axis=0)


@pytest.mark.parametrize("count", [2, 3, 8, 24, 40])
def test_the_path_of_a_specimen_is_found(count):
    path = drift(count)
    np.testing.assert_allclose(register_frames(movie(path, counts=24 / count)), path, atol=0.35)


def test_still_specimens_stay_still():
    assert np.abs(register_frames(movie(np.zeros((20, 2))))).max() < 0.15


def test_a_gain_that_outshines_the_specimen_is_undone():
    pattern = gaussian_filter(np.random.default_rng(3).standard_normal((96, 128)), 2.0)
    gain = np.exp(0.5 * pattern / pattern.std())
    path = drift(16)
    raw = movie(path, counts=4.0) / gain
    np.testing.assert_allclose(register_frames(raw.astype(np.float32), gain), path, atol=0.35)
    assert np.abs(register_frames(raw.astype(np.float32)) - path).max() > 1.0  # the gain stands still


def test_large_frames_are_registered_binned():
    path = drift(8, reach=(12.0, 8.0))
    found = register_frames(movie(path, counts=2.0, size=(1536, 1536)))
    np.testing.assert_allclose(found, path, atol=1.5)


def test_one_frame_does_not_move():
    assert register_frames(movie(np.zeros((1, 2)))).tolist() == [[0.0, 0.0]]
