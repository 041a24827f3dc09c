"""Q-scores: closed forms, an independent count by many random places, and what must not change them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates
from scipy.spatial import KDTree

from cryogauge.imaging.q_score import OWNERSHIP, SIGMA_A, expected_q, q_scores
from cryogauge.records import BadInput

VOXEL_A = 0.2
CENTRE_A = 6.03


def gaussian_map(sigma_A, places=((CENTRE_A,) * 3,), edge=61):
    """A sum of Gaussians at places x, y, z, of height 1."""
    axis = np.arange(edge) * VOXEL_A
    density = np.zeros((edge,) * 3)
    for x, y, z in places:
        square = (axis[:, None, None] - z) ** 2 + (axis[None, :, None] - y) ** 2 + (axis[None, None, :] - x) ** 2
        density += np.exp(-square / (2 * sigma_A**2))
    return density


def direct_q(sigma_A, reference_A=SIGMA_A):
    """Q of an isolated Gaussian: the correlation about the mean of two Gaussians at the shells' radii."""
    radii = np.arange(21) * 0.1
    return float(np.corrcoef(np.exp(-(radii**2) / 2 / reference_A**2), np.exp(-(radii**2) / 2 / sigma_A**2))[0, 1])


@pytest.mark.parametrize("sigma_A", [0.6, 0.75, 1.0, 1.5, 2.5])
def test_a_gaussian_has_the_score_of_its_width(sigma_A):
    found = q_scores(gaussian_map(sigma_A), VOXEL_A, np.full((1, 3), CENTRE_A))[0]
    assert found == pytest.approx(direct_q(sigma_A), abs=1e-3)


def test_the_references_width_can_be_another():
    density = gaussian_map(0.4)
    narrow = q_scores(density, VOXEL_A, np.full((1, 3), CENTRE_A), sigma_A=0.4)[0]
    assert narrow == pytest.approx(1.0, abs=2e-3)
    assert q_scores(density, VOXEL_A, np.full((1, 3), CENTRE_A))[0] == pytest.approx(direct_q(0.4), abs=3e-3)


def cluster(seed, count=30):
    """Atoms as close as in molecules, about the middle of a box of 12 Å."""
    rng = np.random.default_rng(seed)
    places = [np.full(3, 6.0)]
    while len(places) < count:
        new = places[rng.integers(len(places))] + 1.5 * _directions(rng, 1)[0]
        if min(np.linalg.norm(new - each) for each in places) > 1.2 and (np.abs(new - 6.0) < 3.6).all():
            places.append(new)
    return np.array(places)


def _directions(rng, count):
    found = rng.normal(size=(count, 3))
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def slow_q(density, places, atom, ownership, rng):
    """The procedure as published, by 2000 random places a shell and the paper's own reference, A exp(…) + B."""
    low, high = density.mean() - density.std(), min(density.mean() + 10 * density.std(), density.max())
    tree = KDTree(np.delete(places, atom, axis=0))
    reference, values, weights = [], [], []
    for radius in np.arange(21) * 0.1:
        points = places[atom] + radius * _directions(rng, 2000)
        own = points[tree.query(points)[0] >= ownership * radius]
        if len(own):
            value = map_coordinates(density, (own[:, ::-1] / VOXEL_A).T, order=1)
            reference.append(np.full(len(own), (high - low) * np.exp(-0.5 * (radius / SIGMA_A) ** 2) + low))
            values.append(value)
            weights.append(np.full(len(own), 1.0 / len(own)))
    u, v, w = (np.concatenate(each) for each in (reference, values, weights))
    u, v = u - np.average(u, weights=w), v - np.average(v, weights=w)
    return float((w * u * v).sum() / np.sqrt((w * u * u).sum() * (w * v * v).sum()))


@pytest.mark.parametrize("ownership", [OWNERSHIP, 1.0])
def test_eight_places_a_shell_find_what_thousands_do(ownership):
    places = cluster(1)
    density = gaussian_map(0.8, places) + 0.3
    found = q_scores(density, VOXEL_A, places, ownership=ownership)
    rng = np.random.default_rng(0)
    wanted = np.array([slow_q(density, places, atom, ownership, rng) for atom in range(len(places))])
    assert abs(found.mean() - wanted.mean()) < 0.01
    assert np.sqrt(np.mean((found - wanted) ** 2)) < 0.04


def test_places_of_other_atoms_are_not_read():
    pair = np.array([[6.0, 6.0, 6.0], [7.5, 6.0, 6.0]])
    density = gaussian_map(0.6, pair)
    alone, both = q_scores(density, VOXEL_A, pair[:1])[0], q_scores(density, VOXEL_A, pair)[0]
    assert both > alone + 0.02


@settings(max_examples=12)
@given(
    scale=st.floats(0.01, 1e4), offset=st.floats(-100, 100), shift=st.tuples(*[st.floats(-500, 500)] * 3),
    seed=st.integers(0, 3),
)  # fmt: skip
def test_neither_grey_values_nor_the_frame_change_a_score(scale, offset, shift, seed):
    places = cluster(seed, 6)
    density = gaussian_map(0.9, places)
    wanted = q_scores(density, VOXEL_A, places)
    found = q_scores(scale * (density + offset), VOXEL_A, places + shift, origin_A=shift)
    np.testing.assert_allclose(found, wanted, atol=2e-3)


def test_turning_map_and_model_alike_hardly_changes_scores():
    places = cluster(2)
    density = gaussian_map(0.8, places)
    turned = np.stack([12.0 - places[:, 1], places[:, 0], places[:, 2]], axis=1)  # x, y, z -> −y, x, z about 6 Å
    found = q_scores(np.rot90(density, -1, axes=(1, 2)), VOXEL_A, turned)
    wanted = q_scores(density, VOXEL_A, places)
    assert found.mean() == pytest.approx(wanted.mean(), abs=0.01)
    assert np.sqrt(np.mean((found - wanted) ** 2)) < 0.04  # eight places a shell, elsewhere


def test_noise_scores_nothing_and_inversion_the_opposite():
    places = cluster(3)
    noise = np.random.default_rng(0).normal(size=(61, 61, 61))
    assert abs(np.mean(q_scores(noise, VOXEL_A, places))) < 0.25
    density = gaussian_map(0.8, places)
    np.testing.assert_allclose(
        q_scores(-density, VOXEL_A, places), -q_scores(density, VOXEL_A, places), atol=1e-6
    )  # fmt: skip


def test_atoms_at_the_border_have_no_score_and_flat_maps_give_0():
    density = gaussian_map(0.6)
    places = np.array([[CENTRE_A] * 3, [1.9, 6, 6], [6, 6, 11], [-40, 6, 6], [2.0, 6, 6]])
    found = q_scores(density, VOXEL_A, places)
    assert np.isnan(found).tolist() == [False, True, True, True, False]
    assert q_scores(np.full((61, 61, 61), 1234.5), VOXEL_A, places[:1]).tolist() == [0.0]


def test_shapes_that_cannot_be_are_told():
    with pytest.raises(BadInput, match="holds no atoms"):
        q_scores(np.zeros((4, 4)), 1.0, np.zeros((1, 3)))
    with pytest.raises(BadInput, match=r"not of \(n, 3\)"):
        q_scores(np.zeros((4, 4, 4)), 1.0, np.zeros((3, 2)))


def test_expected_scores_fall_with_the_resolution():
    assert expected_q(3.0) == pytest.approx(0.5867)
    assert expected_q(3.0, sigma_A=0.4) == pytest.approx(0.5644)
    assert expected_q(3.0, "nucleic") == pytest.approx(0.5842)
    assert np.isnan(expected_q(3.0, "water"))
    assert np.isnan(expected_q(3.0, sigma_A=0.5))
