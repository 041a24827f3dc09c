"""The judgement of one tomogram from file to row, with the shipped weights."""

import math

import numpy as np
import pytest

import cryogauge
from cryogauge.imaging.degrade import add_noise
from cryogauge.io import TomogramSource, write_mrc
from cryogauge.records import SCORE_COLUMNS, BadInput, Volume
from cryogauge.score.quality import CompactQuality
from cryogauge.score.tomogram import ScoreSettings, eight_bit, judge_picture, judge_source, judge_volume
from cryogauge.score.tomoscore import thickness_slices, tomoscore
from cryogauge.simulate import oracle


@pytest.fixture(scope="module")
def truth(simulated):
    return oracle.judge(simulated.data, simulated.specimen.biology_V)


@pytest.fixture(scope="module")
def folder(simulated, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tomograms")
    write_mrc(folder / "lamella.mrc", simulated.data, simulated.specimen.voxel_size_A)
    return folder


@pytest.fixture(scope="module")
def judgement(folder):
    return cryogauge.score_tomogram(folder / "lamella.mrc", threads=1)


def test_scores_follow_the_oracle(judgement, truth):
    score = judgement.slices["score"].to_numpy()
    assert truth.score.max() > 0.4, "the simulated tomogram shows too little to be a test"
    assert np.corrcoef(score, truth.score)[0, 1] > 0.9
    assert np.abs(score - truth.score).mean() < 0.12
    assert score[:5].max() < 0.1
    assert score[-5:].max() < 0.1


def test_thickness_is_the_specimens(judgement, simulated):
    assert judgement.row["thickness_nm"] == pytest.approx(simulated.specimen.thickness_nm, rel=0.15)


def test_a_level_specimen_is_not_tilted(judgement):
    assert judgement.row["specimen_tilt_deg"] < 5


def test_the_row_is_complete_and_agrees_with_the_slices(judgement, simulated):
    row, score = judgement.row, judgement.slices["score"].to_numpy()
    assert set(SCORE_COLUMNS) <= row.keys()
    assert row["tomogram"] == "lamella"
    assert row["pixel_size_A"] == pytest.approx(simulated.specimen.voxel_size_A)
    assert row["tomoscore"] == pytest.approx(tomoscore(score))
    assert row["thickness_slices"] == thickness_slices(score)
    assert row["best_slice"] == score.argmax()
    assert row["smallest_feature_nm"] == pytest.approx(row["smallest_feature_px"] * row["pixel_size_A"] / 10)
    assert 0 < row["uncertainty"] < 0.5
    seen = judgement.slices["score"] > 0.2
    assert judgement.slices.loc[seen, "smallest_feature_px"].notna().all()
    assert judgement.slices.loc[~seen, "smallest_feature_px"].isna().all()
    assert judgement.flags == tuple(judgement.notes)


def test_the_map_and_the_pictures_fit_the_volume(judgement, simulated):
    depth, ny, nx = simulated.data.shape
    assert judgement.local_map.shape == (depth, ny // judgement.tile_px, nx // judgement.tile_px)
    assert set(judgement.pictures) == {"best", "median", "worst", "xz"}
    assert judgement.pictures["best"].shape == (ny, nx)
    assert judgement.pictures["xz"].shape == (depth, nx)
    assert all(picture.dtype == np.uint8 for picture in judgement.pictures.values())
    assert set(judgement.surfaces) == {"top", "bottom"}


def test_contrast_of_either_sign_scores_alike(judgement, simulated, shipped):
    inverted = judge_volume(Volume(-simulated.data, 16.0), "inverted", shipped)
    change = np.abs(inverted.slices["score"] - judgement.slices["score"])
    assert change.max() < 0.1


def test_noise_ranks_lower_step_by_step(judgement, simulated, shipped):
    noisy = [
        judge_volume(Volume(add_noise(simulated.data, sd, seed=0), 16.0), "noisy", shipped).tomoscore
        for sd in (1.0, 4.0)
    ]
    assert judgement.tomoscore > noisy[0] > noisy[1]


def test_a_volume_of_noise_has_nothing_in_it(shipped):
    noise = np.random.default_rng(0).standard_normal((30, 96, 96)).astype(np.float32)
    found = judge_volume(Volume(noise, 10.0), "noise", shipped)
    assert found.slices["score"].max() < 0.1
    assert found.tomoscore == 0
    assert math.isnan(found.row["smallest_feature_px"])
    assert "nothing_found" in found.flags


def test_the_pixel_size_can_be_given(folder):
    found = cryogauge.score_tomogram(folder / "lamella.mrc", pixel_size_A=8.0, local_map=False, threads=1)
    assert found.row["pixel_size_A"] == 8.0
    assert found.local_map.size == 0


def test_a_few_slices_with_nan_are_flagged_and_the_rest_judged(simulated, shipped, judgement):
    spoilt = simulated.data.copy()
    spoilt[0] = np.nan
    found = judge_volume(Volume(spoilt, 16.0), "spoilt", shipped)
    assert "out_of_domain" in found.flags
    assert np.isfinite(found.slices["score"]).all()
    assert np.abs(found.slices["score"] - judgement.slices["score"])[10:].max() < 0.1


@pytest.mark.parametrize(("value", "message"), [(np.nan, "no number"), (1.0, "constant")])
def test_what_holds_nothing_is_refused(value, message, shipped):
    with pytest.raises(BadInput, match=message):
        judge_volume(Volume(np.full((10, 64, 64), value, dtype=np.float32), 10.0), "a", shipped)


def test_what_is_too_small_is_refused(shipped):
    noise = np.random.default_rng(0).standard_normal((10, 31, 64)).astype(np.float32)
    with pytest.raises(BadInput, match="only 64 × 31 pixels"):
        judge_volume(Volume(noise, 10.0), "a", shipped)
    with pytest.raises(BadInput, match="only 64 × 31 pixels"):
        judge_picture(noise[0], 10.0, "a", shipped)


def test_a_picture_is_one_slice(folder, simulated, shipped):
    middle = simulated.data[len(simulated.data) // 2]
    write_mrc(folder / "slice.mrc", middle[None], 16.0)
    found = judge_source(TomogramSource(str(folder / "slice.mrc"), "slice"), ScoreSettings(slices=True))
    assert len(found.slices) == 1
    assert found.tomoscore == pytest.approx(float(found.slices["score"].iloc[0]))
    assert found.row["pixel_size_A"] == 16.0
    assert math.isnan(found.row["thickness_nm"])
    assert set(SCORE_COLUMNS) <= found.row.keys()


def test_pictures_for_the_report_are_small_and_stretched():
    image = np.random.default_rng(0).standard_normal((800, 1200)).astype(np.float32)
    small = eight_bit(image)
    assert max(small.shape) <= 512
    assert small.min() == 0
    assert small.max() == 255


@pytest.fixture(scope="module")
def shipped() -> CompactQuality:
    from cryogauge.score.quality import shipped_weights

    return CompactQuality(shipped_weights("compact"), threads=1)
