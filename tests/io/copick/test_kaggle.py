"""The challenge's folder as Kaggle has it, made of images that zarr wrote and files as copick writes them."""

import json
import logging

import copick
import numpy as np
import pytest
import zarr

from cryogauge.io import find_tomograms, open_volume
from cryogauge.io.copick import (
    describe_project,
    import_kaggle,
    open_project,
    open_tomogram,
    read_project_picks,
    write_project_picks,
)
from cryogauge.records import CZII_OBJECTS, BadInput
from tests.io.copick.makers import DATA

KINDS = ("denoised", "wbp", "ctfdeconvolved", "isonetcorrected")


def image(path, data):
    group = zarr.open_group(str(path), mode="w")
    group.create_dataset("0", data=data, chunks=(3, 4, 4), dimension_separator="/")
    axes = [{"name": name, "type": "space", "unit": "angstrom"} for name in "zyx"]
    scale = [{"type": "scale", "scale": [10.012444196428572] * 3}]
    group.attrs["multiscales"] = [{"axes": axes, "datasets": [{"path": "0", "coordinateTransformations": scale}]}]


def points(name, count):
    matrix = np.eye(4).tolist()
    where = [
        {"location": {"x": 10.0 * i, "y": 1.0, "z": 2.0}, "transformation_": matrix, "instance_id": 0}
        for i in range(count)
    ]
    document = {"pickable_object_name": name, "user_id": "curation", "session_id": "0", "run_name": None}
    return json.dumps(
        document | {"voxel_spacing": None, "unit": "angstrom", "points": where, "trust_orientation": True}
    )


@pytest.fixture
def download(tmp_path):
    """Two runs to train on, with picks of each object, and two to test on, one of them a copy."""
    folder = tmp_path / "czii-cryo-et-object-identification"
    for part, run, kinds in [
        ("train", "TS_5_4", KINDS),
        ("train", "TS_6_4", KINDS),
        ("test", "TS_5_4", KINDS[:1]),
        ("test", "TS_9_9", KINDS[:1]),
    ]:
        for kind in kinds:
            image(folder / part / "static/ExperimentRuns" / run / "VoxelSpacing10.000" / f"{kind}.zarr", DATA)
        if part == "train":
            picks = folder / part / "overlay/ExperimentRuns" / run / "Picks"
            picks.mkdir(parents=True)
            for number, item in enumerate(CZII_OBJECTS):
                (picks / f"{item.name}.json").write_text(points(item.name, number))
    (folder / "sample_submission.csv").write_text("id,experiment,particle_type,x,y,z\n")
    return folder


def contents(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_the_whole_folder(download, tmp_path, caplog):
    before = contents(download)
    with caplog.at_level(logging.WARNING):
        config = import_kaggle(download, tmp_path / "czii")
    assert contents(download) == before
    assert "no picks of TS_9_9" in caplog.text
    project = open_project(config)
    assert project.objects == CZII_OBJECTS
    picks = read_project_picks(project)
    assert picks.groupby("object").size().to_dict() == {item.name: 2 * i for i, item in enumerate(CZII_OBJECTS) if i}
    assert set(picks["user"] + picks["session"]) == {"curation0"}
    assert len(find_tomograms([config])) == 9
    volume = open_volume(find_tomograms([config])[0].uri)
    assert volume.voxel_size_A == pytest.approx(10.0124, abs=1e-4)
    assert np.array_equal(volume.data, DATA)
    linked = tmp_path / "czii/static/ExperimentRuns/TS_5_4/VoxelSpacing10.000/wbp.zarr"
    assert linked.is_symlink()


def test_copick_reads_it(download, tmp_path):
    root = copick.from_file(str(import_kaggle(download, tmp_path / "czii")))
    assert [run.name for run in root.runs] == ["TS_5_4", "TS_6_4", "TS_9_9"]
    run = root.get_run("TS_5_4")
    assert {t.tomo_type for t in run.get_voxel_spacing(10).tomograms} == set(KINDS)
    assert np.array_equal(run.get_voxel_spacing(10).get_tomograms("denoised")[0].numpy(), DATA)
    (ribosomes,) = run.get_picks("ribosome", user_id="curation")
    assert len(ribosomes.points) == 3
    with pytest.raises(PermissionError):
        ribosomes.store()


def test_what_is_written_beside_it(download, tmp_path):
    before = contents(download)
    config = import_kaggle(download, tmp_path / "czii")
    project = open_project(config)
    write_project_picks(project, read_project_picks(project), user="mine", session="1")
    assert len(read_project_picks(project, user="mine")) == len(read_project_picks(project, user="curation"))
    assert contents(download) == before
    held = describe_project(project)["runs"][0]
    assert {each["read_only"] for each in held["tomograms"]} == {True}
    assert {(each["user"], each["read_only"]) for each in held["picks"]} == {("curation", True), ("mine", False)}


@pytest.mark.parametrize("part", ["train", "test", "..", "."])
def test_parts_and_folders_above(download, tmp_path, part):
    config = import_kaggle(download / part, tmp_path / "out" / "czii")
    runs = {"train": ["TS_5_4", "TS_6_4"], "test": ["TS_5_4", "TS_9_9"]}.get(part, ["TS_5_4", "TS_6_4", "TS_9_9"])
    assert [run["run"] for run in describe_project(open_project(config))["runs"]] == runs
    if part == "test":
        with pytest.raises(BadInput, match="holds no picks"):
            read_project_picks(open_project(config))


def test_files_that_were_renamed_before(download, tmp_path):
    for path in download.rglob("Picks/*.json"):
        path.rename(path.with_name(f"curation_0_{path.name}"))
    assert len(read_project_picks(open_project(import_kaggle(download, tmp_path / "czii")))) == 30


def test_an_import_that_was_interrupted_is_done_again(download, tmp_path, monkeypatch):
    monkeypatch.setattr("cryogauge.io.copick.kaggle.create_project", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        import_kaggle(download, tmp_path / "czii")
    monkeypatch.undo()
    config = import_kaggle(download, tmp_path / "czii")
    assert len(read_project_picks(open_project(config))) == 30
    assert np.array_equal(open_tomogram(open_project(config), "TS_6_4", "wbp").data, DATA)
    with pytest.raises(BadInput, match="holds a copick project already"):
        import_kaggle(download, tmp_path / "czii")


def _without_picks(folder):
    for path in folder.rglob("Picks/*.json"):
        path.unlink()


def _without_tomograms(folder):
    for path in folder.rglob("*.zarr"):
        path.rename(path.with_suffix(".zip"))


def _with(name, text):
    def change(folder):
        (folder / "train/overlay/ExperimentRuns/TS_5_4/Picks" / name).write_text(text)

    return change


def _part_of_an_image(folder):
    path = folder / "train/static/ExperimentRuns/TS_5_4/VoxelSpacing10.000/wbp.zarr"
    (path / ".zgroup").unlink()
    (path / ".zattrs").unlink()


def _picks_without_a_run(folder):
    source = folder / "train/overlay/ExperimentRuns/TS_5_4"
    source.rename(source.with_name("TS_77"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_without_picks, "no picks: overlay/ExperimentRuns"),
        (_without_tomograms, "holds no tomogram"),
        (_with("virus.json", "{}"), "virus.json is not called after one of the challenge's objects"),
        (_with("ribosome.json", "{"), "is no JSON"),
        (_with("ribosome.json", "[]"), "holds no picks"),
        (_with("ribosome.json", points("apo-ferritin", 1)), "holds picks of apo-ferritin"),
        (_part_of_an_image, "wbp.zarr is no Zarr image"),
        (_picks_without_a_run, "picks of TS_77 without tomograms"),
    ],
)
def test_folders_that_are_incomplete(download, tmp_path, change, said):
    change(download)
    with pytest.raises(BadInput, match=said) as caught:
        import_kaggle(download, tmp_path / "czii")
    assert caught.value.hint
    assert not (tmp_path / "czii" / "copick.json").exists()


def test_what_is_no_such_folder(tmp_path):
    (tmp_path / "file.zip").write_text("")
    for name, said in [("nothing", "does not exist"), ("file.zip", "is a file"), (".", "not the challenge's folder")]:
        with pytest.raises(BadInput, match=said):
            import_kaggle(tmp_path / name, tmp_path / "czii")
