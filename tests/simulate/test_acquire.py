"""Recording: schedules, dose, thickness, noise, halves, misalignment."""

import numpy as np
import pandas as pd
import pytest

from cryogauge.imaging import align_images
from cryogauge.imaging.ctf import ctf_2d
from cryogauge.imaging.detector import COUNTING, inelastic_mean_free_path_A, noise_transfer
from cryogauge.imaging.transforms import frequency_radius
from cryogauge.records import PICK_COLUMNS, BadInput
from cryogauge.simulate.acquire import Imaging, combine, contrast, expose, interaction_rad_VA, tilt_schedule
from cryogauge.simulate.rasterise import add_blobs
from cryogauge.simulate.specimens import Specimen

#: A camera without fall-off, so that noise stays white.
PERFECT = {"detector_binning": 100.0, "damage": False}


def _specimen(potential_V, voxel_size_A=10.0, thickness_px=20.0):
    shape = potential_V.shape
    middle = np.full(shape[1:], (shape[0] - 1) / 2, np.float32)
    return Specimen(
        potential_V, potential_V, voxel_size_A, middle + thickness_px / 2, middle - thickness_px / 2,
        pd.DataFrame(columns=list(PICK_COLUMNS)), "test",
    )  # fmt: skip


def _ice(edge=64, **how):
    return _specimen(np.zeros((32, edge, edge), np.float32), **how)


@pytest.mark.parametrize(("voltage_kV", "expected"), [(300.0, 6.53e-4), (200.0, 7.29e-4), (100.0, 9.24e-4)])
def test_the_interaction_constant(voltage_kV, expected):
    assert interaction_rad_VA(voltage_kV) == pytest.approx(expected, rel=2e-3)


def _order(**how):
    table = tilt_schedule(
        Imaging(tilt_range_deg=9.0, tilt_step_deg=3.0, dose_e_A2=70.0, **how), np.random.default_rng(0)
    )
    return table, list(table.sort_values("prior_dose_e_A2")["tilt_deg"])


@pytest.mark.parametrize(
    ("schedule", "order"),
    [
        ("dose-symmetric", [0, 3, -3, 6, -6, 9, -9]),
        ("bidirectional", [0, 3, 6, 9, -3, -6, -9]),
        ("unidirectional", [-9, -6, -3, 0, 3, 6, 9]),
    ],
)
def test_tilts_are_taken_in_the_schedules_order(schedule, order):
    table, taken = _order(schedule=schedule)
    assert taken == order
    assert list(table["tilt_deg"]) == sorted(order)
    assert table["dose_e_A2"].to_numpy() == pytest.approx(10.0)
    assert sorted(table["prior_dose_e_A2"]) == pytest.approx(np.arange(7) * 10.0)


def test_lost_tilts_have_cost_their_dose():
    table, taken = _order(missing_tilts=2)
    assert len(taken) == 5
    assert set(table["prior_dose_e_A2"]) < set(np.arange(7) * 10.0)


def test_electrons_are_counted_at_the_true_dose():
    series = expose(_ice(), Imaging(dose_e_A2=41.0, energy_filter=False, **PERFECT), seed=1)
    expected = 1.0 * 10.0**2  # 41 tilts of 1 e/Å² on pixels of 100 Å²
    assert series.images.mean(axis=(1, 2)) == pytest.approx(expected, rel=0.01)
    # their noise by Poisson, of those that the camera catches
    assert series.images.var(axis=(1, 2)).mean() == pytest.approx(expected / COUNTING.dqe_zero, rel=0.03)


def test_thickness_thins_the_beam_by_the_path_through_it():
    imaging = Imaging(dose_e_A2=41.0, **PERFECT)
    series = expose(_ice(thickness_px=30.0), imaging, seed=1)
    path_A = 300.0 / np.cos(np.deg2rad(series.table["tilt_deg"]))
    expected = 100.0 * np.exp(-path_A / inelastic_mean_free_path_A(300.0))
    assert series.images.mean(axis=(1, 2)) == pytest.approx(expected.to_numpy(), rel=0.02)


def test_contrast_is_that_of_a_weak_phase_object():
    """A grating along y of known phase: its amplitude in a noise-free image is twice phase times transfer."""
    y = np.arange(64)
    grating = np.cos(2 * np.pi * 4 * y / 64).astype(np.float32)
    potential = np.zeros((32, 64, 64), np.float32)
    potential[12:20] = 0.05 * grating[:, None]
    imaging = Imaging(
        dose_e_A2=5000, tilt_range_deg=3, tilt_step_deg=3, defocus_A=20_000, contrast_factor=1.0, **PERFECT
    )
    series = expose(_specimen(potential, voxel_size_A=60.0), imaging, seed=0)
    phase = 0.05 * 8 * 60.0 * interaction_rad_VA(300.0)
    transfer = ctf_2d((64, 64), 60.0, 20_000.0)[4, 0]
    seen = 2 * np.mean(contrast(series.images)[1] * grating[:, None])
    assert seen == pytest.approx(2 * phase * transfer, rel=0.05)


def test_the_camera_colours_its_noise():
    potential = np.zeros((32, 128, 128), np.float32)
    sharp = Imaging(dose_e_A2=4000, detector_binning=1.0, damage=False)
    power = np.mean(np.abs(np.fft.rfft2(contrast(expose(_specimen(potential), sharp, seed=0).images))) ** 2, axis=0)
    radius = frequency_radius((128, 128))
    low, high = (power[(radius > lo) & (radius < hi)].mean() for lo, hi in ((0.02, 0.1), (0.4, 0.5)))
    assert high / low == pytest.approx((noise_transfer(0.45) / noise_transfer(0.06)) ** 2, rel=0.1)


def test_halves_are_of_one_exposure_with_noise_of_their_own():
    potential = np.zeros((32, 96, 96), np.float32)
    places = np.random.default_rng(0).uniform((8, 0, 0), (24, 96, 96), (400, 3))
    add_blobs(potential, places, np.full(400, 1.2), np.full(400, 600.0))
    imaging = Imaging(dose_e_A2=120.0, frames=6, shift_sd_A=20.0, **PERFECT)
    fractions = expose(_specimen(potential), imaging, seed=2, frames=True)
    assert len(fractions) == 6
    full, even, odd = combine(fractions), combine(fractions[::2]), combine(fractions[1::2])
    np.testing.assert_allclose(full.images, even.images + odd.images, rtol=1e-5)
    assert full.table["dose_e_A2"].sum() == pytest.approx(120.0)
    assert even.table["dose_e_A2"].sum() == pytest.approx(60.0)
    alike = np.corrcoef(even.images[10].ravel(), odd.images[10].ravel())[0, 1]
    assert alike > 0.2  # the same specimen with the same misalignment
    clear = expose(_ice(96), imaging, seed=2, frames=True)
    noise = [combine(clear[k::2]).images for k in (0, 1)]
    correlations = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(*noise, strict=True)]
    assert np.abs(correlations).max() < 0.06
    assert np.abs(np.mean(correlations)) < 0.006


def test_a_seed_gives_the_same_electrons_again():
    imaging = Imaging(tilt_range_deg=12, missing_tilts=1)
    first, again, other = (expose(_ice(), imaging, seed=s) for s in (1, 1, 2))
    assert np.array_equal(first.images, again.images)
    assert first.table.equals(again.table)
    assert not np.array_equal(first.images, other.images)


def test_damage_fades_fine_detail_tilt_by_tilt():
    potential = np.zeros((32, 64, 64), np.float32)
    potential[16] = np.random.default_rng(0).normal(0, 30.0, (64, 64))
    how = {"dose_e_A2": 60.0, "tilt_range_deg": 3, "tilt_step_deg": 3, "schedule": "unidirectional"}
    damaged, fresh = (expose(_specimen(potential, 4.0), Imaging(damage=d, **how), seed=0) for d in (True, False))
    left = contrast(damaged.images).std(axis=(1, 2)) / contrast(fresh.images).std(axis=(1, 2))
    assert np.all(np.diff(left) < -0.01)
    assert left[0] < 0.95


def test_a_turned_axis_is_what_its_table_says():
    potential = np.zeros((32, 96, 96), np.float32)
    places = np.random.default_rng(3).uniform((10, 30, 30), (22, 66, 66), (30, 3))
    add_blobs(potential, places, np.full(30, 2.0), np.full(30, 700.0))
    how = {"dose_e_A2": 4000.0, "tilt_range_deg": 30.0, "tilt_step_deg": 15.0, **PERFECT}
    straight, turned = (expose(_specimen(potential), Imaging(axis_deg=a, **how), seed=1) for a in (0.0, 25.0))
    aligned = align_images(turned)
    middle = (slice(None), slice(24, 72), slice(24, 72))
    upright, raw, mended = (
        images[middle] - images[middle].mean() for images in (straight.images, turned.images, aligned)
    )
    assert np.corrcoef(upright.ravel(), mended.ravel())[0, 1] > 0.9
    assert np.corrcoef(upright.ravel(), raw.ravel())[0, 1] < 0.6


def test_misalignment_moves_the_images_and_not_the_table():
    potential = np.zeros((16, 64, 64), np.float32)
    add_blobs(potential, np.array([[8.0, 32.0, 32.0]]), np.array([2.5]), np.array([4000.0]))
    how = {"dose_e_A2": 5000.0, "tilt_range_deg": 12.0, "defocus_A": 60_000.0, **PERFECT}
    still, moved = (expose(_specimen(potential), Imaging(shift_sd_A=sd, **how), seed=5) for sd in (0.0, 40.0))
    darkest = [np.array([np.unravel_index(i.argmin(), i.shape) for i in s.images]) for s in (still, moved)]
    assert np.abs(darkest[0] - 32).max() <= 1
    assert 1.5 < np.std(darkest[1] - 32) < 7.0
    assert np.all(moved.table[["shift_x_A", "shift_y_A"]] == 0)


@pytest.mark.parametrize(
    "wrong", [{"schedule": "random"}, {"dose_e_A2": 0.0}, {"tilt_range_deg": 85.0}, {"tilt_step_deg": 0.0}]
)
def test_what_cannot_be_recorded_is_refused(wrong):
    with pytest.raises(BadInput):
        Imaging(**wrong)
