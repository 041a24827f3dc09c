import numpy as np
import pytest

from cryogauge.imaging.ctf import ctf_1d
from cryogauge.imaging.detector import COUNTING, noise_transfer
from cryogauge.imaging.fourier import radial_power
from cryogauge.records import BadInput
from cryogauge.simulate.classes.assemble import made_complex
from cryogauge.simulate.micrographs import (
    MICROGRAPH_CLASSES,
    Optics,
    crystals,
    draw,
    empty_field,
    expose,
    matter,
    simulate_micrograph,
    thumbnail,
)
from cryogauge.simulate.micrographs.camera import flawed
from cryogauge.simulate.micrographs.exposure import expected_electrons
from cryogauge.simulate.micrographs.field import ICE_PATH_A

SHAPE = (192, 208)


@pytest.mark.parametrize("kind", MICROGRAPH_CLASSES)
def test_a_seed_gives_the_same_micrograph_of_its_shape(kind):
    one, two = (simulate_micrograph(kind, SHAPE, 8.0, np.random.default_rng(3)) for _ in range(2))
    assert one.electrons.shape == one.field.shape == SHAPE
    assert np.isfinite(one.electrons).all()
    assert one.electrons.min() >= 0
    np.testing.assert_array_equal(one.electrons, two.electrons)


def test_classes_differ_in_what_they_hold():
    made = {kind: [simulate_micrograph(kind, SHAPE, 8.0, np.random.default_rng(k)) for k in range(4)]
            for kind in ("great", "no_particles", "empty")}  # fmt: skip
    assert all(len(each.field.centres_px) > 5 for each in made["great"])
    assert not any(len(each.field.centres_px) for each in made["no_particles"])
    assert not any(each.field.vacuum.any() for each in made["great"])
    assert not any(len(each.field.centres_px) for each in made["empty"])


def test_an_unknown_class_is_refused():
    with pytest.raises(BadInput, match="no class of micrographs is called"):
        simulate_micrograph("fine", SHAPE, 8.0, np.random.default_rng(0))


def test_vacuum_lets_every_electron_through():
    counted = expose(empty_field((256, 256), 2.0), Optics(dose_e_A2=10.0), np.random.default_rng(0))
    assert counted.mean() == pytest.approx(40.0, rel=0.01)
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(256), np.fft.fftfreq(256)))
    noise = np.square(noise_transfer(frequency, COUNTING)).mean() / COUNTING.dqe_zero
    assert counted.var() == pytest.approx(40.0 * noise, rel=0.03)


def test_ice_absorbs_by_its_mean_free_path():
    field = empty_field((64, 64), 4.0)
    matter.add_ice(field, 620.0)
    field.grain[:] = 0
    optics = Optics(dose_e_A2=1.0, amplitude_contrast=0.0)
    expected = expected_electrons(field, optics, np.random.default_rng(0)).mean() / 16
    assert expected == pytest.approx(np.exp(-620 / ICE_PATH_A), rel=1e-3)


def test_a_weak_object_is_seen_through_the_contrast_transfer():
    """The image of faint white phase noise has the power of 4 CTF² times the noise's."""
    field = empty_field((512, 512), 2.0)
    field.grain[:] = 1e-4 * 4  # a standard deviation of 0.01 rad a pixel
    optics = Optics(defocus_A=12_000, b_factor_A2=0.0, dose_e_A2=1.0)
    seen = expected_electrons(field, optics, np.random.default_rng(0)) / 4
    frequency, power = radial_power(seen - seen.mean())
    model = 4 * 1e-4 * np.square(ctf_1d(frequency / 2.0, 12_000, amplitude_contrast=optics.amplitude_contrast))
    within = (frequency > 0.02) & (frequency < 0.4)
    ratio = power[within]
    assert np.corrcoef(ratio, model[within])[0, 1] > 0.95
    assert ratio.mean() == pytest.approx(model[within].mean(), rel=0.1)


def test_drift_takes_detail_along_its_direction():
    field = empty_field((256, 256), 4.0)
    field.grain[:] = 1e-3 * 16
    still, moved = (
        expected_electrons(field, Optics(drift_A=drift, drift_deg=0.0, dose_e_A2=1.0), np.random.default_rng(0))
        for drift in (0.0, 40.0)
    )
    across_x = np.abs(np.diff(moved, axis=1)).mean() / np.abs(np.diff(still, axis=1)).mean()
    across_y = np.abs(np.diff(moved, axis=0)).mean() / np.abs(np.diff(still, axis=0)).mean()
    assert across_x < 0.7 * across_y


def test_protein_is_dark_in_an_underfocused_image():
    field = empty_field((256, 256), 4.0)
    matter.add_ice(field, 300.0)
    before = field.phase.copy()
    rng = np.random.default_rng(0)
    matter.add_particles(field, made_complex("made-up", 900.0, "C1", rng), 0.2, 1.0, rng)
    field.grain[:] = 0
    seen = expected_electrons(field, Optics(dose_e_A2=1.0), np.random.default_rng(0))
    protein = field.phase > before + 0.5 * float((field.phase - before).max())
    assert protein.any()
    assert np.mean(field.particles[protein]) > 0.9
    assert seen[protein].mean() < seen.mean() - seen.std()


def test_a_jump_doubles_what_is_seen():
    """Half of the electrons come a jump away: along it, the spectrum is that of a cosine."""
    field = empty_field((256, 256), 4.0)
    field.grain[:] = 1e-3 * 16
    still, moved = (
        expected_electrons(field, Optics(drift_A=drift, jumped=True, dose_e_A2=1.0), np.random.default_rng(0))
        for drift in (0.0, 40.0)
    )
    half = (np.roll(still, 5, 1) + np.roll(still, -5, 1)) / 2
    np.testing.assert_allclose(moved, half, atol=1e-3 * float(still.mean()))


def test_crystalline_ice_is_as_strong_as_told_and_nowhere_else():
    for seed in range(6):
        field = empty_field((200, 200), 8.0)
        crystals.add_crystalline_ice(field, 0.1, np.random.default_rng(seed))
        assert field.crystalline.any()
        assert field.absorption[field.crystalline].std() == pytest.approx(0.1, rel=0.5)


def test_frost_is_dark_where_it_lies():
    field = empty_field((200, 200), 8.0)
    crystals.add_frost(field, 6, 150.0, np.random.default_rng(0))
    assert 0.01 < field.contamination.mean() < 0.9
    assert field.absorption[field.contamination].mean() > 0.01
    assert not field.absorption[~field.contamination].any()


@pytest.mark.parametrize("part", [0.02, 0.2])
def test_frost_lies_over_the_part_told(part):
    covered = []
    for seed in range(6):
        field = empty_field((200, 200), 8.0)
        field.contamination[:100] = True  # what lies there already does not count
        draw._frosted(field, part, 100.0, np.random.default_rng(seed))
        covered.append(float(field.contamination[100:].mean()) / 2)
    assert part / 3 < np.mean(covered) < 2 * part + 0.03


def test_crystals_over_much_of_a_field_are_no_part_of_a_great_one():
    made = [simulate_micrograph("great", SHAPE, 8.0, np.random.default_rng(k)).field for k in range(12)]
    assert any(field.contamination.any() for field in made)
    assert np.mean([field.contamination.mean() for field in made]) < 0.05


def test_torn_ice_lacks_about_the_part_told():
    field = empty_field((200, 200), 8.0)
    thickness = matter.torn(field, np.full(field.shape, 400.0, dtype=np.float32), 0.3, np.random.default_rng(0))
    assert np.mean(thickness < 5) == pytest.approx(0.3, abs=0.08)
    assert field.contamination.any()


def test_a_camera_leaves_the_mean_of_an_even_field():
    made = [flawed(np.full((120, 150), 50.0, dtype=np.float32), np.random.default_rng(k)) for k in range(20)]
    assert all(each.shape == (120, 150) and each.min() >= 0 for each in made)
    assert np.median([each.mean() for each in made]) == pytest.approx(50, rel=0.05)


def test_a_margin_is_cut_from_everything():
    field = empty_field((100, 120), 5.0)
    field.centres_px = np.array([[5, 50], [50, 60], [95, 110]])
    cut = field.without_margin(10)
    assert cut.shape == cut.carbon.shape == (80, 100)
    np.testing.assert_array_equal(cut.centres_px, [[40, 50]])


def test_a_thumbnail_spans_eight_bits():
    picture = thumbnail(np.random.default_rng(0).poisson(50, (600, 800)).astype(np.float32), 200)
    assert picture.dtype == np.uint8
    assert picture.shape == (150, 200)
    assert (picture.min(), picture.max()) == (0, 255)
