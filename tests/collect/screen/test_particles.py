"""Particles cut out of exposures: where they lie, their contrast, their size."""

import numpy as np
import pytest

from cryogauge.collect.judge.judge import JudgeSettings
from cryogauge.collect.screen.particles import (
    CENTRES,
    cut_particles,
    keep_centres,
    read_centres,
    usual_diameter_A,
)
from cryogauge.imaging.ctf import ctf_2d
from cryogauge.imaging.transforms import irfft2, rfft2
from cryogauge.io import write_mrc
from cryogauge.records import BadInput

JUDGE = JudgeSettings()
LENS = {"voltage_kV": JUDGE.voltage_kV, "cs_mm": JUDGE.cs_mm, "amplitude_contrast": JUDGE.amplitude_contrast}
PLACES_PX = np.array([[100, 80], [170, 160], [10, 128], [250, 60]])


def exposure(folder, pixel_A, defocus_A=15_000.0, name="exposure.mrc"):
    """Discs of 96 Å as a lens shows them; two of the four lie at the edge of the field."""
    y, x = np.mgrid[:256, :256]
    discs = sum((np.hypot(y - a, x - b) * pixel_A < 48).astype(np.float32) for a, b in PLACES_PX)
    seen = irfft2(rfft2(discs) * ctf_2d((256, 256), pixel_A, defocus_A, **LENS), (256, 256))
    write_mrc(folder / name, 500 + 20 * seen, pixel_A)
    row = {"pixel_size_A": pixel_A, "defocus_A": defocus_A, "astigmatism_A": 0.0, "astigmatism_deg": 0.0}
    return folder / name, PLACES_PX * pixel_A, row


@pytest.mark.parametrize("pixel_A", [1.7, 3.0, 4.5])
def test_particles_are_bright_and_in_the_middle_of_boxes_within_the_field(tmp_path, pixel_A):
    cut = cut_particles([exposure(tmp_path, pixel_A)], 96.0, JUDGE)
    edge = cut.images.shape[-1]
    inside = [k for k, place in enumerate(PLACES_PX) if min(*place, *(256 - place)) * pixel_A > 0.95 * 96]
    assert len(cut.images) == len(inside)
    assert 32 <= edge <= 64
    assert edge * cut.pixel_size_A == pytest.approx(1.8 * 96, rel=0.05)
    np.testing.assert_allclose(cut.centres_A, PLACES_PX[inside] * pixel_A, atol=cut.pixel_size_A)
    mean = cut.images.mean(axis=0)
    y, x = np.mgrid[:edge, :edge] - edge // 2
    away_A = np.hypot(y, x) * cut.pixel_size_A
    assert mean[away_A < 40].mean() > mean[away_A > 70].mean() + 2 * mean[away_A > 70].std()
    assert cut.transfer_of(slice(0, 1)).shape == (1, edge, edge // 2 + 1)
    assert (cut.transfer >= 0).all()


def test_phases_flipped_bring_exposures_of_any_defocus_to_one(tmp_path):
    cut = cut_particles(
        [exposure(tmp_path, 3.0, defocus_A, f"{defocus_A:.0f}.mrc") for defocus_A in (9_000.0, 21_000.0)], 96.0, JUDGE
    )
    assert cut.exposure.tolist() == [0, 0, 1, 1]
    first, last = cut.images[0].ravel(), cut.images[-1].ravel()
    assert np.corrcoef(first, last)[0, 1] > 0.6


def test_particles_of_few_pixels_are_refused(tmp_path):
    with pytest.raises(BadInput, match="too few pixels"):
        cut_particles([exposure(tmp_path, 8.0)], 60.0, JUDGE)


def test_centres_are_kept_where_there_are_any_and_a_fit(tmp_path):
    path = tmp_path / "exposure_1_2_3_0.particles.json"
    for judged in ({}, {CENTRES: [[1.0, 2.0]], "defocus_A": np.nan}, {CENTRES: np.zeros((0, 2)), "defocus_A": 1e4}):
        keep_centres(path, judged)
        assert not path.exists()
    assert read_centres(path).shape == (0, 2)
    keep_centres(path, {CENTRES: np.array([[10.04, 20.0], [5.0, 6.0]]), "defocus_A": 1e4})
    np.testing.assert_allclose(read_centres(path), [[10.0, 20.0], [5.0, 6.0]])
    path.write_text("{}")
    with pytest.raises(BadInput, match="no places"):
        read_centres(path)


def test_the_usual_diameter_is_that_of_most_particles():
    rows = [
        {"particle_diameter_A": 40.0, "particles": 5}, {"particle_diameter_A": 120.0, "particles": 90},
        {"particle_diameter_A": np.nan, "particles": 300}, {"particle_diameter_A": 300.0, "particles": 10},
    ]  # fmt: skip
    assert usual_diameter_A(rows) == 120.0
    assert usual_diameter_A(rows[2:3]) == 120.0
