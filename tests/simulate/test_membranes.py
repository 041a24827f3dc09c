"""Bilayers weigh the same at every voxel size, close, and end where they may not be."""

import numpy as np
import pytest

from cryogauge.simulate.membranes import (
    HEAD_V,
    LEAFLET_A,
    LEAFLET_SIGMA_A,
    TAIL_SIGMA_A,
    TAIL_V,
    add_sheets,
    add_vesicle,
    bilayer_V,
)

NO_BUMPS = np.zeros((1, 4))
#: Integral of the bilayer's profile across it, V Å.
PROFILE_V_A = np.sqrt(2 * np.pi) * (2 * HEAD_V * LEAFLET_SIGMA_A + TAIL_V * TAIL_SIGMA_A)


@pytest.mark.parametrize("voxel_size_A", [4.0, 8.0, 15.0, 30.0, 50.0])
def test_a_bilayer_weighs_the_same_at_every_voxel_size(voxel_size_A):
    across = np.arange(-400.0, 400.0, 0.5)
    drawn = np.array([bilayer_V(d, voxel_size_A) for d in across])
    assert drawn.sum() * 0.5 == pytest.approx(PROFILE_V_A, rel=1e-3)


def test_two_leaflets_are_told_apart_at_fine_sampling_only():
    fine = [bilayer_V(d, 4.0) for d in (0.0, LEAFLET_A)]
    coarse = [bilayer_V(d, 50.0) for d in (0.0, LEAFLET_A)]
    assert fine[0] < 0.0 < fine[1]
    assert coarse[0] > 0.5 * coarse[1]


@pytest.mark.parametrize("voxel_size_A", [6.0, 12.0, 20.0])
def test_a_vesicle_weighs_its_area(voxel_size_A):
    edge, radius_A = int(900 / voxel_size_A), 300.0
    volume, region = np.zeros((edge,) * 3, np.float32), np.ones((edge,) * 3, np.uint8)
    centre, radii = np.full(3, (edge - 1) / 2), np.full(3, radius_A / voxel_size_A)
    add_vesicle(volume, region, centre, radii, np.eye(3), NO_BUMPS, voxel_size_A, 3, 1)
    # a spherical shell: ∫ profile(r − R) 4π r² dr with the profile's second moment
    second = np.sqrt(2 * np.pi) * (
        2 * HEAD_V * LEAFLET_SIGMA_A * (LEAFLET_SIGMA_A**2 + LEAFLET_A**2) + TAIL_V * TAIL_SIGMA_A**3
    )
    expected = 4 * np.pi * (radius_A**2 * PROFILE_V_A + second)
    assert volume.sum() * voxel_size_A**3 == pytest.approx(expected, rel=0.03)
    assert (region == 3).sum() * voxel_size_A**3 == pytest.approx(4 / 3 * np.pi * radius_A**3, rel=0.03)


def test_a_vesicle_stays_where_it_may_be_and_displaces_what_crossed_its_place():
    volume, region = np.full((40, 40, 40), 5.0, np.float32), np.ones((40, 40, 40), np.uint8)
    region[:20] = 0
    add_vesicle(volume, region, np.full(3, 20.0), np.full(3, 12.0), np.eye(3), NO_BUMPS, 15.0, 3, 1)
    assert np.all(volume[:20] == 5.0)
    assert np.all(region[:20] == 0)
    assert volume[22, 20, 20] == 0.0
    assert volume[38, 38, 38] == 5.0


def test_a_body_wider_than_the_field_goes_on_at_its_edges():
    volume, region = np.zeros((16, 48, 48), np.float32), np.ones((16, 48, 48), np.uint8)
    turned = np.array([[1, 0, 0], [0, np.cos(0.5), -np.sin(0.5)], [0, np.sin(0.5), np.cos(0.5)]])
    bumps = np.array([[0.04, 1.0, 3.0, 2.0]])
    add_vesicle(volume, region, np.array([8.0, 5.0, 30.0]), np.array([30.0, 18.0, 34.0]), turned, bumps, 12.0, 3, 1)
    steps = np.abs(np.diff(np.concatenate([volume, volume[:, :1]], axis=1), axis=1)).max(axis=(0, 2))
    across = np.abs(np.diff(np.concatenate([volume, volume[:, :, :1]], axis=2), axis=2)).max(axis=(0, 1))
    profile = [bilayer_V(d, 12.0) for d in np.arange(-80.0, 80.0)]
    steepest = max(profile) - min(profile)
    assert steps.max() < 1.6 * steepest
    assert across.max() < 1.6 * steepest
    assert 0 < (region == 3).sum() < region.size


def test_sheets_are_drawn_at_their_levels_and_claim_their_place():
    x = np.indices((12, 24, 48))[2].astype(np.float32)
    volume, region, occupied = np.zeros_like(x), np.ones(x.shape, np.uint8), np.zeros(x.shape, np.uint8)
    add_sheets(volume, region, x, np.array([12.0, 36.0]), 10.0, 1, occupied)
    profile = volume[6, 12]
    assert profile.sum() * 10.0 == pytest.approx(2 * PROFILE_V_A, rel=0.01)
    assert set(np.flatnonzero(occupied[6, 12])) == {*range(9, 16), *range(33, 40)}
