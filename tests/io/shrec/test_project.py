import json

import numpy as np
import pytest

from cryogauge.io.copick import open_project, open_tomogram, read_project_picks, read_segmentation
from cryogauge.io.picks.angles import matrices
from cryogauge.io.shrec import import_shrec, read_shrec
from cryogauge.records import BadInput
from tests.io.shrec import makers


def test_a_set_becomes_a_project(tmp_path):
    for number in (0, 9):
        makers.set_2020(tmp_path / "set", number)
    told = []
    config = import_shrec(tmp_path / "set", tmp_path / "p", on_run=told.append)
    assert told == ["model_0", "model_9"]
    project = open_project(config)
    assert [(each.name, each.label) for each in project.objects] == [("4d8q", 1), ("1bxn", 2), ("1s3x", 3)]
    truth = read_shrec(tmp_path / "set" / "model_9").picks
    found = read_project_picks(project, user="shrec", session="0", runs=["model_9"])
    for name, of in truth.groupby("object"):
        there = found[found["object"] == name]
        assert there[["x_A", "y_A", "z_A"]].to_numpy() == pytest.approx(of[["x_A", "y_A", "z_A"]].to_numpy())
        turns = [matrices(each[["rot", "tilt", "psi"]].to_numpy()) for each in (there, of)]
        assert turns[0] == pytest.approx(turns[1], abs=1e-6)
    volume = open_tomogram(project, "model_9", "wbp")
    assert np.asarray(volume.data[:]) == pytest.approx(makers.grey(18))
    labels = read_segmentation(project, "model_9", 10.0, name="particles")
    assert np.array_equal(labels[4:14], np.array([0, 2, 1, 3, 2])[makers.occupancy()])


def test_orientations_of_2019_are_not_to_be_trusted(tmp_path):
    makers.set_2019(tmp_path / "set")
    config = import_shrec(tmp_path / "set", tmp_path / "p")
    written = json.loads((config.parent / "overlay/ExperimentRuns/model_9/Picks/shrec_0_1bxn.json").read_text())
    assert written["trust_orientation"] is False


def test_an_interrupted_import_goes_on(tmp_path):
    for number in (0, 1):
        makers.set_2021(tmp_path / "set", number)

    class Stopped(Exception):
        pass

    def stop(name):
        raise Stopped

    with pytest.raises(Stopped):
        import_shrec(tmp_path / "set", tmp_path / "p", on_run=stop)
    first = tmp_path / "p/overlay/ExperimentRuns/model_0/Picks/shrec_0_1bxn.json"
    before = first.stat().st_mtime_ns
    config = import_shrec(tmp_path / "set", tmp_path / "p")
    assert first.stat().st_mtime_ns == before
    picks = read_project_picks(open_project(config), user="shrec")
    assert sorted(picks["tomogram"].unique()) == ["model_0", "model_1"]


def test_another_project_is_not_written_into(tmp_path):
    makers.set_2020(tmp_path / "one")
    makers.set_2020(tmp_path / "two")
    import_shrec(tmp_path / "one", tmp_path / "p")
    with pytest.raises(BadInput, match="holds another copick project"):
        import_shrec(tmp_path / "two", tmp_path / "p")


def test_a_set_without_any_truth(tmp_path):
    (makers.set_2020(tmp_path / "one") / "particle_locations.txt").unlink()
    with pytest.raises(BadInput, match="has no list of particles"):
        import_shrec(tmp_path / "one", tmp_path / "p")
