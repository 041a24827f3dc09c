import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryogauge.classes.framing import find_framing
from cryogauge.classes.mass import (
    calibrate_mass,
    class_masses_kDa,
    mass_deviations,
    mode_of_masses,
    possible_masses_kDa,
    read_mass_factor,
    stretched,
    write_mass_calibration,
)
from cryogauge.records import BadInput


def discs(*areas_px: int, edge: int = 64, noise: float = 0.02) -> np.ndarray:
    """Discs of grey value 1 that cover so many pixels each, on noise about 0."""
    rng = np.random.default_rng(0)
    axis = np.arange(edge) - edge // 2
    nearest = np.argsort(np.hypot(axis[:, None], axis[None, :]).ravel(), kind="stable")
    images = noise * rng.normal(size=(len(areas_px), edge * edge))
    for image, area in zip(images, areas_px, strict=True):
        image[nearest[:area]] += 1.0
    return images.reshape(-1, edge, edge).astype(np.float32)


def test_a_disc_weighs_its_area_times_its_height():
    images = discs(200, 400, 800)
    assert class_masses_kDa(images, 2.0, 1.0) == pytest.approx(np.array([200, 400, 800]) * 4.0, rel=0.02)


def test_mass_does_not_hang_on_contrast_background_or_padding():
    images = discs(300, 500)
    masses = class_masses_kDa(images, 1.5)
    assert class_masses_kDa(7.0 - images, 1.5) == pytest.approx(masses, rel=0.01)
    padded = np.pad(images + 7.0, ((0, 0), (16, 16), (16, 16)))
    assert class_masses_kDa(padded, 1.5) == pytest.approx(masses, rel=0.02)


def test_what_shows_nothing_has_no_mass():
    images = discs(300, 300, 300)
    images[0, 3, 3] = np.nan
    images[1] = 5.0
    masses = class_masses_kDa(images, 1.0)
    assert np.isnan(masses).tolist() == [True, True, False]
    assert np.isnan(class_masses_kDa(images, None)).all()


def test_pictures_of_8_bits_have_no_mass():
    images = discs(300, 500)
    pictures = np.round(255 * (images - images.min()) / np.ptp(images))
    assert stretched(pictures)
    assert np.isnan(class_masses_kDa(pictures, 1.0)).all()
    pictures[1, 4, 4] += 0.5
    assert not stretched(pictures)
    assert np.isfinite(class_masses_kDa(pictures, 1.0)).all()


def test_the_mode_is_where_most_masses_lie():
    rng = np.random.default_rng(1)
    masses = np.concatenate([rng.normal(300, 10, 60), rng.uniform(20, 900, 20), [np.nan]])
    assert mode_of_masses(masses) == pytest.approx(300, abs=15)
    assert mode_of_masses(np.array([80.0, 80.0])) == 80.0
    assert np.isnan(mode_of_masses(np.array([np.nan])))


def test_deviations_are_parts_of_mean_median_and_mode():
    masses = np.array([90.0, 100.0, 100.0, 100.0, 110.0, np.nan])
    found = mass_deviations(masses)
    assert found[:5] == pytest.approx(np.repeat((masses[:5, None] - 100) / 100, 3, axis=1), abs=1e-3)
    assert np.isnan(found[5]).all()


@given(st.floats(1e-3, 1e3), st.lists(st.floats(10, 5000), min_size=2, max_size=8, unique=True))
def test_an_exact_factor_is_found_and_certain(factor, known):
    found = calibrate_mass(np.array(known) / factor, np.array(known))
    assert found.factor == pytest.approx(factor)
    assert found.interval == pytest.approx((factor, factor), rel=1e-6)
    assert found.specimens == len(known)


def test_the_interval_holds_the_factor_as_often_as_it_says():
    rng = np.random.default_rng(2)
    held = 0
    for _ in range(400):
        known = np.exp(rng.uniform(3, 8, 6))
        found = calibrate_mass(known / 26.0 * np.exp(rng.normal(0, 0.2, 6)), known)
        held += found.interval[0] <= 26.0 <= found.interval[1]
    assert 0.92 <= held / 400 <= 0.98


def test_calibrations_are_kept_as_json_and_others_are_refused(tmp_path):
    path = tmp_path / "mass.json"
    write_mass_calibration(path, calibrate_mass(np.array([2.0]), np.array([52.0])))
    assert read_mass_factor(path) == pytest.approx(26.0)
    path.write_text('{"factor": "many"}')
    with pytest.raises(BadInput, match="no calibration"):
        read_mass_factor(path)
    with pytest.raises(BadInput, match="positive"):
        calibrate_mass(np.array([1.0, np.nan]), np.array([10.0, 20.0]))
    with pytest.raises(BadInput, match="do not go with"):
        calibrate_mass(np.array([1.0]), np.array([10.0, 20.0]))


def test_a_mass_that_no_protein_in_the_image_can_have_is_none():
    framing = find_framing(np.random.default_rng(0).standard_normal((4, 64, 64)).astype(np.float32))
    ball_kDa = np.pi / 6 * (2 * framing.content_px[0] * 2.0) ** 3 / 1212
    masses = np.array([0.99 * ball_kDa, 1.01 * ball_kDa, 5.0, np.nan])
    found = possible_masses_kDa(masses, 2.0, framing)
    assert found[0] == masses[0]
    assert np.isnan(found[1:]).all()
    assert np.isnan(possible_masses_kDa(masses, None, framing)).all()
