import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from cryogauge.collect.judge.view import find_carbon, find_contamination, find_particles, widened

SHAPE = (300, 320)


def noise(seed=0):
    return np.random.default_rng(seed).normal(0, 1, SHAPE).astype(np.float32)


def discs(centres, radius, depth):
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    picture = np.zeros(SHAPE, dtype=np.float32)
    for cy, cx in centres:
        picture[np.hypot(y - cy, x - cx) < radius] -= depth
    return picture


NOWHERE = np.zeros(SHAPE, dtype=bool)
SPREAD = [(y, x) for y in range(30, 280, 45) for x in range(30, 300, 45)]


@pytest.mark.parametrize("radius", [3, 5, 9])
def test_particles_are_counted_and_their_size_is_found(radius):
    found = find_particles(discs(SPREAD, radius, 2.0) + noise(), NOWHERE)
    assert abs(len(found.centres_px) - len(SPREAD)) <= 2
    assert found.diameter_px == pytest.approx(2 * radius, rel=0.35)
    nearest = [np.hypot(*(found.centres_px - place).T).min() for place in SPREAD]
    assert np.max(nearest) < radius
    assert found.coverage == pytest.approx(len(SPREAD) * np.pi / 4 * found.diameter_px**2 / noise().size, rel=0.1)


@pytest.mark.parametrize("seed", range(3))
def test_noise_holds_hardly_a_particle(seed):
    assert len(find_particles(noise(seed), NOWHERE).centres_px) <= 3


def test_bright_spots_are_no_particles():
    assert len(find_particles(-discs(SPREAD, 5, 3.0) + noise(), NOWHERE).centres_px) <= 3


def test_particles_are_not_looked_for_on_film():
    left = NOWHERE.copy()
    left[:, :160] = True
    found = find_particles(discs(SPREAD, 5, 2.0) + noise(), left)
    assert (found.centres_px[:, 1] >= 160).all()
    assert len(found.centres_px) == pytest.approx(sum(x >= 160 for _, x in SPREAD), abs=2)


def test_large_crystals_are_contamination_and_particles_are_not():
    crystals = [(80, 90), (200, 240)]
    picture = discs(SPREAD, 4, 1.5) + gaussian_filter(discs(crystals, 18, 4.0), 1.0) + noise()
    found = find_contamination(picture, 8.0, NOWHERE)
    assert all(found[place] for place in crystals)
    true = 2 * np.pi * 18**2 / noise().size
    assert found.mean() == pytest.approx(true, rel=0.5)
    assert not find_contamination(discs(SPREAD, 4, 1.5) + noise(), 8.0, NOWHERE).any()


def test_noise_and_slopes_are_neither_film_nor_contamination():
    slope = np.linspace(0, 6, SHAPE[1], dtype=np.float32)[None, :]
    wave = 3 * np.cos(np.linspace(0, np.pi, SHAPE[1], dtype=np.float32))[None, :]
    for picture in (noise(), noise() + slope, noise() + wave):
        assert not find_carbon(picture).any()
        assert find_contamination(picture, 8.0, NOWHERE).mean() < 0.005


def test_film_is_the_darker_side_of_an_edge():
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    film = x + 0.3 * y > 250
    found = find_carbon(noise() - 1.5 * film)
    assert (found == film).mean() > 0.97


def test_film_as_bright_as_ice_is_told_by_its_texture():
    film = np.zeros(SHAPE, dtype=bool)
    film[:120] = True
    found = find_carbon(noise() * np.where(film, 2.5, 1.0))
    assert (found == film).mean() > 0.95


def test_a_region_is_widened():
    one = NOWHERE.copy()
    one[100, 100] = True
    assert widened(one, 3).sum() == 25  # a diamond
    assert not widened(NOWHERE, 3).any()
