import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import DBSCAN

from cryogauge.pick.peaks import Picking, find_clusters, find_peaks, thinned
from cryogauge.pick.targets import peaks, spheres
from cryogauge.records import BadInput

SHAPE = (24, 32, 40)


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000))
def test_peaks_lie_where_they_were_put(seed):
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*(np.arange(5, n - 5, 9) for n in SHAPE), indexing="ij"), -1).reshape(-1, 3)
    centres = grid[rng.random(len(grid)) < 0.6] + rng.uniform(-0.4, 0.4, 3)
    if not len(centres):
        return
    z, y, x = np.indices(SHAPE)
    heat = np.zeros(SHAPE)
    heights = rng.uniform(0.2, 1.0, len(centres))
    for (cz, cy, cx), height in zip(centres, heights, strict=True):
        heat = np.maximum(heat, height * np.exp(-((z - cz) ** 2 + (y - cy) ** 2 + (x - cx) ** 2) / 8))
    found, scores = find_peaks(heat, 3.0, threshold=0.1)
    assert len(found) == len(centres)
    distance = np.linalg.norm(found[:, None] - centres[None], axis=2)
    assert distance.min(1).max() < 0.15
    assert np.all(np.diff(scores) <= 0)


def test_a_plateau_is_one_peak():
    heat = np.zeros(SHAPE, np.float16)
    heat[10:13, 10:13, 10:13] = 0.75
    found, _ = find_peaks(heat, 2.0)
    assert len(found) == 1


def test_nothing_above_the_threshold_is_no_peak():
    found, scores = find_peaks(np.full(SHAPE, 0.01), 2.0, threshold=0.05)
    assert found.shape == (0, 3)
    assert not len(scores)


@given(seed=st.integers(0, 10_000), distance=st.floats(0.5, 6))
def test_what_is_left_is_apart_and_what_is_gone_was_near_to_something_better(seed, distance):
    rng = np.random.default_rng(seed)
    places, scores = rng.uniform(0, 10, (30, 3)), rng.random(30)
    kept = thinned(places, scores, distance)
    apart = np.linalg.norm(places[kept][:, None] - places[kept][None], axis=2) + 1e9 * np.eye(len(kept))
    assert apart.min() >= distance * (1 - 1e-6)
    for i in set(range(30)) - set(kept.tolist()):
        near = [k for k in kept if np.linalg.norm(places[k] - places[i]) < distance]
        assert max(scores[near]) >= scores[i]


@pytest.mark.parametrize("method", ["components", "watershed", "dbscan"])
def test_clusters_are_the_balls_that_were_painted(method):
    centres = np.array([[8.0, 8, 8], [12, 24, 12], [16, 16, 30]])
    winner = spheres(SHAPE, centres, np.ones(3, int), np.array([0, 4.0])) == 1
    found, scores = find_clusters(winner, winner.astype(float), 4.0, Picking(method))
    assert len(found) == 3
    assert np.linalg.norm(found[:, None] - centres[None], axis=2).min(1).max() < 0.2
    assert scores.min() > 0.9


def test_watershed_parts_two_that_touch_and_components_do_not():
    centres = np.array([[12.0, 12, 12], [12, 12, 19]])
    winner = spheres(SHAPE, centres, np.ones(2, int), np.array([0, 4.0])) == 1
    joined, _ = find_clusters(winner, winner.astype(float), 4.0, Picking("components"))
    parted, _ = find_clusters(winner, winner.astype(float), 4.0, Picking("watershed"))
    assert len(joined) == 1
    assert len(parted) == 2


def test_clusters_below_two_thirds_of_the_largest_dimension_are_dropped():
    for part, kept in ((0.55, 0), (0.75, 1)):
        winner = spheres(SHAPE, np.array([[12.0, 16, 20]]), np.ones(1, int), np.array([0, part * 6.0])) == 1
        assert len(find_clusters(winner, winner.astype(float), 6.0, Picking("components"))[0]) == kept


def test_a_long_thin_particle_is_not_taken_for_a_small_one():
    winner = np.zeros(SHAPE, bool)
    winner[11:14, 15:18, 14:26] = True  # a rod as long as the particle's diameter
    assert len(find_clusters(winner, winner.astype(float), 6.0, Picking("components"))[0]) == 1


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), density=st.floats(0.1, 0.7))
def test_dbscan_is_that_of_scikit_learn(seed, density):
    """The same core voxels in the same clusters; border voxels may go to either neighbour."""
    rng = np.random.default_rng(seed)
    winner = rng.random((7, 8, 9)) < density
    places = np.argwhere(winner)
    if not len(places):
        return
    known = DBSCAN(eps=1.0, min_samples=5).fit(places)
    from cryogauge.pick.peaks import _clusters

    ours = _clusters(winner, 3.0, "dbscan")[winner]
    core = np.zeros(len(places), bool)
    core[known.core_sample_indices_] = True
    assert np.array_equal(ours > 0, known.labels_ >= 0)
    pairs = set(zip(ours[core].tolist(), known.labels_[core].tolist(), strict=True))
    assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})


def test_a_map_of_peaks_is_found_again_at_half_sampling():
    centres = np.array([[11.0, 20, 30], [31, 41, 61]])
    heat = peaks((24, 32, 40), centres, np.ones(2, int), np.array([0, 5.0]), stride=2)[0]
    found, _ = find_peaks(heat, 3.0)
    assert np.abs(np.sort(2 * found, axis=0) - np.sort(centres, axis=0)).max() <= 0.8  # of the nearest voxel, 1


def test_an_unknown_method_is_refused():
    with pytest.raises(BadInput, match="'guess'"):
        Picking("guess")  # type: ignore[arg-type]
