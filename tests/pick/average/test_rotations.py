import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from cryogauge.pick.average.rotations import angle_between_deg, ball, even_rotations, neighbours


@pytest.mark.parametrize("spacing", [40.0, 25.0])
def test_every_rotation_has_one_of_the_grid_nearby(spacing):
    grid = even_rotations(spacing)
    assert np.allclose(grid @ np.swapaxes(grid, 1, 2), np.eye(3), atol=1e-9)
    drawn = Rotation.random(200, rng=np.random.default_rng(1)).as_matrix()
    nearest = np.array([angle_between_deg(np.broadcast_to(turn, grid.shape), grid).min() for turn in drawn])
    # cubes of that edge have their corners at 0.87 of it, and their points on average at 0.48
    assert nearest.max() < 1.1 * spacing
    assert 0.4 * spacing < nearest.mean() < 0.62 * spacing


def test_neighbours_are_steps_about_each_axis_and_none_in_the_middle():
    found = neighbours(5.0)
    assert np.allclose(found[13], np.eye(3))
    angles = np.sort(Rotation.from_matrix(found).magnitude() * 180 / np.pi)
    assert np.allclose(angles[1:7], 5.0)
    assert np.allclose(angles[-8:], 5.0 * 3**0.5)


def test_a_ball_begins_at_zero_and_ends_at_its_radius():
    points = ball(2.0, 1.0)
    assert len(points) == 33
    assert not points[0].any()
    assert np.linalg.norm(points, axis=1).max() == 2.0
    assert len(ball(0.5, 1.0)) == 1
