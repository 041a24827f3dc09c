import numpy as np
import pytest

from cryogauge.imaging import ctf_2d
from cryogauge.imaging.class2d import HISTORY_COLUMNS, ClassSettings, align_to, classify
from cryogauge.records import BadInput
from tests.imaging.class2d.shapes import SHAPES, particles, purity, shape

BOX, PIXEL_A = 36, 4.0
TRUTH = np.stack([shape(k, BOX) for k in range(len(SHAPES))])


def settings(**changes):
    return ClassSettings(**({"classes": 3, "iterations": 10, "mask_diameter_A": 128.0} | changes))


@pytest.fixture(scope="module")
def noisy():
    return particles(200, BOX, 0.15, 1)


@pytest.fixture(scope="module")
def found(noisy):
    return classify(noisy[0], PIXEL_A, settings())


def test_shapes_are_told_apart_and_their_averages_are_theirs(noisy, found):
    assert purity(found.assignment, noisy[1]) > 0.95
    table = align_to(found.averages, TRUTH)
    assert sorted(table["reference"]) == [0, 1, 2]
    assert table["correlation"].min() > 0.9
    assert not table["mirrored"].any()


def test_poses_are_those_the_particles_were_made_with(noisy, found):
    """But for the turn and shift of each class as a whole."""
    _, which, angle, shift = noisy
    for row in align_to(found.averages, TRUTH).itertuples():
        members = (found.assignment == row.image) & (which == row.reference)
        # the truth turned by β makes the average, which turned by α makes the particle
        off = (found.angle_deg[members] + row.angle_deg - angle[members] + 180) % 360 - 180
        assert np.median(np.abs(off)) < 6
        turn = np.deg2rad(found.angle_deg[members])
        own_y = np.cos(turn) * row.shift_y_px + np.sin(turn) * row.shift_x_px
        own_x = np.cos(turn) * row.shift_x_px - np.sin(turn) * row.shift_y_px
        away = found.shift_px[members] + np.stack([own_y, own_x], axis=1) - shift[members]
        assert np.median(np.hypot(*away.T)) < 1


def test_the_result_says_what_it_is(noisy, found):
    assert found.averages.shape == (3, BOX, BOX)
    assert found.averages.dtype == np.float32
    assert found.distribution == pytest.approx(np.bincount(found.assignment) / 200)
    assert tuple(found.history.columns) == HISTORY_COLUMNS
    assert len(found.history) == 10
    assert found.history["likelihood"].iloc[-1] > found.history["likelihood"].iloc[0]
    assert (found.resolution_A < 30).all()
    assert not found.inverted
    assert found.notes == ()


@pytest.fixture(scope="module")
def brief(noisy):
    """After few iterations: for what must be the same at any time."""
    return classify(noisy[0], PIXEL_A, settings(iterations=3))


def test_a_seed_makes_it_the_same_again_on_any_number_of_threads(noisy, brief, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    again = classify(noisy[0], PIXEL_A, settings(iterations=3))
    np.testing.assert_array_equal(again.averages, brief.averages)
    np.testing.assert_array_equal(again.angle_deg, brief.angle_deg)
    assert again.history.equals(brief.history)


def test_dark_particles_in_other_grey_values_end_as_the_same_bright_averages(noisy, brief):
    dark = classify(700.0 - 40.0 * noisy[0], PIXEL_A, settings(iterations=3))
    assert dark.inverted
    np.testing.assert_array_equal(dark.assignment, brief.assignment)
    np.testing.assert_allclose(dark.averages, brief.averages, atol=2e-2)
    kept = classify(-noisy[0], PIXEL_A, settings(invert=False, iterations=1))
    assert not kept.inverted
    assert kept.averages.mean(axis=0)[BOX // 2, BOX // 2] < 0


@pytest.mark.parametrize("seed", [3, 4])
def test_rare_shapes_are_not_swallowed_by_the_common_one(seed):
    """Given a class or two to spare: with as many classes as shapes, the common one at times takes two."""
    images, which, *_ = particles(250, BOX, 0.2, seed, shares=(0.8, 0.12, 0.08))
    found = classify(images, PIXEL_A, settings(classes=5, iterations=8))
    assert purity(found.assignment, which) > 0.97


def test_classes_left_empty_get_half_of_the_largest(noisy):
    start = np.zeros((3, BOX, BOX))
    start[0] = start[1] = 3 * TRUTH[0] / TRUTH[0].std()
    start[2] = -start[0]
    found = classify(noisy[0], PIXEL_A, settings(), start=start)
    assert found.history["refilled"].sum() > 0
    assert found.distribution.min() > 0.1
    assert purity(found.assignment, noisy[1]) > 0.9


def test_transfer_is_taken_into_account():
    rng = np.random.default_rng(0)
    transfer = np.stack([ctf_2d((BOX, BOX), 4.0, z, amplitude_contrast=0.3) for z in rng.uniform(8e3, 25e3, 200)])
    images, which, *_ = particles(200, BOX, 0.3, 2, transfer=transfer)
    found = classify(images, PIXEL_A, settings(), ctf=transfer)
    assert purity(found.assignment, which) > 0.9
    assert not found.inverted  # the transfer says that dark is dense
    assert align_to(found.averages, TRUTH)["correlation"].min() > 0.9


def test_pictures_of_noise_keep_to_classes_of_their_own_that_score_low():
    images, *_ = particles(150, BOX, 0.3, 5)
    noise = np.random.default_rng(6).normal(0, images[:, :4].std(), (80, BOX, BOX)).astype(np.float32)
    found = classify(np.concatenate([images, noise]), PIXEL_A, settings(classes=4))
    real = np.arange(230) < 150
    assert purity(found.assignment, real.astype(int)) > 0.95
    assert np.median(found.score[~real]) < 0.7 * np.median(found.score[real])


def test_one_class_aligns_and_a_start_is_used():
    images, which, *_ = particles(120, BOX, 0.3, 7)
    images = images[which == 0]
    first = classify(images, PIXEL_A, settings(classes=1))
    assert (first.assignment == 0).all()
    assert align_to(first.averages, TRUTH[:1])["correlation"][0] > 0.9
    told = []
    second = classify(images, PIXEL_A, settings(classes=1, iterations=1), start=first.averages, say=told.append)
    assert np.median(np.abs((second.angle_deg - first.angle_deg + 180) % 360 - 180)) < 5
    assert any("iteration 1 of 1" in line for line in told)


def test_constant_images_are_told(noisy):
    images = noisy[0][:60].copy()
    images[[3, 40]] = 5.0
    found = classify(images, PIXEL_A, settings(iterations=2))
    assert "2 constant images" in found.notes[0]
    assert "3, 40" in found.notes[0]
    assert np.isfinite(found.averages).all()
    assert np.isfinite(found.score).all()


def test_particles_are_read_from_a_memory_map(noisy, brief, tmp_path):
    np.save(tmp_path / "particles.npy", noisy[0])
    mapped = classify(np.load(tmp_path / "particles.npy", mmap_mode="r"), PIXEL_A, settings(iterations=3))
    np.testing.assert_array_equal(mapped.assignment, brief.assignment)


@pytest.mark.parametrize(
    ("shape_", "changes", "more", "message"),
    [
        ((2, BOX, BOX), {}, {}, "2 particles cannot fill 3 classes"),
        ((5, BOX, 30), {}, {}, "must be square"),
        ((5, 12, 12), {"mask_diameter_A": None}, {}, "12 pixels are too small"),
        ((5, BOX, BOX), {}, {"start": np.zeros((2, BOX, BOX))}, "are no start for 3 classes"),
        ((5, BOX, BOX), {}, {"ctf": np.ones((5, BOX, BOX))}, "contrast transfer of shape"),
        ((5, BOX, BOX), {}, {"ctf": np.full((5, BOX, BOX // 2 + 1), np.inf)}, "not finite"),
    ],
)
def test_what_cannot_be_classified_is_refused(shape_, changes, more, message):
    images = np.random.default_rng(0).standard_normal(shape_)
    with pytest.raises(BadInput, match=message):
        classify(images, PIXEL_A, settings(**changes), **more)


def test_a_particle_that_is_not_numbers_is_named(noisy):
    images = noisy[0].copy()
    images[123, 5, 5] = np.inf
    with pytest.raises(BadInput, match="particle 123 "):
        classify(images, PIXEL_A, settings())
