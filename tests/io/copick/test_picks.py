"""Picks in and out, against copick's own objects, on three kinds of file system."""

import json
import logging
from pathlib import Path

import copick
import numpy as np
import pandas as pd
import pytest
from copick.util.formats import _relion_eulers

from cryogauge.io.copick import (
    check_saving,
    open_project,
    read_project_picks,
    write_project_picks,
    write_tomogram,
)
from cryogauge.io.copick.transforms import matrices_of
from cryogauge.records import PICK_COLUMNS, BadInput
from tests.io.copick.makers import DATA, configuration

ANGLES = ["rot", "tilt", "psi"]
TABLE = pd.DataFrame(
    {
        "tomogram": ["TS_1", "TS_1", "TS_2", "TS_1"],
        "object": ["ribosome", "ribosome", "ribosome", "apo-ferritin"],
        "x_A": [100.0, 200.5, 7.0, 1.0],
        "y_A": [110.0, 210.5, 8.0, 2.0],
        "z_A": [120.0, 220.5, 9.0, 3.0],
        "score": [0.5, 0.25, np.nan, 1.0],
        "rot": [10.0, -170.0, 0.0, 33.0],
        "tilt": [20.0, 90.0, 45.0, 120.0],
        "psi": [30.0, 60.0, 0.0, -5.0],
    }
)


def with_runs(config, *runs):
    project = open_project(config)
    for run in runs:
        write_tomogram(project, run, DATA, 10.012, "wbp")
    return project


def ordered(table):
    return table.sort_values(["tomogram", "object", "x_A"], ignore_index=True)


def test_copick_reads_what_we_write(anywhere):
    project = with_runs(anywhere, "TS_1", "TS_2")
    assert write_project_picks(project, TABLE, user="cryogauge", session="7") == 3
    run = copick.from_file(str(anywhere)).get_run("TS_1")
    assert {(p.user_id, p.session_id, p.pickable_object_name) for p in run.picks} == {
        ("cryogauge", "7", "ribosome"),
        ("cryogauge", "7", "apo-ferritin"),
    }
    (picks,) = run.get_picks("ribosome")
    points, transforms = picks.numpy()
    assert picks.trust_orientation
    assert np.array_equal(points, TABLE.iloc[:2][["x_A", "y_A", "z_A"]])
    assert np.array_equal(picks.full_positions(), points)
    assert picks.scores().tolist() == [0.5, 0.25]
    assert np.allclose(_relion_eulers(transforms[:, :3, :3]), TABLE.iloc[:2][ANGLES])
    assert picks.meta.run_name == "TS_1"


def test_a_round_trip(project):
    with_runs(project.config, "TS_1", "TS_2")
    write_project_picks(project, TABLE, user="cryogauge", session="7")
    back = ordered(read_project_picks(project))
    assert list(back.columns) == [*PICK_COLUMNS, *ANGLES, "user", "session"]
    assert set(back["user"] + back["session"]) == {"cryogauge7"}
    pd.testing.assert_frame_equal(back[list(TABLE.columns)], ordered(TABLE))


def test_we_read_what_copick_writes(anywhere):
    """The translation is part of the position: tools keep refined shifts in it."""
    run = copick.from_file(str(anywhere)).new_run("TS_1")
    matrix = np.eye(4)
    matrix[:3, :3] = matrices_of(np.array([[10.0, 20.0, 30.0]]))[0]
    matrix[:3, 3] = [1.0, -2.0, 3.0]
    picks = run.new_picks("ribosome", session_id="0", user_id="tool")
    picks.from_numpy(np.array([[100.0, 200.0, 300.0], [1.0, 2.0, 3.0]]), np.stack([matrix, np.eye(4)]), scores=[0.5, 2])
    table = read_project_picks(open_project(anywhere))
    assert table["tomogram"].tolist() == ["TS_1", "TS_1"]
    assert table[["x_A", "y_A", "z_A"]].to_numpy().tolist() == [[101.0, 198.0, 303.0], [1.0, 2.0, 3.0]]
    assert np.allclose(table[ANGLES], [[10.0, 20.0, 30.0], [0.0, 0.0, 0.0]])
    assert table["score"].tolist() == [0.5, 2.0]
    assert (table["user"][0], table["session"][0]) == ("tool", "0")


def test_orientations_that_are_not_to_be_trusted(project):
    write_tomogram(project, "TS_1", DATA, 10.012, "wbp")
    plain = TABLE[TABLE["tomogram"] == "TS_1"].drop(columns=ANGLES)
    write_project_picks(project, plain, user="a", session="1")
    write_project_picks(project, plain.assign(rot=np.nan, tilt=np.nan, psi=np.nan), user="b", session="1")
    root = copick.from_file(project.config)
    assert [p.load().trust_orientation for p in root.get_run("TS_1").picks] == [False] * 4
    assert read_project_picks(project)[ANGLES].isna().all(axis=None)


def test_a_transformation_that_is_no_rotation(project, caplog):
    write_tomogram(project, "TS_1", DATA, 10.012, "wbp")
    mirror = np.diag([1.0, 1.0, -1.0, 1.0])
    run = copick.from_file(project.config).get_run("TS_1")
    run.new_picks("ribosome", "1", "a").from_numpy(np.zeros((2, 3)), np.stack([mirror, np.eye(4)]))
    with caplog.at_level(logging.WARNING):
        table = read_project_picks(project)
    assert table["rot"].isna().tolist() == [True, False]
    assert "1 of the picks a_1_ribosome of TS_1 have a transformation that is no rotation" in caplog.text


def test_which_are_asked_for(project):
    with_runs(project.config, "TS_1", "TS_2")
    for user, session in (("a", "1"), ("a", "2"), ("b", "1")):
        write_project_picks(project, TABLE, user=user, session=session)
    assert len(read_project_picks(project)) == 12
    assert len(read_project_picks(project, user="a")) == 8
    assert len(read_project_picks(project, user="a", session="2")) == 4
    assert len(read_project_picks(project, user="a", session="2", objects=["ribosome"], runs=["TS_1"])) == 2
    with pytest.raises(BadInput, match="no picks of user c and session any") as caught:
        read_project_picks(project, user="c")
    assert caught.value.hint == "there are, by user and session: a/1, a/2, b/1"
    with pytest.raises(BadInput, match="no object apoferritin") as caught:
        read_project_picks(project, objects=["apoferritin"])
    assert "apo-ferritin" in caught.value.hint
    with pytest.raises(BadInput, match="no run TS_9") as caught:
        read_project_picks(project, runs=["TS_9"])
    assert "TS_1, TS_2" in caught.value.hint


def test_what_was_searched_for_and_not_found_leaves_no_earlier_picks(project):
    with_runs(project.config, "TS_1", "TS_2", "TS_3")
    write_project_picks(project, TABLE, user="a", session="1")
    write_project_picks(project, TABLE, user="b", session="1")
    again, objects = TABLE.iloc[:1].assign(x_A=1.0), ["ribosome", "apo-ferritin"]
    written = write_project_picks(project, again, user="a", session="1", runs=["TS_1", "TS_3"], objects=objects)
    assert written == 4
    left = read_project_picks(project, user="a")
    assert sorted(zip(left["tomogram"], left["object"], left["x_A"], strict=True)) == [
        ("TS_1", "ribosome", 1.0), ("TS_2", "ribosome", 7.0),
    ]  # fmt: skip
    assert len(read_project_picks(project, user="b")) == len(TABLE)
    (empty,) = copick.from_file(project.config).get_run("TS_3").get_picks("ribosome", user_id="a")
    assert empty.points == []
    assert empty.numpy()[0].shape[0] == 0


def test_saving_is_refused_before_there_is_anything_to_save(tmp_path):
    static = tmp_path / "static"
    static.mkdir()
    there = with_runs(configuration(tmp_path, overlay_root=f"local://{static}"), "TS_1", "TS_2")
    write_project_picks(there, TABLE, user="a", session="1")
    project = open_project(configuration(tmp_path, static_root=f"local://{static}"))
    check_saving(project, ["TS_1", "TS_2"], ["ribosome"], user="b", session="1")
    check_saving(project, ["TS_2"], ["apo-ferritin"], user="a", session="1")
    for runs, objects, user, said in (
        (["TS_1"], ["apo-ferritin"], "a", "read-only part"),
        (["TS_1"], ["spike"], "b", "no object spike"),
        (["TS_9"], ["ribosome"], "b", "no run TS_9"),
        (["TS_1"], ["ribosome"], "a_b", "cannot be the user"),
    ):
        with pytest.raises(BadInput, match=said):
            check_saving(project, runs, objects, user=user, session="1")


def test_writing_again_replaces(project):
    with_runs(project.config, "TS_1", "TS_2")
    write_project_picks(project, TABLE, user="a", session="1")
    write_project_picks(project, TABLE.iloc[:1].assign(x_A=1.0), user="a", session="1")
    table = read_project_picks(project, user="a")
    assert table.loc[(table["tomogram"] == "TS_1") & (table["object"] == "ribosome"), "x_A"].tolist() == [1.0]
    assert len(table) == 3


def test_a_file_without_points_is_no_picks(project):
    write_tomogram(project, "TS_1", DATA, 10.012, "wbp")
    copick.from_file(project.config).get_run("TS_1").new_picks("ribosome", "1", "a")
    table = read_project_picks(project)
    assert len(table) == 0
    assert table["x_A"].dtype == float


def test_a_project_without_picks_says_so(project):
    write_tomogram(project, "TS_1", DATA, 10.012, "wbp")
    with pytest.raises(BadInput, match="holds no picks") as caught:
        read_project_picks(project)
    assert "USER_SESSION_OBJECT.json" in caught.value.hint


@pytest.mark.parametrize(("name", "hint"), [("ribosome", "import-kaggle"), ("a_b_c_ribosome", "rename it")])
def test_files_that_are_not_called_as_copick_has_it(project, name, hint):
    """copick itself stops with an IndexError at the first, and looks for a file that is not there for the second."""
    write_tomogram(project, "TS_1", DATA, 10.012, "wbp")
    folder = Path(project.root.root_overlay, "ExperimentRuns", "TS_1", "Picks")
    folder.mkdir()
    (folder / f"{name}.json").write_text('{"points": []}')
    with pytest.raises(BadInput, match=f"{name}.json is not called USER_SESSION_OBJECT.json") as caught:
        read_project_picks(project)
    assert hint in caught.value.hint


def test_what_is_read_only_stays_as_it_is(tmp_path):
    static = tmp_path / "static"
    static.mkdir()
    write_project_picks(
        with_runs(configuration(tmp_path, overlay_root=f"local://{static}"), "TS_1", "TS_2"),
        TABLE,
        user="a",
        session="1",
    )
    before = {path: path.read_bytes() for path in static.rglob("*.json")}
    project = open_project(configuration(tmp_path, static_root=f"local://{static}"))
    with pytest.raises(BadInput, match="read-only part"):
        write_project_picks(project, TABLE, user="a", session="1")
    assert not (tmp_path / "overlay").exists()
    write_project_picks(project, TABLE, user="a", session="2")
    assert len(read_project_picks(project)) == 8
    assert {path: path.read_bytes() for path in static.rglob("*.json")} == before
    (twice,) = (tmp_path / "overlay").rglob("a_2_apo-ferritin.json")
    (twice.parent / "a_1_apo-ferritin.json").write_bytes(twice.read_bytes())
    assert len(read_project_picks(project)) == 8


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"object": "spike"}, "no object spike"),
        ({"tomogram": "TS_9"}, "no run TS_9"),
        ({"x_A": np.nan}, "position that is no number"),
        ({"z_A": np.inf}, "position that is no number"),
    ],
)
def test_tables_that_cannot_be_written(project, change, said):
    with_runs(project.config, "TS_1", "TS_2")
    with pytest.raises(BadInput, match=said):
        write_project_picks(project, TABLE.assign(**change), user="a", session="1")
    with pytest.raises(BadInput, match="holds no picks"):
        read_project_picks(project)


def test_ids_and_angles_that_cannot_be_written(project):
    write_tomogram(project, "TS_1", DATA, 10.012, "wbp")
    table = TABLE[TABLE["tomogram"] == "TS_1"]
    for user, session in (("a_b", "1"), ("a", "1/2"), ("", "1"), ("a", "..")):
        with pytest.raises(BadInput, match="cannot be the"):
            write_project_picks(project, table, user=user, session=session)
    mixed = table.assign(rot=[1.0, np.nan, 2.0])
    with pytest.raises(BadInput, match="some picks of ribosome in TS_1 have angles and some have none"):
        write_project_picks(project, mixed, user="a", session="1")
    with pytest.raises(BadInput, match="lack score"):
        write_project_picks(project, table.drop(columns="score"), user="a", session="1")


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("{", "damaged"),
        ({"points": [{"location": {"x": 1, "y": 2}}]}, "are damaged: a point has no z"),
        ({"points": [], "unit": "pixel"}, "in pixel, not in angstrom"),
        ({"points": [{"location": {"x": float("nan"), "y": 2, "z": 3}}]}, "no number"),
    ],
)
def test_damaged_files(project, document, said):
    write_tomogram(project, "TS_1", DATA, 10.012, "wbp")
    write_project_picks(project, TABLE.iloc[:1], user="a", session="1")
    (path,) = Path(project.root.root_overlay).rglob("*.json")
    if isinstance(document, dict):
        document = json.dumps({"pickable_object_name": "ribosome", "user_id": "a", "session_id": "1"} | document)
    path.write_text(document)
    with pytest.raises(BadInput, match=said):
        read_project_picks(project)
