import json

import pandas as pd
import pytest

from cryogauge.pick.audit.batch import collect, find_judges, judges_of
from cryogauge.pick.audit.look import EVIDENCE_COLUMNS
from cryogauge.records import BadInput


def fold(folder, learned=None):
    """A folder of weights, with what they have learned from where it is told."""
    folder.mkdir()
    if learned is not None:
        (folder / "order.json").write_text(json.dumps({"learned": learned, "kept_out": [], "ordered": {}}))
    return folder / "picker.safetensors"


def test_every_tomogram_is_judged_by_those_that_have_not_learned_it(tmp_path):
    paths = [fold(tmp_path / "a", ["t1", "t2"]), fold(tmp_path / "b", ["t2", "t3"]), fold(tmp_path / "c", ["t2"])]
    judges = find_judges(paths)
    names = {name: [each.weights.parent.name for each in judges_of(name, judges)] for name in ("t1", "t2", "t3", "t4")}
    assert names == {"t1": ["b", "c"], "t2": ["a", "b", "c"], "t3": ["a", "c"], "t4": ["a", "b", "c"]}
    unknown = find_judges([fold(tmp_path / "d")])
    assert unknown[0].learned is None
    assert not unknown[0].remembers("t1")


def test_a_damaged_order_is_told(tmp_path):
    path = fold(tmp_path / "a", ["t1"])
    for bad in ("{", '{"kept_out": []}', "[]"):
        (tmp_path / "a" / "order.json").write_text(bad)
        with pytest.raises(BadInput, match=r"order\.json"):
            find_judges([path])


def test_names_such_as_na_stay_names(tmp_path):
    row = dict.fromkeys(EVIDENCE_COLUMNS, 0.5) | {
        "tomogram": "0012",
        "role": "label",
        "object": "NA",
        "has": "",
        "other": "",
    }
    pd.DataFrame([row]).to_csv(tmp_path / "e.csv", index=False)
    table = collect(tmp_path, ["e.csv"])
    assert table[["tomogram", "object", "other"]].to_numpy().tolist() == [["0012", "NA", ""]]
    assert list(collect(tmp_path, []).columns) == list(EVIDENCE_COLUMNS)
