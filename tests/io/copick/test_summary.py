"""What a project is said to hold."""

import numpy as np

from cryogauge.io.copick import (
    describe_project,
    open_project,
    write_features,
    write_mask,
    write_project_picks,
    write_segmentation,
    write_tomogram,
)
from cryogauge.io.copick.summary import count_picks
from tests.io.copick.makers import DATA
from tests.io.copick.test_picks import TABLE

MAKER = {"user": "a", "session": "1"}


def test_everything_by_name(anywhere):
    project = open_project(anywhere)
    for run in ("TS_1", "TS_2"):
        write_tomogram(project, run, DATA, 10.0124, "wbp")
    write_tomogram(project, "TS_1", DATA, 20.0, "denoised")
    write_features(project, "TS_1", 20.0, "denoised", "deep", DATA[None])
    write_project_picks(project, TABLE, **MAKER)
    write_project_picks(project, TABLE[TABLE["tomogram"] == "TS_2"], user="b", session="2")
    labels = np.ones(DATA.shape, np.uint8)
    write_segmentation(project, "TS_2", labels, 10.0124, name="truth", **MAKER)
    write_mask(project, "TS_2", labels, 10.0124, name="ribosome", **MAKER)
    held = describe_project(project)
    assert (held["config"], held["name"], held["type"]) == (str(anywhere), "project", "filesystem")
    assert [(item["name"], item["label"], item["radius_A"], item["is_particle"]) for item in held["objects"]] == [
        ("ribosome", 1, 150.0, True),
        ("apo-ferritin", 2, 60.0, True),
        ("membrane", 3, None, False),
    ]
    first, second = held["runs"]
    assert (first["run"], second["run"]) == ("TS_1", "TS_2")
    assert first["tomograms"] == [
        {"voxel_size_A": 10.012, "kind": "wbp", "read_only": False, "features": []},
        {"voxel_size_A": 20.0, "kind": "denoised", "read_only": False, "features": ["deep"]},
    ]
    assert first["picks"] == [
        {"object": "apo-ferritin", **MAKER, "read_only": False, "count": 1},
        {"object": "ribosome", **MAKER, "read_only": False, "count": 2},
    ]
    assert {(each["name"], each["kind"]) for each in second["segmentations"]} == {
        ("truth", "multilabel"),
        ("ribosome", "binary"),
    }
    assert count_picks(held["runs"]) == [
        {"object": "apo-ferritin", **MAKER, "runs": 1, "count": 1},
        {"object": "ribosome", **MAKER, "runs": 2, "count": 3},
        {"object": "ribosome", "user": "b", "session": "2", "runs": 1, "count": 1},
    ]


def test_what_was_not_counted_has_no_sum():
    picks = [{"object": "a", "user": "u", "session": "s", "count": count} for count in (3, None, 4)]
    assert count_picks([{"picks": [each]} for each in picks])[0]["count"] is None
