"""Lattices from points: which they are, however turned, stretched, holed and littered."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryogauge.collect.targets.lattice import fit_lattice


def points_of(kind, pitch, angle_deg, rng, *, rows=7, missing=0.2, false=0.15, jitter=0.03, stretch=1.0):
    """Points of a lattice, some missing, some false; and the positions of those kept."""
    turn = np.deg2rad(angle_deg + np.array([0, 90 if kind == "square" else 60]))
    basis = pitch * np.column_stack([np.cos(turn), np.sin(turn)]) * [1, stretch]
    i, j = np.mgrid[:rows, :rows]
    true = np.column_stack([i.ravel(), j.ravel()]) @ basis + [300, 200]
    true = true[rng.random(len(true)) > missing]
    litter = rng.uniform(true.min(0), true.max(0), (int(false * len(true)), 2))
    return np.concatenate([true + rng.normal(0, jitter * pitch, true.shape), litter]), len(true)


@settings(max_examples=20)
@given(
    st.sampled_from(["square", "hexagonal"]),
    st.floats(8, 200),
    st.floats(0, 89),
    st.floats(0.92, 1.08),
    st.integers(0, 10**6),
)
def test_kind_pitch_and_angle_come_back(kind, pitch, angle_deg, stretch, seed):
    points, true = points_of(kind, pitch, angle_deg, np.random.default_rng(seed), stretch=stretch)
    found = fit_lattice(points)
    assert found is not None
    lattice, index, on = found
    assert lattice.kind == kind
    assert lattice.pitch_px == pytest.approx(pitch * np.sqrt(stretch), rel=0.05)
    turn = 90 if kind == "square" else 60
    off = (lattice.angle_deg - angle_deg + turn / 2) % turn - turn / 2
    assert abs(off) < 4
    assert on[:true].mean() > 0.9
    assert len(np.unique(index[on], axis=0)) == on.sum()


def test_a_bent_lattice_is_followed_to_its_ends():
    i, j = np.mgrid[-12:13, -12:13]
    index = np.column_stack([i.ravel(), j.ravel()])
    true = index @ np.array([[30.0, 4.0], [-4.0, 30.0]]) + 0.05 * index**2 + 500
    lattice, _, on = fit_lattice(true) or pytest.fail("no lattice")
    assert on.all()
    sites, xy = lattice.sites((1000, 1000))
    assert len(sites) == len(np.unique(sites, axis=0))
    inside = ((true >= 0) & (true < 1000)).all(1)
    nearest = np.linalg.norm(true[inside][:, None] - xy[None], axis=2).min(1)
    assert nearest.max() < 0.5


def test_what_is_no_lattice_is_none():
    rng = np.random.default_rng(3)
    assert fit_lattice(rng.uniform(0, 500, (2, 2))) is None
    assert fit_lattice(np.column_stack([np.arange(9) * 20.0, np.zeros(9)])) is None
    refused = [fit_lattice(rng.uniform(0, 500, (60, 2))) is None for _ in range(20)]
    assert np.mean(refused) > 0.8


def test_another_pixel_size_moves_every_site_with_it():
    points, _ = points_of("hexagonal", 25, 17, np.random.default_rng(0))
    lattice, index, _ = fit_lattice(points) or pytest.fail("no lattice")
    assert np.allclose(lattice.scaled(4, 1.5).at(index), lattice.at(index) * 4 + 1.5)
