from dataclasses import replace

import numpy as np
import pytest

from cryogauge.pick.average import average_halves
from cryogauge.pick.average.halves import split_halves
from cryogauge.pick.average.mean import mean_of
from cryogauge.pick.average.rotations import angle_between_deg
from cryogauge.pick.average.shells import shell_correlation
from cryogauge.records import BadInput
from tests.pick.average import worlds


@pytest.fixture(scope="module")
def particles():
    return worlds.some(24, noise=1.5)


@pytest.fixture(scope="module")
def right(particles):
    boxes, poses = particles
    return average_halves(boxes, worlds.RADIUS_A, turns=poses.turns)


def test_right_picks_average_to_the_truth(right, particles):
    assert right.dark
    assert shell_correlation(right.average, worlds.truth())[1:7].min() > 0.8
    assert right.correlation.resolution_A() < 70.0
    assert angle_between_deg(particles[1].turns, right.poses.turns).mean() < 6.0
    assert set(right.half) == {0, 1}


def test_half_wrong_picks_average_worse(particles, right):
    boxes, poses = particles
    data = boxes.data.copy()
    noise = worlds.some(12, noise=1e6, seed=5)[0].data
    data[::2] = noise
    wrong = average_halves(replace(boxes, data=data), worlds.RADIUS_A, turns=poses.turns)
    assert wrong.correlation.area < right.correlation.area - 0.05
    assert wrong.poses.scores[::2].mean() < wrong.poses.scores[1::2].mean() - 0.05


def test_noise_averages_to_nothing():
    boxes, poses = worlds.some(24, noise=1e6, seed=7)
    found = average_halves(boxes, worlds.RADIUS_A, turns=poses.turns)
    late = slice(3, None)
    assert np.all(np.abs(found.correlation.corrected[late]) < 5 * found.correlation.noise_sd[late])
    assert not found.correlation.resolution_A() < worlds.RADIUS_A


def test_orientations_are_found_from_nothing():
    boxes, poses = worlds.some(20, noise=0.6, seed=2)
    found = average_halves(boxes, worlds.RADIUS_A)
    # the frame is the map's own: one rotation away from the truth, the same for all particles of both halves
    between = np.swapaxes(poses.turns, 1, 2) @ found.poses.turns
    off = np.array([np.median(angle_between_deg(np.broadcast_to(each, between.shape), between)) for each in between])
    assert off.min() < 8.0
    agreeing = angle_between_deg(np.broadcast_to(between[off.argmin()], between.shape), between) < 15.0
    assert agreeing[found.half == 0].mean() > 0.8
    assert agreeing[found.half == 1].mean() > 0.8
    assert found.correlation.resolution_A() < 80.0
    # the average lies in the frame that the poses say
    again = mean_of(-boxes.data, found.poses, boxes.series, boxes.tilt_ranges_deg)
    assert shell_correlation(again, found.average)[1:5].min() > 0.99


def test_picks_of_one_particle_go_into_one_half():
    boxes, _ = worlds.some(12, noise=1.0)
    places = boxes.places_A.copy()
    places[1::2] = places[::2] + 30.0
    boxes = replace(boxes, places_A=places)
    half = split_halves(boxes, worlds.RADIUS_A, np.random.default_rng(0))
    assert np.array_equal(half[::2], half[1::2])
    assert np.bincount(half).tolist() == [6, 6]
    elsewhere = replace(boxes, series=np.arange(12) % 2, tilt_ranges_deg=boxes.tilt_ranges_deg * 2)
    assert len(set(split_halves(elsewhere, worlds.RADIUS_A, np.random.default_rng(0)))) == 2


def test_picks_that_are_all_of_one_particle_are_refused():
    boxes, poses = worlds.some(8, noise=1.0)
    boxes = replace(boxes, places_A=boxes.places_A * 0.001)
    with pytest.raises(BadInput, match="parted into two halves"):
        average_halves(boxes, worlds.RADIUS_A, turns=poses.turns)
