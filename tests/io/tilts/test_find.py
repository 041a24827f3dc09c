"""From paths to tilt series."""

import logging

import pytest

from cryogauge.io import find_tilt_series, read_tilt_series
from cryogauge.records import BadInput
from tests.io.tilts.makers import META, mdoc_text, real_files, write_mrc_file
from tests.io.tilts.test_relion import LIST, STAR
from tests.io.tilts.test_warp import xml


def put(path, text=""):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def uris(*paths):
    return [each.uri for each in find_tilt_series([str(path) for path in paths])]


def test_an_etomo_folder_is_one_series(tmp_path):
    stack = tmp_path / "TS_01" / "TS_01.st"
    for name in ("TS_01.st", "TS_01.ali", "TS_01.mrc", "TS_01_rec.mrc"):
        write_mrc_file(stack.with_name(name), 3)
    put(stack.with_suffix(".rawtlt"), "-3\n0\n3\n")
    put(stack.with_name("TS_01.mrc.mdoc"), mdoc_text([-3, 0, 3]))
    put(tmp_path / ".hidden" / "TS_09.st.mdoc", mdoc_text([-3, 0, 3]))
    assert uris(tmp_path) == [str(stack)]
    assert uris(tmp_path / "*" / "TS_*") == [str(stack)]
    assert uris(stack, stack.with_suffix(".rawtlt"), tmp_path / "TS_01/../TS_01/TS_01.st") == [str(stack)]
    assert uris(stack.with_name("TS_01.mrc.mdoc")) == [str(stack.with_suffix(".mrc"))]  # the stack it names
    assert find_tilt_series([str(stack)])[0].name == "TS_01"


def test_series_of_one_name_get_their_folders_name(tmp_path):
    for folder in ("grid2", "grid10", "grid1"):
        write_mrc_file(tmp_path / folder / "TS_01.st", 3)
        put(tmp_path / folder / "TS_01.rawtlt", "-3\n0\n3\n")
    found = find_tilt_series([str(tmp_path)])
    assert [each.name for each in found] == ["grid1_TS_01", "grid2_TS_01", "grid10_TS_01"]


def test_frames_montages_and_maps_are_passed_over(tmp_path, caplog):
    put(tmp_path / "f1.mrc.mdoc", "T = x\n\n[FrameSet = 0]\nTiltAngle = 3\n")
    put(tmp_path / "f2.mrc.mdoc", "T = x\n\n[FrameSet = 0]\nTiltAngle = 3\n")
    put(tmp_path / "atlas.mdoc", "Montage = 1\n[ZValue = 0]\nPieceCoordinates = 0 0 0\nTiltAngle = 0\n")
    put(tmp_path / "view.mdoc", mdoc_text([0.001, 0.002]))
    with pytest.raises(
        BadInput, match=r"no tilt series lies in .*that describes the frames of a single image: 2"
    ) as no:
        uris(tmp_path)
    assert ".mdoc that describes a montage: 1" in no.value.message
    mdoc = put(tmp_path / "TS_07.mrc.mdoc", mdoc_text([-3, 0, 3]))
    with caplog.at_level(logging.INFO, "cryogauge.io"):
        found = find_tilt_series([str(tmp_path)])
    assert [(each.name, each.uri) for each in found] == [("TS_07", str(mdoc))]
    assert "single image: 2" in caplog.text
    for name, words in [("f1.mrc", "frames of a single image"), ("atlas", "a montage")]:
        with pytest.raises(BadInput, match=words):
            uris(tmp_path / f"{name}.mdoc")


def test_a_relion_project_is_read_from_its_last_job(tmp_path):
    for job, other in (("Align/job005", "0012"), ("Import/job001", "0014"), ("CtfFind/job010", "0012")):
        put(tmp_path / job / "series.star", LIST.replace("Align/job005", job).replace("0013", other + "b"))
        put(
            tmp_path / job / "tilt_series/0012.star",
            STAR.format(columns="", rows="a 0 85 3 -3 e o m\na 3 85 0 -3 e o m\n"),
        )
    put(tmp_path / "Class3D/job017/model.star", "data_model_general\n\n_rlnReferenceDimensionality 3\n")
    put(tmp_path / "mdocs/0012.mdoc", mdoc_text([0, 3]))
    last, first = tmp_path / "CtfFind/job010/series.star", tmp_path / "Import/job001/series.star"
    assert uris(tmp_path) == [f"{last}::0012", f"{last}::0012b", f"{first}::0014b"]
    assert [each.name for each in find_tilt_series([str(tmp_path)])] == ["0012", "0012b", "0014b"]
    assert uris(f"{last}::0012") == [f"{last}::0012"]
    one = last.parent / "tilt_series/0012.star"
    assert [(each.name, each.uri) for each in find_tilt_series([str(one)])] == [("0012", str(one))]
    with pytest.raises(BadInput, match="lists no tilt series 99"):
        uris(f"{last}::99")


def test_a_warp_project_is_read_from_its_xml(tmp_path):
    path = tmp_path / "warp_tiltseries/TS_1.xml"
    put(path)
    path.write_bytes(xml(encoding="utf-16"))
    put(tmp_path / "warp_frameseries/a.xml", "<Movie></Movie>")
    put(tmp_path / "mdocs/TS_1.mdoc", mdoc_text([0, 3]))
    write_mrc_file(path.parent / "tiltstack/TS_1/TS_1.st", 3)
    put(path.parent / "tiltstack/TS_1/TS_1.rawtlt", "-3\n0\n3\n")
    assert uris(tmp_path) == [str(path)]
    with pytest.raises(BadInput, match="XML of a Movie"):
        uris(tmp_path / "warp_frameseries/a.xml")


def test_lists(tmp_path):
    write_mrc_file(tmp_path / "a b.st", 3)
    put(tmp_path / "a b.tlt", "-3\n0\n3\n")
    text = put(tmp_path / "good.txt", "# mine\na b.st  # the first\n\n*.tlt/../a b.st\n").with_suffix(".txt")
    text.write_text("# mine\na b.st  # the first\n")
    assert uris(text) == [str(tmp_path / "a b.st")]
    for content, words in [
        ("\n", "is empty"),
        ("x.txt\n", "may not name another"),
        ("\nno.st\n", "line 2: .*no.st does not"),
    ]:
        text.write_text(content)
        with pytest.raises(BadInput, match=words):
            uris(text)
    text.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadInput, match="not a text file"):
        uris(text)


def test_what_is_no_tilt_series(tmp_path):
    write_mrc_file(tmp_path / "a.mrc", 3)
    put(tmp_path / "b.tlt", "1\n")
    put(tmp_path / "c.csv")
    for name, words in [
        ("a.mrc", "nothing beside it that says its tilts"),
        ("b.tlt", "no stack beside"),
        ("c.csv", "no tilt series cryogauge reads"),
        ("d", "does not exist"),
        ("*.x", "no tilt series matches"),
        ("", "no tilt series lies in"),
    ]:
        with pytest.raises(BadInput, match=words):
            uris(tmp_path / name)
        with pytest.raises(BadInput):
            read_tilt_series(tmp_path / name)


@real_files
def test_the_real_files():
    found = {each.name: each.uri for each in find_tilt_series([str(META)])}
    assert {"TS_017__017", "tilt_series", "TS_42", "test_1", "gs04_ts_003", "tomo200528_107", "TS_01"} <= set(found)
    assert found["TS_017__017"].endswith(".xml")
    assert not any("frames_mdoc" in uri or "montage" in uri for uri in found.values())
