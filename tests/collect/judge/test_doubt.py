"""Counts of particles that are not to be relied on, told as such."""

import math

import numpy as np
import pytest

from cryogauge.collect.judge.classify import Opinion
from cryogauge.collect.judge.doubt import count_doubt
from cryogauge.collect.judge.exposure import Exposure
from cryogauge.collect.judge.judge import INDICATORS, JudgeSettings, judge_exposure, weigh
from cryogauge.collect.judge.view import Particles, find_particles, is_finest
from cryogauge.simulate.micrographs import MICROGRAPH_CLASSES, simulate_micrograph


def opinion(**probability):
    return Opinion("great", np.array([probability.get(kind, 0.0) for kind in MICROGRAPH_CLASSES]), 1.0)


def spots(diameter_px):
    return Particles(np.zeros((50, 2), int), diameter_px, 0.1)


def doubt(particles, dark, probability, carbon=0.0, expects_rings=True):
    return count_doubt(particles, dark, probability, carbon, expects_rings=expects_rings)


def test_nothing_speaks_against_a_plain_field():
    assert doubt(spots(30.0), True, opinion(great=0.6, decent=0.3), 0.05) == ""
    assert doubt(spots(30.0), True, opinion(great=0.6, decent=0.3), 0.05, expects_rings=False) == ""
    assert doubt(spots(4.5), False, opinion(decent=0.51), 0.2) == ""  # texture's are not dark spots


def test_each_reason_is_told():
    great = opinion(great=0.9)
    assert "as fine as the noise" in doubt(spots(4.5), True, great)
    assert "crystalline ice" in doubt(spots(30.0), False, opinion(great=0.4, crystalline=0.5))
    assert "without particles" in doubt(spots(30.0), False, opinion(decent=0.1, no_particles=0.6, empty=0.3))
    assert "25 % of the field is support film" in doubt(spots(30.0), False, great, 0.25)


def test_next_to_no_dark_spots_where_there_should_be_particles_are_doubted_without_a_contrast_transfer_only():
    scant = Particles(np.zeros((6, 2), int), 25.0, 0.01)
    assert "as if there were more" in doubt(scant, True, opinion(great=0.9), expects_rings=False)
    assert doubt(scant, True, opinion(great=0.9), expects_rings=True) == ""
    assert "no ice" in doubt(scant, True, opinion(empty=0.9), expects_rings=False)


@pytest.mark.parametrize("noise", [0.3, 0.03])
def test_what_noise_makes_is_of_the_finest_sizes_and_plain_spots_are_not(noise):
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:256, :256]
    picture = rng.normal(0, noise, (256, 256))
    picture[rng.integers(0, 256, 60), rng.integers(0, 256, 60)] -= 12 * noise
    nowhere = np.zeros((256, 256), bool)
    assert is_finest(find_particles(picture.astype(np.float32), nowhere))
    for cy, cx in rng.uniform(20, 236, (20, 2)):
        picture -= 20 * noise * np.exp(-0.5 * ((y - cy) ** 2 + (x - cx) ** 2) / 36.0)
    assert not is_finest(find_particles(picture.astype(np.float32), nowhere))


def test_an_unsure_count_is_told_in_place_of_what_rests_on_it_and_weighs_the_same():
    values = dict.fromkeys(INDICATORS, math.nan) | {"particles": 86, "particle_coverage": 0.9, "defocus_A": 1e4}
    sure, flags = weigh(values, opinion(great=0.9), expects_rings=True)
    assert list(flags) == ["crowded"]
    unsure, flags = weigh(values, opinion(great=0.9), expects_rings=True, unsure="it is so")
    assert flags == {"unsure_count": "About 86 particles are counted; not sure: it is so."}
    assert unsure == sure
    flags = weigh(values, opinion(great=0.9), expects_rings=False, unsure="it is so")[1]
    assert flags == {"unsure_count": "About 86 dark spots are counted; not sure: it is so."}
    nothing = values | {"particles": math.nan, "particle_coverage": math.nan}
    assert weigh(nothing, opinion(great=0.9), expects_rings=True, unsure="it is so")[1] == {}


def test_noise_in_fine_pixels_is_not_counted_in_place_of_particles():
    # seeds on which spots of 23 Å were several times as many as there are particles
    for seed in (31501, 31517):
        made = simulate_micrograph("great", (768, 768), 1.7, np.random.default_rng(seed))
        free = ~(made.field.carbon | made.field.contamination)
        true_um2 = len(made.field.centres_px) / (free.sum() * 1.7e-4**2)
        settings = JudgeSettings(
            voltage_kV=made.optics.voltage_kV, amplitude_contrast=made.optics.amplitude_contrast
        )  # fmt: skip
        row = judge_exposure(Exposure(made.electrons, 1.7), settings).row
        assert row["particles_per_um2"] == pytest.approx(true_um2, rel=0.5)
        assert row["particle_power_A2"] > 0
