"""Scores are blind to what is not structure. For good."""

import numpy as np
import pytest

from cryogauge.imaging.degrade import randomise_phases
from cryogauge.records import Volume
from cryogauge.score.quality import CompactQuality, shipped_weights
from validation.blindness import unchanged_in_structure
from validation.textures import textures

LARGEST_CHANGE = 0.1


@pytest.fixture(scope="module")
def shipped() -> CompactQuality:
    return CompactQuality(shipped_weights("compact"), threads=1)


@pytest.fixture(scope="module")
def reference() -> np.ndarray:
    """Grey values of a skewed, heavy-tailed kind: few dark objects in bright ice."""
    rng = np.random.default_rng(0)
    return (rng.standard_normal(200_000) - rng.gamma(0.3, 4.0, 200_000)).astype(np.float32)


def test_tomogram(shipped, simulated, reference):
    before = shipped.judge(Volume(simulated.data, 16.0)).score
    assert before.max() > 0.4
    for figure, changed in unchanged_in_structure(simulated.data, reference):
        after = shipped.judge(Volume(changed, 16.0)).score
        assert np.abs(after - before).max() < LARGEST_CHANGE, figure


def test_tomogram_without_phases(shipped, simulated):
    random = np.stack([randomise_phases(image, z) for z, image in enumerate(simulated.data)])
    assert shipped.judge(Volume(random, 16.0)).score.max() < LARGEST_CHANGE


@pytest.mark.parametrize("place", [0.3, 0.5, 0.65])
def test_picture(shipped, simulated, reference, place):
    picture = simulated.data[int(place * len(simulated.data))]
    before = float(shipped.judge_picture(picture).score[0])
    for figure, changed in unchanged_in_structure(picture, reference):
        after = float(shipped.judge_picture(changed).score[0])
        assert abs(after - before) < LARGEST_CHANGE, figure
    assert float(shipped.judge_picture(randomise_phases(picture, 1)).score[0]) < LARGEST_CHANGE


@pytest.mark.parametrize(("name", "texture"), [pytest.param(n, t, id=n) for n, t in textures((12, 64, 64))])
def test_tomograms_of_texture_are_nothing(shipped, name, texture):
    assert shipped.judge(Volume(texture, 10.0)).score.max() < LARGEST_CHANGE


@pytest.mark.parametrize(("name", "texture"), [pytest.param(n, t, id=n) for n, t in textures((12, 64, 64))])
def test_pictures_of_texture_are_nothing(shipped, name, texture):
    assert float(shipped.judge_picture(texture[6]).score[0]) < LARGEST_CHANGE
