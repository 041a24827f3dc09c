"""A folder of Leginon's with its database's table, and what names say."""

import csv
import re
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryogauge.io.session import check_session, import_session, write_session
from cryogauge.io.session.leginon_export import COLUMNS, read_leginon_export
from cryogauge.io.session.leginon_names import read_leginon_name
from cryogauge.records import BadInput
from tests.collect.drivers.leginon_files import DATABASE, SESSION, write

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "microscope-drivers.md"
HOLE = f"{SESSION}_00010gr_00002sq_00005hl"


@pytest.mark.parametrize(
    ("name", "grid", "level", "parent"),
    [
        ("21mar02c_grid1c_00019gr", "21mar02c_grid1c", "atlas", ""),
        ("08mar13e_00010gr_00004sq_v02", "08mar13e", "square", "08mar13e_00010gr"),
        ("18sep26a_grid4e_4_00084gr_00030sq_v02_00002hl", "18sep26a_grid4e_4", "hole",
         "18sep26a_grid4e_4_00084gr_00030sq_v02"),
        ("23mar23b_a_00038gr_00002ex", "23mar23b_a", "exposure", "23mar23b_a_00038gr"),
        ("26jun01b_00001hl", "26jun01b", "hole", ""),
        ("s_g_00001gr_00002tomo", "s_g", "", "s_g_00001gr"),
    ],
)  # fmt: skip
def test_names(name, grid, level, parent):
    said = read_leginon_name(name)
    assert (said.grid, said.level, said.parent, said.is_copy) == (grid, level, parent, False)
    assert read_leginon_name(f"{name}-a").is_copy


@pytest.mark.parametrize("name", ["grid1", "21mar02c_grid1c", "s_5en", "a b_c_00019gr", "s_00001gr_label_00002sq", ""])
def test_other_names(name):
    assert read_leginon_name(name) is None


STEPS = st.lists(
    st.tuples(st.integers(0, 99999), st.sampled_from(["gr", "sq", "hl", "en", "fan"]), st.integers(0, 99)),
    min_size=1, max_size=4,
)  # fmt: skip


@given(st.from_regex(r"[0-9]{2}[a-z]{3}[0-9]{2}[a-z](_[a-z]{1,5}[0-9]?)?", fullmatch=True), STEPS)
def test_a_name_is_its_parent_s_and_a_step(grid, steps):
    names = [grid]
    for number, preset, version in steps:
        names.append(f"{names[-1]}_{number:05d}{preset}" + (f"_v{version:02d}" if version else ""))
    said = read_leginon_name(names[-1])
    assert (said.grid, said.preset) == (grid, steps[-1][1])
    assert said.parent == (names[-2] if len(steps) > 1 else "")


def test_a_folder_of_leginon_with_its_table(tmp_path):
    folder = tmp_path / "26jun01b"
    for name, pixel_A in (
        ("00010gr", 2400.0),
        ("00010gr_00002sq_00005hl", 1.0),
        ("00010gr_00002sq_00005hl_00003en", 1.0),
    ):
        write(folder, name, pixel_A=pixel_A)
    write(folder, "00010gr_00002sq_00005hl_00003en-a")
    write(folder, "00011gr").write_bytes(b"half a picture")
    table = tmp_path / "images.csv"
    table.write_text(
        "image,pixel_size_A,stage_x_um,stage_y_um,dose_e_A2,recorded_at\n"
        f"{HOLE},21.5,120,-34,,2026-06-01 10:00:00\n{HOLE}_00003en.mrc,0.83,121,-34,40,2026-06-01 10:05:00\n"
    )
    session = import_session([folder, table])
    images = session.images.set_index("image")
    assert list(session.grids["grid"]) == [SESSION]
    assert images["level"].to_dict() == {
        f"{SESSION}_00010gr": "atlas", f"{SESSION}_00010gr_00002sq": "square",
        HOLE: "hole", f"{HOLE}_00003en": "exposure",
    }  # fmt: skip
    assert images["pixel_size_A"].dropna().to_dict() == pytest.approx(
        {f"{SESSION}_00010gr": 2400.0, HOLE: 21.5, f"{HOLE}_00003en": 0.83}
    )
    assert images["dose_e_A2"].dropna().to_dict() == {f"{HOLE}_00003en": 40}
    assert session.places.set_index("image")["parent"][f"{HOLE}_00003en"] == HOLE
    assert any("00011gr" in note for note in session.about.notes)
    assert any("stands in no table" in note for note in session.about.notes)
    write_session(tmp_path / "shared", session)
    assert check_session(tmp_path / "shared") == []
    named = import_session([folder], grid="g")
    assert set(named.images["grid"]) == set(named.places["grid"]) == {"g"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("image,pixel_size_nm\na,1\n", "column 'pixel_size_nm'"),
        ("stage_x_um\n1\n", "no column 'image'"),
        ("image,stage_x_um\na,left\n", "words in the column stage_x_um"),
        ("", "no table"),
        ('image,stage_x_um\n"a\n', "no table"),
    ],
)
def test_tables_that_are_none(tmp_path, text, told):
    path = tmp_path / "images.csv"
    path.write_text(text)
    with pytest.raises(BadInput, match=told):
        read_leginon_export(path)


@pytest.mark.skipif(not PAGE.exists(), reason="runs from a clone only")
def test_the_query_of_the_page_gives_the_table(tmp_path):
    database = sqlite3.connect(":memory:")
    database.executescript(DATABASE)
    (query,) = re.findall(r"```sql\n(.*?)```", PAGE.read_text(), re.S)
    found = database.execute(query)
    columns = [column[0] for column in found.description]
    assert set(columns) == set(COLUMNS)
    path = tmp_path / "images.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([columns, *found.fetchall()])
    images = read_leginon_export(path)
    assert images.keys() == {f"{HOLE}_00003en", f"{HOLE}_00004en"}
    told = images[f"{HOLE}_00003en"]
    assert (told.pixel_size_A, told.stage_x_um, told.stage_y_um, told.stage_z_um) == pytest.approx((2.2, 120, -34, 10))
    assert (told.tilt_deg, told.defocus_A, told.dose_e_A2) == pytest.approx((10, 15_000, 20))
    assert told.recorded_at == "2026-06-01 10:00:00"
    assert images[f"{HOLE}_00004en"].dose_e_A2 != images[f"{HOLE}_00004en"].dose_e_A2
