import math

import numpy as np
import pytest
from scipy.spatial import KDTree

from cryogauge.imaging.ctf import ctf_2d
from cryogauge.imaging.particle_count import count_particles, density_um2, share_seen
from cryogauge.imaging.particle_energy import band_energy
from cryogauge.imaging.transforms import irfft2, rfft2

EDGE, PIXEL_A, DEFOCUS_A = 400, 6.0, 15_000.0
AREA_UM2 = (EDGE * PIXEL_A * 1e-4) ** 2
NOWHERE = np.zeros((8, 8), dtype=bool)


def field(count, diameter_A, seed=0, noise=1.0, power=14.0):
    """Balls of texture at random places in noise, through the lens, and their places (y, x) in Å."""
    rng = np.random.default_rng(seed)
    places = rng.uniform(0, EDGE, (count, 2))
    y, x = np.mgrid[:EDGE, :EDGE]
    thickness = np.zeros((EDGE, EDGE), dtype=np.float32)
    for cy, cx in places:
        dy, dx = ((v + EDGE / 2) % EDGE - EDGE / 2 for v in (y - cy, x - cx))
        thickness += np.sqrt(np.maximum(1 - np.square(2 * PIXEL_A / diameter_A) * (dy**2 + dx**2), 0))
    grain = rng.standard_normal((EDGE, EDGE), dtype=np.float32)
    # texture of 40 Å in a ball, whose phases add at random
    frequency = np.hypot(np.fft.fftfreq(EDGE, PIXEL_A)[:, None], np.fft.rfftfreq(EDGE, PIXEL_A)[None, :])
    texture = irfft2(rfft2(grain) * np.exp(-0.5 * np.square(frequency * 40.0)), (EDGE, EDGE))
    matter = power * texture * np.sqrt(thickness)
    lens = ctf_2d((EDGE, EDGE), PIXEL_A, DEFOCUS_A, amplitude_contrast=0.1)
    seen = irfft2(rfft2(matter) * lens, (EDGE, EDGE)) + noise * rng.standard_normal((EDGE, EDGE))
    return (100 + seen).astype(np.float32), places * PIXEL_A


def energy_of(image, besides=NOWHERE):
    return band_energy(image, PIXEL_A, besides, defocus_A=DEFOCUS_A)


@pytest.mark.parametrize(("count", "diameter_A"), [(15, 150.0), (50, 150.0), (15, 250.0)])
def test_particles_at_random_are_counted_and_their_size_is_found(count, diameter_A):
    found = count_particles(energy_of(field(count, diameter_A, noise=0.5)[0]))
    true = count / AREA_UM2
    assert found.density_um2 == pytest.approx(true, rel=0.4)
    assert abs(found.density_um2 - true) < 4 * found.error_um2
    assert found.diameter_A == pytest.approx(diameter_A, rel=0.35)
    assert found.coverage == pytest.approx(found.density_um2 * np.pi / 4 * (found.diameter_A * 1e-4) ** 2)


def test_tops_lie_on_particles():
    image, places = field(60, 150.0, noise=0.5)
    found = count_particles(energy_of(image))
    away = [np.hypot(*(places - centre).T).min() for centre in found.centres_A]
    assert np.median(away) < 40
    assert np.quantile(away, 0.9) < 80


def test_noise_holds_no_particles():
    image, _ = field(0, 150.0, seed=3)
    found = count_particles(energy_of(image))
    assert math.isnan(found.diameter_A)
    assert len(found.centres_A) <= 4
    assert found.density_um2 < 3 * found.error_um2


def test_what_is_shunned_counts_for_nothing():
    image, places = field(30, 150.0, seed=1, noise=0.5)
    half = np.zeros((EDGE, EDGE), dtype=bool)
    half[:, : EDGE // 2] = True
    image[half] -= 30  # dark film
    found = count_particles(energy_of(image, half))
    assert (found.centres_A[:, 1] >= EDGE // 2 * PIXEL_A).all()
    true = (places[:, 1] >= EDGE // 2 * PIXEL_A).sum() / (AREA_UM2 / 2)
    assert found.density_um2 == pytest.approx(true, rel=0.5)
    nothing = count_particles(energy_of(image, np.ones((EDGE, EDGE), dtype=bool)))
    assert math.isnan(nothing.density_um2)
    assert "free" in nothing.note


def test_a_crowded_field_has_more_of_the_same_size():
    few, many = (count_particles(energy_of(field(n, 150.0, seed=2, noise=0.5)[0])) for n in (20, 150))
    assert many.density_um2 > 3 * few.density_um2
    assert many.diameter_A == pytest.approx(few.diameter_A, rel=0.5)


@pytest.mark.parametrize("density", [100.0, 1000.0, 3000.0])
def test_hidden_particles_are_those_that_others_of_a_poisson_field_leave_no_top(density):
    diameter_A, edge_um = 100.0, 2.0
    merged = math.pi * (0.7 * diameter_A * 1e-4) ** 2
    rng = np.random.default_rng(0)
    points = rng.uniform(0, edge_um, (rng.poisson(density * edge_um**2), 2))
    rank = rng.random(len(points))
    pairs = KDTree(points, boxsize=edge_um).query_pairs(math.sqrt(merged / math.pi), output_type="ndarray")
    left = np.ones(len(points), dtype=bool)
    left[np.where(rank[pairs[:, 0]] > rank[pairs[:, 1]], pairs[:, 0], pairs[:, 1])] = False
    found, error = density_um2(left.sum(), edge_um**2, diameter_A)
    assert found == pytest.approx(density, rel=0.12)
    assert error > 0


def test_faint_particles_are_added_by_how_far_the_others_stand_out():
    rng = np.random.default_rng(0)
    for mean in (4.5, 6.0, 12.0):
        heights = mean + np.hypot(1.0, 0.4 * mean) * rng.standard_normal(4000)
        assert share_seen(heights[heights > 4], 4.0) == pytest.approx((heights > 4).mean(), abs=0.08)
    assert share_seen(np.zeros(0), 4.0) == 1


def test_a_few_seen_are_told_with_their_doubt():
    density, error = density_um2(4, 0.05, 120.0)
    assert density == pytest.approx(80, rel=0.1)
    assert error == pytest.approx(math.sqrt(5) / 0.05, rel=0.1)
