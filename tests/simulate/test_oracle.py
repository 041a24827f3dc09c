"""The oracle: rises with dose, falls with what spoils a tomogram, and is nought where nothing is."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from cryogauge.imaging import weighted_back_projection
from cryogauge.simulate.acquire import Imaging, contrast, expose
from cryogauge.simulate.oracle import FULL_AREA, TILE_PX, judge, slice_scores
from cryogauge.simulate.specimens import make_specimen

USUAL = Imaging(dose_e_A2=80.0, defocus_A=30_000.0, contrast_factor=0.4, tilt_step_deg=4.0)
VOXEL_A, SHAPE, MIDDLE = 13.5, (64, 128, 128), slice(26, 38)


@cache
def _specimen(thickness_nm=50.0, kind="lamella"):
    nz = max(SHAPE[0], int(thickness_nm * 10 / VOXEL_A) + 20)
    return make_specimen(kind, (nz, *SHAPE[1:]), VOXEL_A, thickness_nm, seed=1, contaminants=kind == "empty")


@cache
def _tomogram(imaging, thickness_nm=50.0, kind="lamella"):
    specimen = _specimen(thickness_nm, kind)
    series = expose(specimen, imaging, seed=7)
    return weighted_back_projection(contrast(series.images), series.table["tilt_deg"], specimen.biology_V.shape)


def _middle(tomogram, specimen=None):
    score = judge(tomogram, (specimen or _specimen()).biology_V).score
    centre = len(score) // 2
    return score[centre - 6 : centre + 6].mean()


def test_the_specimen_itself_is_perfect():
    truth = judge(-_specimen().biology_V, _specimen().biology_V)
    assert truth.score[MIDDLE].min() > 0.98
    assert truth.score.max() <= 1.0


def test_it_rises_with_dose():
    scores = [_middle(_tomogram(replace(USUAL, dose_e_A2=dose))) for dose in (5.0, 15.0, 50.0, 320.0)]
    assert np.diff(scores).min() > 0.02
    assert scores[-1] - scores[0] > 0.4


def test_it_falls_with_thickness():
    scores = [_middle(_tomogram(USUAL, t), _specimen(t)) for t in (50.0, 150.0, 350.0)]
    assert np.diff(scores).max() < -0.05


def test_it_falls_with_misalignment():
    scores = [_middle(_tomogram(replace(USUAL, shift_sd_A=s * VOXEL_A))) for s in (0.0, 1.0, 2.0, 4.0)]
    assert np.diff(scores).max() < -0.05


def test_it_falls_with_a_low_pass_which_correlation_alone_would_not_notice():
    clear = _tomogram(replace(USUAL, dose_e_A2=320.0))
    scores = [_middle(gaussian_filter(clear, sigma)) for sigma in (0.0, 1.5, 2.5, 4.0)]
    assert np.diff(scores).max() < -0.05


def test_it_falls_with_added_noise():
    clear = _tomogram(USUAL)
    noise = np.random.default_rng(0).normal(0, clear.std(), clear.shape).astype(np.float32)
    scores = [_middle(clear + ratio * noise) for ratio in (0.0, 1.0, 2.0, 4.0)]
    assert np.diff(scores).max() < -0.05


def test_either_contrast_and_any_scale_score_alike():
    clear = _tomogram(USUAL)
    before = judge(clear, _specimen().biology_V)
    after = judge(-170.0 * clear + 12.0, _specimen().biology_V)
    np.testing.assert_allclose(after.score, before.score, atol=0.01)


def test_empty_ice_is_nought_whatever_dirt_lies_on_it():
    specimen = _specimen(kind="empty")
    assert np.abs(specimen.potential_V).max() > 1.0
    truth = judge(_tomogram(USUAL, kind="empty"), specimen.biology_V)
    assert not truth.structure.any()
    assert truth.score.max() == 0.0


def test_ice_above_and_below_is_nought():
    truth = judge(_tomogram(USUAL), _specimen().biology_V)
    assert truth.score[:4].max() < 0.05
    assert truth.score[-4:].max() < 0.05
    assert truth.score[MIDDLE].min() > 0.5


def test_noise_has_nothing_of_the_specimen():
    noise = np.random.default_rng(1).normal(size=SHAPE).astype(np.float32)
    assert judge(noise, _specimen().biology_V).score.max() < 0.1


def test_labels_come_in_tiles_and_leave_out_an_incomplete_rim():
    volume = np.random.default_rng(1).normal(size=(4, 3 * TILE_PX + 5, 2 * TILE_PX + 9)).astype(np.float32)
    truth = judge(volume, volume)
    assert truth.quality.shape == truth.structure.shape == (4, 3, 2)
    assert truth.score.shape == (4,)


def test_a_slices_score_is_a_high_percentile_that_fades_with_its_area():
    quality = np.zeros((3, 20, 20), np.float32)
    structure = np.zeros(quality.shape, bool)
    quality[1, :10], structure[1, :10] = np.linspace(0, 1, 10)[:, None], True
    quality[2, 0, :2], structure[2, 0, :2] = 1.0, True
    score = slice_scores(quality, structure, z_sigma=0.0)
    assert score[0] == 0.0
    assert score[1] == pytest.approx(np.percentile(quality[1, :10], 85.0), abs=1e-6)
    assert score[2] == pytest.approx(2 / 400 / FULL_AREA)
    smoothed = slice_scores(quality, structure)
    assert 0 < smoothed.min() < smoothed.max() < score.max()
