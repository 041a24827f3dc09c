"""Grades: never better for anything that is worse, at the ends where they must be."""

from dataclasses import replace

import numpy as np
import pytest

from cryogauge.imaging.fourier import low_pass
from cryogauge.records.classes import REASONS
from cryogauge.simulate.classes.assemble import made_complex
from cryogauge.simulate.classes.average import Recipe, average
from cryogauge.simulate.classes.finish import Finish, finished
from cryogauge.simulate.classes.optics import Optics
from cryogauge.simulate.classes.oracle import judge, junk
from cryogauge.simulate.classes.views import random_views

PARTICLES = [made_complex("x", m, symmetry, np.random.default_rng(3)) for m, symmetry in ((250, "D2"), (120, "C1"))]
GOOD = Recipe(3000, spread_deg=1.0, in_plane_deg=0.5, shift_A=0.5)


def verdict(particle, seed=0, **how):
    recipe = replace(GOOD, **how)
    pixel = particle.diameter_A * 1.5 / 80
    view = random_views(1, np.random.default_rng(7))[0]
    made = average(particle, view, recipe, Optics(pixel), 80, np.random.default_rng(seed))
    off = float(np.hypot(*recipe.offset_A))
    return judge(made.image, made.truth, pixel, particle.diameter_A, extra=made.extra, offset_A=off)


@pytest.mark.parametrize("particle", PARTICLES, ids=["tetramer", "monomer"])
@pytest.mark.parametrize(
    ("what", "values", "worst"),
    [
        ("particles", (30_000, 3000, 300, 30, 3), 2.8),
        ("spread_deg", (1.0, 4.0, 10.0, 30.0), 2.2),
        ("in_plane_deg", (0.5, 4.0, 12.0, 30.0), 3.0),
        ("shift_A", (0.5, 3.0, 8.0, 20.0), 4.0),
        ("wrong", (0.0, 0.4, 0.7, 0.95), 4.0),
        ("overfit", (1.0, 2.0, 5.0, 20.0), 2.0),
        ("neighbour", (0.0, 0.4, 1.0), 1.2),
    ],
)
def test_what_makes_an_average_worse_never_betters_its_grade(particle, what, values, worst):
    grades = np.array([np.mean([verdict(particle, s, **{what: v}).grade for s in range(2)]) for v in values])
    assert (np.diff(grades) > -0.06).all(), grades
    assert grades[0] < 1.7
    assert grades[-1] > max(worst, grades[0] + 0.15), grades


def test_many_steady_members_are_an_a_and_misplaced_ones_are_told():
    assert verdict(PARTICLES[0], particles=100_000).grade < 1.3
    size = PARTICLES[0].diameter_A
    grades = [verdict(PARTICLES[0], offset_A=(x * size, 0.0)).grade for x in (0.0, 0.2, 0.4)]
    assert grades == sorted(grades)
    assert verdict(PARTICLES[0], offset_A=(0.3 * size, 0.0)).reasons["off_centre"]
    assert verdict(PARTICLES[0], neighbour=1.0).reasons["neighbour"]
    assert verdict(PARTICLES[0], shift_A=12.0).reasons["blurred"]
    assert not any(verdict(PARTICLES[0]).reasons.values())


def test_a_dark_rim_is_no_artefact():
    particle = PARTICLES[0]
    pixel = particle.diameter_A * 1.5 / 80
    view = random_views(1, np.random.default_rng(7))[0]
    made = average(particle, view, replace(GOOD, particles=10**6), Optics(pixel), 80, np.random.default_rng(0))
    rimmed = finished(made.image[None], Finish("relion", np.inf, 5.0, halo=0.9, halo_1_px=pixel / 40.0))[0]
    plain, filtered = (judge(each, made.truth, pixel, particle.diameter_A) for each in (made.image, rimmed))
    assert filtered.background < plain.background + 0.03
    assert filtered.grade < plain.grade + 0.2


def test_grain_that_another_program_would_have_filtered_off_is_no_artefact():
    particle = PARTICLES[0]
    pixel = particle.diameter_A * 1.5 / 160
    view = random_views(1, np.random.default_rng(7))[0]
    truth = average(particle, view, GOOD, Optics(pixel), 160, np.random.default_rng(0)).truth
    white = np.random.default_rng(1).standard_normal(truth.shape)
    coarse = low_pass(white, 0.03)
    strength = 0.5 * truth.std()
    grainy, mottled = (
        judge(truth + strength * noise / noise.std(), truth, pixel, particle.diameter_A) for noise in (white, coarse)
    )
    assert grainy.background < 0.4 * mottled.background
    assert grainy.grade < mottled.grade


def test_coarse_rings_that_the_lens_took_away_spoil_no_grade():
    pixel = PARTICLES[0].diameter_A * 1.5 / 80
    view = random_views(1, np.random.default_rng(7))[0]
    truth = average(PARTICLES[0], view, GOOD, Optics(pixel), 80, np.random.default_rng(0)).truth
    coarse = pixel / (0.4 * PARTICLES[0].diameter_A)
    fine = truth - low_pass(truth, coarse)
    noise = np.random.default_rng(1).normal(0, 4 * fine.std(), truth.shape)
    drowned = judge(fine + low_pass(noise, coarse), truth, pixel, PARTICLES[0].diameter_A)
    whole = judge(truth, truth, pixel, PARTICLES[0].diameter_A)
    assert drowned.detail_A == pytest.approx(whole.detail_A, rel=0.1)
    # what is lost beyond them is lost
    blurred = judge(low_pass(truth, 2 * coarse), truth, pixel, PARTICLES[0].diameter_A)
    assert blurred.detail_A > 2 * whole.detail_A


def test_pure_noise_is_an_f():
    particle = PARTICLES[0]
    pixel = particle.diameter_A * 1.5 / 80
    view = random_views(1, np.random.default_rng(7))[0]
    truth = average(particle, view, GOOD, Optics(pixel), 80, np.random.default_rng(0)).truth
    for seed in range(20):
        noise = np.random.default_rng(seed).standard_normal((80, 80))
        assert judge(noise, truth, pixel, particle.diameter_A).grade >= 4.5
    assert judge(np.zeros((80, 80)), truth, pixel, 100.0) == junk("empty")


def test_a_cut_particle_is_told_and_its_scale_does_not_matter():
    particle = PARTICLES[0]
    pixel = particle.diameter_A * 1.5 / 80
    view = random_views(1, np.random.default_rng(7))[0]
    made = average(particle, view, GOOD, Optics(pixel), 80, np.random.default_rng(0))
    whole = judge(made.image, made.truth, pixel, particle.diameter_A)
    scaled = judge(made.image * 70, made.truth, pixel, particle.diameter_A)
    assert scaled.grade == pytest.approx(whole.grade, abs=1e-6)
    cut = judge(made.image, made.truth, pixel, particle.diameter_A, mask_diameter_A=0.5 * particle.diameter_A)
    assert cut.reasons["edge"]
    assert cut.grade > whole.grade + 0.5


def test_a_particle_that_the_box_cuts_off_is_told_too():
    particle = PARTICLES[0]
    pixel = particle.diameter_A * 1.5 / 80
    view = random_views(1, np.random.default_rng(7))[0]
    off = (0.75 * particle.diameter_A, 0.0)
    made = average(particle, view, replace(GOOD, offset_A=off), Optics(pixel), 80, np.random.default_rng(0))
    whole = Optics(pixel).contrast_per_V_A * particle.potential_V_A3 / pixel**2
    found = judge(made.image, made.truth, pixel, particle.diameter_A, offset_A=off[0], whole=whole)
    assert found.reasons["edge"]
    assert found.grade > 3.0
    middle = average(particle, view, GOOD, Optics(pixel), 80, np.random.default_rng(0))
    assert not judge(middle.image, middle.truth, pixel, particle.diameter_A, whole=whole).reasons["edge"]


@pytest.mark.parametrize("reason", REASONS)
def test_junk_is_the_worst_grade_for_its_reason(reason):
    assert junk(reason).grade == 5.0
    assert [name for name, true in junk(reason).reasons.items() if true] == [reason]
