"""The .mdoc: what it says, what it leaves open, and what is no tilt series."""

import mdocfile
import numpy as np
import pytest

from cryogauge.io.tilts.mdoc import check_series, mdoc_table, parse_mdoc, spans_tilts, without_sections
from cryogauge.records import BadInput
from tests.io.tilts.makers import META, mdoc_text, real_files

REAL = [
    "cryoCAT/TS_017__017.mdoc",
    "mdocfile/tilt_series.mdoc",
    "oscem-extractor-life/TS_42.mrc.mdoc",
    "python-murfey/test_1.mdoc",
]


def table(tmp_path, text):
    path = tmp_path / "t.mdoc"
    path.write_text(text)
    return mdoc_table(parse_mdoc(path))


def test_doses_add_up_in_the_order_of_the_clock(tmp_path):
    times = ["28-Feb-23  23:59:59", "01-Mar-23  00:01:00", "01-Mar-2023  00:00:10"]
    read = table(tmp_path, mdoc_text([-3, 0, 3], ExposureDose=["2", "3", "4"], DateTime=times))
    assert list(read["prior_dose_e_A2"]) == [0, 6, 2]
    assert list(read["dose_e_A2"]) == [2, 3, 4]
    read = table(tmp_path, mdoc_text([-3, 0, 3], ExposureDose=["2", "3", "4"], PriorRecordDose=["9", "0", "5"]))
    assert list(read["prior_dose_e_A2"]) == [9, 0, 5]
    read = table(tmp_path, mdoc_text([-3, 0, 3], ExposureDose=["2", "3", "4"]))
    assert read["prior_dose_e_A2"].isna().all()


def test_a_dose_of_zero_is_unknown_unless_the_frames_know_it(tmp_path):
    assert table(tmp_path, mdoc_text([0, 3], ExposureDose=["0", "0"]))["dose_e_A2"].isna().all()
    frames = ["0.5 4 0.25 2", "0.5 4 0.25 2"]
    read = table(tmp_path, mdoc_text([0, 3], ExposureDose=["0", "0"], FrameDosesAndNumber=frames))
    assert list(read["dose_e_A2"]) == [2.5, 2.5]


def test_the_axis_is_a_quarter_turn_off_and_the_title_wins_where_they_differ(tmp_path):
    both = table(tmp_path, mdoc_text([0, 3], RotationAngle=["175.2", "175.3"]))
    assert list(both["axis_deg"]) == pytest.approx([85.2, 85.3])
    assert list(table(tmp_path, mdoc_text([0, 3]))["axis_deg"]) == [85.0, 85.0]
    assert list(table(tmp_path, mdoc_text([0, 3], RotationAngle=["3", "3"]))["axis_deg"]) == [85.0, 85.0]
    round_the_corner = mdoc_text([0, 3], title="Tilt axis angle = 178.7, binning = 1", RotationAngle=["-91", "-91"])
    assert list(table(tmp_path, round_the_corner)["axis_deg"]) == [-181.0, -181.0]
    assert table(tmp_path, mdoc_text([0, 3], title="TOMO"))["axis_deg"].isna().all()


def test_defocus_is_measured_or_meant_before_it_is_the_microscopes_reading(tmp_path):
    read = table(tmp_path, mdoc_text([0, 3], Defocus=["2.2", "2.3"], TargetDefocus=["-3", "-3"], CtfFind=["-3.5", ""]))
    assert list(read["defocus_A"]) == pytest.approx([35000, 30000])
    assert list(table(tmp_path, mdoc_text([0, 3], Defocus=["-2", "-3"]))["defocus_A"]) == [20000, 30000]


def test_sections_are_put_in_order_and_taken_out(tmp_path):
    path = tmp_path / "t.mdoc"
    text = mdoc_text([0, 3, -3]).replace("ZValue = 1", "ZValue = X").replace("ZValue = 2", "ZValue = 1")
    path.write_text(text.replace("ZValue = X", "ZValue = 2"))
    mdoc = parse_mdoc(path)
    assert list(mdoc_table(mdoc)["tilt_deg"]) == [0, -3, 3]
    path.write_text(without_sections(mdoc, np.array([False, True, True])))
    again = mdocfile.read(path)  # an independent reader
    assert dict(zip(again["ZValue"], again["TiltAngle"], strict=True)) == {0: -3, 1: 3}
    assert again["PixelSpacing"].iloc[0] == 2
    assert "Tilt axis angle = 85.0" in again["titles"].iloc[0][0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no section"),
        ("T = SerialEM\n\n[FrameSet = 0]\nTiltAngle = 3\n", "the frames of a single image"),
        ("Montage = 1\n\n[ZValue = 0]\nTiltAngle = 3\n\n[ZValue = 1]\nTiltAngle = 3\n", "a montage"),
        ("[ZValue = 0]\nPieceCoordinates = 0 0 0\nTiltAngle = 3\n", "a montage"),
        ("[ZValue = 0]\nStageZ = 3\n", "without TiltAngle"),
        (mdoc_text([0, 3], TiltAngle=["a", "b"]), "TiltAngle is no number"),
    ],
)
def test_what_is_no_tilt_series(tmp_path, text, words):
    path = tmp_path / "t.mdoc"
    path.write_text(text)
    with pytest.raises(BadInput, match=words):
        check_series(parse_mdoc(path))


@real_files
@pytest.mark.parametrize("name", REAL)
@pytest.mark.filterwarnings("ignore")
def test_real_series_are_as_mdocfile_reads_them(name):
    mdoc = parse_mdoc(META / name)
    check_series(mdoc)
    assert spans_tilts(mdoc)
    read, other = mdoc_table(mdoc), mdocfile.read(META / name)
    assert np.allclose(read["tilt_deg"], other["TiltAngle"])
    assert np.allclose(read["axis_deg"], other["RotationAngle"] - 90)
    assert mdoc.pixel_size_A == other["PixelSpacing"].iloc[0]
    assert read["defocus_A"].between(20000, 60000).all()  # the readings Defocus are of either sign
    assert [str(other["SubFramePath"].iloc[0])] == [read["movie"].iloc[0].replace("\\\\Tem", "\\Tem")]


@real_files
def test_real_doses():
    named = mdoc_table(parse_mdoc(META / "cryoCAT/TS_017__017.mdoc"))
    step = 2.23843
    assert named["dose_e_A2"].to_numpy() == pytest.approx(step)
    gaps = np.diff(np.sort(named["prior_dose_e_A2"])) / step
    assert np.allclose(gaps, np.rint(gaps), atol=0.01)
    assert gaps.min() > 0.99
    for name in ("mdocfile/tilt_series.mdoc", "python-murfey/test_1.mdoc"):  # ExposureDose = 0
        assert mdoc_table(parse_mdoc(META / name))["dose_e_A2"].isna().all()


@real_files
def test_real_frames_and_montages_are_refused():
    frames = sorted((META / "frames_mdoc/cryoCAT").glob("*.mdoc"))
    assert len(frames) > 40
    for path in [*frames, META / "mdocfile/frame_set_single.mdoc"]:
        with pytest.raises(BadInput, match="frames of a single image"):
            check_series(parse_mdoc(path))
    with pytest.raises(BadInput, match="a montage"):
        check_series(parse_mdoc(META / "mdocfile/montage_section.mdoc"))
