"""Data sets: what is written comes back, and each fault is found where it was put."""

import json
import os
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from cryogauge.io.session import (
    check_session,
    dataset_schema,
    read_session,
    session_pixels,
    with_computed_places,
    write_session,
)
from cryogauge.io.session.foreign import inside
from cryogauge.io.session.json_schema import breaches
from cryogauge.io.session.tables import inspect_table, write_table
from cryogauge.records import BadInput
from cryogauge.records.session import SCHEMA, TABLES, TERMS, session_table
from tests.io.session.makers import changed, nested_session


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sound")
    write_session(folder / "shared", replace(with_computed_places(nested_session(folder)), pictures={}))
    return folder / "shared"


@pytest.fixture
def bare(sound, tmp_path):
    """A sound data set without pixels."""
    return Path(shutil.copytree(sound, tmp_path / "shared"))


@pytest.fixture
def dataset(tmp_path):
    """A sound data set, and the session it was written from."""
    session = with_computed_places(nested_session(tmp_path))
    write_session(tmp_path / "shared", session)
    return tmp_path / "shared", session


def test_a_session_comes_back_as_it_was(dataset):
    folder, session = dataset
    assert check_session(folder) == []
    found = read_session(folder)
    for name in TABLES:
        expected = session.table(name).drop(columns="file", errors="ignore")
        pd.testing.assert_frame_equal(found.table(name).drop(columns="file", errors="ignore"), expected)
    assert found.about == session.about
    for name in ("atlas", "square", "exposure"):
        pixels, pixel_size_A = session_pixels(folder, found, name)
        np.testing.assert_array_equal(pixels, np.random.default_rng(0).normal(size=(32, 48)).astype(np.float32))
        assert pixel_size_A == found.images.set_index("image").loc[name, "pixel_size_A"]
    assert [path.name for path in folder.parent.iterdir() if path.name.startswith(".")] == []


def test_other_programs_read_it(dataset):
    """pandas the tables, zarr the images."""
    folder, _ = dataset
    images = pd.read_parquet(folder / "images.parquet")
    assert list(images["image"]) == ["atlas", "square", "exposure"]
    group = zarr.open_group(str(folder / images["file"][1]), mode="r")
    described = group.attrs["multiscales"][0]
    assert [axis["name"] for axis in described["axes"]] == ["y", "x"]
    full, half = (group[each["path"]] for each in described["datasets"])
    np.testing.assert_allclose(half[0, 0], full[:2, :2].mean(), rtol=1e-6)
    assert described["datasets"][1]["coordinateTransformations"][0]["scale"] == [800.0, 800.0]


def test_a_folder_with_something_in_it_is_left_alone(dataset, tmp_path):
    folder, session = dataset
    before = sorted(path.name for path in folder.rglob("*"))
    with pytest.raises(BadInput, match="has something in it"):
        write_session(folder, session)
    assert sorted(path.name for path in folder.rglob("*")) == before


def test_an_image_that_cannot_be_read_goes_without_pixels_and_is_noted(tmp_path):
    session = nested_session(tmp_path)
    (tmp_path / "square.mrc").write_bytes((tmp_path / "square.mrc").read_bytes()[:1500])
    session = changed(session, "images", "width_px", 2, 50)
    written = write_session(tmp_path / "shared", session)
    assert list(written.images["file"] != "") == [True, False, False]
    assert [re.search(r"image (\w+) goes without", note)[1] for note in written.about.notes[1:]] == [
        "square",
        "exposure",
    ]
    assert check_session(tmp_path / "shared") == []


@pytest.mark.parametrize(
    ("table", "column", "row", "value", "message"),
    [
        ("grids", "mesh_per_inch", 0, -300.0, "is -300, not a number above 0"),
        ("grids", "grid", 0, "", "is empty"),
        ("images", "image", 1, "atlas", "'atlas' stands above already"),
        ("images", "grid", 1, "h", "'h' is not in the table grids"),
        ("images", "level", 0, "moon", "is 'moon'"),
        ("images", "pixel_size_A", 2, 0.0, "is 0, not a number above 0"),
        ("images", "stage_x_um", 2, np.inf, "is inf, not a finite number"),
        ("images", "recorded_at", 0, "yesterday", "'yesterday' is no time"),
        ("images", "extra", 0, "[1]", "is no JSON object"),
        ("places", "parent", 0, "nowhere", "'nowhere' is not in the table images"),
        ("places", "parent", 0, "exposure", "'exposure' is above itself"),
        ("places", "kind", 0, "star", "is 'star'"),
        ("places", "origin", 1, "guessed", "is 'guessed'"),
        ("places", "outline_x_px", 1, np.array([np.nan, 1, 2, 3]), "has a corner that is no finite number"),
        ("places", "outline_x_px", 1, np.array([0.0, 1, 2]), "has 3 and 4 corners in x and y"),
        ("places", "outline_y_px", 0, np.array([0.0, 1, 2, 900]), "lies beyond its parent"),
        ("labels", "label", 0, "beauty", "'beauty' is explained nowhere"),
        ("labels", "subject", 0, "nobody", "'nobody' is not in the table images"),
        ("labels", "subject_kind", 0, "moon", "is 'moon'"),
        ("labels", "weight", 0, 1.5, "is 1.5"),
        ("labels", "by_kind", 0, "", "is ''"),
        ("measurements", "quantity", 0, "mood", "'mood' is explained nowhere"),
        ("measurements", "value", 0, -np.inf, "is -inf"),
    ],
)
def test_each_fault_is_named_where_it_is(bare, table, column, row, value, message):
    folder = bare
    frame = inspect_table(folder / f"{table}.parquet", table)[1]
    assert frame is not None
    frame.at[row, column] = value
    write_table(folder / f"{table}.parquet", table, frame)
    faults = check_session(folder)
    assert (f"{table}.parquet", row, column) in {(f.file, f.row, f.column) for f in faults if message in f.message}
    assert all(fault.mend for fault in faults)


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ("schema", "cryogauge-session/2", "is 'cryogauge-session/2', not 'cryogauge-session/1'"),
        ("voltage_kV", 0, "not above 0"),
        ("voltage_kV", 10**400, "not number or null"),
        ("cs_mm", True, "is True, not number or null"),
        ("title", 3, "is 3, not string"),
        ("notes", ["a", 1], "is 1, not string"),
        ("terms", {"a": 1}, "is 1, not string"),
        ("colour", "red", "is not known"),
        ("tables", {}, "is missing"),
    ],
)
def test_a_document_that_departs_from_the_schema_is_told(bare, place, value, message):
    folder = bare
    document = json.loads((folder / "dataset.json").read_text())
    document[place] = value
    (folder / "dataset.json").write_text(json.dumps(document))
    faults = check_session(folder)
    assert any(message in fault.message and fault.column.startswith(place) for fault in faults), faults
    with pytest.raises(BadInput, match=r"shared: dataset\.json, "):
        read_session(folder)


def test_a_data_set_that_is_not_whole_is_told(bare, tmp_path):
    folder = bare
    document = json.loads((folder / "dataset.json").read_text())
    document["tables"]["grids"] = {"file": "../grids.parquet", "rows": 1}
    document["tables"]["labels"]["rows"] = 7
    (folder / "dataset.json").write_text(json.dumps(document))
    (folder / "places.parquet").write_text("no table")
    (folder / "measurements.parquet").unlink()
    pd.DataFrame({"image": [1]}).to_parquet(folder / "images.parquet")
    text = "\n".join(map(str, check_session(folder)))
    for message in (
        "tables.grids.file: '../grids.parquet' leads out of the data set",
        "labels.parquet: has 1 rows, dataset.json says 7",
        "places.parquet: is no Parquet file",
        "measurements.parquet: does not exist",
        "images.parquet: has int64 in the column image, not text",
        "images.parquet: lacks the column pixel_size_A",
    ):
        assert message in text
    for content in ("{", "[" * 100_000, "3"):
        (folder / "dataset.json").write_text(content)
        assert [fault.file for fault in check_session(folder)] == ["dataset.json"]
    assert "cannot be read" in str(check_session(tmp_path / "nowhere")[0])


def test_images_that_differ_from_the_table_are_told(dataset):
    folder, _ = dataset
    images = read_session(folder).images
    images.loc[0, "width_px"] = 49
    images.loc[1, "pixel_size_A"] = 401.0
    images.loc[2, "file"] = "images/../../secret"
    images = pd.concat([images, images.iloc[[1]].assign(image="fourth", file="images/none.zarr")], ignore_index=True)
    write_table(folder / "images.parquet", "images", images)
    faults = {(fault.row, fault.message) for fault in check_session(folder) if fault.column == "file"}
    assert (0, "is 32 × 48 pixels, not 32 × 49") in faults
    assert (1, "states pixels of 400 Å, the table 401 Å") in faults
    assert any(row == 2 and "leads out" in message for row, message in faults)
    assert any(row == 3 and "does not exist" in message for row, message in faults)


def test_codecs_that_run_code_are_not_run(dataset):
    folder, _ = dataset
    file = folder / read_session(folder).images["file"][0] / "0" / ".zarray"
    described = json.loads(file.read_text())
    file.write_text(json.dumps(described | {"dtype": "|O", "filters": [{"id": "pickle"}]}))
    assert [fault.row for fault in check_session(folder)] == [0]
    file.write_text(json.dumps(described | {"shape": [10**6, 10**6]}))
    assert "no picture" in check_session(folder)[0].message


@given(st.text(st.sampled_from("ab./\\:C "), min_size=1, max_size=12))
def test_no_name_leads_out_of_the_folder(tmp_path_factory, name):
    folder = tmp_path_factory.getbasetemp() / "in"
    folder.mkdir(exist_ok=True)
    found = inside(folder, name)
    assert found is None or os.path.realpath(found).startswith(os.path.realpath(folder))


def test_a_link_that_leads_out_is_not_followed(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "link").symlink_to(tmp_path)
    assert inside(tmp_path / "in", "link/secret") is None


_numbers = st.one_of(st.just(float("nan")), st.floats(-1e6, 1e6))


@settings(max_examples=20)
@given(
    st.lists(
        st.fixed_dictionaries({
            "place": st.text(max_size=8),
            "stage_x_um": _numbers,
            "outline_x_um": st.lists(_numbers, max_size=4),
        }),
        max_size=4,
    )
)  # fmt: skip
def test_tables_come_back(tmp_path_factory, rows):
    path = tmp_path_factory.getbasetemp() / "places.parquet"
    table = session_table("places", rows)
    write_table(path, "places", table)
    faults, found = inspect_table(path, "places")
    assert not faults
    pd.testing.assert_frame_equal(found, table)


def test_the_json_schema_is_of_this_version_and_knows_what_it_is_made_of():
    schema = dataset_schema()
    assert schema["properties"]["schema"]["const"] == SCHEMA
    assert set(schema["properties"]["tables"]["properties"]) == set(TABLES)
    known = {"$schema", "title", "description", "type", "required", "additionalProperties", "properties", "$defs"}
    known |= {"const", "minimum", "exclusiveMinimum", "items", "$ref"}

    def words(rule):
        yield from rule
        for name in ("properties", "$defs"):
            for each in rule.get(name, {}).values():
                yield from words(each)
        for name in ("items", "additionalProperties"):
            if isinstance(rule.get(name), dict):
                yield from words(rule[name])

    assert set(words(schema)) <= known, "a keyword that the checker does not know would go unchecked"
    assert [place for place, _ in breaches({"schema": SCHEMA}) if place == "schema"] == []


def test_texts_that_are_no_unicode_are_told(bare):
    path = bare / "labels.parquet"
    found = pq.read_table(path)
    broken = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\1\0\0\0"), pa.py_buffer(b"\xff")])
    pq.write_table(found.set_column(found.column_names.index("value"), "value", broken), path)
    assert any(fault.file == "labels.parquet" for fault in check_session(bare))


def test_a_row_with_a_column_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="has no column colour"):
        session_table("grids", [{"grid": "g", "colour": "red"}])


def test_every_column_and_term_is_described():
    page = Path(__file__).parents[3] / "docs" / "reference" / "session-dataset.md"
    if not page.exists():
        pytest.skip("runs from a clone only")
    rows = {tuple(cell.strip() for cell in line.strip("|").split("|")) for line in page.read_text().splitlines()}
    described = {(row[0], row[-1]) for row in rows}
    for table, columns in TABLES.items():
        assert {(f"`{column.name}`", column.meaning) for column in columns} <= described, table
    assert {(f"`{term}`", meaning) for term, meaning in TERMS.items()} <= described
