import numpy as np
import pytest

from cryogauge.imaging import project
from cryogauge.imaging.degrade import widen_wedge
from cryogauge.pick.average.spectra import half_sphere, terms
from cryogauge.pick.average.wedge import measured
from cryogauge.records import BadInput


def test_what_counts_as_measured_is_what_widening_the_wedge_leaves():
    noise = np.random.default_rng(0).standard_normal((17, 17, 17)).astype(np.float32)
    points = half_sphere(8.0)
    left = np.abs(terms(widen_wedge(noise, 50.0), points)) > 1e-3
    assert np.array_equal(left, measured(points, (-50.0, 50.0)))


@pytest.mark.parametrize("tilt", [-40.0, 25.0])
def test_the_sign_of_a_tilt_is_that_of_projection(tilt):
    """A wave along the direction that a tilt measures is seen at that tilt, and averages out at the opposite one."""
    k = 4.0 * np.array([np.sin(np.deg2rad(tilt)), 0.0, np.cos(np.deg2rad(tilt))])
    axis = np.arange(48) - 23.5
    z, _, x = np.meshgrid(axis, axis[:8], axis, indexing="ij")
    wave = np.cos(2 * np.pi / 48 * (k[0] * z + k[2] * x)) * (np.hypot(z, x) < 20)
    here, opposite = (project(wave.astype(np.float32), [angle], periodic=False)[0].std() for angle in (tilt, -tilt))
    assert here > 5 * opposite
    low, high = sorted((0.0, 1.1 * tilt))
    assert measured(k[None], (low, high))[0]
    assert measured(-k[None], (low, high))[0]
    assert not measured(k[None], (-high - 1e-6, -low + 1e-6))[0]


def test_terms_along_the_tilt_axis_are_always_measured():
    assert measured(np.array([[0, 3, 0]]), (10.0, 20.0))[0]


@pytest.mark.parametrize("tilts", [(60.0, -60.0), (-90.0, 60.0), (10.0, 10.0)])
def test_tilts_that_cannot_be_are_refused(tilts):
    with pytest.raises(BadInput, match="cannot be"):
        measured(np.zeros((1, 3)), tilts)
