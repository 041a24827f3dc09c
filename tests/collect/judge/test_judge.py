import math
from dataclasses import replace

import numpy as np
import pytest

from cryogauge.collect.judge.classify import Opinion
from cryogauge.collect.judge.exposure import Exposure
from cryogauge.collect.judge.ice import ice_thickness_nm
from cryogauge.collect.judge.judge import (
    INDICATORS,
    LEAVES,
    LIMITS,
    NO_CTF_LEAVES,
    JudgeSettings,
    judge_exposure,
    weigh,
    worth_of_ice,
)
from cryogauge.simulate.micrographs import MICROGRAPH_CLASSES, simulate_micrograph, thumbnail
from tests.collect.judge.exposures import DIAMETER_A, PIXEL_A, micrograph, untaught_weights

NOTHING = dict.fromkeys(INDICATORS, math.nan) | {"particle_coverage": 0.2, "particles": 100}
RINGS = NOTHING | {"defocus_A": 1e4, "astigmatism_A": 0.0}


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    return JudgeSettings(model=str(untaught_weights(tmp_path_factory.mktemp("weights"))))


@pytest.fixture(scope="module")
def thumbnails():
    """Rows of two simulated thumbnails a class, by class."""
    return {kind: [_row_of_thumbnail(kind, (number, seed)) for seed in range(2)]
            for number, kind in enumerate(MICROGRAPH_CLASSES)}  # fmt: skip


def _row_of_thumbnail(kind, seed):
    made = simulate_micrograph(kind, (330, 342), 11.2, np.random.default_rng(seed))
    seen = thumbnail(made.electrons).astype(np.float32)
    return judge_exposure(Exposure(seen, math.nan, picture=True), JudgeSettings()).row


def opinion(kind="great", score=1.0):
    probability = np.where(np.array(tuple(MICROGRAPH_CLASSES)) == kind, 0.9, 0.02)
    return Opinion(kind, probability, score)


def test_an_exposure_is_judged_by_what_it_shows(settings):
    judged = judge_exposure(Exposure(micrograph(), PIXEL_A), replace(settings, vacuum_counts=50 * PIXEL_A**2))
    row = judged.row
    assert row["defocus_A"] == pytest.approx(14_000, rel=0.02)
    assert row["ctf_resolution_A"] < 8
    assert row["ice_thickness_nm"] == pytest.approx(ice_thickness_nm(row["mean_counts"], 50 * PIXEL_A**2, 300.0))
    assert row["contamination_fraction"] < 0.05
    assert row["carbon_fraction"] == 0
    assert row["particles"] == pytest.approx(25, abs=4)
    assert row["particle_diameter_A"] == pytest.approx(DIAMETER_A, rel=0.45)
    assert math.isnan(row["motion_A"])
    assert row["score"] == pytest.approx(math.prod(v for k, v in row.items() if k.startswith("part_")))
    assert sum(row[f"p_{kind}"] for kind in MICROGRAPH_CLASSES) == pytest.approx(1)


def test_without_a_pixel_size_there_is_no_length_and_nothing_is_lost_by_it(settings):
    row = judge_exposure(Exposure(micrograph(512), math.nan), settings).row
    for name in ("defocus_A", "ice_ring", "ice_thickness_nm", "particle_diameter_A", "particles_per_um2"):
        assert math.isnan(row[name])
    assert row["part_ctf"] == row["part_ice"] == row["part_motion"] == row["part_particles"] == 1
    assert row["particles"] > 10


def test_a_pixel_too_coarse_for_rings_is_weighed_as_none_but_has_its_lengths(settings):
    coarse, unknown = (judge_exposure(Exposure(micrograph(512), pixel), settings).row for pixel in (5.0, math.nan))
    assert coarse["score"] == pytest.approx(unknown["score"])
    assert coarse["flags"] == unknown["flags"]
    assert coarse["particle_diameter_A"] > 0


def test_where_ice_is_measured_nothing_is_called_empty(monkeypatch):
    said = Opinion("empty", np.array([0.1, 0.05, 0.05, 0.7, 0.05, 0.05]), 0.2)
    assert tuple(MICROGRAPH_CLASSES)[3] == "empty"
    monkeypatch.setattr("cryogauge.collect.judge.judge.classify", lambda *_: said)
    seen = Exposure(micrograph(), PIXEL_A)
    bare = judge_exposure(seen, JudgeSettings())
    assert bare.row["kind"] == "empty"
    counts = bare.row["mean_counts"]
    iced = judge_exposure(seen, JudgeSettings(vacuum_counts=1.3 * counts))
    assert iced.row["ice_thickness_nm"] > 50
    assert (iced.row["kind"], iced.row["p_empty"]) == ("unsure", 0.0)
    assert "empty" not in iced.flags
    assert iced.row["p_great"] == pytest.approx(1 / 3)
    assert judge_exposure(seen, JudgeSettings(vacuum_counts=1.01 * counts)).row["kind"] == "empty"


def test_great_thumbnails_are_worth_much_and_empty_and_crystalline_ones_little(thumbnails):
    for row in thumbnails["great"]:
        assert row["score"] > 0.7
    for row in thumbnails["empty"] + thumbnails["crystalline"]:
        assert row["score"] < 0.3


def test_no_thumbnail_is_held_to_have_few_particles_or_too_many(thumbnails):
    rows = [row for those in thumbnails.values() for row in those]
    assert min(row["particle_coverage"] for row in rows) < LIMITS["few"][0]  # by its dark spots
    assert {row["part_particles"] for row in rows} == {1.0}
    assert not {"few_particles", "crowded"} & set(" ".join(row["flags"] for row in rows).split())


def test_thumbnails_are_in_the_order_of_their_classes(thumbnails):
    mean = {kind: np.mean([row["score"] for row in rows]) for kind, rows in thumbnails.items()}
    rest = max(worth for kind, worth in mean.items() if kind not in ("great", "decent"))
    assert mean["great"] > mean["decent"] > rest


def test_noise_has_no_rings_and_says_so(settings):
    noise = np.random.default_rng(0).poisson(50, (600, 600)).astype(np.float32)
    row = judge_exposure(Exposure(noise, PIXEL_A), settings).row
    assert "no_ctf" in row["flags"].split()
    assert row["part_ctf"] == NO_CTF_LEAVES
    assert "No rings" in row["said"]


def test_motion_is_told_in_angstrom(settings):
    path = np.stack([np.linspace(0, 20, 11), np.zeros(11)], axis=1)
    path[6:] += 4.0, 3.0  # a jump of 5 px beside its 2 px a frame
    row = judge_exposure(Exposure(micrograph(300), 2.0, 11, path), settings).row
    assert row["motion_jump_A"] == pytest.approx(2 * math.hypot(6, 3))
    assert row["motion_A"] == pytest.approx(2 * (9 * 2 + math.hypot(6, 3)))
    assert "moved" in row["flags"].split()
    assert row["part_motion"] < 0.7


def test_nothing_measured_costs_nothing():
    for values, rings in ((NOTHING, False), (RINGS, True)):
        parts, flags = weigh(values, opinion(), expects_rings=rings)
        assert set(parts.values()) == {1.0}
        assert not flags


@pytest.mark.parametrize(
    ("name", "flag"),
    [("motion_A", "moved"), ("motion_jump_A", "moved"), ("ctf_resolution_A", "coarse_ctf"),
     ("ice_ring", "crystalline_ice"), ("ice_spots", "crystalline_ice"),
     ("contamination_fraction", "contaminated"), ("carbon_fraction", "carbon")],
)  # fmt: skip
def test_a_measure_costs_from_its_limit_and_at_most_what_is_stated(name, flag):
    good, bad = LIMITS[name]
    fine, worst, worse = (weigh(RINGS | {name: value}, opinion(), expects_rings=True) for value in (good, bad, 2 * bad))
    assert math.prod(fine[0].values()) == 1
    assert flag not in fine[1]
    assert math.prod(worst[0].values()) == pytest.approx(LEAVES[name])
    assert worst[0] == worse[0]
    assert flag in worst[1]
    assert worst[1][flag].endswith(".")


def test_too_few_and_too_many_particles_cost():
    for coverage, flag in ((0.0, "few_particles"), (1.5, "crowded")):
        parts, flags = weigh(RINGS | {"particle_coverage": coverage}, opinion(), expects_rings=True)
        assert flag in flags
        assert parts["particles"] < 0.6
        blind = weigh(NOTHING | {"particle_coverage": coverage}, opinion(), expects_rings=False)
        assert blind == weigh(NOTHING, opinion(), expects_rings=False)


def test_few_particles_are_held_against_an_exposure_beyond_their_doubt_only():
    sure, unsure = (
        weigh(RINGS | {"particle_coverage": 0.005, "particle_coverage_error": error}, opinion(), expects_rings=True)
        for error in (0.002, 0.03)
    )
    assert sure[0]["particles"] < 0.6
    assert unsure[0]["particles"] == 1
    assert "few_particles" not in unsure[1]


def test_ice_that_is_not_there_and_ice_too_thick_cost():
    worth = {nm: weigh(NOTHING | {"ice_thickness_nm": nm}, opinion(), expects_rings=False) for nm in (1.0, 40.0, 200.0)}
    assert worth[40.0][0]["ice"] == worth_of_ice(40.0) == 1
    for nm, flag in ((1.0, "empty"), (200.0, "thick_ice")):
        assert worth[nm][0]["ice"] == pytest.approx(worth_of_ice(nm)) == pytest.approx(0.1)
        assert flag in worth[nm][1]


def test_astigmatism_is_weighed_by_the_defocus():
    values = NOTHING | {"astigmatism_A": 2_000.0, "ctf_resolution_A": 4.0}
    near, far = (
        weigh(values | {"defocus_A": defocus}, opinion(), expects_rings=True)[0]["ctf"] for defocus in (8e3, 4e4)
    )
    assert near < far == 1


def test_the_class_has_a_sentence():
    for kind, flag in (("empty", "empty"), ("crystalline", "crystalline_ice"), ("contaminated", "looks_spoilt")):
        for values, rings, left in ((RINGS, True, 0.55), (NOTHING, False, 0.19)):
            parts, flags = weigh(values, opinion(kind, 0.1), expects_rings=rings)
            assert flag in flags
            assert parts["class"] == pytest.approx(left)


def test_a_class_that_is_not_sure_has_a_sentence_only_where_nearly_all_hangs_on_it():
    unsure = Opinion("no_particles", np.full(6, 1 / 6), 0.5)
    assert not weigh(RINGS, unsure, expects_rings=True)[1]
    said = {"unsure_class": "Its class is not sure, perhaps no particles."}
    assert weigh(NOTHING, unsure, expects_rings=False)[1] == said
    assert not weigh(NOTHING, Opinion("great", np.full(6, 1 / 6), 0.9), expects_rings=False)[1]


def test_a_class_is_named_only_where_it_is_sure(settings, monkeypatch):
    for likeliest, told in ((0.9, "great"), (0.4, "unsure")):
        probability = np.full(len(MICROGRAPH_CLASSES), (1 - likeliest) / (len(MICROGRAPH_CLASSES) - 1))
        probability[0] = likeliest
        said = Opinion("great", probability, 0.5)
        monkeypatch.setattr("cryogauge.collect.judge.judge.classify", lambda *_, said=said: said)
        assert judge_exposure(Exposure(micrograph(), PIXEL_A), settings).row["kind"] == told
