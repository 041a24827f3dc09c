import numpy as np
import pytest

from cryogauge.imaging import ctf_2d
from cryogauge.imaging.class2d.final import average_classes, crossing_A
from cryogauge.imaging.class2d.prepare import soft_circle
from tests.imaging.class2d.shapes import SHAPES, particles, shape

BOX, PIXEL_A, RADIUS = 40, 4.0, 17.0
INSIDE = soft_circle(BOX, RADIUS) > 0.5


def agreement(found, number):
    return np.corrcoef(found[INSIDE], shape(number, BOX)[INSIDE])[0, 1]


def test_true_poses_give_true_averages_and_finer_resolution_for_more_particles():
    images, which, angle, shift = particles(264, BOX, 0.1, 0)
    few = np.zeros(264, dtype=bool)
    few[:24] = True
    resolution = []
    for chosen in (few, ~few):
        found = average_classes(
            images[chosen], PIXEL_A, which[chosen], np.deg2rad(angle[chosen]), shift[chosen], 4, radius_px=RADIUS
        )
        resolution.append(found.resolution_A)
    assert min(agreement(found.images[k], k) for k in range(len(SHAPES))) > 0.95
    assert np.mean(resolution[1][:3]) < 0.9 * np.mean(resolution[0][:3])
    assert (found.images[3] == 0).all()
    assert np.isnan(found.resolution_A[3])


def test_transfer_is_corrected_for():
    """Without knowing it, contrast is reversed and ringed; with it, averages are the shapes."""
    rng = np.random.default_rng(0)
    transfer = np.stack([ctf_2d((BOX, BOX), 4.0, z, amplitude_contrast=0.3) for z in rng.uniform(8e3, 25e3, 200)])
    images, which, angle, shift = particles(200, BOX, 0.5, 0, transfer=transfer)

    def averages(ctf):
        return average_classes(images, 4.0, which, np.deg2rad(angle), shift, 3, radius_px=RADIUS, transfer=ctf).images

    with_it, without = averages(transfer), averages(None)
    by_function = averages(lambda part: transfer[part])
    np.testing.assert_array_equal(with_it, by_function)
    for k in range(3):
        assert agreement(with_it[k], k) > 0.9
        assert agreement(with_it[k], k) > agreement(-without[k], k)


def test_crossing_lies_between_rings():
    correlation = np.array([0.0, 0.0, 0.9, 0.343, -0.057, 0.9])
    assert crossing_A(correlation, 100.0) == pytest.approx(100 / 3.5)
    assert crossing_A(np.ones(6), 100.0) == 20
