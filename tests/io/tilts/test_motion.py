import numpy as np
import pytest

from cryogauge.io import read_motion
from cryogauge.records import BadInput
from tests.io.tilts.makers import DATA, real_files

STAR = """
data_general

_rlnImageSizeZ 5

data_global_shift

loop_
_rlnMicrographFrameNumber #1
_rlnMicrographShiftX #2
_rlnMicrographShiftY #3
2 0.0 0.0
3 -1.0 2.0
4 -2.0 4.0
"""


def test_shifts_are_displacements_negated_and_frames_left_out_follow_their_neighbours(tmp_path):
    path = tmp_path / "motion.star"
    path.write_text(STAR)
    found = read_motion(path, 5)
    np.testing.assert_allclose(found - found[0], [[0, 0], [0, 0], [-2, 1], [-4, 2], [-4, 2]])
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-12)


def test_what_is_no_motion(tmp_path):
    path = tmp_path / "motion.star"
    path.write_text(STAR)
    with pytest.raises(BadInput, match="5 frames, not of 8"):
        read_motion(path, 8)
    path.write_text("data_x\n\nloop_\n_rlnVoltage #1\n300\n200\n")
    with pytest.raises(BadInput, match="no global shifts"):
        read_motion(path, 5)


def test_frames_that_relion_did_not_look_at_and_pixels_finer_than_the_camera_s(tmp_path):
    path = tmp_path / "motion.star"
    path.write_text(STAR.replace("2 0.0 0.0", "1 -9999 -9999\n2 0.0 0.0") + "5 -9999 -9999\n")
    plain = read_motion(path, 5)
    np.testing.assert_allclose(plain - plain[0], [[0, 0], [0, 0], [-2, 1], [-4, 2], [-4, 2]])
    for sampling, finer in ((1, 1), (2, 2), (3, 4)):
        stated = f"_rlnImageSizeZ 5\n_rlnEERUpsampling {sampling}"
        path.write_text(STAR.replace("_rlnImageSizeZ 5", stated))
        np.testing.assert_allclose(read_motion(path, 5) * finer, plain)
    path.write_text(STAR.partition("2 0.0")[0] + "1 -9999 -9999\n2 -9999 -9999\n")
    with pytest.raises(BadInput, match="no shift of any frame"):
        read_motion(path, 5)


@real_files
def test_a_real_file_of_relion():
    found = read_motion(DATA / "metadata" / "cets-relion" / "TS_01_000_0_0.star", 8)
    assert found.shape == (8, 2)
    np.testing.assert_allclose(found[-1] - found[0], [-1.089724, 0.69959])
