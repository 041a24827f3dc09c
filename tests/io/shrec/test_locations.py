import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from cryogauge.io.picks.angles import matrices
from cryogauge.io.shrec import read_locations, write_locations
from cryogauge.records import BadInput

angle = st.floats(-360.0, 720.0)


def test_a_line_of_each_year(tmp_path):
    path = tmp_path / "particle_locations.txt"
    path.write_text("4CR2 10 20 30 0 90 0\n\nfiducial 1 2 3 NaN NaN NaN\n")
    found = read_locations(path)
    assert found["object"].tolist() == ["4cr2", "fiducial"]
    assert found[["x", "y", "z"]].to_numpy().tolist() == [[10, 20, 30], [1, 2, 3]]
    assert np.isfinite(found.loc[0, ["rot", "tilt", "psi"]].to_numpy(float)).all()
    assert found.loc[1, ["rot", "tilt", "psi"]].isna().all()
    path.write_text("3d2f  180  480  118  -45   81  -72\n")
    early = read_locations(path, reversed_axes=True)
    assert early[["x", "y", "z"]].to_numpy().tolist() == [[118, 480, 180]]
    assert early[["rot", "tilt", "psi"]].isna().all(axis=None)


@given(first=angle, second=angle, third=angle)
def test_angles_turn_the_template_as_the_simulator_does(tmp_path_factory, first, second, third):
    path = tmp_path_factory.mktemp("angles") / "particle_locations.txt"
    path.write_text(f"1bxn 1 2 3 {first!r} {second!r} {third!r}\n")
    found = read_locations(path)[["rot", "tilt", "psi"]].to_numpy()
    assert 0 <= found[0, 1] <= 180
    # static turns about z, x and z by the negative angles take a voxel's offset to where the template is sampled
    sampled = Rotation.from_euler("zxz", [-first, -second, -third], degrees=True).as_matrix()
    assert matrices(found)[0] == pytest.approx(sampled.T, abs=1e-6)


def test_what_is_written_is_read(tmp_path):
    rng = np.random.default_rng(2)
    table = pd.DataFrame({"object": ["1bxn", "4b4t", "3qm1"]})
    table[["x", "y", "z"]] = rng.integers(0, 500, (3, 3)).astype(float)
    table[["rot", "tilt", "psi"]] = rng.uniform([-180, 0, -180], [180, 180, 180], (3, 3))
    write_locations(tmp_path / "t.txt", table)
    found = read_locations(tmp_path / "t.txt")
    assert found["object"].tolist() == table["object"].tolist()
    assert np.array_equal(found[["x", "y", "z"]], table[["x", "y", "z"]])
    turns = [matrices(each[["rot", "tilt", "psi"]].to_numpy()) for each in (found, table)]
    assert turns[0] == pytest.approx(turns[1], abs=1e-5)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1bxn 1 2\n", "line 1: 3 words"),
        ("1bxn 1 2 3\n9xyz 1 2 3\n", "line 2: unknown class '9xyz'"),
        ("1bxn 1 two 3\n", "line 1: '1 two 3' are no numbers"),
        ("1bxn 1 nan 3\n", "line 1: a voxel that is no number"),
        ("0 1 2 3\n", "unknown class '0'"),
    ],
)
def test_lines_that_are_none(tmp_path, text, said):
    (tmp_path / "t.txt").write_text(text)
    with pytest.raises(BadInput, match=r"t\.txt has") as caught:
        read_locations(tmp_path / "t.txt")
    assert said in caught.value.message


def test_a_submission_may_have_nothing_and_a_score(tmp_path):
    (tmp_path / "s.txt").write_text("0 1 2 3\nbackground 4.5 5 6\n1BXN 7 8 9 high\n")
    found = read_locations(tmp_path / "s.txt", submitted=True)
    assert found["object"].tolist() == ["background", "background", "1bxn"]
    assert found["x"].tolist() == [1, 4.5, 7]


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(BadInput, match="cannot be read: no such file"):
        read_locations(tmp_path / "none.txt")
    (tmp_path / "b.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadInput, match="is no text"):
        read_locations(tmp_path / "b.txt")
