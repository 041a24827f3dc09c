"""The JSON of Ptolemy, by its keys and its geometry."""

import json

import numpy as np
import pytest

from cryogauge.collect.targets.holes import find_holes
from cryogauge.collect.targets.ptolemy import ptolemy_holes, ptolemy_squares
from cryogauge.collect.targets.squares import find_squares
from tests.collect.targets.grids import holes, mesh

KEYS = ["vertices", "center", "area", "brightness", "score"]


def polygon_area(vertices):
    x, y = np.array(vertices).T
    return abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2


@pytest.mark.parametrize("what", ["squares", "holes"])
def test_each_entry_is_a_polygon_about_its_centre(what):
    if what == "squares":
        table = find_squares(mesh(shape=(240, 240))[0]).table
        listed = ptolemy_squares(table[~table["partial"].astype(bool)])
    else:
        listed = ptolemy_holes(find_holes(holes(shape=(160, 170), pitch=50, diameter=28)[0]).table)
    again = json.loads(json.dumps(listed))
    assert len(again) > 3
    for entry in again:
        assert list(entry) == KEYS
        assert 0 <= entry["score"] <= 1
        assert np.mean(entry["vertices"], axis=0) == pytest.approx(entry["center"], abs=0.1)
        assert polygon_area(entry["vertices"]) == pytest.approx(entry["area"], rel=0.12)
    assert [e["score"] for e in again] == sorted((e["score"] for e in again), reverse=True)
