"""A scorer as a file, and its scores in a table."""

import json

import numpy as np
import pandas as pd
import pytest

from cryogauge.collect.scorers.apply import rescoring
from cryogauge.collect.scorers.model import read_scorer, write_scorer
from cryogauge.collect.scorers.training import train_scorer
from cryogauge.records import BadInput
from tests.collect.scorers.selections import holes, squares

TRAINED = {
    "squares": train_scorer(pd.concat([squares(name) for name in "ab"], ignore_index=True), "squares"),
    "holes": train_scorer(pd.concat([holes(name) for name in "ab"], ignore_index=True), "holes"),
}
IMAGE = np.zeros((4, 4))


@pytest.fixture
def path(tmp_path):
    write_scorer(tmp_path / "mine.json", TRAINED["squares"], "1.2")
    return tmp_path / "mine.json"


def test_what_is_written_is_read(path):
    assert read_scorer(path) == TRAINED["squares"]
    assert json.loads(path.read_text())["version"] == "1.2"


def test_a_table_is_ranked_anew_and_says_why(path):
    table = squares("c")
    ranked = rescoring(str(path), "squares")(table, IMAGE, None)
    assert ranked["score"].is_monotonic_decreasing
    assert sorted(ranked["default_score"]) == sorted(table["score"])
    assert ranked["chosen"].head(10).mean() > 0.7
    assert ranked["why"][0].startswith("whole film; mine.json scores it 0.")
    assert "for it " in ranked["why"][0]
    assert "against it " in ranked["why"].iloc[-1]
    empty = rescoring(str(path), "squares")(table.head(0), IMAGE, None)
    assert list(empty.columns) == list(ranked.columns)


def test_a_hole_that_is_no_target_stays_none(tmp_path):
    write_scorer(tmp_path / "h.json", TRAINED["holes"], "1")
    ranked = rescoring(str(tmp_path / "h.json"), "holes")(holes("c"), IMAGE, None)
    assert (ranked.loc[~ranked["target"], "score"] == 0).all()
    assert set(ranked.loc[~ranked["target"], "why"]) == {"a bright hole"}
    assert ranked.loc[ranked["target"], "score"].head(5).min() > 0.9


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"format": "cryogauge-scorer/9"}, "no scorer of format"),
        ({"what": "lamellae"}, "features that this version does not know"),
        ({"features": ["beauty"]}, "features that this version does not know"),
        ({"bias": "high"}, "damaged"),
        ({"linear": [1.0]}, "numbers are missing"),
        ({"scale": [0.0] * 5}, "scale"),
        ({"mean": [float("nan")] * 5}, "not finite"),
    ],
)
def test_files_that_are_none(path, change, told):
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(BadInput, match=told):
        read_scorer(path)


def test_no_file_and_no_json(tmp_path):
    (tmp_path / "list.json").write_text("[]")
    for name in ("none.json", "list.json"):
        with pytest.raises(BadInput):
            rescoring(str(tmp_path / name), "squares")
