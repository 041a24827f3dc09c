"""Making and opening projects."""

import json
import logging
import shutil

import copick
import pytest

from cryogauge.io.copick import create_project, open_project, run_names, write_tomogram
from cryogauge.pick.challenge import read_objects
from cryogauge.records import CZII_OBJECTS, BadInput, PickObject, Retryable
from tests.io.copick.makers import DATA, OBJECTS, configuration

TWO = (PickObject("ribosome", 1, 150.0, 2.0, "EMD-3883"), PickObject("ATPase", 7, 100.0, 0.5, "PDB-1ABC"))


def test_copick_opens_what_we_make(tmp_path):
    path = create_project(tmp_path / "deep" / "mine", TWO, description="two")
    root = copick.from_file(str(path))
    assert (root.config.name, root.config.description) == ("mine", "two")
    first, second = root.pickable_objects
    assert (first.name, first.label, first.radius, first.emdb_id) == ("ribosome", 1, 150.0, "EMD-3883")
    assert (second.name, second.label, second.radius, second.pdb_id) == ("ATPase", 7, 100.0, "PDB-1ABC")
    assert first.is_particle
    assert root.runs == []
    root.new_run("TS_1")
    assert run_names(open_project(path)) == ["TS_1"]


@pytest.mark.parametrize("objects", [TWO, CZII_OBJECTS, ()], ids=["two", "czii", "none"])
def test_objects_come_back(tmp_path, objects):
    assert open_project(create_project(tmp_path, objects)).objects == tuple(objects)


def test_objects_that_copick_described(tmp_path, caplog):
    """A membrane is no particle; a particle without a radius cannot be scored and is named."""
    more = [*OBJECTS, {"name": "spike", "is_particle": True, "label": 9}]
    with caplog.at_level(logging.WARNING):
        project = open_project(configuration(tmp_path, pickable_objects=more))
    assert project.objects == (PickObject("ribosome", 1, 150.0), PickObject("apo-ferritin", 2, 60.0, 1.0, "EMD-41923"))
    assert "spike is left out: spike has a radius of 0" in caplog.text


def test_objects_without_a_weight_have_the_challenges(tmp_path):
    kinds = [
        {"name": name, "is_particle": True, "label": label, "radius": 90.0} | more
        for label, (name, more) in enumerate(
            [
                ("beta-amylase", {}), ("beta-galactosidase", {"metadata": {"map": "x"}}),
                ("thyroglobulin", {"metadata": {"weight": 5}}), ("spike", {}),
            ], 1,
        )
    ]  # fmt: skip
    config = configuration(tmp_path, pickable_objects=kinds)
    assert [each.weight for each in open_project(config).objects] == [0.0, 2.0, 5.0, 1.0]
    assert open_project(config).objects == read_objects(config)


def test_a_folder_that_was_moved(tmp_path, caplog):
    old = create_project(tmp_path / "old", TWO)
    write_tomogram(open_project(old), "TS_1", DATA, 10.0, "wbp")
    shutil.move(tmp_path / "old", tmp_path / "new")
    with caplog.at_level(logging.WARNING):
        project = open_project(tmp_path / "new" / "copick.json")
    assert run_names(project) == ["TS_1"]
    assert "is gone" in caplog.text
    write_tomogram(project, "TS_2", DATA, 10.0, "wbp")
    assert (tmp_path / "new" / "overlay" / "ExperimentRuns" / "TS_2").is_dir()
    assert not (tmp_path / "old").exists()


def test_a_root_that_is_there_is_not_looked_for_elsewhere(tmp_path):
    first = create_project(tmp_path / "a", TWO)
    write_tomogram(open_project(first), "TS_1", DATA, 10.0, "wbp")
    create_project(tmp_path / "b", TWO)
    shutil.copy(first, tmp_path / "b" / "copick.json")
    assert run_names(open_project(tmp_path / "b" / "copick.json")) == ["TS_1"]


def test_projects_that_cannot_be_made(tmp_path):
    create_project(tmp_path / "mine", TWO)
    with pytest.raises(BadInput, match="holds a copick project already"):
        create_project(tmp_path / "mine", TWO)
    with pytest.raises(BadInput, match="two objects have the name ribosome"):
        create_project(tmp_path / "a", [TWO[0], PickObject("ribosome", 2, 1.0)])
    with pytest.raises(BadInput, match="two objects have the label 1"):
        create_project(tmp_path / "a", [TWO[0], PickObject("other", 1, 1.0)])
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="cannot be made"):
        create_project(tmp_path / "file" / "a", TWO)
    assert not (tmp_path / "a").exists()


def test_a_folder_is_no_configuration(tmp_path):
    with pytest.raises(BadInput, match="is a folder") as caught:
        open_project(tmp_path)
    assert caught.value.hint.endswith("copick.json")


def test_a_run_config_that_lists_runs_itself(tmp_path):
    """copick makes abstract runs of such a list, which cannot be asked for anything."""
    (tmp_path / "overlay" / "ExperimentRuns" / "TS_1").mkdir(parents=True)
    assert run_names(open_project(configuration(tmp_path, runs=["TS_1", "TS_9"]))) == ["TS_1"]


def test_a_server_that_is_not_there(tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    path = configuration(tmp_path, overlay_root="s3://lab/project", overlay_fs_args={"anon": True})
    with pytest.raises(Retryable, match="cannot be reached"):
        run_names(open_project(path))


def test_a_package_that_is_not_there(tmp_path):
    path = configuration(tmp_path, overlay_root="dropbox://project", overlay_fs_args={})
    with pytest.raises(BadInput, match="a package is needed"):
        open_project(path)


def test_a_folder_that_copick_cannot_take_apart(tmp_path):
    from cryogauge.io.copick import list_tomograms

    (tmp_path / "overlay" / "ExperimentRuns" / "TS_1" / "VoxelSpacing10.000_old").mkdir(parents=True)
    with pytest.raises(BadInput, match=r"not laid out as copick has it.*10.000_old"):
        list_tomograms(open_project(configuration(tmp_path)))


def test_the_configuration_names_the_folder(tmp_path):
    document = json.loads(create_project(tmp_path, TWO).read_text())
    assert document["overlay_root"] == f"local://{tmp_path}/overlay"
