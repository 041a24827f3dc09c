"""The second opinion: closed forms on band-limited volumes of known ratio, orders and invariances on a real one."""

import os
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter, gaussian_filter1d

from cryogauge.records import BadInput, Volume
from cryogauge.score.spectral import (
    SpectralOpinion,
    find_empty_slices,
    find_specimen_slices,
    interslice_correlation,
    spectral_second_opinion,
)
from cryogauge.simulate.oracle import FULL_TRANSFER, THRESHOLD, WIDTH_TIMES_FREQUENCY

SPECIMEN = range(24, 56)
EMPTY = [*range(12), *range(68, 80)]


def band_limited(shape: tuple[int, ...], cutoff_1_px: float, seed: int) -> np.ndarray:
    """White noise of unit power up to a cut-off in the last two axes."""
    noise = np.random.default_rng(seed).normal(size=shape)
    frequency = np.hypot(np.fft.fftfreq(shape[-2])[:, None], np.fft.rfftfreq(shape[-1])[None])
    return np.fft.irfft2(np.fft.rfft2(noise) * (frequency <= cutoff_1_px), s=shape[-2:])


@cache
def slab(cutoff_1_px: float, snr: float, *, seed: int = 0) -> Volume:
    """A slab of structure, flat in power up to a cut-off and alike over some slices, in white noise of unit power."""
    shape = (80, 192, 192)
    structure = gaussian_filter1d(band_limited(shape, cutoff_1_px, seed), 3, axis=0, mode="wrap")
    structure *= np.sqrt(snr * 2 * np.sqrt(np.pi) * 3)  # what the smoothing took off
    structure[: SPECIMEN.start] = structure[SPECIMEN.stop :] = 0
    noise = np.random.default_rng(seed + 1).normal(size=shape)
    data = (structure + noise).astype(np.float32)
    data.setflags(write=False)  # tests share it
    return Volume(data, 10.0)


def opinion_of(data: np.ndarray) -> SpectralOpinion:
    return spectral_second_opinion(Volume(data, 31.36))


@settings(max_examples=8)
@given(cutoff=st.floats(0.06, 0.45), snr=st.floats(1.5, 20))
def test_structure_up_to_a_cutoff_is_found_up_to_it(cutoff, snr):
    opinion = spectral_second_opinion(slab(cutoff, snr), specimen_z=SPECIMEN, empty_z=EMPTY)
    assert opinion.cutoff_1_px == pytest.approx(cutoff, abs=0.02)  # a ring is 0.016 wide
    assert opinion.feature_px == pytest.approx(max(WIDTH_TIMES_FREQUENCY / opinion.cutoff_1_px, 1.0))


@pytest.mark.parametrize("snr", [0.5, 2.0, 8.0])
def test_ratio_and_expected_correlation_have_their_closed_forms(snr):
    opinion = spectral_second_opinion(slab(0.3, snr), specimen_z=SPECIMEN, empty_z=EMPTY)
    passed = (opinion.frequency_1_px > 0.03) & (opinion.frequency_1_px < 0.28)
    stopped = opinion.frequency_1_px > 0.33
    assert opinion.snr[passed].mean() == pytest.approx(snr, rel=0.15)
    np.testing.assert_allclose(opinion.expected_frc, np.sqrt(opinion.snr / (1 + opinion.snr)), atol=1e-12)
    assert opinion.snr[stopped].max() < 0.05
    assert opinion.gain[passed].min() > 0.8


def test_signal_below_a_third_of_the_noise_does_not_count():
    """Where the expected correlation is below a half, whatever the frequency."""
    third = THRESHOLD**2 / (1 - THRESHOLD**2)
    assert third == pytest.approx(1 / 3)
    buried = spectral_second_opinion(slab(0.4, 0.3 * third), specimen_z=SPECIMEN, empty_z=EMPTY)
    seen = spectral_second_opinion(slab(0.4, 3 * third), specimen_z=SPECIMEN, empty_z=EMPTY)
    assert buried.score < 0.1
    assert seen.feature_px == pytest.approx(1.0, abs=0.1)


def test_true_but_faint_detail_does_not_count():
    """A low-pass filter keeps the ratio of signal and noise; the signal's own fall-off gives it away."""
    sharp = slab(0.5, 10)
    frequency = np.hypot(np.fft.fftfreq(192)[:, None], np.fft.rfftfreq(192)[None])
    transfer = np.exp(-((frequency / 0.15) ** 2))
    soft = Volume(np.fft.irfft2(np.fft.rfft2(sharp.data) * transfer).astype(np.float32), 10.0)
    before, after = (spectral_second_opinion(v, specimen_z=SPECIMEN, empty_z=EMPTY) for v in (sharp, soft))
    inner = after.frequency_1_px < 0.3
    np.testing.assert_allclose(after.snr[inner], before.snr[inner], rtol=0.1)
    # the product falls to the threshold where the transfer is half of the full one
    expected = 0.15 * np.sqrt(-np.log(THRESHOLD * FULL_TRANSFER / np.sqrt(10 / 11)))
    assert after.cutoff_1_px == pytest.approx(expected, abs=0.02)
    assert before.cutoff_1_px == pytest.approx(0.5, abs=0.01)


def test_specimen_and_empty_ends_are_found():
    profile = interslice_correlation(slab(0.3, 4))
    specimen, empty = find_specimen_slices(profile), find_empty_slices(profile)
    assert set(specimen) <= set(SPECIMEN)
    assert len(specimen) >= 6
    assert not set(empty) & set(SPECIMEN)
    assert min(empty) == 0
    assert max(empty) == 79
    assert len(empty) == 24
    given_slices = spectral_second_opinion(slab(0.3, 4), specimen_z=SPECIMEN, empty_z=EMPTY)
    found = spectral_second_opinion(slab(0.3, 4))
    assert found.feature_px == pytest.approx(given_slices.feature_px, rel=0.05)


def test_one_empty_end_is_enough():
    cut = Volume(slab(0.3, 4).data[:50], 10.0)
    opinion = spectral_second_opinion(cut)
    assert opinion.reason == ""
    assert max(opinion.empty_z) < SPECIMEN.start
    assert opinion.cutoff_1_px == pytest.approx(0.3, abs=0.02)


def test_padding_of_constant_slices_is_not_taken_for_empty_ice():
    padded = slab(0.3, 4).data.copy()
    padded[:4] = padded[-4:] = 0
    opinion = spectral_second_opinion(Volume(padded, 10.0))
    assert not set(opinion.empty_z) & {0, 1, 2, 3, 76, 77, 78, 79}
    assert opinion.cutoff_1_px == pytest.approx(0.3, abs=0.02)


def test_a_few_gold_beads_change_little():
    volume = slab(0.2, 4)
    plain = spectral_second_opinion(volume)
    rng = np.random.default_rng(5)
    beads = Volume(np.where(rng.random(volume.shape) < 3e-4, -60, volume.data).astype(np.float32), 10.0)
    assert spectral_second_opinion(beads).score == pytest.approx(plain.score, abs=0.05)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (slab(0.3, 4).data[28:52], "no empty slices"),
        (np.random.default_rng(0).normal(size=(60, 128, 128)), "no specimen above the noise"),
        (gaussian_filter(np.random.default_rng(0).normal(size=(60, 128, 128)), 3), "no empty slices"),
        (np.ones((60, 128, 128)), "no specimen above the noise"),
        (np.full((60, 128, 128), np.nan), "no specimen above the noise"),
        (np.ones((60, 30, 128)), "slices smaller than 32 pixels"),
    ],
    ids=["cropped", "noise", "smooth noise", "constant", "not a number", "narrow"],
)
def test_without_a_reference_there_is_no_opinion(data, reason):
    opinion = opinion_of(np.asarray(data, dtype=np.float32))
    assert opinion.reason == reason
    assert np.isnan(opinion.feature_px)
    assert np.isnan(opinion.score)


def test_a_slice_outside_the_volume_is_refused():
    with pytest.raises(BadInput, match="slice 80 lies outside"):
        spectral_second_opinion(slab(0.3, 4), specimen_z=[79, 80], empty_z=EMPTY)


def test_a_volume_thinner_than_the_lag_is_refused():
    with pytest.raises(BadInput, match="too small"):
        interslice_correlation(Volume(np.zeros((4, 64, 64), np.float32), 10.0))


def test_correlation_between_slices_is_that_of_signal_and_noise():
    """Identical slices correlate fully, independent ones within what chance allows, halves by half."""
    rng = np.random.default_rng(2)
    same = np.repeat(rng.normal(size=(1, 192, 192)), 40, axis=0)
    noise = rng.normal(size=(40, 192, 192))
    assert interslice_correlation(Volume(same, 1.0)).correlation.min() > 0.999
    alone = interslice_correlation(Volume(noise, 1.0))
    assert np.abs(alone.correlation.mean()) < 0.01
    assert alone.correlation.mean(axis=1).std() == pytest.approx(alone.noise_correlation, rel=0.6)
    assert interslice_correlation(Volume(same + noise, 1.0)).correlation.mean() == pytest.approx(0.5, abs=0.08)


@pytest.fixture(scope="module")
def tomogram_171() -> np.ndarray:
    if "CRYOGAUGE_DATA" not in os.environ:
        pytest.skip("needs the real files: set CRYOGAUGE_DATA")
    from cryogauge.io import open_volume

    path = Path(os.environ["CRYOGAUGE_DATA"]) / "tomograms" / "tomo-project" / "EMPIAR-11658_tomo171_31A.mrc"
    return np.asarray(open_volume(str(path)).data, dtype=np.float32)


def test_a_superb_tomogram(tomogram_171):
    opinion = opinion_of(tomogram_171)
    assert opinion.score == pytest.approx(0.85, abs=0.07)
    assert min(opinion.specimen_z) >= 34
    assert max(opinion.specimen_z) <= 96
    assert not set(opinion.empty_z) & set(range(26, 104))
    profile = interslice_correlation(Volume(tomogram_171, 31.36))
    along_z = dict(zip(profile.z.tolist(), profile.correlation.mean(axis=1), strict=True))
    assert min(c for z, c in along_z.items() if 40 <= z < 86) > 0.3
    assert max(c for z, c in along_z.items() if z < 8 or z >= 116) < 0.1


def test_blurred_copies_rank_below(tomogram_171):
    sigmas = (0, 1, 1.5, 2.5, 4)
    scores = [opinion_of(gaussian_filter(tomogram_171, s)).score for s in sigmas]
    assert np.all(np.diff(scores) < -0.05), dict(zip(sigmas, scores, strict=True))
    np.testing.assert_allclose(scores[2:], [0.7, 0.46, 0.2], atol=0.12)


def test_noisier_copies_rank_below(tomogram_171):
    grain = np.random.default_rng(0).normal(size=tomogram_171.shape) * tomogram_171.std()
    scores = [opinion_of((tomogram_171 + k * grain).astype(np.float32)).score for k in (0, 1, 2, 4)]
    assert np.all(np.diff(scores) < -0.01), scores
    assert scores[-1] < scores[0] - 0.15


def test_contrast_sign_scale_and_offset_do_not_matter(tomogram_171):
    score = opinion_of(tomogram_171).score
    assert opinion_of(-tomogram_171).score == pytest.approx(score, abs=1e-3)
    assert opinion_of(100 - 7 * tomogram_171).score == pytest.approx(score, abs=1e-3)


def test_grey_values_matter_little(tomogram_171):
    score = opinion_of(tomogram_171).score
    middle = np.median(tomogram_171)
    spread = 1.4826 * np.median(np.abs(tomogram_171 - middle))
    clipped = np.clip(tomogram_171, middle - 3 * spread, middle + 3 * spread)
    assert opinion_of(clipped).score == pytest.approx(score, abs=0.1)
    assert opinion_of(np.exp(tomogram_171 / 8)).score == pytest.approx(score, abs=0.1)


def test_random_phases_leave_no_specimen(tomogram_171):
    """The spectra are the same; what runs on from slice to slice is gone."""
    spectra = np.fft.rfft2(tomogram_171)
    random = np.fft.rfft2(np.random.default_rng(1).normal(size=tomogram_171.shape))
    mixed = np.fft.irfft2(np.abs(spectra) * np.exp(1j * np.angle(random)), s=tomogram_171.shape[1:])
    assert opinion_of(mixed.astype(np.float32)).reason == "no specimen above the noise"
