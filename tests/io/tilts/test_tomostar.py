"""Warp's ``.tomostar``."""

import numpy as np
import pytest

from cryogauge.io import find_tilt_series, read_tilt_series, tilt_series_key, write_exclusions
from cryogauge.records import BadInput
from tests.io.tilts.makers import mdoc_text, write_mrc_file
from tests.io.tilts.test_warp import xml

#: As WarpTools' ts_import prints it: padded columns, tilts with the sign turned, doses before images.
WARPTOOLS = """
data_

loop_
_wrpMovieName #1
_wrpAngleTilt #2
_wrpAxisAngle #3
_wrpDose #4
_wrpAverageIntensity #5
_wrpMaskedFraction #6
  ../frames/a_-3.0.eer   3.02  -93.500  2.64  3.854  0.000
  ../frames/b_0.0.eer    0.00  -93.500     0  3.950  0.000
  ../frames/c_3.0.eer   -3.01  -93.500  5.28  3.953  0.015
"""
#: As Warp 1 wrote it: with offsets in Å, and doses that include the image's own.
WARP_1 = """
data_

loop_
_wrpMovieName #1
_wrpAngleTilt #2
_wrpAxisAngle #3
_wrpAxisOffsetX #4
_wrpAxisOffsetY #5
_wrpDose #6
  frames/a_-3.0.mrc  -3  84.5  10.5  -2  6
  frames/b_0.0.mrc   0   84.6  0     0   3
  frames/c_3.0.mrc   3   84.7  -7    1   9
"""
STEMS = ("a_-3.0", "b_0.0", "c_3.0")


@pytest.fixture
def series(tmp_path):
    """A project of WarpTools after ts_import."""
    path = tmp_path / "tomostar" / "TS_1.tomostar"
    path.parent.mkdir()
    path.write_text(WARPTOOLS)
    for i, stem in enumerate(STEMS):
        write_mrc_file(tmp_path / f"warp_frameseries/average/{stem}.mrc", seed=i)
    return path


def test_what_warptools_imports(series):
    read = read_tilt_series(series)
    table = read.table
    assert list(table["tilt_deg"]) == [3.02, 0, -3.01]
    assert list(table["axis_deg"]) == [-93.5] * 3
    assert list(table["prior_dose_e_A2"]) == [2.64, 0, 5.28]
    assert list(table["dose_e_A2"]) == pytest.approx([2.64] * 3)
    assert not table[["shift_x_A", "shift_y_A"]].to_numpy().any()
    assert table["defocus_A"].isna().all()
    assert list(table["image"]) == [f"{stem}.mrc" for stem in STEMS]
    assert (read.pixel_size_A, read.alignment, read.source) == (2.0, "", str(series))
    assert read_tilt_series(series, pixel_size_A=3.5).pixel_size_A == 3.5
    assert np.array_equal(read.images[2], write_mrc_file(series.parent / "x.mrc", seed=2)[0])
    text = series.read_text().replace("     0  3.950", "  7.92  3.950")  # the first image was left out on import
    series.write_text(text)
    assert list(read_tilt_series(series).table["prior_dose_e_A2"]) == [2.64, 7.92, 5.28]


def test_what_warp_1_wrote_and_movies_without_averages(tmp_path):
    path = tmp_path / "TS_1.tomostar"
    path.write_text(WARP_1)
    for i, stem in enumerate(STEMS):
        write_mrc_file(tmp_path / f"frames/{stem}.mrc", 4, seed=i)
    read = read_tilt_series(path)
    assert list(read.table["shift_x_A"]) == [10.5, 0, -7]
    assert list(read.table["shift_y_A"]) == [-2, 0, 1]
    assert list(read.table["prior_dose_e_A2"]) == [3, 0, 6]
    assert list(read.table["movie"]) == [str(tmp_path / f"frames/{stem}.mrc") for stem in STEMS]
    assert read.alignment == str(path)
    assert np.array_equal(read.images[1], write_mrc_file(tmp_path / "x.mrc", 4, seed=1).sum(axis=0))
    with pytest.raises(BadInput, match="holds its own alignment"):
        read_tilt_series(path, alignment=tmp_path / "a.aln")


def test_found_by_name_and_in_a_folder_after_xml_and_stack(series):
    folder = series.parents[1]
    for where in (series, folder, folder / "tomostar" / "*.tomostar"):
        assert [(each.name, each.uri) for each in find_tilt_series([str(where)])] == [("TS_1", str(series))]
    (folder / "mdocs").mkdir()
    (folder / "mdocs/TS_1.mdoc").write_text(mdoc_text([0, 3, 6]))
    assert [each.uri for each in find_tilt_series([str(folder)])] == [str(series)]
    stack = folder / "other/TS_1.st"
    write_mrc_file(stack, 3)
    stack.with_suffix(".rawtlt").write_text("-3\n0\n3\n")
    assert [each.uri for each in find_tilt_series([str(folder)])] == [str(stack)]
    (folder / "TS_1.xml").write_bytes(xml())
    assert [each.uri for each in find_tilt_series([str(folder)])] == [str(folder / "TS_1.xml")]


def test_rows_that_are_left_out_and_the_fingerprint(series, tmp_path):
    read, before = read_tilt_series(series), tilt_series_key(str(series))
    paths = write_exclusions(read, [True, False, True], tmp_path / "out", "TS_1")
    assert set(paths) == {"imod", "aretomo", "warp"}
    with pytest.raises(BadInput, match="never altered"):
        write_exclusions(read, [True, False, True], series.parent, "TS_1")
    series.write_bytes(paths["warp"].read_bytes())
    assert list(read_tilt_series(series).table["image"]) == ["a_-3.0.mrc", "c_3.0.mrc"]
    assert list(read_tilt_series(series).table["prior_dose_e_A2"]) == [2.64, 5.28]
    assert tilt_series_key(str(series)) != before


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("_wrpAngleTilt", "_wrpTilt", "no wrpAngleTilt"),
        ("_wrpAxisAngle", "_wrpOther", "no file says the tilt axis"),
        ("3.02", "three", "damaged"),
        ("c_3.0", "d_3.0", "names 3 movies, 3 of which are not to be found"),
    ],
)
def test_what_is_damaged_or_missing(series, old, new, words):
    series.write_text(series.read_text().replace(old, new))
    with pytest.raises(BadInput, match=words):
        read_tilt_series(series)
