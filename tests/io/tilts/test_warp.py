"""Warp's XML."""

import numpy as np
import pytest

from cryogauge.io import read_tilt_series
from cryogauge.io.tilts.imod import read_angles
from cryogauge.io.tilts.mdoc import mdoc_table, parse_mdoc
from cryogauge.io.tilts.warp import read_warp_root
from cryogauge.records import BadInput
from tests.io.tilts.makers import META, real_files, write_mrc_file


def xml(head="", dose="0\n3\n6", used="True\nTrue\nFalse", grid="", encoding="utf-8"):
    return (
        f'<?xml version="1.0" encoding="{encoding}"?>\n<TiltSeries {head} AreAnglesInverted="False">'
        f"<Angles>-3\n0\n3</Angles><Dose>{dose}</Dose><UseTilt>{used}</UseTilt><AxisAngle>84\n84.5\n85</AxisAngle>"
        "<AxisOffsetX>10\n-20\n0</AxisOffsetX><AxisOffsetY>1.5\n2\n-3</AxisOffsetY>"
        "<MoviePath>../frames/a.eer\n../frames/b.eer\n../frames/c.eer</MoviePath>"
        f'<CTF><Param Name="PixelSize" Value="1.971" /><Param Name="Defocus" Value="3.5" /></CTF>{grid}</TiltSeries>'
    ).encode(encoding)


@pytest.fixture
def series(tmp_path):
    """A Warp project: the XML of a tilt series, and averages from the step before."""
    path = tmp_path / "warp_tiltseries" / "TS_1.xml"
    path.parent.mkdir()
    path.write_bytes(xml())
    for i, name in enumerate("abc"):
        write_mrc_file(tmp_path / f"warp_frameseries/average/{name}.mrc", seed=i)
    return path


def test_a_project(series):
    read = read_tilt_series(series)
    table = read.table
    assert list(table["tilt_deg"]) == [-3, 0, 3]
    assert list(table["axis_deg"]) == [84, 84.5, 85]
    assert list(table["shift_x_A"]) == [10, -20, 0]
    assert list(table["shift_y_A"]) == [1.5, 2, -3]
    assert list(table["defocus_A"]) == [35000] * 3
    assert list(table["prior_dose_e_A2"]) == [0, 3, 6]
    assert list(table["dose_e_A2"]) == [3, 3, 3]
    assert list(read.used) == [True, True, False]
    assert list(table["image"]) == ["a.mrc", "b.mrc", "c.mrc"]
    assert (read.pixel_size_A, read.alignment) == (2.0, str(series))
    assert np.array_equal(read.images[1], write_mrc_file(series.parent / "x.mrc", seed=1)[0])


def test_wide_characters_levels_and_a_defocus_a_tilt(series):
    grid = '<GridCTF Width="1" Height="1" Depth="3">' + "".join(
        f'<Node X="0" Y="0" Z="{i}" Value="{3 + i}" />' for i in range(3)
    )
    series.write_bytes(xml('LevelAngleY="2"', "3\n6\n9", grid=grid + "</GridCTF>", encoding="utf-16"))
    read = read_tilt_series(series, pixel_size_A=7).table
    assert list(read["tilt_deg"]) == [-1, 2, 5]
    assert list(read["defocus_A"]) == [30000, 40000, 50000]
    assert list(read["prior_dose_e_A2"]) == [0, 3, 6]  # the file's include the image's own
    series.write_bytes(xml(dose="5\n8\n11"))
    assert list(read_tilt_series(series).table["prior_dose_e_A2"]) == [5, 8, 11]


@pytest.mark.parametrize("count", [2, 3])
def test_images_of_the_stack_that_was_exported(series, tmp_path, count):
    for path in (tmp_path / "warp_frameseries/average").iterdir():
        path.unlink()
    stack = write_mrc_file(series.parent / "tiltstack/TS_1/TS_1.st", count)
    read = read_tilt_series(series)
    assert np.array_equal(read.images, stack)
    assert list(read.table["tilt_deg"]) == [-3, 0, 3][:count]
    assert list(read.used) == [True, True, False][:count]
    write_mrc_file(series.parent / "tiltstack/TS_1/TS_1.st", 4)
    with pytest.raises(BadInput, match=r"4 images, TS_1\.xml 3 tilts, 2 of them used"):
        read_tilt_series(series)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"<TiltSeries><Angles>1", "no XML, or damaged"),
        (b"<Movie></Movie>", "XML of a Movie, not of a tilt series"),
        (b"<TiltSeries></TiltSeries>", "has no Angles"),
        (b"<!DOCTYPE x [<!ENTITY a 'b'>]><TiltSeries></TiltSeries>", "declares a document type"),
        (xml().replace(b"84.5\n", b""), "2 values of AxisAngle for 3 tilts"),
        (xml().replace(b"True\nTrue", b"True"), "2 values of UseTilt for 3 tilts"),
        (xml().replace(b"84.5\n", b"steep\n"), "AxisAngle is no list of numbers"),
        (xml().replace(b"b.eer", b"z.eer"), r"neither a\.mrc and the others in a folder average, nor tiltstack"),
    ],
)
def test_what_is_damaged_or_missing(series, text, words):
    series.write_bytes(text)
    with pytest.raises(BadInput, match=words):
        read_tilt_series(series)


@real_files
@pytest.mark.parametrize("name", ["017", "018"])
def test_real_series_of_cryocat(tmp_path, name):
    """Warp, the list of tilts and, for 017, the .mdoc say the same of one series; 018's .mdoc is a copy of 017's."""
    path = tmp_path / f"{name}.xml"
    path.write_bytes((META / f"cryoCAT/TS_{name}__{name}.xml").read_bytes())
    assert read_warp_root(path).get("UnselectFilter") == "False"
    write_mrc_file(tmp_path / "tiltstack" / name / f"{name}.st", 60, (4, 4), pixel=7.884)
    read = read_tilt_series(path)
    mdoc = mdoc_table(parse_mdoc(META / f"cryoCAT/TS_{name}__{name}.mdoc"))
    own = read_angles(META / f"cryoCAT/TS_{name}__{name}.tlt", 60)
    assert np.abs(read.table["tilt_deg"] - own)[:-1].max() < 0.05
    assert np.allclose(read.table["tilt_deg"], mdoc["tilt_deg"], atol=0.05 if name == "017" else 4)
    assert np.allclose(read.table["axis_deg"], mdoc["axis_deg"], atol=1)
    assert read.table["dose_e_A2"].to_numpy() == pytest.approx(2.23843, abs=1e-3)
    assert np.abs(read.table["prior_dose_e_A2"] - mdoc["prior_dose_e_A2"]).max() < 2.4  # a retake Warp did not know of
    assert read.table["prior_dose_e_A2"].min() == pytest.approx(0, abs=1e-3)
    assert read.table["defocus_A"].between(20000, 45000).all()
    assert (read.pixel_size_A, len(read.alignment) > 0) == (pytest.approx(7.884), True)


@real_files
def test_a_real_series_of_warptools(tmp_path):
    path = tmp_path / "warp_tiltseries" / "gs04_ts_003.xml"
    path.parent.mkdir()
    path.write_bytes((META / "pytom-match-pick/gs04_ts_003.xml").read_bytes())
    root = read_warp_root(path)
    for movie in (root.findtext("MoviePath") or "").split():
        write_mrc_file(tmp_path / "frameseries/average" / movie.rsplit("/", 1)[1].replace(".eer", ".mrc"), pixel=1.2)
    read = read_tilt_series(path)
    assert len(read.table) == 47
    assert read.table["prior_dose_e_A2"].min() == pytest.approx(15.4122)
    assert read.table["dose_e_A2"].iloc[0] == pytest.approx(2.85378, abs=1e-4)
    assert np.isfinite(read.images[46]).all()
