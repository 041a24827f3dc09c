"""Selections as people keep them: tables, Navigator files, SmartScope's exports, data sets."""

import numpy as np
import pandas as pd
import pytest
import yaml

from cryogauge.collect.scorers.labels import read_labelled, scaled_ratings
from cryogauge.collect.targets.squares import find_squares
from cryogauge.io import write_mrc
from cryogauge.io.session.door import import_session
from cryogauge.io.session.write import write_session
from cryogauge.records import BadInput
from tests.collect.scorers.selections import squares
from tests.collect.targets.grids import mesh

IMAGE, CENTRES, _ = mesh((192, 224), pitch=56.0, side=36.0, seed=3)
INNER = CENTRES[(CENTRES > 28).all(1) & (np.array(IMAGE.shape[::-1]) - 28 > CENTRES).all(1)]
FOUND = find_squares(IMAGE).table

_MAP = """AdocVersion = 2.00

[Item = 1]
StageXYZ = 0 0 0
NumPts = 5
Regis = 1
Type = 2
MapFile = atlas.mrc
MapID = 4711
MapScaleMat = 1 0 0 -1
MapWidthHeight = 224 192
PtsX = -112 112 112 -112 -112
PtsY = -96 -96 96 96 -96
"""


def _nav(folder):
    """An atlas of which two squares were marked to acquire, and one item that lies on a bar."""
    write_mrc(folder / "atlas.mrc", IMAGE[None].astype(np.float32), 2000.0)
    items = [_MAP]
    (dx, dy) = (INNER[0] + INNER[1]) / 2 - INNER[0]
    places = [(INNER[0], 1), (INNER[1], 1), (INNER[0] + [dx, dy], 0)]
    for number, ((x, y), acquire) in enumerate(places, 2):
        stage = f"{x - 111.5} {y - 95.5}"
        items.append(
            f"\n[Item = {number}]\nStageXYZ = {stage} 0\nNumPts = 1\nRegis = 1\nType = 0\nDrawnID = 4711\n"
            f"Acquire = {acquire}\nPtsX = {x - 111.5}\nPtsY = {y - 95.5}\n"
        )
    (folder / "grid1.nav").write_text("".join(items))
    return folder / "grid1.nav"


def _chosen_at(table, place):
    away = np.hypot(table["x_px"] - place[0], table["y_px"] - place[1])
    return table["chosen"][away.idxmin()]


def test_tables_of_ours(tmp_path):
    table = squares("unused").drop(columns=["grid"]).assign(image="atlas.png")
    for name, values in (("one", ["yes", "no"]), ("two", ["5", ""])):
        (tmp_path / name).mkdir()
        table.assign(chosen=np.resize(values, len(table))).to_csv(tmp_path / name / "squares.csv", index=False)
    read = read_labelled([tmp_path / "one" / "squares.csv", tmp_path / "two" / "squares.csv"], "squares").table
    assert read["grid"].nunique() == 2  # of the same name, in different folders
    assert read["chosen"][:2].tolist() == [1, 0]
    assert np.isnan(read["chosen"].iloc[-1])
    assert scaled_ratings([1, 5, float("nan"), 3]).tolist()[:2] == [0, 1]
    assert scaled_ratings([0.2, 0.6]).tolist() == [0.2, 0.6]


def test_items_to_acquire_are_selected_and_the_others_of_their_map_left(tmp_path):
    read = read_labelled([_nav(tmp_path)], "squares")
    assert [_chosen_at(read.table, place) for place in INNER[:3]] == [1, 1, 0]
    assert read.table["chosen"].sum() == 2
    assert read.table["chosen"].notna().all()
    assert "1 of 3 labelled places" in read.notes[0]


def test_a_data_set_says_the_same(tmp_path):
    session = import_session([_nav(tmp_path)])
    write_session(tmp_path / "shared", session)
    mine = read_labelled([tmp_path / "grid1.nav"], "squares").table["chosen"]
    assert read_labelled([tmp_path / "shared"], "squares").table["chosen"].tolist() == mine.tolist()


def test_smartscopes_classes_need_to_be_told_which_are_good(tmp_path):
    folder = tmp_path / "atlas"
    folder.mkdir()
    entries = []
    for name in ("one", "two"):
        write_mrc(folder / f"{name}.mrc", IMAGE[None].astype(np.float32), 2000.0)
        targets = [
            {"coordinates": [float(x - 15), float(y - 15), float(x + 15), float(y + 15)], "label": label}
            for (x, y), label in zip(INNER[:3], ("square", "cracked", "square"), strict=True)
        ]
        entries.append({"image": f"{name}.mrc", "shape_x": 192, "shape_y": 224, "targets": targets})
    (folder / "metadata.yaml").write_text(yaml.safe_dump(entries))
    with pytest.raises(BadInput, match="classes, not selections") as told:
        read_labelled([folder], "squares")
    assert "cracked, square" in told.value.hint
    read = read_labelled([folder], "squares", ["square"])
    one = read.table[read.table["image"].str.endswith("one")].reset_index()
    assert [_chosen_at(one, place) for place in INNER[:3]] == [1, 0, 1]
    assert one["chosen"].isna().sum() == len(FOUND) - 3  # of which nothing was said
    assert read.table["grid"].nunique() == 2
    assert "images are kept out in turn" in read.notes[-1]


def test_what_has_no_labels(tmp_path):
    (tmp_path / "plain.csv").write_text("a,b\n1,2\n")
    with pytest.raises(BadInput, match="no column chosen"):
        read_labelled([tmp_path / "plain.csv"], "squares")
    with pytest.raises(BadInput, match="cannot be read"):
        read_labelled([tmp_path / "none.csv"], "squares")
    pd.DataFrame({"chosen": ["perhaps"], "score": [1]}).to_csv(tmp_path / "odd.csv")
    with pytest.raises(BadInput, match="perhaps"):
        read_labelled([tmp_path / "odd.csv"], "squares")
    _nav(tmp_path)
    (tmp_path / "atlas.mrc").unlink()
    with pytest.raises(BadInput, match="nothing labelled") as told:
        read_labelled([tmp_path / "grid1.nav"], "squares")
    assert "no picture" in told.value.hint
