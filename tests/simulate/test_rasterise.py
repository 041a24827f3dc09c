"""Drawing keeps mass, repeats sideways and ends along z."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from cryogauge.simulate.rasterise import add_blobs, add_spheres, add_template, claim_spheres

inside = st.tuples(*[st.floats(8.0, 23.0)] * 3)


def _empty(edge=32):
    return np.zeros((edge,) * 3, np.float32)


@settings(max_examples=30, deadline=None)
@given(centre=inside, sigma=st.floats(0.6, 2.2))
def test_blobs_keep_their_integral_and_place(centre, sigma):
    volume = _empty()
    add_blobs(volume, np.array([centre]), np.array([sigma]), np.array([7.0]))
    assert volume.sum() == pytest.approx(7.0, rel=0.035)  # drawn out to three standard deviations
    grid = np.indices(volume.shape).reshape(3, -1)
    assert (grid * volume.ravel()).sum(axis=1) / volume.sum() == pytest.approx(centre, abs=0.06)


def test_blobs_narrower_than_a_voxel_keep_their_integral_on_average():
    volume = _empty()
    centres = np.random.default_rng(0).uniform(4.0, 27.0, (4000, 3))
    add_blobs(volume, centres, np.full(4000, 0.42), np.full(4000, 1.0))
    assert volume.sum() == pytest.approx(4000.0, rel=0.02)


@settings(max_examples=20, deadline=None)
@given(y=st.floats(0.0, 31.0), x=st.floats(0.0, 31.0))
def test_blobs_repeat_sideways(y, x):
    at_edge, in_middle = _empty(), _empty()
    add_blobs(at_edge, np.array([[16.0, y, x]]), np.array([1.5]), np.array([1.0]))
    step_y, step_x = 16 - round(y), 16 - round(x)
    add_blobs(in_middle, np.array([[16.0, y + step_y, x + step_x]]), np.array([1.5]), np.array([1.0]))
    np.testing.assert_allclose(np.roll(at_edge, (step_y, step_x), axis=(1, 2)), in_middle, atol=1e-7)


def test_blobs_end_along_z():
    volume = _empty()
    add_blobs(volume, np.array([[0.0, 16.0, 16.0]]), np.array([2.0]), np.array([1.0]))
    assert volume[16:].sum() == 0.0
    assert 0.5 < volume.sum() < 0.65  # half of it, and the middle plane


@settings(max_examples=20, deadline=None)
@given(centre=inside, radius=st.floats(3.0, 7.0))
def test_spheres_have_their_volume(centre, radius):
    volume = _empty()
    add_spheres(volume, np.array([centre]), np.array([radius]), np.array([2.0]))
    assert volume.sum() == pytest.approx(2.0 * 4 / 3 * np.pi * (radius**3 + radius / 4), rel=0.02)  # of its soft edge


@settings(max_examples=20, deadline=None)
@given(centre=inside, seed=st.integers(0, 99))
def test_turned_templates_keep_their_mass(centre, seed):
    template = np.zeros((13,) * 3, np.float32)
    add_blobs(template, np.array([[6.0, 6.0, 6.0], [8.0, 6.5, 5.0]]), np.array([1.3, 1.0]), np.array([3.0, 1.0]))
    volume = _empty()
    rotation = Rotation.random(rng=np.random.default_rng(seed)).as_matrix()
    add_template(volume, template, np.array(centre), rotation)
    assert volume.sum() == pytest.approx(template.sum(), rel=0.02)


def test_a_template_turns_as_its_matrix_says():
    template = np.zeros((13,) * 3, np.float32)
    template[6, 6, 10] = 1.0  # four voxels along +x
    volume = _empty()
    to_y = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])  # (z, y, x): +x to +y
    add_template(volume, template, np.array([16.0, 16.0, 16.0]), to_y)
    assert np.unravel_index(volume.argmax(), volume.shape) == (16, 20, 16)


def test_claimed_spheres_do_not_overlap_even_across_the_border():
    occupied = np.zeros((24, 40, 40), np.uint8)
    rng = np.random.default_rng(0)
    candidates = rng.uniform((0, 0, 0), occupied.shape, (3000, 3))
    places = candidates[claim_spheres(occupied, candidates, 4.0, 60, 2.0)]
    assert 20 < len(places) <= 60
    apart = np.abs(places[:, None] - places[None])
    apart[..., 1:] = np.minimum(apart[..., 1:], 40 - apart[..., 1:])
    distance = np.linalg.norm(apart, axis=-1)[~np.eye(len(places), dtype=bool)]
    assert distance.min() > 2 * 4.0 - 2.0  # spheres are marked on whole voxels
    assert np.all((places[:, 0] >= 2.0) & (places[:, 0] <= 21.0))
