"""Angles against SciPy's rotations, copick's conversions, and numbers that the package eulerangles gave."""

import numpy as np
import pytest
from copick.util.formats import dynamo_to_copick_transform, em_to_copick_transform
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from cryogauge.io.picks import angles

triples = st.tuples(*[st.floats(-180, 180, width=32) | st.sampled_from([-180.0, -90.0, 0.0, 90.0, 180.0])] * 3)


def _row(triple):
    return np.array([triple])


def _p(rows):
    return Rotation.from_euler("ZYZ", rows, degrees=True).inv().as_matrix()


@given(triples)
def test_matrices_are_relions_and_come_back(triple):
    expected = _p(_row(triple))
    found = angles.matrices(_row(triple))
    np.testing.assert_allclose(found, expected, atol=1e-12)
    np.testing.assert_allclose(angles.matrices(angles.from_matrices(found)), expected, atol=1e-7)


@given(triples)
def test_motive_lists_turn_about_z_x_z(triple):
    phi, psi, theta = triple
    expected = Rotation.from_euler("zxz", [[phi, theta, psi]], degrees=True).as_matrix()  # Rz(psi) Rx(theta) Rz(phi)
    table = angles.from_motive_list(*_row(triple).T)
    np.testing.assert_allclose(_p(table), expected, atol=1e-9)
    again = angles.from_motive_list(*angles.to_motive_list(table).T)
    np.testing.assert_allclose(_p(again), expected, atol=1e-9)
    _, theirs = em_to_copick_transform(np.zeros((1, 3)), np.array([[phi, theta, psi]]), 1.0)
    np.testing.assert_allclose(theirs[:, :3, :3], expected, atol=1e-9)


@given(triples)
def test_dynamo_turns_clockwise(triple):
    tdrot, tilt, narot = triple
    expected = Rotation.from_euler("ZXZ", [[-tdrot, -tilt, -narot]], degrees=True).as_matrix()
    table = angles.from_dynamo(*_row(triple).T)
    np.testing.assert_allclose(_p(table), expected, atol=1e-9)
    again = angles.from_dynamo(*angles.to_dynamo(table).T)
    np.testing.assert_allclose(_p(again), expected, atol=1e-9)
    _, theirs = dynamo_to_copick_transform(np.zeros((1, 3)), _row(triple), np.zeros((1, 3)), 1.0)
    np.testing.assert_allclose(theirs[:, :3, :3], expected, atol=1e-9)


def test_dynamo_as_eulerangles_has_it():
    """eulerangles 1.0.2: convert_eulers([[10, 50, 30]], source_meta="dynamo", target_meta="relion")."""
    np.testing.assert_allclose(angles.from_dynamo(*np.array([[10.0, 50.0, 30.0]]).T), [[-60.0, 50.0, 100.0]])


def test_a_turn_about_z_moves_the_template_the_other_way_round():
    """RELION's rot of 90° brings the template's x axis onto the specimen's −y."""
    np.testing.assert_allclose(angles.matrices(np.array([[90.0, 0, 0]]))[0] @ [1, 0, 0], [0, -1, 0], atol=1e-12)


@pytest.mark.parametrize("tilt", [0.0, 180.0])
def test_singular_angles_keep_psi_at_zero(tilt):
    found = angles.from_matrices(angles.matrices(np.array([[30.0, tilt, 20.0]])))
    assert found[0, 2] == 0
    np.testing.assert_allclose(_p(found), _p(np.array([[30.0, tilt, 20.0]])), atol=1e-12)
