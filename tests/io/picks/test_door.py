"""Every kind of file gives back what was written; what it cannot hold is said."""

import contextlib
import logging
import shutil

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cryogauge.io.picks import READABLE, WRITABLE, pick_kind, read_picks_as, write_picks_as
from cryogauge.records import PICK_COLUMNS, BadInput
from tests.io.picks.makers import SHAPE, VOXEL_A, lines_of, tables, turned

ORIENTED = {"cryogauge", "relion5", "relion4", "relion3", "warp", "em", "deepfinder", "dynamo"}
SCORED = {*ORIENTED, "eman2"}
# of a position in Å: text with six decimals of voxels, float32 of voxels, whole voxels and a float32 shift
PRECISION_A = {"cryogauge": 1e-9, "kaggle": 1e-9, "relion5": 1e-6, "napari": 1e-9, "eman2": 1e-9, "chimerax": 1e-6}
PRECISION_A |= {"em": 1e-6, "imod": 5e-5, "dynamo": 1e-6, "relion4": 1e-5, "relion3": 1e-5, "warp": 1e-5}
PRECISION_A |= {"deepfinder": 1e-5}
NUMBERS = {"voxel_size_A": VOXEL_A, "shape": SHAPE}

TABLE = pd.DataFrame(
    {
        "tomogram": ["0012", "0012", "TS_1"],
        "object": ["ribosome", "007", "ribosome"],
        "x_A": [75.0, 30.25, 600.0],
        "y_A": [0.0, 67.5, 15.0],
        "z_A": [7.5, 300.0, 442.5],
        "score": [0.25, 0.5, 1.0],
        "rot": [0.0, 10.0, -170.0],
        "tilt": [0.0, 90.0, 180.0],
        "psi": [45.0, -20.0, 5.0],
    }
)


@pytest.mark.parametrize("kind", WRITABLE)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
@given(st.data())
def test_round_trip(kind, tmp_path, data):
    one_tomogram = kind in ("imod", "eman2", "chimerax", "napari")
    one_object = kind in ("relion5", "relion4", "relion3", "warp", "napari")
    table = data.draw(tables(tomograms=1 if one_tomogram else 3, objects=1 if one_object else 3))
    folder = tmp_path / "round"
    folder.mkdir()
    try:
        (path, *beside) = write_picks_as(folder / f"{table['tomogram'][0]}.any", table, kind, **NUMBERS)
        assert [each.name for each in beside] in ([], [f"{path.name}.doc"])
        assert {each.name for each in folder.iterdir()} == {each.name for each in (path, *beside)}
        labels = dict(enumerate(sorted(set(table["object"])), 1))
        given_names = {"objects": {0: table["object"][0]} if one_object else labels}
        if kind in ("em", "dynamo", "deepfinder", "napari", "imod"):
            read = read_picks_as(path, **NUMBERS, **given_names)
        else:
            read = read_picks_as(path, **NUMBERS)
        assert pick_kind(path) == kind
    finally:
        shutil.rmtree(folder)
    assert list(read.columns) == [*PICK_COLUMNS, *(("rot", "tilt", "psi") if kind in ORIENTED else ())]
    order = _matching(read, table)
    read = read.iloc[order].reset_index(drop=True)
    for axis in ("x_A", "y_A", "z_A"):
        np.testing.assert_allclose(read[axis], table[axis], atol=PRECISION_A[kind], rtol=0)
    assert list(read["tomogram"]) == list(table["tomogram"])
    assert list(read["object"]) == list(table["object"])
    if kind in ORIENTED:
        np.testing.assert_allclose(turned(read), turned(table), atol=1e-5)
    if kind in SCORED:
        np.testing.assert_allclose(read["score"], table["score"], atol=1e-6)
    else:
        assert read["score"].isna().all()


def _matching(read, table):
    """Rows of what was read in the order of what was written, each the nearest still free."""
    assert len(read) == len(table)
    places, wanted = read[["x_A", "y_A", "z_A"]].to_numpy(), table[["x_A", "y_A", "z_A"]].to_numpy()
    same = (read["object"].to_numpy()[None] == table["object"].to_numpy()[:, None]) & (
        read["tomogram"].to_numpy()[None] == table["tomogram"].to_numpy()[:, None]
    )
    far = np.linalg.norm(places[None] - wanted[:, None], axis=2) + np.where(same, 0, 1e6)
    order = []
    for row in far:
        row[order] = np.inf
        order.append(int(np.argmin(row)))
    return order


@pytest.mark.parametrize("kind", WRITABLE)
def test_a_kind_is_known_by_its_content(kind, tmp_path):
    path, *_ = write_picks_as(tmp_path / "picks.mrc", TABLE[:1], kind, **NUMBERS)
    assert pick_kind(path.rename(tmp_path / "something.txt")) == kind


def test_names_that_look_like_numbers(tmp_path):
    for kind in ("relion5", "relion4", "relion3", "warp", "em", "dynamo", "deepfinder"):
        written = write_picks_as(tmp_path / "picks", TABLE, kind, **NUMBERS)
        found = {
            name for path in written if path.suffix != ".doc" for name in read_picks_as(path, **NUMBERS)["tomogram"]
        }
        assert found == {"0012", "TS_1"}, kind
    stars = write_picks_as(tmp_path / "picks.star", TABLE, "relion4", **NUMBERS)
    assert [path.name for path in stars] == ["picks_007.star", "picks_ribosome.star"]
    assert set(read_picks_as(stars[0])["object"]) == {"007"}


def test_names_of_an_older_table_do_not_stay(tmp_path):
    write_picks_as(tmp_path / "a.tbl", TABLE, "dynamo", **NUMBERS)
    assert (tmp_path / "a.tbl.doc").read_text() == "1 0012\n2 TS_1\n"
    (path,) = write_picks_as(tmp_path / "a.tbl", TABLE.assign(tomogram="2"), "dynamo", **NUMBERS)
    assert set(read_picks_as(path)["tomogram"]) == {"2"}


def test_a_file_a_tomogram_and_kind(tmp_path):
    table = pd.concat([TABLE, TABLE.assign(tomogram="a b"), TABLE.assign(tomogram="a_b")], ignore_index=True)
    written = write_picks_as(tmp_path / "picks.csv", table, "napari", **NUMBERS)
    assert [path.name for path in written] == [
        "picks_0012_007.csv", "picks_0012_ribosome.csv", "picks_TS_1_ribosome.csv", "picks_a_b_007.csv",
        "picks_a_b_ribosome.csv", "picks_a_b_007-2.csv", "picks_a_b_ribosome-2.csv",
    ]  # fmt: skip
    assert sum(len(read_picks_as(path, **NUMBERS)) for path in written) == len(table)


def test_what_has_no_place_is_said(tmp_path, caplog):
    with caplog.at_level(logging.WARNING, "cryogauge.io"):
        write_picks_as(tmp_path / "picks.mod", TABLE[:1].assign(note="x"), "imod", **NUMBERS)
        assert lines_of(caplog).endswith("picks.mod: left out: score, rot, tilt, psi, note")
        caplog.clear()
        write_picks_as(tmp_path / "picks.star", TABLE[:1].assign(instance=1), "relion3", **NUMBERS)
        assert lines_of(caplog).endswith("picks.star: left out: instance")
        caplog.clear()
        table = TABLE[list(PICK_COLUMNS)].assign(score=np.nan)
        write_picks_as(tmp_path / "picks.csv", table, "kaggle")
        assert not caplog.records
        write_picks_as(tmp_path / "picks.csv", table.assign(user="me"), "cryogauge")
        read_picks_as(tmp_path / "picks.csv")
        assert lines_of(caplog).endswith("picks.csv: left out: user")


def test_one_tomogram_given_by_name(tmp_path):
    for kind in ("em", "dynamo", "deepfinder", "imod", "chimerax", "napari", "eman2"):
        path, *beside = write_picks_as(tmp_path / kind, TABLE[:1], kind, **NUMBERS)
        for each in beside:
            each.unlink()
        assert list(read_picks_as(path, **NUMBERS, tomogram="cell 7")["tomogram"]) == ["cell 7"]


def test_no_picks(tmp_path, caplog):
    for kind in ("cryogauge", "kaggle"):
        (path,) = write_picks_as(tmp_path / "none.csv", TABLE[:0], kind)
        assert read_picks_as(path).empty
        assert "none.csv holds no picks" in lines_of(caplog)
    with pytest.raises(BadInput, match="there are no picks to write"):
        write_picks_as(tmp_path / "none.star", TABLE[:0], "relion3", **NUMBERS)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"x,y,z\n1,2,3\n", "no file of picks that is known"),
        (b"\0\1\2", "no file of picks that is known"),
        (b"data_\n\nloop_\n_rlnCoordinateX #1\n_rlnCoordinateY #2\n1 2\n", "positions in images"),
        (b"IMODV1.2 and then", "damaged"),
        (b"#LSX\nnonsense\n", "no list of EMAN2"),
        (b"<objlist><object>", "no XML, or damaged"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]><objlist/>', "declares a document type"),
        (b'<objlist><object x="a" y="1" z="1"/></objlist>', "x that is no number"),
        (b"<marker_set><marker x='a' y='1' z='1'/></marker_set>", "no number"),
        (b'{"boxes_3d": [[1, 2]]}', "EMAN2 does not write"),
        (b'{"boxes_3d": 5}', "no boxes_3d"),
        (b'{"boxes_3d": [', "no JSON"),
        (b"1 " * 26 + b"\n1 2 3\n", "has 3 columns in line 2"),
        (b"1 " * 26 + b"\n" + b"a " * 26, "no Dynamo table: line 2"),
        (bytes((6, 0, 0, 5, 20, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0)) + bytes(600), "shorter than the 9 particles"),
        (b"id,experiment,particle_type,x,y,z\n0,TS_1,ribosome,a,2,3\n", "position that is no number"),
        (b"experiment,particle_type,x,y,z\nTS_1,ribosome,,2,3\n", "1 of 1 picks have a position or angle"),
        (b"experiment,particle_type,x,y,z\n,ribosome,1,2,3\n", "1 of 1 picks name no tomogram"),
        (b"tomogram,object,x_A,y_A,z_A,score,rot,tilt,psi\na,b,1,2,3,1,x,0,0\n", "no number"),
        (
            b"data_\nloop_\n_rlnMicrographName\n_rlnCoordinateX\n_rlnCoordinateY\n_rlnCoordinateZ\na b 2 3\n",
            "no number",
        ),
        (b"data_\nloop_\n_rlnCoordinateX\n_rlnCoordinateY\n_rlnCoordinateZ\n1 2 3\n", "names no tomograms"),
    ],
)
def test_what_cannot_be_read(content, words, tmp_path):
    path = tmp_path / "picks.txt"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=words):
        read_picks_as(path, **NUMBERS)


def test_what_is_needed_is_named(tmp_path):
    for kind in sorted(set(WRITABLE) - {"cryogauge", "kaggle", "chimerax"}):
        with pytest.raises(BadInput) as raised:
            write_picks_as(tmp_path / kind, TABLE[:1], kind)
        assert "--voxel-size" in raised.value.hint, kind
        path, *_ = write_picks_as(tmp_path / kind, TABLE[:1], kind, **NUMBERS)
        if kind in ("napari", "em", "deepfinder", "eman2", "relion5"):
            with pytest.raises(BadInput) as raised:
                read_picks_as(path)
            assert "--voxel-size" in raised.value.hint, kind
        else:
            assert read_picks_as(path)["x_A"][0] == pytest.approx(75.0)


def test_wrong_calls(tmp_path):
    with pytest.raises(BadInput, match="does not exist"):
        read_picks_as(tmp_path / "nothing")
    with pytest.raises(BadInput, match="is a folder"):
        read_picks_as(tmp_path)
    with pytest.raises(BadInput, match="no kind of picks") as raised:
        write_picks_as(tmp_path / "a.lst", TABLE, "eman2-lst")
    assert "relion5" in raised.value.hint
    assert "eman2-lst" in READABLE
    with pytest.raises(BadInput, match="a voxel cannot be"):
        write_picks_as(tmp_path / "a", TABLE, "em", voxel_size_A=-1)
    with pytest.raises(BadInput, match="lack score"):
        write_picks_as(tmp_path / "a", TABLE.drop(columns="score"), "em", voxel_size_A=1)
    with pytest.raises(BadInput, match="no class number is given for 007") as raised:
        write_picks_as(tmp_path / "a", TABLE, "em", voxel_size_A=1, objects={4: "ribosome"})
    assert raised.value.hint == "add --object N=007"
    with pytest.raises(BadInput, match="cannot be written"):
        write_picks_as(tmp_path / "nowhere" / "a.tbl", TABLE, "dynamo", **NUMBERS)


@pytest.mark.parametrize("kind", WRITABLE)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(st.data())
def test_damage_is_told_in_a_sentence_or_passes(kind, tmp_path, data):
    path = tmp_path / "picks"
    if not (tmp_path / "whole").exists():
        write_picks_as(tmp_path / "whole", TABLE[:1], kind, **NUMBERS)
    raw = (tmp_path / "whole").read_bytes()
    place = data.draw(st.integers(0, len(raw) - 1))
    gone = data.draw(st.integers(0, 20))
    put = data.draw(
        st.sampled_from([b"", b"nan", b"inf", b"-", b"<", b'"', b"1e400", b"\n", b","]) | st.binary(max_size=4)
    )
    path.write_bytes(raw[:place] + put + raw[place + gone :])
    with contextlib.suppress(BadInput):
        read_picks_as(path, kind=kind, **NUMBERS)
