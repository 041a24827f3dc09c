from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation

from cryogauge.pick.average.align import Poses, Reference, refine, search
from cryogauge.pick.average.mean import mean_of
from cryogauge.pick.average.particles import whitened
from cryogauge.pick.average.rotations import angle_between_deg, even_rotations
from cryogauge.pick.average.shells import shell_correlation
from cryogauge.pick.average.spectra import half_sphere, oversampled, terms
from cryogauge.pick.average.wedge import measured
from tests.pick.average import worlds


def align(boxes, radius: float, *, steps=(((10.0, 1.0), (5.0, 0.5)), ((2.5, 0.25), (1.0, 0.1)))):
    particles, gain = whitened(boxes)
    particles = particles.within(radius)
    reference = Reference(*oversampled(-worlds.truth()), gain[: len(particles.points)])
    starts = np.zeros((len(boxes.data), 3))
    found = search(particles, reference, even_rotations(20.0), starts, 2.0, 1.0)
    for each in steps:
        found = refine(particles, reference, found, starts, 2.0, each)
    return found


def test_known_rotations_and_shifts_are_found_behind_the_wedge():
    boxes, poses = worlds.some(6, noise=0.3)
    found = align(boxes, 7.0)
    assert angle_between_deg(poses.turns, found.turns).max() < 2.5
    assert np.abs(found.shifts_px - poses.shifts_px).max() < 0.25
    assert found.scores.min() > 0.7


def test_the_score_falls_with_noise_and_is_a_correlation():
    clean, noisy = (align(worlds.some(4, noise)[0], 7.0).scores for noise in (0.0, 3.0))
    assert clean.min() > 0.9
    assert clean.max() <= 1.0 + 1e-5
    assert noisy.max() < clean.min()


def test_what_the_wedge_took_plays_no_part():
    """Against a reference that lacks the same wedge the score is no better than against the whole one."""
    boxes, poses = worlds.some(3, 0.0)
    found = align(boxes, 6.0)
    particles, gain = whitened(boxes)
    particles = particles.within(6.0)
    reference = Reference(*oversampled(-worlds.truth()), gain[: len(particles.points)])
    everything = particles.measured.copy()
    everything[:] = True
    blind = search(replace(particles, measured=everything), reference, poses.turns, poses.shifts_px, 0.1, 1.0)
    assert np.all(found.scores > blind.scores + 0.02)


def test_an_average_fills_the_wedge():
    boxes, poses = worlds.some(40, noise=0.0)
    found = mean_of(boxes.data, poses, boxes.series, boxes.tilt_ranges_deg)
    curve = shell_correlation(-found, worlds.truth())
    assert curve[1:9].min() > 0.98
    one = mean_of(boxes.data[:1], Poses(*(a[:1] for a in (poses.turns, poses.shifts_px, poses.scores))),
                  boxes.series[:1], boxes.tilt_ranges_deg)  # fmt: skip
    assert shell_correlation(-one, worlds.truth())[3:9].mean() < 0.95


def test_an_average_weighs_each_term_by_how_many_measured_it():
    """Where half of the boxes measured nothing, the other half's mean stands, not half of it."""
    turn = Rotation.from_rotvec([0.4, 0.7, -0.5]).as_matrix()
    box = worlds.one(turn, np.zeros(3))[None].repeat(8, 0)
    still = Poses(turn[None].repeat(8, 0), np.zeros((8, 3)), np.zeros(8))
    ranges = ((-60.0, 0.0), (-89.9, 89.9))
    series = np.array([0, 1] * 4)
    found = mean_of(box, still, series, ranges)
    whole = mean_of(box, still, np.ones(8, dtype=np.intp), ranges)
    points = half_sphere(6.0)
    ratio = (terms(found, points) / terms(whole, points)).real
    both = measured(points @ turn.T, ranges[0])
    # 8 particles against the constant of 1, or 4
    assert np.allclose(ratio[both], 1.0, atol=1e-3)
    assert np.allclose(ratio[~both], (4 / 5) / (8 / 9), atol=1e-3)
