"""Angles and matrices, against SciPy's rotations, copick's own angles and RELION's published matrix."""

import numpy as np
import pytest
from copick.util.formats import _relion_eulers
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from cryogauge.io.copick.transforms import angles_of, is_rotation, matrices_of

ANGLE = st.floats(-180, 180)
TILT = st.floats(0, 180)


def relion_matrix(rot, tilt, psi):
    """``Euler_angles2matrix`` of RELION's euler.cpp, which turns a map's axes into the specimen's."""
    ca, cb, cg = np.cos(np.deg2rad([rot, tilt, psi]))
    sa, sb, sg = np.sin(np.deg2rad([rot, tilt, psi]))
    cc, cs, sc, ss = cb * ca, cb * sa, sb * ca, sb * sa
    return np.array(
        [
            [cg * cc - sg * sa, cg * cs + sg * ca, -cg * sb],
            [-sg * cc - cg * sa, -sg * cs + cg * ca, sg * sb],
            [sc, ss, cb],
        ]
    )


@given(ANGLE, TILT, ANGLE)
def test_the_matrix_is_relions(rot, tilt, psi):
    assert np.allclose(matrices_of(np.array([[rot, tilt, psi]]))[0], relion_matrix(rot, tilt, psi), atol=1e-12)


@given(st.lists(st.tuples(ANGLE, TILT, ANGLE), min_size=1, max_size=5))
def test_angles_and_back_are_the_same_rotations(angles):
    matrices = matrices_of(np.array(angles))
    assert is_rotation(matrices).all()
    back = angles_of(matrices)
    assert np.allclose(matrices_of(back), matrices, atol=1e-6)
    assert ((back[:, 1] >= 0) & (back[:, 1] <= 180)).all()


@given(ANGLE, st.floats(0.01, 179.99), ANGLE)
def test_away_from_the_poles_the_angles_are_those_of_scipy_and_copick(rot, tilt, psi):
    matrix = matrices_of(np.array([[rot, tilt, psi]]))
    expected = Rotation.from_matrix(matrix).inv().as_euler("ZYZ", degrees=True)
    difference = (angles_of(matrix) - expected + 180) % 360 - 180
    assert np.allclose(difference, 0, atol=1e-4)
    assert np.allclose(_relion_eulers(matrix), expected)


@pytest.mark.parametrize(("rot", "psi"), [(0, 0), (30, 0), (30, 40), (-170, 100)])
def test_at_the_poles_psi_is_zero(rot, psi):
    up, down = angles_of(matrices_of(np.array([[rot, 0, psi], [rot, 180, psi]])))
    assert np.allclose([(up[0] - rot - psi + 180) % 360 - 180, *up[1:]], 0, atol=1e-6)
    assert np.allclose([(down[0] - rot + psi + 180) % 360 - 180, down[1] - 180, down[2]], 0, atol=1e-6)


def test_what_is_no_rotation_has_no_angles():
    odd = np.array([np.diag([1, 1, -1]), 1.1 * np.eye(3), np.full((3, 3), np.nan), np.eye(3)])
    assert is_rotation(odd).tolist() == [False, False, False, True]
    assert np.isnan(angles_of(odd)[:3]).all()
    assert angles_of(odd)[3].tolist() == [0, 0, 0]
    assert angles_of(np.empty((0, 3, 3))).shape == (0, 3)
