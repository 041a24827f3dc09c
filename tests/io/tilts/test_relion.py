"""RELION 5's STAR files, against real ones and against IMOD's alignment of the same series."""

import numpy as np
import pytest
import starfile

from cryogauge.io import find_tilt_series, open_movie, read_motion, read_tilt_series
from cryogauge.io.tilts.imod import read_angles, read_xf
from cryogauge.io.tilts.movies import eer_groups
from cryogauge.records import BadInput
from tests.io.tilts.makers import DATA, META, real_files, write_eer, write_mrc_file

STAR = """
data_0012

loop_
_rlnMicrographMovieName #1
_rlnTomoNominalStageTiltAngle #2
_rlnTomoNominalTiltAxisAngle #3
_rlnMicrographPreExposure #4
_rlnTomoNominalDefocus #5
_rlnMicrographNameEven #6
_rlnMicrographNameOdd #7
_rlnMicrographName #8
{columns}{rows}
"""
ALIGNED = [
    "rlnTomoXTilt",
    "rlnTomoYTilt",
    "rlnTomoZRot",
    "rlnTomoXShiftAngst",
    "rlnTomoYShiftAngst",
    "rlnDefocusU",
    "rlnDefocusV",
]
LIST = """
data_global

loop_
_rlnTomoName #1
_rlnTomoTiltSeriesPixelSize #2
_rlnMicrographOriginalPixelSize #3
_rlnTomoTiltSeriesStarFile #4
0012 1.5 0.75 Align/job005/tilt_series/0012.star
0013 1.5 0.75 Align/job005/tilt_series/0013.star
"""


@pytest.fixture
def project(tmp_path):
    """A RELION project with the series 0012, of three images, aligned."""
    rows = [
        (-3, 3, "1 -2.5 85.1 12 -34.5 30000 32000"),
        (0, 0, "1 0.5 85.2 0 1 30000 30000"),
        (3, 6, "1 3.5 85 -5 2 4 8"),
    ]
    lines = "".join(
        f"frames/{i}.mrc {tilt} 85 {prior} -3 Motion/{i}_EVN.mrc Motion/{i}_ODD.mrc Motion/{i}.mrc {aligned}\n"
        for i, (tilt, prior, aligned) in enumerate(rows)
    )
    columns = "".join(f"_{name} #{i}\n" for i, name in enumerate(ALIGNED, 9))
    star = tmp_path / "Align/job005/tilt_series/0012.star"
    star.parent.mkdir(parents=True)
    star.write_text(STAR.format(columns=columns, rows=lines))
    (tmp_path / "Align/job005/aligned_tilt_series.star").write_text(LIST)
    for i in range(3):
        write_mrc_file(tmp_path / f"Motion/{i}.mrc", seed=i)
        write_mrc_file(tmp_path / f"Motion/{i}_EVN.mrc", seed=i)
        write_mrc_file(tmp_path / f"frames/{i}.mrc", 4, seed=i)
    return tmp_path


def test_an_aligned_series(project):
    star = project / "Align/job005/aligned_tilt_series.star"
    read = read_tilt_series(f"{star}::0012")
    table = read.table
    assert list(table["tilt_deg"]) == [-2.5, 0.5, 3.5]
    assert list(table["xtilt_deg"]) == [1, 1, 1]
    assert list(table["axis_deg"]) == [85.1, 85.2, 85]
    assert list(table["shift_x_A"]) == [12, 0, -5]
    assert list(table["shift_y_A"]) == [-34.5, 1, 2]
    assert list(table["defocus_A"]) == [31000, 30000, 6]
    assert list(table["dose_e_A2"]) == [3, 3, 3]
    assert list(table["prior_dose_e_A2"]) == [3, 0, 6]
    assert list(table["image"]) == ["0.mrc", "1.mrc", "2.mrc"]
    assert table["image_even"].iloc[1] == str(project / "Motion/1_EVN.mrc")
    assert table["image_odd"].iloc[1] == "Motion/1_ODD.mrc"  # does not exist
    assert table["movie"].iloc[2] == str(project / "frames/2.mrc")
    assert read.pixel_size_A == 1.5
    assert read.alignment == str(star.parent / "tilt_series/0012.star")
    assert read.images.shape == (3, 6, 8)
    assert read.images.dtype == np.float32
    assert np.array_equal(read.images[2], write_mrc_file(project / "other.mrc", seed=2)[0])
    alone = read_tilt_series(star.parent / "tilt_series/0012.star")
    assert alone.pixel_size_A == 2.0  # the images' header: the list of series is not asked
    assert alone.table.equals(table)
    with pytest.raises(BadInput, match="holds its own alignment"):
        read_tilt_series(f"{star}::0012", alignment=project / "a.aln")


def test_before_the_alignment_and_before_motion_correction(project):
    star = project / "Import/job001/tilt_series.star"
    star.parent.mkdir(parents=True)
    star.write_text(LIST.replace("Align/job005/tilt_series/0012", "Import/job001/0012"))
    text = STAR.format(columns="", rows="frames/0.mrc -3 85 3 -3 e o m\nframes/1.mrc 0 85 0 -3 e o m\n")
    for name in ("rlnMicrographNameEven", "rlnMicrographNameOdd", "rlnMicrographName"):
        text = "".join(line for line in text.splitlines(True) if not line.startswith(f"_{name} "))
    (star.parent / "0012.star").write_text(text.replace(" e o m", ""))
    read = read_tilt_series(f"{star}::0012")
    assert read.alignment == ""
    assert list(read.table["axis_deg"]) == [85, 85]
    assert list(read.table["defocus_A"]) == [30000, 30000]
    assert read.pixel_size_A == 0.75
    assert np.array_equal(read.images[1], write_mrc_file(project / "x.mrc", 4, seed=1).sum(axis=0))


def test_fractions_of_eer_movies_are_those_that_relion_made(project):
    """70 of the camera's frames by 12 are 5 fractions, of which the shifts in the STAR file speak; 10 are left over."""
    star = project / "Align/job005/tilt_series/0012.star"
    text = star.read_text().replace("_rlnTomoXTilt #9", "_rlnMicrographMetadata #9\n_rlnTomoXTilt #10")
    for i in range(3):
        write_eer(project / f"frames/{i}.eer", np.random.default_rng(i).random((70, 16, 24)) < 0.02)
        text = text.replace(f"frames/{i}.mrc", f"frames/{i}.eer").replace(
            f" Motion/{i}.mrc ", f" Motion/{i}.mrc Motion/{i}.star "
        )
    star.write_text(text)
    assert "eer_group" not in read_tilt_series(star).table
    listed = star.parents[1] / "aligned_tilt_series.star"
    listed.write_text(LIST.replace("File #4", "File #4\n_rlnEERGrouping #5").replace(".star\n", ".star 7\n"))
    assert eer_groups(read_tilt_series(f"{listed}::0012").table) == [7, 7, 7]
    shifts = "".join(f"{k} {k - 1}.0 0.0\n" for k in range(1, 6))
    for i in (0, 2):
        (project / f"Motion/{i}.star").write_text(
            "data_general\n\n_rlnImageSizeZ 5\n_rlnEERGrouping 12\n_rlnEERUpsampling 2\n\n\n"
            "data_global_shift\n\nloop_\n"
            f"_rlnMicrographFrameNumber #1\n_rlnMicrographShiftX #2\n_rlnMicrographShiftY #3\n{shifts}"
        )
    table = read_tilt_series(f"{listed}::0012").table
    assert eer_groups(table) == [12, 7, 12]
    movie = open_movie(table["movie"].iloc[2], eer_group=eer_groups(table)[2])
    found = read_motion(table["motion"].iloc[2], movie.shape[0])
    np.testing.assert_allclose(found, [[0, 1.0 - 0.5 * k] for k in range(5)])
    assert eer_groups(read_tilt_series(star).table) == [12, None, 12]


def test_images_of_a_stack(project):
    stack = write_mrc_file(project / "Motion/all.mrcs", 3)
    star = project / "Align/job005/tilt_series/0012.star"
    text = star.read_text()
    for i in range(3):
        text = text.replace(f"Motion/{i}.mrc", f"{3 - i}@Motion/all.mrcs")
    star.write_text(text)
    read = read_tilt_series(star)
    assert np.array_equal(np.asarray(read.images), stack[::-1])
    assert list(read.table["image"]) == ["3@all.mrcs", "2@all.mrcs", "1@all.mrcs"]


def test_what_is_missing(project):
    star = project / "Align/job005/aligned_tilt_series.star"
    with pytest.raises(BadInput, match="lists 2 tilt series"):
        read_tilt_series(star)
    with pytest.raises(BadInput, match="lists no tilt series 12"):
        read_tilt_series(f"{star}::12")
    with pytest.raises(BadInput, match=r"names Align/job005/tilt_series/0013\.star"):
        read_tilt_series(f"{star}::0013")
    (project / "Motion/1.mrc").unlink()
    with pytest.raises(BadInput, match="1 of which are not to be found, first Motion/1"):
        read_tilt_series(f"{star}::0012")
    other = project / "particles.star"
    other.write_text("data_\n\nloop_\n_rlnCoordinateX #1\n3\n4\n")
    with pytest.raises(BadInput, match="no STAR file of a tilt series"):
        read_tilt_series(other)
    other.write_bytes(bytes(range(256)))
    with pytest.raises(BadInput, match="no STAR file"):
        read_tilt_series(other)


def real_project(tmp_path, series="TS_03", job="AlignTiltSeries"):
    """A real project's files where RELION puts them, with small images."""
    source = DATA / f"metadata/cets-relion/{job}__{series}.star"
    star = tmp_path / f"{job}/job005/tilt_series/{series}.star"
    star.parent.mkdir(parents=True)
    star.write_bytes(source.read_bytes())
    text = (DATA / "metadata/cets-relion/tomograms.star").read_text()
    listed = star.parents[1] / "tomograms.star"
    listed.write_text(text.replace("Denoise/job008", f"{job}/job005"))
    rows = starfile.read(star)
    for column in ("rlnMicrographName", "rlnMicrographMovieName"):
        for name in rows.get(column, []):
            write_mrc_file(tmp_path / name, pixel=1.35)
    return listed


@real_files
@pytest.mark.parametrize("job", ["Import", "MotionCorr", "CtfFind", "ExcludeTiltImages", "AlignTiltSeries"])
@pytest.mark.parametrize("series", ["TS_01", "TS_03", "TS_43", "TS_45", "TS_54"])
def test_real_series(tmp_path, job, series):
    read = read_tilt_series(f"{real_project(tmp_path, series, job)}::{series}")
    assert bool(read.alignment) == (job == "AlignTiltSeries")
    assert read.pixel_size_A == (0.675 if job == "Import" else 1.35)
    assert 37 <= len(read.table) <= 41
    assert read.table["dose_e_A2"].to_numpy() == pytest.approx(3)
    assert read.table["axis_deg"].median() == pytest.approx(85.2, abs=0.5)
    assert read.table["defocus_A"].between(10000, 50000).all()
    assert ("image_even" in read.table) == (job != "Import")
    assert np.isfinite(read.images[20]).all()
    found = [name for name in ("ctf_resolution_A", "ice_ring_density", "motion_total_A") if name in read.table]
    assert found == {"Import": [], "MotionCorr": ["motion_total_A"]}.get(
        job, ["ctf_resolution_A", "ice_ring_density", "motion_total_A"]
    )
    if len(found) == 3:
        assert read.table["ctf_resolution_A"].between(4, 25).all()
        assert read.table["ice_ring_density"].median() < 1


@real_files
def test_relion_and_imod_mean_the_same(tmp_path):
    """TS_03 was aligned twice, on its way through RELION and with IMOD alone: two runs, one geometry.

    They agree along x, up to what two runs do; along y, where the origin along the axis is free, up to a constant.
    """
    relion = read_tilt_series(f"{real_project(tmp_path)}::TS_03").table
    count = len(relion)
    imod, tilts = read_xf(META / "cets-imod/TS_03.xf", count), read_angles(META / "cets-imod/TS_03.tlt", count)
    order = np.argsort(relion["tilt_deg"])
    relion = relion.iloc[order].reset_index(drop=True)
    assert np.allclose(relion["tilt_deg"], tilts, atol=0.01)
    assert np.allclose(relion["axis_deg"], imod.axis_deg, atol=0.05)
    shifts = imod.shift_px * 1.35
    low = np.abs(tilts) < 50
    assert np.abs(relion["shift_x_A"] - shifts[:, 0])[low].max() < 5
    apart = (relion["shift_y_A"] - shifts[:, 1])[low]
    assert np.abs(apart - apart.median()).max() < 15
    assert np.corrcoef(relion["shift_x_A"], shifts[:, 0])[0, 1] > 0.99
    assert np.corrcoef(relion["shift_y_A"], shifts[:, 1])[0, 1] > 0.98


@real_files
def test_a_real_series_of_another_microscope(tmp_path):
    star = tmp_path / "tomo200528_107.star"
    star.write_bytes((META / "pytom-match-pick/tomo200528_107.star").read_bytes())
    for name in starfile.read(star)["rlnMicrographName"]:
        write_mrc_file(tmp_path / name, pixel=1.724)
    read = read_tilt_series(star)
    assert read.alignment == str(star)
    assert read.table["axis_deg"].between(-95, -85).all()
    assert read.pixel_size_A == pytest.approx(1.724)


@real_files
def test_the_real_list_names_its_five_series():
    found = find_tilt_series([str(DATA / "metadata/cets-relion/tomograms.star")])
    assert [each.name for each in found] == ["TS_01", "TS_03", "TS_43", "TS_45", "TS_54"]
    with pytest.raises(BadInput, match="which is in neither its folder nor one above"):
        read_tilt_series(found[0].uri)
