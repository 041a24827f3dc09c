from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryogauge.pick.patches import Augmentation, LabelledTomogram, Sampling, batches, normalised
from cryogauge.records import BadInput

PLAIN = Augmentation(turns="none", scale=0.0, offset=0.0)


def tomogram(seed: int, shape=(20, 30, 40), count=12) -> LabelledTomogram:
    """Each particle is one voxel whose value is its label."""
    rng = np.random.default_rng(seed)
    data = np.zeros(shape, np.float16)
    centres = np.stack([rng.integers(0, n, count) for n in shape], 1)
    centres = np.unique(centres, axis=0)
    labels = rng.integers(1, 4, len(centres))
    data[tuple(centres.T)] = labels
    return LabelledTomogram(f"t{seed}", data, centres.astype(float), labels)


def paint(patch, centres, labels, rotations):
    out = np.zeros(patch, np.uint8)
    for centre, label in zip(np.round(centres).astype(int), labels, strict=True):
        if np.all((centre >= 0) & (centre < patch)):
            out[tuple(centre)] = label
    return out


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 1000),
    turns=st.sampled_from(["none", "y", "all"]),
    mirrors=st.booleans(),
    jitter=st.sampled_from([-1, 3]),
)
def test_image_and_target_stay_together_however_they_are_turned(seed, turns, mirrors, jitter):
    sampling = Sampling((8, 16, 12), batch=3, around=0.7, jitter_px=jitter)
    augmentation = Augmentation(turns=turns, mirrors=mirrors, scale=0.0, offset=0.0)
    for image, target in islice(batches([tomogram(seed)], sampling, augmentation, paint, seed), 3):
        assert image.shape == (3, 1, 8, 16, 12)
        assert np.array_equal(image[:, 0].astype(np.uint8), target)


def test_a_patch_around_a_particle_holds_it():
    sampling = Sampling((8, 8, 8), batch=1, around=1.0)
    for _, target in islice(batches([tomogram(3)], sampling, PLAIN, paint, 0), 30):
        assert target.any()


def test_kinds_are_drawn_alike_however_rare():
    shape = (40, 40, 400)
    rng = np.random.default_rng(0)
    centres = np.stack([rng.uniform(5, n - 5, 300) for n in shape], 1)
    labels = np.array([1] * 295 + [2] * 5)
    chosen = []

    def note(patch, centres, labels, rotations):
        middle = np.array(patch) / 2
        chosen.append(labels[np.argmin(np.abs(centres - middle).sum(1))])
        return np.zeros(1)

    source = LabelledTomogram("many", np.zeros(shape, np.float16), centres, labels)
    for _ in islice(batches([source], Sampling((8, 8, 8), 20, around=1.0, jitter_px=0), PLAIN, note, 0), 20):
        pass
    assert 0.4 < np.mean(np.array(chosen) == 2) < 0.6


def test_a_tomogram_smaller_than_the_patch_is_filled_by_its_mirror_image():
    source = LabelledTomogram("small", np.ones((4, 30, 30), np.float16), np.array([[2.0, 5, 5]]), np.array([1]))
    image, _ = next(batches([source], Sampling((8, 8, 8), 1), PLAIN, paint, 0))
    assert np.all(image == 1)


def test_the_same_seed_draws_the_same():
    first, second = (
        next(batches([tomogram(1)], Sampling((8, 8, 8), 4), Augmentation(noise=1.0), paint, 5))[0] for _ in range(2)
    )
    other = next(batches([tomogram(1)], Sampling((8, 8, 8), 4), Augmentation(noise=1.0), paint, 6))[0]
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


def test_turned_particles_keep_hand_and_mirrored_ones_change_it():
    rotations = np.stack([np.eye(3)])
    source = LabelledTomogram(
        "one", np.zeros((16, 16, 16), np.float16), np.full((1, 3), 8.0), np.ones(1, int), rotations
    )
    seen = {False: set(), True: set()}
    for mirrors, determinants in seen.items():

        def note(patch, centres, labels, turned, found=determinants):
            found.add(round(float(np.linalg.det(turned[0]))))
            return np.zeros(1)

        for _ in islice(batches([source], Sampling((8, 8, 8), 8), Augmentation(mirrors=mirrors), note, 0), 5):
            pass
    assert seen == {False: {1}, True: {1, -1}}


def test_grey_values_have_no_mean_and_unit_deviation_whatever_gold_says():
    rng = np.random.default_rng(0)
    data = rng.normal(500, 20, (32, 64, 64)).astype(np.float32)
    data[4:8, 10:14, 10:14] = -1e5
    grey = normalised(data)
    quiet = grey[16:].astype(np.float32)
    assert abs(quiet.mean()) < 0.05
    assert 0.9 < quiet.std() < 1.1
    assert grey.min() == -6


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_a_few_values_that_are_no_numbers_are_taken_for_the_middle(wrong, caplog):
    data = np.random.default_rng(0).normal(500, 20, (16, 64, 64)).astype(np.float32)
    clean = normalised(data, "TS_1")
    assert not caplog.text
    data[8, 3, 4] = data[5, 7, 7] = wrong
    grey = normalised(data, "TS_1")
    assert grey[8, 3, 4] == grey[5, 7, 7] == 0
    assert np.abs(grey.astype(float) - clean).max(where=np.isfinite(data), initial=0) < 0.02
    assert f"2 of the {data.size} values of TS_1 are no numbers" in caplog.text


@pytest.mark.parametrize("part", [(slice(3, 4),), (slice(0, 8),), (slice(None),)])
def test_tomograms_full_of_what_is_no_number_are_refused(part):
    data = np.random.default_rng(0).normal(size=(16, 32, 32)).astype(np.float32)
    data[part] = np.nan
    with pytest.raises(BadInput, match="TS_1"):
        normalised(data, "TS_1")


def test_flat_tomograms_and_sets_without_particles_are_refused():
    with pytest.raises(BadInput, match="flat"):
        normalised(np.zeros((8, 8, 8), np.float32))
    empty = LabelledTomogram("none", np.zeros((8, 8, 8), np.float16), np.empty((0, 3)), np.empty(0, int))
    with pytest.raises(BadInput, match="no particle"):
        next(batches([empty], Sampling((8, 8, 8), 1), PLAIN, paint, 0))
