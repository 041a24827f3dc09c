"""Angles of particles, from and to those of a pick table.

A table has RELION's: Q = Rz(rot) Ry(tilt) Rz(psi), right-handed turns of column vectors (x, y, z), turns the specimen's
axes into the template's; its inverse P turns the template to where it lies in the tomogram (J. B. Heymann et al.,
J. Struct. Biol. 151 (2005) 196; https://relion.readthedocs.io, *Conventions*). Rx(a) is Ry(a) between quarter turns
about z, so that sequences ZXZ become ZYZ by adding right angles, without a matrix.
"""

import numpy as np

_UPRIGHT = 1e-9  # sine of a tilt below which only the sum or the difference of the other two angles is known


def _wrap(angles: np.ndarray) -> np.ndarray:
    """Angles in degrees as the same between −180 and 180."""
    with np.errstate(invalid="ignore"):  # infinite ones become no numbers, which are refused later
        return (angles + 180.0) % 360.0 - 180.0


def from_motive_list(phi: np.ndarray, psi: np.ndarray, theta: np.ndarray) -> np.ndarray:
    """Angles of TOM, AV3, PyTom, ArtiaX and DeepFinder, where P = Rz(psi) Rx(theta) Rz(phi), as a table's.

    Parameters
    ----------
    phi, psi, theta
        Degrees, shape ``(pick,)``, in the order in which a motive list holds them.

    Returns
    -------
    numpy.ndarray
        Rot, tilt, psi in degrees, shape ``(pick, 3)``.
    """
    return np.stack([_wrap(90.0 - phi), theta, _wrap(-90.0 - psi)], axis=1)


def to_motive_list(angles: np.ndarray) -> np.ndarray:
    """The inverse of :func:`from_motive_list`: phi, psi, theta, shape ``(pick, 3)``."""
    return np.stack([_wrap(90.0 - angles[:, 0]), _wrap(-90.0 - angles[:, 2]), angles[:, 1]], axis=1)


def from_dynamo(tdrot: np.ndarray, tilt: np.ndarray, narot: np.ndarray) -> np.ndarray:
    """Dynamo's angles as a table's, shape ``(pick, 3)``.

    Dynamo turns the template clockwise about z, its new x and its new z: P = Rz(−tdrot) Rx(−tilt) Rz(−narot)
    (https://wiki.dynamo.biozentrum.unibas.ch, *Euler angles convention*), as the package eulerangles has it too.
    """
    return np.stack([_wrap(narot - 90.0), tilt, _wrap(tdrot + 90.0)], axis=1)


def to_dynamo(angles: np.ndarray) -> np.ndarray:
    """The inverse of :func:`from_dynamo`: tdrot, tilt, narot, shape ``(pick, 3)``."""
    return np.stack([_wrap(angles[:, 2] - 90.0), angles[:, 1], _wrap(angles[:, 0] + 90.0)], axis=1)


def matrices(angles: np.ndarray) -> np.ndarray:
    """P of each pick, shape ``(pick, 3, 3)``, from rot, tilt, psi in degrees, shape ``(pick, 3)``."""
    (rot, tilt, psi) = np.deg2rad(angles).T
    return np.swapaxes(_about_z(rot) @ _about_y(tilt) @ _about_z(psi), 1, 2)


def from_matrices(turns: np.ndarray) -> np.ndarray:
    """Rot, tilt, psi in degrees, shape ``(pick, 3)``, of P of each pick; psi is 0 where rot could be any."""
    q = np.swapaxes(turns, 1, 2)
    sine = np.hypot(q[:, 0, 2], q[:, 1, 2])
    upright = sine < _UPRIGHT
    sign = np.where(q[:, 2, 2] < 0, -1.0, 1.0)
    rot = np.where(upright, np.arctan2(sign * q[:, 1, 0], sign * q[:, 0, 0]), np.arctan2(q[:, 1, 2], q[:, 0, 2]))
    psi = np.where(upright, 0.0, np.arctan2(q[:, 2, 1], -q[:, 2, 0]))
    return np.rad2deg(np.stack([rot, np.arctan2(sine, q[:, 2, 2]), psi], axis=1))


def _about_z(angle: np.ndarray) -> np.ndarray:
    turn = np.zeros((len(angle), 3, 3))
    turn[:, 0, 0] = turn[:, 1, 1] = np.cos(angle)
    turn[:, 1, 0] = np.sin(angle)
    turn[:, 0, 1] = -turn[:, 1, 0]
    turn[:, 2, 2] = 1.0
    return turn


def _about_y(angle: np.ndarray) -> np.ndarray:
    turn = np.zeros((len(angle), 3, 3))
    turn[:, 0, 0] = turn[:, 2, 2] = np.cos(angle)
    turn[:, 0, 2] = np.sin(angle)
    turn[:, 2, 0] = -turn[:, 0, 2]
    turn[:, 1, 1] = 1.0
    return turn
