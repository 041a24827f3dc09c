import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from cryogauge.pick.targets import peaks, shapes, spheres
from cryogauge.records import BadInput

SHAPE = (20, 24, 28)
place = st.tuples(*(st.floats(-6, n + 6) for n in SHAPE))


@given(centre=place, radius=st.floats(0.3, 6))
def test_a_sphere_is_every_voxel_within_its_radius(centre, radius):
    painted = spheres(SHAPE, np.array([centre]), np.array([3]), np.array([0, 0, 0, radius]))
    z, y, x = np.indices(SHAPE)
    within = (z - centre[0]) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2 <= radius**2
    assert np.array_equal(painted == 3, within)
    assert not painted[~within].any()


def test_where_spheres_overlap_the_smaller_one_stays_whole():
    centres, labels = np.array([[10.0, 10, 10], [10, 10, 13]]), np.array([2, 1])
    radii = np.array([0.0, 2.0, 5.0])
    alone = spheres(SHAPE, centres[1:], labels[1:], radii)
    both = spheres(SHAPE, centres, labels, radii)
    assert np.array_equal(both == 1, alone == 1)
    assert (both == 2).any()


@given(centre=st.tuples(*(st.floats(0, 2 * n - 2) for n in SHAPE)), stride=st.sampled_from([1, 2]))
def test_a_peak_is_1_at_the_voxel_nearest_to_its_particle(centre, stride):
    target = peaks(SHAPE, np.array([centre]), np.array([2]), np.array([0, 3.0, 3.0]), stride=stride)
    nearest = np.round(np.array(centre) / stride).astype(int)
    if np.all(nearest < SHAPE):
        assert target[1][tuple(nearest)] == 1
        assert np.count_nonzero(target[1] >= 1 - 1e-6) <= 1 + np.any(np.array(centre) % stride != 0)
    assert not target[0].any()


def test_the_width_of_a_peak_is_that_of_the_image_whatever_the_stride():
    one = peaks((40, 40, 40), np.array([[20.0, 20, 20]]), np.array([1]), np.array([0, 4.0]))[0]
    two = peaks((20, 20, 20), np.array([[20.0, 20, 20]]), np.array([1]), np.array([0, 4.0]), stride=2)[0]
    assert np.allclose(one[::2, ::2, ::2], two)
    assert one[20, 20, 24] == pytest.approx(np.exp(-0.5))


@given(seed=st.integers(0, 1000))
def test_a_shape_is_turned_as_its_particle_is(seed):
    rng = np.random.default_rng(seed)
    mask = np.zeros((9, 9, 9), bool)
    mask[3:6, 3:6, 4:] = True  # an arm along x from the centre, thick enough for nearest voxels to miss none of it
    rotation = Rotation.random(rng=rng).as_matrix()
    centre = np.array([10.0, 12, 14])
    painted = shapes(SHAPE, centre[None], np.array([1]), rotation[None], {1: mask})
    tip = centre + rotation @ [0, 0, 3.0]
    found = np.argwhere(painted == 1)
    assert np.linalg.norm(found - tip, axis=1).min() < 1.0
    assert np.linalg.norm(found - (2 * centre - tip), axis=1).min() > 1.5  # nothing on the other side


def test_a_shape_that_reaches_over_the_edge_is_cut_and_one_beyond_is_left_out():
    mask = np.ones((5, 5, 5), bool)
    centres = np.array([[0.0, 0, 0], [-30, 5, 5]])
    painted = shapes(SHAPE, centres, np.array([1, 1]), np.stack([np.eye(3)] * 2), {1: mask})
    assert np.count_nonzero(painted) == 27


def test_a_kind_without_a_map_is_refused():
    with pytest.raises(BadInput, match="no map for label 2"):
        shapes(SHAPE, np.zeros((1, 3)), np.array([2]), np.eye(3)[None], {1: np.ones((3, 3, 3), bool)})
