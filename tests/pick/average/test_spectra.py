import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from cryogauge.pick.average.spectra import box_of, half_sphere, oversampled, sample, shells_of, terms


def blob(place, edge: int, sigma: float = 2.0) -> np.ndarray:
    """A Gaussian at a place z, y, x against the middle voxel."""
    axis = np.arange(edge) - edge // 2
    z, y, x = np.meshgrid(axis, axis, axis, indexing="ij")
    square = (z - place[0]) ** 2 + (y - place[1]) ** 2 + (x - place[2]) ** 2
    return np.exp(-0.5 * square / sigma**2).astype(np.float32)


def blob_terms(place, k: np.ndarray, edge: int, sigma: float = 2.0) -> np.ndarray:
    """Its Fourier transform in closed form."""
    height = (2 * np.pi * sigma**2) ** 1.5
    square = (k**2).sum(axis=1)
    return height * np.exp(-2 * (np.pi * sigma / edge) ** 2 * square) * np.exp(-2j * np.pi / edge * (k @ place))


def test_half_a_sphere_has_one_of_each_pair_by_rising_radius():
    points = half_sphere(4.2)
    everything = {tuple(p) for p in points} | {tuple(-p) for p in points}
    assert len(everything) == 2 * len(points)
    axis = np.arange(-4, 5)
    grid = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
    assert len(everything) == int(((grid**2).sum(1) <= 4.2**2).sum()) - 1
    assert np.all(np.diff((points**2).sum(axis=1)) >= 0)
    assert shells_of(points).max() == 4


@pytest.mark.parametrize("edge", [24, 25])
def test_terms_are_those_of_the_closed_form_and_give_the_box_back(edge):
    place = np.array([1.3, -2.2, 0.7])
    points = half_sphere((edge - 1) // 2 + 0.49)
    box = blob(place, edge)
    expected = blob_terms(place, points, edge)
    assert np.abs(terms(box, points) - expected).max() < 1e-3 * np.abs(expected).max()
    again = box_of(terms(box, points), points, edge)
    assert np.abs(again - (box - box.mean())).max() < 0.01 * box.max()


@pytest.mark.parametrize("edge", [24, 25])
def test_reading_between_points_follows_the_closed_form(edge):
    place = np.array([2.3, -3.2, 1.7])
    points = half_sphere(7.0)
    turns = Rotation.random(5, rng=np.random.default_rng(0)).as_matrix()
    found = sample(*oversampled(blob(place, edge)), points, turns)
    expected = np.stack([blob_terms(place, points @ turn.T, edge) for turn in turns])
    assert np.abs(found - expected).max() < 0.03 * np.abs(expected).max()


def test_frequencies_beyond_the_transform_read_zero():
    found = sample(*oversampled(blob([0, 0, 0], 9)), np.array([[20, 0, 0], [0, 20, 1]], np.int32), np.eye(3)[None])
    assert not found.any()
