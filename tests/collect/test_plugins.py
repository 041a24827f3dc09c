"""Scorers and judges of other packages: one that is really installed, and those that do what they should not."""

import sys

import numpy as np
import pytest
from PIL import Image

from cryogauge.collect.judge.batch import with_judges
from cryogauge.collect.judge.exposure import Exposure
from cryogauge.collect.judge.judge import EXPOSURE_COLUMNS
from cryogauge.collect.judge.page import write_exposures
from cryogauge.collect.plugins import JUDGES, SCORERS, checked_scores, checked_verdict, known_plugins, load_plugin
from cryogauge.collect.scorers.apply import rescoring
from cryogauge.records import BadInput
from tests.collect.scorers.selections import squares

_CODE = """
def by_place(what, table, image, pixel_size_A):
    return table["x_px"] / image.shape[1]

def wild(what, table, image, pixel_size_A):
    return [2.0] * len(table)

def sharp(image, pixel_size_A):
    return {"score": 0.5, "spread": float(image.std())}

NUMBER = 3
"""
_ENTRIES = """
[cryogauge.scorers]
leftmost = quiet_plugin:by_place
wild = quiet_plugin:wild
number = quiet_plugin:NUMBER
gone = quiet_plugin:not_there

[cryogauge.judges]
sharp = quiet_plugin:sharp
"""


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A package as pip leaves it: a module and its dist-info, on the path."""
    (tmp_path / "quiet_plugin.py").write_text(_CODE)
    info = tmp_path / "quiet_plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: quiet-plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(_ENTRIES)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    sys.modules.pop("quiet_plugin", None)


def test_an_installed_scorer_ranks(installed):
    assert "leftmost" in known_plugins(SCORERS)
    assert "quiet_plugin" not in sys.modules  # known without being loaded
    ranked = rescoring("leftmost", "squares")(squares("a"), np.zeros((1000, 1000)), 2000.0)
    assert ranked["x_px"].is_monotonic_decreasing
    assert "leftmost scores it" in ranked["why"][0]


def test_scorers_that_are_wrong_are_told(installed):
    with pytest.raises(BadInput, match="no scorer is called 'none'") as told:
        load_plugin(SCORERS, "none")
    assert "leftmost" in told.value.hint
    with pytest.raises(BadInput, match=r"gone .* cannot be loaded"):
        load_plugin(SCORERS, "gone")
    with pytest.raises(BadInput, match=r"number .* is no function"):
        load_plugin(SCORERS, "number")
    with pytest.raises(BadInput, match="beyond 0 and 1"):
        rescoring("wild", "squares")(squares("a"), np.zeros((10, 10)), None)
    for scores, said in [([0.5], r"shape \(1,\) for 2"), (["a", "b"], "no number"), ([0.1, np.nan], "beyond")]:
        with pytest.raises(BadInput, match=said):
            checked_scores("other", scores, 2)


def test_judges_give_numbers_by_their_names(installed):
    verdict = load_plugin(JUDGES, "sharp")(np.zeros((4, 4), np.float32), 1.0)
    assert checked_verdict("sharp", verdict) == {"sharp_score": 0.5, "sharp_spread": 0.0}
    for wrong, said in [(3, "no mapping"), ({"a": "b"}, "no number"), ({"score": 2}, "beyond 0 and 1")]:
        with pytest.raises(BadInput, match=said):
            checked_verdict("sharp", wrong)


def test_a_judge_of_a_plug_in_joins_in(installed, tmp_path):
    exposure = Exposure(np.ones((4, 4), np.float32), 1.0, 1, np.zeros((0, 2)), False)
    row = with_judges({"score": 0.8, "kind": "great"}, exposure, ["sharp"])
    assert row == {"score": 0.4, "kind": "great", "sharp_score": 0.5, "sharp_spread": 0.0}
    with pytest.raises(BadInput, match="no judge is called"):
        with_judges(row, exposure, ["blunt"])
    full = dict.fromkeys(EXPOSURE_COLUMNS, 0.0) | {"exposure": "one", "kind": "great", "flags": "", "said": "Fine."}
    full |= {"path": "one", "picture": "p.jpg", "spectrum": "", "particles": 0}
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "p.jpg")
    table = write_exposures(tmp_path, [full | row], [], {})
    assert tuple(table.columns) == (*EXPOSURE_COLUMNS, "sharp_score", "sharp_spread")
