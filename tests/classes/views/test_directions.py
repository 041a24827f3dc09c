import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryogauge.classes.views.directions import (
    angle_between,
    angles_of,
    directions_of,
    even_directions,
    fourier_sampling,
    sampling_compensation,
    symmetry_turns,
    view_grid,
    views_of,
)
from cryogauge.records import BadInput

GROUPS = st.sampled_from(["C1", "C3", "D2", "D5", "O"])


@given(st.floats(-180, 180), st.floats(0.1, 179.9), st.floats(-180, 180))
def test_the_direction_of_a_view_is_relions(rot, tilt, psi):
    view = views_of(np.array([[rot, tilt, psi]]))
    a, b = np.deg2rad([rot, tilt])
    assert directions_of(view)[0] == pytest.approx([np.cos(a) * np.sin(b), np.sin(a) * np.sin(b), np.cos(b)], abs=1e-9)
    assert views_of(angles_of(view)) == pytest.approx(view, abs=1e-6)


@settings(deadline=None, max_examples=30)
@given(GROUPS, st.integers(0, 10**6))
def test_a_grid_has_a_view_near_every_direction_or_its_opposite(group, seed):
    direction = np.random.default_rng(seed).standard_normal((1, 3))
    direction /= np.linalg.norm(direction)
    grid = directions_of(view_grid(10.0, group))
    nearest = min(angle_between(sign * direction, grid, group).min() for sign in (1, -1))
    assert nearest <= 10.0


def test_symmetry_leaves_one_view_of_all_that_show_the_same():
    whole = len(view_grid(8.0))
    for group, copies in (("C4", 4), ("D3", 6), ("O", 24)):
        assert len(symmetry_turns(group)) == copies
        assert len(view_grid(8.0, group)) == pytest.approx(whole / copies, rel=0.25)


def test_a_quarter_turn_is_nothing_to_what_has_four():
    first, second = np.array([[1.0, 0, 0]]), np.array([[0, 1.0, 0]])
    assert angle_between(first, second)[0, 0] == pytest.approx(90)
    assert angle_between(first, second, "C4")[0, 0] == pytest.approx(0, abs=1e-6)


def test_even_views_lose_nothing_and_side_views_what_the_paper_says():
    at = even_directions(4000)
    factor, covered = sampling_compensation(fourier_sampling(even_directions(600), np.ones(600), 3.0, at))
    assert factor == pytest.approx(1.0, abs=0.01)
    assert covered == 1.0
    angle = np.linspace(0, 2 * np.pi, 720, endpoint=False)
    side = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
    factor, covered = sampling_compensation(fourier_sampling(side, np.ones(720), 1.0, at))
    assert factor == pytest.approx(8 / np.pi**2, abs=0.01)
    assert covered == 1.0


def test_one_view_samples_the_band_across_it():
    at = even_directions(20_000)
    _, covered = sampling_compensation(fourier_sampling(np.array([[0, 0, 1.0]]), np.ones(1), 8.0, at))
    assert covered == pytest.approx(np.sin(np.deg2rad(24.0)), abs=0.005)


def test_weights_count_as_many_views():
    at, views = even_directions(500), even_directions(7)
    weights = np.array([1, 2, 3, 1, 1, 2, 1])
    once = fourier_sampling(views, weights, 10.0, at)
    again = fourier_sampling(np.repeat(views, weights, axis=0), np.ones(weights.sum()), 10.0, at)
    assert once == pytest.approx(again)


@pytest.mark.parametrize("group", ["C0", "Q2", "I", ""])
def test_unknown_symmetry_is_refused(group):
    with pytest.raises(BadInput, match="no symmetry"):
        symmetry_turns(group)
    with pytest.raises(BadInput, match="cannot be made"):
        view_grid(0.5)
