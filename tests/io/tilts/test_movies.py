"""Movies frame by frame, and gain references."""

import struct

import eerfile
import mrcfile
import numpy as np
import pandas as pd
import pytest
import tifffile

from cryogauge.io import open_movie, read_gain
from cryogauge.io.tilts.movies import eer_groups, usual_eer_group
from cryogauge.records import BadInput
from tests.io.tilts.makers import write_eer

FRAMES = np.random.default_rng(3).integers(0, 9, (5, 12, 16)).astype(np.uint8)


def test_mrc(tmp_path):
    path = tmp_path / "a.mrc"
    with mrcfile.new(path, FRAMES.astype(np.int16)) as file:
        file.set_image_stack()
    movie = open_movie(path)
    assert isinstance(movie, np.memmap)
    assert np.array_equal(movie, FRAMES)


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_tiff_frames_stand_on_their_feet(tmp_path, compression):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, FRAMES, compression=compression, photometric="minisblack")
    movie = open_movie(path)
    assert movie.shape == FRAMES.shape
    assert movie.dtype == np.uint8
    assert np.array_equal(np.asarray(movie), FRAMES[:, ::-1])
    assert np.array_equal(movie[3][2:7, ::2], FRAMES[3, ::-1][2:7, ::2])
    assert np.array_equal(movie[1:3, 0], FRAMES[1:3, -1])
    tifffile.imwrite(path, FRAMES[0], compression=compression)
    assert np.array_equal(np.asarray(open_movie(path)), FRAMES[:1, ::-1])


def test_eer_frames_are_added_up_in_groups(tmp_path):
    frames = (np.random.default_rng(1).random((70, 32, 48)) < 0.02).astype(np.uint8)
    path = tmp_path / "a.eer"
    write_eer(path, frames)
    assert np.array_equal(eerfile.read(path), frames)  # the file is what another reader takes for EER
    movie = open_movie(path)
    assert movie.shape == (35, 32, 48)
    assert usual_eer_group(path) == 2
    assert np.array_equal(np.asarray(movie), frames.reshape(35, 2, 32, 48).sum(axis=1))
    grouped = open_movie(path, eer_group=12)
    assert grouped.shape == (5, 32, 48)
    assert np.array_equal(np.asarray(grouped), eerfile.render(path, dose_per_output_frame=12, total_fluence=70))
    assert np.array_equal(grouped[-1, 3:9], frames[48:60, 3:9].sum(axis=0))
    with pytest.raises(BadInput, match="70 frames, which cannot be grouped by 71"):
        open_movie(path, eer_group=71)
    whole = path.read_bytes()
    at = whole.index(struct.pack("<HHQ", 279, 16, 1)) + 12  # the length of the first frame
    path.write_bytes(whole[:at] + bytes([whole[at] - 1]) + whole[at + 1 :])
    with pytest.raises(BadInput, match="frame 1 is damaged"):
        open_movie(path)[0]
    path.write_bytes(whole[:5000])
    with pytest.raises(BadInput, match="of 70 frames"):
        open_movie(path)


def test_groups_that_a_table_states():
    table = pd.DataFrame({"tilt_deg": [0.0, 3.0, 6.0]})
    assert eer_groups(table) == [None, None, None]
    assert eer_groups(table.assign(eer_group=[32.0, np.nan, 8.0])) == [32, None, 8]


def test_what_is_no_movie(tmp_path):
    with pytest.raises(BadInput, match="does not exist"):
        open_movie(tmp_path / "a.mrc")
    (tmp_path / "a.dm4").write_bytes(b"1")
    with pytest.raises(BadInput, match="no movie"):
        open_movie(tmp_path / "a.dm4")
    tifffile.imwrite(tmp_path / "a.eer", FRAMES)
    with pytest.raises(BadInput, match="no EER movie"):
        open_movie(tmp_path / "a.eer")
    tifffile.imwrite(tmp_path / "c.tif", np.zeros((8, 8, 3), np.uint8), photometric="rgb")
    with pytest.raises(BadInput, match="not frames of a camera"):
        open_movie(tmp_path / "c.tif")


def test_gain_references_lie_as_the_frames_they_are_for(tmp_path):
    gain = np.linspace(0.5, 2, 12 * 16, dtype=np.float32).reshape(12, 16)
    with mrcfile.new(tmp_path / "g.mrc", gain):
        pass
    tifffile.imwrite(tmp_path / "g.tif", gain)
    tifffile.imwrite(tmp_path / "t.tif", gain)
    (tmp_path / "t.tif").rename(tmp_path / "g.gain")
    assert np.array_equal(read_gain(tmp_path / "g.mrc", (12, 16)), gain)
    assert np.array_equal(read_gain(tmp_path / "g.tif", (5, 12, 16)), gain[::-1])
    assert np.array_equal(read_gain(tmp_path / "g.gain", (12, 16)), gain)
    assert read_gain(tmp_path / "g.tif", (12, 16)).dtype == np.float32
    with pytest.raises(BadInput, match="of 16 × 12 pixels, the frames of 12 × 16") as refused:
        read_gain(tmp_path / "g.mrc", (16, 12))
    assert "turn it by 90 degrees" in refused.value.hint
    with pytest.raises(BadInput, match="the frames of 32 × 24") as refused:
        read_gain(tmp_path / "g.mrc", (24, 32))
    assert "turn" not in refused.value.hint


def test_what_is_no_gain_reference(tmp_path):
    (tmp_path / "g.dm4").write_bytes(b"1")
    with pytest.raises(BadInput, match="no gain reference"):
        read_gain(tmp_path / "g.dm4", (12, 16))
    with mrcfile.new(tmp_path / "g.mrc", FRAMES.astype(np.float32)):
        pass
    with pytest.raises(BadInput, match="holds 5 images"):
        read_gain(tmp_path / "g.mrc", (12, 16))
    tifffile.imwrite(tmp_path / "g.tif", np.full((12, 16), np.nan, np.float32))
    with pytest.raises(BadInput, match="not numbers"):
        read_gain(tmp_path / "g.tif", (12, 16))
    with pytest.raises(BadInput, match="does not exist"):
        read_gain(tmp_path / "h.tif", (12, 16))
