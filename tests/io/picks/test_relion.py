"""RELION's particles, against copick's reading of them and by hand."""

import logging

import numpy as np
import pandas as pd
import pytest
import starfile
from copick.util.formats import read_star_particles_with_optics, relion_coordinates_to_angstrom
from copick.util.relion import relion_rows_to_poses
from scipy.spatial.transform import Rotation

from cryogauge.io.picks import pick_kind, read_picks_as, write_picks_as
from cryogauge.records import BadInput
from tests.io.picks.makers import DATA, lines_of, real_files, turned

PARTICLES = """
data_optics

loop_
_rlnOpticsGroup
_rlnTomoTiltSeriesPixelSize
1 2.0
2 4.0

data_particles

loop_
_rlnTomoName
{coordinates}
_rlnTomoSubtomogramRot
_rlnTomoSubtomogramTilt
_rlnTomoSubtomogramPsi
_rlnAngleRot
_rlnAngleTilt
_rlnAnglePsi
_rlnOriginXAngst
_rlnOriginYAngst
_rlnOriginZAngst
_rlnOpticsGroup
0012 10 20 30  0 0 0   10 20 30  0 0 0  1
0013 10 20 30  90 0 0  0 40 5    1 2 3  2
"""
PIXELS = "\n".join(f"_rlnCoordinate{axis}" for axis in "XYZ")
CENTRED = "\n".join(f"_rlnCenteredCoordinate{axis}Angst" for axis in "XYZ")
TOMOGRAMS = """
data_global

loop_
_rlnTomoName
_rlnTomoTiltSeriesPixelSize
_rlnTomoSizeX
_rlnTomoSizeY
_rlnTomoSizeZ
0012 2.0 400 300 101
0013 4.0 200 150 50
"""


@pytest.fixture
def tomograms(tmp_path):
    path = tmp_path / "tomograms.star"
    path.write_text(TOMOGRAMS)
    return path


def test_version_4_counts_pixels_of_the_tilt_series(tmp_path):
    path = tmp_path / "particles.star"
    path.write_text(PARTICLES.format(coordinates=PIXELS))
    assert pick_kind(path) == "relion4"
    picks = read_picks_as(path)
    assert list(picks["tomogram"]) == ["0012", "0013"]
    # the shift is turned by the subtomogram's angles: rot 90° brings x onto −y, so (1, 2, 3) onto (2, −1, 3)
    np.testing.assert_allclose(picks[["x_A", "y_A", "z_A"]], [[20, 40, 60], [40 - 2, 80 + 1, 120 - 3]])
    np.testing.assert_allclose(picks[["rot", "tilt", "psi"]][:1], [[10, 20, 30]])
    subtomogram, particle = Rotation.from_euler("ZYZ", [[90, 0, 0], [0, 40, 5]], degrees=True).inv().as_matrix()
    np.testing.assert_allclose(turned(picks)[1], subtomogram @ particle, atol=1e-9)


def test_version_5_counts_from_the_centre(tmp_path, tomograms):
    path = tmp_path / "particles.star"
    path.write_text(PARTICLES.format(coordinates=CENTRED))
    assert pick_kind(path) == "relion5"
    picks = read_picks_as(path, tomograms=tomograms)
    np.testing.assert_allclose(picks[["x_A", "y_A", "z_A"]][:1], [[400 + 10, 300 + 20, 101 + 30]])
    sized = read_picks_as(path, voxel_size_A=10.0, shape=(21, 60, 80))
    np.testing.assert_allclose(sized[["x_A", "y_A", "z_A"]][:1], [[400 + 10, 300 + 20, 105 + 30]])
    with pytest.raises(BadInput, match="centre of the tomogram 0012, whose size is unknown") as raised:
        read_picks_as(path, voxel_size_A=10.0)
    assert "tomograms.star" in raised.value.hint


def test_written_for_a_project(tmp_path, tomograms):
    table = pd.DataFrame(
        {"tomogram": ["0012", "0013"], "object": "ribosome", "x_A": 100.0, "y_A": 60.0, "z_A": 40.0, "score": np.nan}
    )
    (path,) = write_picks_as(tmp_path / "p4.star", table, "relion4", tomograms=tomograms)
    blocks = starfile.read(path, always_dict=True, parse_as_string=["rlnTomoName"])
    assert list(blocks["optics"]["rlnTomoTiltSeriesPixelSize"]) == [2.0, 4.0]
    assert list(blocks["particles"]["rlnOpticsGroup"]) == [1, 2]
    assert list(blocks["particles"]["rlnCoordinateX"]) == [50.0, 25.0]
    assert list(blocks["particles"]["rlnTomoName"]) == ["0012", "0013"]
    assert "rlnAngleRot" not in blocks["particles"]
    assert "rlnAutopickFigureOfMerit" not in blocks["particles"]
    (path,) = write_picks_as(tmp_path / "p5.star", table, "relion5", tomograms=tomograms)
    blocks = starfile.read(path, always_dict=True)
    assert list(blocks) == ["particles"]  # RELION leaves half-filled optics groups as they are, and stops at them later
    assert list(blocks["particles"]["rlnCenteredCoordinateXAngst"]) == [-300.0, -300.0]
    assert list(blocks["particles"]["rlnCenteredCoordinateZAngst"]) == [-61.0, -60.0]
    with pytest.raises(BadInput, match="that of TS_9 is unknown"):
        write_picks_as(tmp_path / "x.star", table.assign(tomogram="TS_9"), "relion4", tomograms=tomograms)
    with pytest.raises(BadInput, match="the size of TS_9 is unknown"):
        write_picks_as(tmp_path / "x.star", table.assign(tomogram="TS_9"), "relion5", tomograms=tomograms)


@pytest.mark.parametrize(
    ("columns", "values", "voxel"),
    [
        ("_rlnPixelSize", "4", 4.0),
        ("_rlnMagnification _rlnDetectorPixelSize", "50000 30", 6.0),
        ("_rlnDetectorPixelSize", "14", 14.0),
        ("_rlnMicrographPixelSize", "3", 3.0),
    ],
)
def test_version_3_says_its_voxel_in_many_ways(columns, values, voxel, tmp_path, caplog):
    path = tmp_path / "particles.star"
    labels = ["_rlnMicrographName", *PIXELS.split(), *columns.split(), "_rlnOriginX", "_rlnOriginY", "_rlnOriginZ"]
    path.write_text("data_\n\nloop_\n" + "\n".join(labels) + f"\na/0012.rec 1 2 3 {values} 0.5 0 -0.5\n")
    picks = read_picks_as(path)
    assert list(picks["tomogram"]) == ["0012"]
    np.testing.assert_allclose(picks[["x_A", "y_A", "z_A"]], np.array([[0.5, 2, 3.5]]) * voxel)
    caplog.clear()
    with caplog.at_level(logging.WARNING, "cryogauge.io"):
        read_picks_as(path, voxel_size_A=voxel * 1.5)
    assert f"states voxels of {voxel:g} Å; {voxel * 1.5:g} Å is used, as given" in lines_of(caplog)


def test_the_pixel_of_images_is_not_that_of_positions(tmp_path):
    path = tmp_path / "particles.star"
    path.write_text(
        "data_optics\nloop_\n_rlnOpticsGroup\n_rlnImagePixelSize\n1 2.0\n\n"
        "data_particles\nloop_\n_rlnMicrographName\n" + PIXELS + "\nTS_1 1 2 3\n"
    )
    with pytest.raises(BadInput, match="nothing says how large a voxel is"):
        read_picks_as(path)


def test_kinds_that_do_not_fit(tmp_path):
    path = tmp_path / "particles.star"
    path.write_text(PARTICLES.format(coordinates=PIXELS))
    with pytest.raises(BadInput, match="as RELION 5 has"):
        read_picks_as(path, kind="relion5")
    path.write_text(PARTICLES.format(coordinates=PIXELS).replace("0 0 0  1", "0 0 0  3"))
    with pytest.raises(BadInput, match="optics group that it does not describe"):
        read_picks_as(path)


def test_names_of_particles_are_not_those_of_kinds(tmp_path):
    path = tmp_path / "particles.star"
    path.write_text("data_\nloop_\n_rlnParticleName\n_rlnTomoName\n" + PIXELS + "\na T 1 2 3\nb T 4 5 6\n")
    assert set(read_picks_as(path, voxel_size_A=1.0)["object"]) == {"particle"}
    assert set(read_picks_as(path, voxel_size_A=1.0, objects={0: "hsp60"})["object"]) == {"hsp60"}


@real_files
def test_a_real_project_of_version_5_as_copick_reads_it():
    project = DATA / "metadata" / "cets-relion" / "tomograms.star"
    path = DATA / "picks" / "cets-relion" / "particles.star"
    picks = read_picks_as(path, tomograms=project)
    assert len(picks) == 9053
    particles, optics = read_star_particles_with_optics(str(path))
    centre = (4000 * 1.35 / 2, 4000 * 1.35 / 2, 2000 * 1.35 / 2)
    placed = relion_coordinates_to_angstrom(particles, tomogram_center=centre, optics=optics)
    rotations, offsets = relion_rows_to_poses(particles)
    np.testing.assert_allclose(picks[["x_A", "y_A", "z_A"]], placed - offsets, atol=1e-6)
    np.testing.assert_allclose(turned(picks), rotations, atol=1e-9)


@real_files
def test_real_files_of_other_versions():
    warp = read_picks_as(DATA / "picks" / "cryoCAT" / "bin6_Raw_TM_starfile.star")
    assert (len(warp), warp["x_A"][0]) == (1600, pytest.approx(513.333 * 7.338))
    assert set(warp["tomogram"]) == {"0243_12.23Apx", "0336_12.23Apx"} or len(set(warp["tomogram"])) == 2
    matched = read_picks_as(DATA / "picks" / "CryoET_MTFit" / "CCDC147C_026_14.00Apx_particles.star")
    assert matched["z_A"][0] == 154 * 14.0
    assert matched["score"][0] == 0.270472
    annotated = read_picks_as(DATA / "picks" / "ChlamyAnnotations" / "ps2.star", voxel_size_A=1.96)
    assert set(annotated["object"]) == {"ps2"} or len(set(annotated["object"])) == 1
    assert annotated["tomogram"].str.startswith("tomo_").all()
