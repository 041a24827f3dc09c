"""Projections of beads against closed forms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from cryogauge.imaging.transforms import irfft2
from cryogauge.simulate.classes.structure import POTENTIAL_V_A3_PER_KDA, Structure
from cryogauge.simulate.classes.views import random_views, scattered_views, splat, views_along


def beads(points, sigma_A=4.0):
    points = np.atleast_2d(np.asarray(points, dtype=np.float32))
    return Structure("beads", points, np.full(len(points), 2.0, np.float32), sigma_A, 2.0 * len(points))


def picture(structure, view, pixel=2.0, box=64, **how):
    return irfft2(splat(structure, np.asarray(view)[None], box, pixel, **how), (box, box))


def test_a_bead_is_a_gaussian_of_its_potential():
    image = picture(beads([0, 0, 0]), np.eye(3))
    place = (np.arange(64) - 32) * 2.0
    expected = np.exp(-(place[:, None] ** 2 + place[None] ** 2) / (2 * 4.0**2)) / (2 * np.pi * 4.0**2)
    assert image.sum() * 4.0 == pytest.approx(2.0 * POTENTIAL_V_A3_PER_KDA, rel=1e-4)
    # linear weights fall off less for a bead in the middle of a pixel than on average
    np.testing.assert_allclose(image, 2.0 * POTENTIAL_V_A3_PER_KDA * expected, atol=0.06 * image.max())


@given(st.integers(0, 10**6))
@settings(max_examples=15, deadline=None)
def test_a_bead_lands_where_its_turned_position_says(seed):
    rng = np.random.default_rng(seed)
    view, point, shift = Rotation.random(rng=rng).as_matrix(), rng.uniform(-25, 25, 3), rng.uniform(-8, 8, 2)
    image = picture(beads(point), view, shifts_A=shift[None])
    place = (np.arange(64) - 32) * 2.0
    centre = np.array([(image.sum(axis=1) * place).sum(), (image.sum(axis=0) * place).sum()]) / image.sum()
    np.testing.assert_allclose(centre, (view @ point)[1:] + shift, atol=0.1)


def test_a_weighted_mean_is_the_mean_of_the_projections():
    rng = np.random.default_rng(0)
    cloud, views = beads(rng.normal(0, 12, (20, 3))), random_views(3, rng)
    together = splat(cloud, views, 64, 2.0, weights=np.array([0.5, 0.3, 0.2]))
    apart = sum(w * splat(cloud, view[None], 64, 2.0) for w, view in zip((0.5, 0.3, 0.2), views, strict=True))
    np.testing.assert_allclose(together, apart, atol=1e-4 * np.abs(apart).max())


def test_views_scatter_by_the_angles_asked():
    rng = np.random.default_rng(0)
    view = random_views(1, rng)[0]
    around = scattered_views(view, 4000, 5.0, 2.0, rng)
    beam = around @ view.T  # what is left after the class's own view
    tilt = np.rad2deg(np.arccos(np.clip(beam[:, 0, 0], -1, 1)))
    assert np.sqrt(np.mean(tilt**2) / 2) == pytest.approx(5.0, rel=0.05)
    in_plane = np.rad2deg(np.arctan2(beam[:, 2, 1] - beam[:, 1, 2], beam[:, 1, 1] + beam[:, 2, 2]))
    assert in_plane.std() == pytest.approx(2.0, rel=0.1)


def test_filaments_lie_in_the_plane():
    axes = random_views(200, np.random.default_rng(0), kind="filament")[:, :, 0]
    assert np.abs(np.rad2deg(np.arcsin(axes[:, 0]))).max() < 25
    assert np.abs(axes[:, 1]).mean() == pytest.approx(2 / np.pi, abs=0.06)


@pytest.mark.parametrize("depth_A", [0.0, 60.0])
def test_a_scattered_bead_is_as_wide_as_its_depth_and_the_shifts_make_it(depth_A):
    image = picture(beads([depth_A, 0, 0]), np.eye(3), tilt_deg=6.0, shift_A=3.0)
    place = (np.arange(64) - 32) * 2.0
    variance = (image.sum(axis=0) * place**2).sum() / image.sum()
    moved_A = np.sqrt(max(variance - 4.0**2 - 3.0**2, 0.0))
    assert moved_A == pytest.approx(np.deg2rad(6.0) * depth_A, abs=1.5)  # layers are 0.8, 1.8, 3.2 px wide, of 2 Å
    assert image.sum() == pytest.approx(picture(beads([depth_A, 0, 0]), np.eye(3)).sum(), rel=1e-4)


def test_a_scattered_projection_is_what_many_projections_add_up_to():
    rng = np.random.default_rng(1)
    cloud, view = beads(rng.normal(0, 15, (30, 3))), np.eye(3)[None]
    many = splat(cloud, scattered_views(view[0], 3000, 6.0, 0.0, rng), 64, 2.0)
    once, sharp = splat(cloud, view, 64, 2.0, tilt_deg=6.0), splat(cloud, view, 64, 2.0)
    assert np.abs(once - many).std() < 0.4 * np.abs(sharp - many).std()


@given(st.integers(0, 10**6))
@settings(max_examples=10, deadline=None)
def test_wrong_views_of_a_filament_lie_along_its_axis_either_way_up_and_from_all_sides(seed):
    rng = np.random.default_rng(seed)
    view = random_views(1, rng, kind="filament")[0]
    others = views_along(view, 60, 0.0, rng)
    axis, axes = view[1:, 0] / np.linalg.norm(view[1:, 0]), others[:, 1:, 0]
    along = axes @ axis / np.linalg.norm(axes, axis=1)
    np.testing.assert_allclose(np.abs(along), 1.0, atol=1e-6)
    assert 0.2 < (along > 0).mean() < 0.8
    beam = others[:, 0, 1:]  # of the beam across the filament's own axes
    assert (np.linalg.norm(beam.mean(axis=0)) < 0.5) & (np.linalg.norm(beam, axis=1) > 0.8).all()
    np.testing.assert_allclose(np.linalg.det(others), 1.0)
