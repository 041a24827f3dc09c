import math

import numpy as np
import pytest
import tifffile
from PIL import Image

from cryogauge.collect.judge.exposure import read_exposure
from cryogauge.io import write_mrc
from cryogauge.records import BadInput
from tests.collect.judge.exposures import micrograph


@pytest.fixture(scope="module")
def image():
    return micrograph(256)


def drifting(image: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Frames that show the image moved by whole pixels, each with noise of its own."""
    rng = np.random.default_rng(1)
    moved = [np.roll(image, tuple(step), (0, 1)) for step in steps]
    return np.stack([rng.poisson(np.maximum(each, 0) / len(steps)) for each in moved]).astype(np.float32)


def test_a_single_mrc_image_is_read_as_it_is(image, tmp_path):
    write_mrc(tmp_path / "a.mrc", image[None], 1.6)
    found = read_exposure(tmp_path / "a.mrc")
    np.testing.assert_array_equal(found.image, image)
    assert found.pixel_size_A == pytest.approx(1.6)
    assert (found.frames, len(found.path_px), found.picture) == (1, 0, False)


def test_the_given_pixel_size_overrules_the_header(image, tmp_path):
    write_mrc(tmp_path / "a.mrc", image[None], 1.6)
    assert read_exposure(tmp_path / "a.mrc", pixel_size_A=0.9).pixel_size_A == 0.9


def test_frames_are_put_back_where_they_were(image, tmp_path):
    steps = np.stack([np.linspace(-6, 6, 10), np.linspace(4, -4, 10)], axis=1).round().astype(int)
    write_mrc(tmp_path / "movie.mrc", drifting(40 * image, steps), 1.6)
    found = read_exposure(tmp_path / "movie.mrc")
    assert found.frames == 10
    assert np.abs(found.path_px - (steps - steps.mean(axis=0))).max() < 1.0
    inner = (slice(20, -20),) * 2
    restored = np.corrcoef(found.image[inner].ravel(), image[inner].ravel())[0, 1]
    blurred = np.corrcoef(drifting(40 * image, steps).sum(axis=0)[inner].ravel(), image[inner].ravel())[0, 1]
    assert restored > blurred + 0.1


def test_the_gain_is_multiplied_in(image, tmp_path):
    gain = np.full(image.shape, 2.0, dtype=np.float32)
    write_mrc(tmp_path / "gain.mrc", gain[None], 1.0)
    write_mrc(tmp_path / "a.mrc", image[None], 1.6)
    np.testing.assert_allclose(read_exposure(tmp_path / "a.mrc", gain=tmp_path / "gain.mrc").image, 2 * image)


def test_pictures_have_no_pixel_size_and_count_nothing(image, tmp_path):
    Image.fromarray(np.clip(image, 0, 255).astype(np.uint8)).save(tmp_path / "a.png")
    found = read_exposure(tmp_path / "a.png")
    assert found.picture
    assert math.isnan(found.pixel_size_A)


def test_a_tiff_movie_is_read(image, tmp_path):
    frames = drifting(image, np.zeros((3, 2), dtype=int)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "movie.tif", frames, photometric="minisblack")
    found = read_exposure(tmp_path / "movie.tif", pixel_size_A=1.6)
    assert found.frames == 3
    # TIFF frames are turned upside down, as for every movie
    assert np.corrcoef(found.image[::-1].ravel(), image.ravel())[0, 1] > 0.5


@pytest.mark.parametrize(("value", "says"), [(np.nan, "not numbers"), (7.0, "same value everywhere")])
def test_what_shows_nothing_is_refused(tmp_path, value, says):
    write_mrc(tmp_path / "a.mrc", np.full((1, 64, 64), value, dtype=np.float32), 1.6)
    with pytest.raises(BadInput, match=says):
        read_exposure(tmp_path / "a.mrc")


def test_a_file_of_another_kind_is_no_exposure(tmp_path):
    (tmp_path / "session.yaml").write_text("driver: simulated")
    with pytest.raises(BadInput, match="is no exposure"):
        read_exposure(tmp_path / "session.yaml")


def test_a_tomogram_is_no_movie(image, tmp_path):
    write_mrc(tmp_path / "tomogram.mrc", np.stack([image] * 4), 13.5)
    with pytest.raises(BadInput, match=r"4 images of 13\.5 Å a pixel: it is a volume or a series"):
        read_exposure(tmp_path / "tomogram.mrc")
