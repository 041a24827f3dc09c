"""SerialEM's Navigator files, both ways."""

import json
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryogauge.io.session import (
    check_session,
    export_nav,
    import_session,
    merge_sessions,
    read_session,
    session_pixels,
    with_computed_places,
    write_session,
)
from cryogauge.io.session.nav import NavItem, parse_item, read_nav, write_nav
from cryogauge.io.session.nav_session import import_nav
from cryogauge.io.session.sift import without_faulty_rows
from cryogauge.records import BadInput
from tests.io.session.makers import NAV, changed, nested_session, serialem


def test_maps_points_and_polygons_stand_where_serialem_put_them(tmp_path):
    """By hand from SerialEM's transformation: 2 pixels a µm along x, 4 along y, the picture's top row first there."""
    session = import_session([serialem(tmp_path)])
    (image,) = session.images.to_dict("records")
    assert image["image"] == "grid1/1-A"
    assert (image["height_px"], image["width_px"]) == (20, 40)
    assert image["pixel_size_A"] == pytest.approx(1e4 / np.sqrt(8))
    assert (image["stage_x_um"], image["stage_y_um"], image["stage_z_um"], image["tilt_deg"]) == (100, -50, 12.5, 0.5)
    assert image["source"] == "D:\\data\\grid1.mrc"
    places = session.places.set_index("place")
    assert list(places["parent"]) == ["grid1/1-A", "grid1/1-A"]
    # (3, -1) µm off: 6 columns right; 4 rows up in SerialEM's picture, which is 4 rows on in the file
    np.testing.assert_allclose(places["outline_x_px"]["grid1/2"], [19.5 + 6])
    np.testing.assert_allclose(places["outline_y_px"]["grid1/2"], [9.5 + 4])
    np.testing.assert_allclose(places["outline_x_um"]["grid1/3"], [98, 102, 100])
    np.testing.assert_allclose(places["outline_y_px"]["grid1/3"], [9.5 + 4, 9.5 + 4, 9.5 - 4])
    (label,) = session.labels.to_dict("records")
    assert (label["subject"], label["label"], label["value"]) == ("grid1/2", "acquire", "1")


def test_text_and_xml_say_the_same(tmp_path):
    text = read_nav(serialem(tmp_path))
    root = ElementTree.Element("navigator")
    ElementTree.SubElement(ElementTree.SubElement(root, "PreData"), "AdocVersion").text = "2.00"
    for item in text:
        element = ElementTree.SubElement(root, "Item", name=item.label)
        for key, value in item.entries.items():
            ElementTree.SubElement(element, key).text = value
    ElementTree.ElementTree(root).write(tmp_path / "same.nav", encoding="utf-8", xml_declaration=True)
    assert read_nav(tmp_path / "same.nav") == text
    assert len(import_session([tmp_path / "same.nav"]).images) == 1


def test_through_a_data_set_and_back(tmp_path):
    path = serialem(tmp_path)
    write_session(tmp_path / "shared", import_session([path]))
    assert check_session(tmp_path / "shared") == []
    session = read_session(tmp_path / "shared")
    pixels, _ = session_pixels(tmp_path / "shared", session, "grid1/1-A")
    np.testing.assert_array_equal(pixels, np.arange(800, dtype=np.int16).reshape(20, 40))
    assert export_nav(tmp_path / "back.nav", session) == 3
    before, after = ({item.label: item for item in read_nav(each)} for each in (path, tmp_path / "back.nav"))
    assert before.keys() == after.keys()
    for label, item in before.items():
        assert {k: v for k, v in item.entries.items() if not k.startswith("Pts")}.items() <= {
            **after[label].entries,
            **{k: v for k, v in item.entries.items() if k == "MapScaleMat" and _same(v, after[label].entries[k])},
        }.items()
        one, other = parse_item(item), parse_item(after[label])
        corners = (sorted(zip(each.points_x_um, each.points_y_um, strict=True)) for each in (one, other))
        np.testing.assert_allclose(*(np.unique(np.round(list(each), 6), axis=0) for each in corners))


def _same(one, other):
    return np.allclose([float(w) for w in one.split()], [float(w) for w in other.split()])


_um = st.floats(-1000, 1000)
_label = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9 _.-]{0,8}[A-Za-z0-9]", fullmatch=True)
_point = st.builds(
    lambda label, x, y, z, regis, acquire: NavItem(
        label,
        {"Color": "0", "StageXYZ": f"{x!r} {y!r} {z!r}", "NumPts": "1", "Regis": str(regis), "Type": "0",
         "Acquire": acquire, "PtsX": repr(x), "PtsY": repr(y)},
    ),
    _label, _um, _um, _um, st.integers(1, 9), st.sampled_from("01"),
)  # fmt: skip
_polygon = st.builds(
    lambda label, corners, regis: NavItem(
        label,
        {"StageXYZ": f"{corners[0][0]!r} {corners[0][1]!r} 0", "NumPts": str(len(corners)), "Regis": str(regis),
         "Type": "1", "PtsX": " ".join(repr(x) for x, _ in corners), "PtsY": " ".join(repr(y) for _, y in corners)},
    ),
    _label, st.lists(st.tuples(_um, _um), min_size=3, max_size=9), st.integers(1, 9),
)  # fmt: skip
_map = st.builds(
    lambda label, x, y, z, scale, turn, width, height, regis: NavItem(
        label,
        {"StageXYZ": f"{x!r} {y!r} {z!r}", "NumPts": "0", "Regis": str(regis), "Type": "2", "MapFile": "a b.mrc",
         "MapID": "7", "MapMagInd": "17", "MapWidthHeight": f"{width} {height}",
         "MapScaleMat": " ".join(str(scale * f(turn)) for f in (np.cos, np.sin, np.sin, lambda t: -np.cos(t)))},
    ),
    _label, _um, _um, _um, st.floats(0.1, 1e4), st.floats(0, 6.3), st.integers(1, 9000), st.integers(1, 9000),
    st.integers(1, 9),
)  # fmt: skip


@given(st.lists(st.one_of(_point, _polygon, _map), min_size=1, max_size=5))
def test_items_come_back_through_a_session(tmp_path_factory, items):
    folder = tmp_path_factory.getbasetemp()
    write_nav(folder / "one.nav", items)
    assert read_nav(folder / "one.nav") == [NavItem(item.label, dict(item.entries)) for item in items]
    export_nav(folder / "two.nav", import_nav(folder / "one.nav"))
    after = read_nav(folder / "two.nav")
    order = [item for item in items if item.entries["Type"] == "2"] + [i for i in items if i.entries["Type"] != "2"]
    assert [item.label for item in after] == [item.label for item in order]
    for one, other in zip(order, after, strict=True):
        a, b = parse_item(one), parse_item(other)
        assert (a.kind, a.registration) == (b.kind, b.registration)
        np.testing.assert_allclose(b.stage_um, a.stage_um, rtol=1e-8, atol=1e-6)
        assert one.entries.get("Acquire") == other.entries.get("Acquire")
        if a.kind == 2:
            assert _same(one.entries["MapScaleMat"], other.entries["MapScaleMat"])
            assert one.entries["MapWidthHeight"] == other.entries["MapWidthHeight"]
            np.testing.assert_allclose(
                [np.mean(b.points_x_um[:4]), np.mean(b.points_y_um[:4])], a.stage_um[:2], atol=1e-3
            )
        else:
            np.testing.assert_allclose(b.points_x_um, a.points_x_um, rtol=1e-8, atol=1e-6)
            np.testing.assert_allclose(b.points_y_um, a.points_y_um, rtol=1e-8, atol=1e-6)


@pytest.mark.parametrize(
    ("good", "bad", "message"),
    [
        ("StageXYZ = 103 -51 12.5", "StageXYZ = 103 nan 12.5", "StageXYZ that is not finite"),
        ("StageXYZ = 103 -51 12.5", "StageXYZ = 103 -51", "2 numbers in StageXYZ, not 3"),
        ("StageXYZ = 103 -51 12.5\n", "", "0 numbers in StageXYZ, not 3"),
        ("PtsX = 103\n", "PtsX = far\n", "PtsX is no number"),
        ("PtsX = 98 102 100", "PtsX = 98 102", "2 numbers in PtsX, not 3"),
        ("NumPts = 3", "NumPts = 999999999999", "claims 999999999999 points"),
        ("NumPts = 3", "NumPts = three", "NumPts is 'three', no whole number"),
        ("Type = 1", "Type = 9", "of type 9"),
        ("MapScaleMat = 2 0 0 4", "MapScaleMat = 2 2 2 2", "scale 0"),
        ("MapWidthHeight = 40 20", "MapWidthHeight = 40.5 20", "map of 40.5"),
        ("MapFile = D:\\data\\grid1.mrc\n", "", "a map without a file"),
    ],
)
def test_an_item_that_is_damaged_is_left_out_with_a_line(tmp_path, good, bad, message):
    path = serialem(tmp_path)
    assert good in NAV
    path.write_text(NAV.replace(good, bad))
    session = import_session([path])
    assert len(session.images) + len(session.places) == 2
    (note,) = session.about.notes
    assert note.startswith("grid1.nav: left out: item ")
    assert message in note


def test_a_point_far_from_the_map_it_was_drawn_on_goes_without_parent(tmp_path):
    path = serialem(tmp_path)
    path.write_text(NAV.replace("PtsX = 103", "PtsX = 903").replace("StageXYZ = 103", "StageXYZ = 903"))
    session = import_session([path])
    assert list(session.places["parent"]) == ["", "grid1/1-A"]
    assert "item 2 lies beyond the map" in session.about.notes[0]


@settings(max_examples=15)  # each reads, checks and places
@given(st.lists(st.tuples(st.integers(0, len(NAV) - 1), st.sampled_from("0-9eE. \n=x[]")), min_size=1, max_size=12))
def test_whatever_is_imported_is_sound(tmp_path_factory, changes):
    path = tmp_path_factory.getbasetemp() / "any.nav"
    text = list(NAV)
    for place, letter in changes:
        text[place] = letter
    path.write_text("".join(text))
    try:
        session = import_session([path])
    except BadInput:
        return
    assert without_faulty_rows(session) is session


@pytest.mark.parametrize("file", ["../grid1.mrc", "..", "C:\\secret\\..\\..\\grid1.mrc", "/etc/passwd", ""])
def test_pictures_are_taken_from_beside_the_file_alone(tmp_path, file):
    (tmp_path / "in").mkdir()
    path = serialem(tmp_path)
    path = path.rename(tmp_path / "in" / "grid1.nav")
    path.write_text(NAV.replace("D:\\data\\grid1.mrc", file))
    session = import_session([path])
    assert session.pictures == {}
    assert session.about.notes


def test_a_montage_goes_without_pixels(tmp_path):
    path = serialem(tmp_path)
    path.write_text(NAV.replace("MapMontage = 0", "MapMontage = 1"))
    session = import_session([path])
    assert session.pictures == {}
    assert "montage in pieces" in session.about.notes[0]


def test_files_that_are_none_are_refused(tmp_path):
    path = tmp_path / "a.nav"
    path.write_text("AdocVersion = 2.00\n")
    with pytest.raises(BadInput, match="no Navigator items"):
        import_session([path])
    path.write_text('<!DOCTYPE a [<!ENTITY b "c">]><navigator>&b;</navigator>')
    with pytest.raises(BadInput, match="document type"):
        import_session([path])
    path.write_text("<navigator><Item")
    with pytest.raises(BadInput, match="no XML, or damaged"):
        import_session([path])
    path.write_text("AdocVersion = 2.00\n[Item = 1]\nType = 0\n")
    with pytest.raises(BadInput, match="no item that can be used"):
        import_session([path])
    with pytest.raises(BadInput, match="cannot be read"):
        import_session([tmp_path / "none.nav"])
    with pytest.raises(BadInput, match=r"cannot be written: Note is no line"):
        write_nav(path, [NavItem("1", {"Note": "a\nType = 2"})])


def test_images_of_other_programs_become_polygons_of_their_field(tmp_path):
    session = with_computed_places(nested_session(tmp_path))  # the places are those of the images
    session = changed(session, "images", "extra", 1, '{"MapMagInd": "17"}')
    session = changed(session, "images", "x_px_per_um_x", 1, np.nan)  # no map can be made of it
    assert export_nav(tmp_path / "out.nav", session) == 3
    items = [parse_item(item) for item in read_nav(tmp_path / "out.nav")]
    assert [item.kind for item in items] == [1, 0, 1]
    assert np.ptp(items[0].points_x_um) == pytest.approx(32 * 0.4)  # turned by a quarter
    assert np.ptp(items[0].points_y_um) == pytest.approx(48 * 0.4)
    assert [item.entries.get("Note") for item in read_nav(tmp_path / "out.nav")][::2] == ["atlas", "exposure"]


def test_one_grid_a_file(tmp_path):
    (tmp_path / "b").mkdir()
    one, two = (
        import_nav(serialem(tmp_path), "g1"),
        import_nav(serialem(tmp_path / "b").rename(tmp_path / "b.nav"), "g2"),
    )
    both = merge_sessions([one, two])
    with pytest.raises(BadInput, match="2 grids, a Navigator file one"):
        export_nav(tmp_path / "out.nav", both)
    with pytest.raises(BadInput, match="no grid 'g3'"):
        export_nav(tmp_path / "out.nav", both, "g3")
    assert export_nav(tmp_path / "out.nav", both, "g2") == 3
    with pytest.raises(BadInput, match="two sources have image grid1/1-A"):
        merge_sessions([one, one])
    assert json.loads(both.images["extra"][1])["MapMagInd"] == "17"


def test_points_that_stand_for_several_holes_keep_what_they_say_and_are_noted(tmp_path):
    path = tmp_path / "multi.nav"
    point = {"Color": "0", "StageXYZ": "1 2 3", "NumPts": "1", "Regis": "1", "Type": "0", "Acquire": "1",
             "HoleArray": "3 2", "SkipHoles": "0 0 2 1", "PtsX": "1", "PtsY": "2"}  # fmt: skip
    alone = {name: value for name, value in point.items() if name not in ("HoleArray", "SkipHoles")}
    write_nav(path, [NavItem("1", point), NavItem("2", alone)])
    session = import_nav(path)
    assert len(session.places) == 2
    (note,) = session.about.notes
    assert note.startswith("multi.nav: 1 of the points are exposed at several holes each")
    again = tmp_path / "again.nav"
    export_nav(again, session)
    entries = [item.entries for item in read_nav(again)]
    assert (entries[0]["HoleArray"], entries[0]["SkipHoles"]) == ("3 2", "0 0 2 1")
    assert "HoleArray" not in entries[1]
