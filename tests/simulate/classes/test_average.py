"""Averages: more particles less noise, and the optics that make it."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from cryogauge.imaging.fourier import radial_power
from cryogauge.records import BadInput
from cryogauge.simulate.classes.assemble import made_complex, random_structure
from cryogauge.simulate.classes.average import Recipe, average
from cryogauge.simulate.classes.contaminants import CONTAMINANTS, aggregate
from cryogauge.simulate.classes.finish import Finish, as_written, circle, finished
from cryogauge.simulate.classes.optics import Optics
from cryogauge.simulate.classes.views import random_views

PARTICLE = made_complex("x", 300.0, "D2", np.random.default_rng(3))
VIEW = random_views(1, np.random.default_rng(0))[0]
BOX, OPTICS = 80, Optics(PARTICLE.diameter_A * 1.6 / 80)
STEADY = Recipe(3000, spread_deg=0.0, in_plane_deg=0.0, shift_A=0.0)


def make(seed=0, **how):
    return average(PARTICLE, VIEW, replace(STEADY, **how), OPTICS, BOX, np.random.default_rng(seed))


def test_optics_have_the_interaction_constant_and_shot_noise():
    # 2 × 6.526e-4 and 7.288e-4 rad/(V Å), Kirkland, Advanced Computing in Electron Microscopy, table 2.1
    assert Optics(1.0).contrast_per_V_A == pytest.approx(2 * 6.526e-4, rel=2e-3)
    assert Optics(1.0, voltage_kV=200.0).contrast_per_V_A == pytest.approx(2 * 7.288e-4, rel=2e-3)
    assert Optics(2.0, dose_e_A2=40).noise_variance == pytest.approx(Optics(1.0, dose_e_A2=160).noise_variance)
    with pytest.raises(BadInput, match="no range"):
        Optics(1.0, defocus_A=(2.0, 1.0))


def test_many_steady_members_give_back_the_projection_and_few_do_not():
    def likeness(particles):
        made = make(particles=particles)
        return np.corrcoef(made.image.ravel(), made.truth.ravel())[0, 1]

    many, some, few = likeness(1_000_000), likeness(30), likeness(1)
    assert many > 0.97
    assert many > some > few


def test_resolution_follows_the_number_of_particles():
    told = [make(particles=n).resolution_A for n in (1, 10, 100, 1000, 10_000)]
    assert all(a >= b for a, b in pairwise(told))
    assert told[0] > 2 * told[-1]


def test_noise_falls_with_the_root_of_the_number():
    # two averages that differ by noise alone: at high n the filter is open, and power goes as 1/n
    def noise(n):
        _, power = radial_power(make(1, particles=n).image - make(2, particles=n).image)
        return power[8:16].mean()

    assert noise(20_000) / noise(2_000_000) == pytest.approx(100, rel=0.35)


def test_neighbours_are_kept_apart_from_the_truth_and_no_members_are_flat():
    beside = make(neighbour=0.8, crowding=0.5)
    assert np.abs(beside.extra).max() > 0.1 * np.abs(beside.truth).max()
    assert not make().extra.any()
    none = make(particles=0)
    assert not none.image.any()
    assert np.isinf(none.resolution_A)


def test_a_plain_mean_keeps_white_noise_and_a_weighed_one_does_not():
    few = replace(STEADY, particles=50)
    plain, weighed = (
        average(PARTICLE, VIEW, few, OPTICS, BOX, np.random.default_rng(0), corrected=False, weighed=weighs).image
        for weighs in (False, True)
    )
    assert radial_power(plain)[1][36:40].mean() > 5 * radial_power(weighed)[1][36:40].mean()
    assert radial_power(plain)[1][2:5].mean() == pytest.approx(radial_power(weighed)[1][2:5].mean(), rel=0.2)


def test_members_that_scatter_leave_no_detail_of_a_few_views():
    # two draws of the members agree: what is seen is not of the views that stand for them
    first, second = (make(seed, particles=10**7, spread_deg=25.0, shift_A=4.0).image for seed in (1, 2))
    assert np.corrcoef(first.ravel(), second.ravel())[0, 1] > 0.97


def test_wrong_members_of_a_filament_leave_its_outline_and_take_its_detail():
    filament = random_structure(np.random.default_rng(1), "f", kind="filament")
    view = random_views(1, np.random.default_rng(0), kind="filament")[0]
    optics = Optics(2.4 * filament.diameter_A / BOX)

    def made(wrong):
        recipe = replace(STEADY, particles=10**7, wrong=wrong)
        return average(filament, view, recipe, optics, BOX, np.random.default_rng(0))

    right, mixed = made(0.0), made(0.9)
    place = np.arange(BOX) - BOX // 2
    across = place[:, None] * view[2, 0] - place[None, :] * view[1, 0]
    beside = (np.abs(across) > 0.35 * BOX) & (np.hypot(place[:, None], place[None, :]) < 0.45 * BOX)
    assert mixed.image[beside].std() < 1.5 * right.image[beside].std() + 0.02 * right.image.std()
    detail = [np.corrcoef(each.image.ravel(), each.truth.ravel())[0, 1] for each in (right, mixed)]
    assert detail[0] > detail[1] + 0.05


def test_clumps_are_wider_than_what_they_are_of():
    place = (np.arange(96) - 48) * 6.0
    distance = np.hypot(place[:, None], place[None, :])
    within = distance < 0.5 * PARTICLE.diameter_A
    parts = []
    for seed in range(8):
        image = aggregate(PARTICLE, 96, 6.0, np.random.default_rng(seed))
        parts.append(image[within].sum() / image.sum())
    assert max(parts) < 0.4


def test_the_mean_of_many_clumps_is_smoother_than_a_clump():
    def fine(clumps):
        power = [
            radial_power(aggregate(PARTICLE, 48, 3.0, np.random.default_rng(s), clumps=clumps))[1] for s in range(6)
        ]
        return np.mean([each[4:12].sum() / each[1:].sum() for each in power])

    assert fine(30) < 0.5 * fine(1)


def test_contaminants_are_finite_and_differ_by_kind_and_seed():
    made = {name: draw(48, 3.0, np.random.default_rng(1)) for name, draw in CONTAMINANTS.items()}
    made["aggregate"] = aggregate(PARTICLE, 48, 3.0, np.random.default_rng(1))
    for name, image in made.items():
        assert image.shape == (48, 48), name
        assert np.isfinite(image).all(), name
        assert image.std() > 0.003, name
    assert not np.allclose(made["ice"], CONTAMINANTS["ice"](48, 3.0, np.random.default_rng(2)))


def test_a_finish_clears_the_rim_and_keeps_the_middle():
    images = np.random.default_rng(0).standard_normal((2, 64, 64)).astype(np.float32)
    images[1] = 0
    finish = Finish("relion", 40.0, 5.0, scale=3.0)
    done = as_written(finished(images, finish), finish)
    mask = circle(64, 40.0, 5.0)
    assert not done[:, mask == 0].any()
    np.testing.assert_allclose(done[0][mask == 1], 3 * images[0][mask == 1], atol=1e-4)
    assert not done[1].any()
    eight = as_written(images, Finish("stack", np.inf, 5.0, levels=True))
    assert set(np.unique(eight[0])) <= set(range(256))
    coarse = finished(images, Finish("relion", np.inf, 5.0, cut_1_px=0.2))
    assert radial_power(coarse[0])[1][14:].max() < 1e-6
