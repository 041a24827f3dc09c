"""What WarpTools and M read of a file, by their own rules."""

import logging

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cryogauge.io.picks import READABLE, WRITABLE, pick_kind, read_picks_as, write_picks_as
from cryogauge.records import BadInput
from tests.io.picks.makers import SHAPE, VOXEL_A, lines_of, tables, turned

TABLE = pd.DataFrame(
    {
        "tomogram": ["TS_1_10.00Apx", "TS_2"], "object": "ribosome", "x_A": [100.0, 220.0], "y_A": [50.0, 500.0],
        "z_A": [20.0, 180.0], "score": [1.0, 0.5],
    }
)  # fmt: skip
PLACES = ["_rlnCoordinateX", "_rlnCoordinateY", "_rlnCoordinateZ"]
M_TABLE = """
data_

loop_
_wrpCoordinateX1 #1
_wrpCoordinateY1 #2
_wrpCoordinateZ1 #3
_wrpAngleRot1 #4
_wrpAngleTilt1 #5
_wrpAnglePsi1 #6
_wrpCoordinateX2 #7
_wrpRandomSubset #8
_wrpSourceName #9
_wrpSourceHash #10
  1234.5  2345.25  345.125  10  20  30  1235.5  1  TS_01.tomostar  0a1b2c3d
  10.0    20.0     30.0     40  50  60  11.0    2  TS_02.tomostar  4e5f6071
"""


def as_warp_reads(path):
    """Columns by label: labels up to the first row, then words parted by blanks, as Warp's ``Star`` takes them."""
    labels, rows = [], []
    for line in path.read_text().splitlines():
        words = line.split()
        if words and words[0].startswith("_"):
            labels.append(words[0])
        elif words and labels:
            rows.append(words)
    assert all(len(row) == len(labels) for row in rows)
    return dict(zip(labels, zip(*rows, strict=True), strict=True))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
@given(tables(objects=1), st.sampled_from([1.0, 3.37, VOXEL_A]))
def test_warptools_finds_each_particle_where_it_is(tmp_path, table, pixel_A):
    (path,) = write_picks_as(tmp_path / "picks.star", table, "warp", voxel_size_A=pixel_A)
    columns = as_warp_reads(path)
    assert list(columns["_rlnMicrographName"]) == [f"{name}.tomostar" for name in table["tomogram"]]
    assert "_rlnOriginX" not in columns
    assert "_rlnOriginXAngst" not in columns
    found = np.array([columns[label] for label in PLACES], dtype=float).T * pixel_A  # --coords_angpix
    np.testing.assert_allclose(found, table[["x_A", "y_A", "z_A"]], atol=1e-5)
    angles = [columns[f"_rlnAngle{name}"] for name in ("Rot", "Tilt", "Psi")]
    read = pd.DataFrame(np.array(angles, dtype=float).T, columns=["rot", "tilt", "psi"])
    np.testing.assert_allclose(turned(read), turned(table), atol=1e-5)
    # M: the detector's pixel in µm over the magnification
    pixel = float(columns["_rlnDetectorPixelSize"][0]) * 1e4 / float(columns["_rlnMagnification"][0])
    assert pixel == pytest.approx(pixel_A)


def test_a_tomogram_is_named_by_its_tilt_series(tmp_path, caplog):
    with caplog.at_level(logging.WARNING, "cryogauge.io"):
        (path,) = write_picks_as(tmp_path / "picks.star", TABLE, "warp", voxel_size_A=10.0)
    assert as_warp_reads(path)["_rlnMicrographName"] == ("TS_1.tomostar", "TS_2.tomostar")
    assert "named by their tilt series: TS_1.tomostar for TS_1_10.00Apx" in lines_of(caplog)
    assert "_rlnAngleRot" not in as_warp_reads(path)
    assert pick_kind(path) == "warp"
    read = read_picks_as(path)
    assert list(read["tomogram"]) == ["TS_1", "TS_2"]
    assert read.attrs["voxel_size_A"] == 10.0
    again = TABLE.assign(tomogram=["TS_1.tomostar", "TS_2.mrc"])
    (path,) = write_picks_as(tmp_path / "picks.star", again, "warp", voxel_size_A=10.0)
    assert as_warp_reads(path)["_rlnMicrographName"] == ("TS_1.tomostar", "TS_2.tomostar")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
@given(tables(objects=1))
def test_positions_as_parts_of_the_tomogram(tmp_path, table):
    """As template matching writes them: the voxel's number over the tomogram's size in voxels."""
    ends = np.array(SHAPE[::-1]) * VOXEL_A
    (path,) = write_picks_as(tmp_path / "picks.star", table, "warp", voxel_size_A=1.0)
    lines = path.read_text().splitlines()
    first = next(number for number, line in enumerate(lines) if ".tomostar" in line)
    for number, row in enumerate(table[["x_A", "y_A", "z_A"]].to_numpy() / ends):
        words = lines[first + number].split()
        lines[first + number] = "\t".join([words[0], *map(repr, row.tolist()), *words[4:]])
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(BadInput, match="as parts of the tomogram") as raised:
        read_picks_as(path)
    assert "--size" in raised.value.hint
    read = read_picks_as(path, shape=SHAPE, voxel_size_A=VOXEL_A)
    np.testing.assert_allclose(read[["x_A", "y_A", "z_A"]], table[["x_A", "y_A", "z_A"]], atol=1e-6)


def test_what_m_writes(tmp_path, caplog):
    path = tmp_path / "ribosome_particles.star"
    path.write_text(M_TABLE)
    assert pick_kind(path) == "m"
    with caplog.at_level(logging.WARNING, "cryogauge.io"):
        read = read_picks_as(path, objects={0: "ribosome"})
    assert lines_of(caplog).endswith("left out: wrpCoordinateX2")
    assert list(read["tomogram"]) == ["TS_01", "TS_02"]
    np.testing.assert_allclose(read[["x_A", "y_A", "z_A"]][:1], [[1234.5, 2345.25, 345.125]])
    np.testing.assert_allclose(read[["rot", "tilt", "psi"]][1:], [[40, 50, 60]])
    assert read["score"].isna().all()
    assert "m" in READABLE
    assert "m" not in WRITABLE
    path.write_text(M_TABLE.replace("_wrpSourceName", "_wrpOther"))
    with pytest.raises(BadInput, match="wrpSourceName, as M has"):
        read_picks_as(path)


def test_what_warptools_exports_of_old_has_its_pixel(tmp_path):
    """Subtomograms: positions in the pixels they were exported at."""
    path = tmp_path / "particles.star"
    labels = [*PLACES, "_rlnMicrographName", "_rlnMagnification", "_rlnDetectorPixelSize", "_rlnPixelSize"]
    path.write_text("data_\n\nloop_\n" + "\n".join(labels) + "\n10 20 30 TS_1.tomostar 10000.0 4.0 4.0\n")
    assert pick_kind(path) == "warp"
    np.testing.assert_allclose(read_picks_as(path)[["x_A", "y_A", "z_A"]], [[40, 80, 120]])
