"""Tomograms in and out, read back by copick's own code, on three kinds of file system."""

from pathlib import Path

import copick
import numpy as np
import pytest
import zarr

from cryogauge.io import content_key, find_tomograms, open_volume
from cryogauge.io.copick import TomogramName, list_tomograms, open_project, open_tomogram, write_tomogram
from cryogauge.io.copick.stores import halved
from cryogauge.records import BadInput
from tests.io.copick.makers import DATA, configuration


def test_copick_reads_what_we_write(anywhere):
    write_tomogram(open_project(anywhere), "TS_1", DATA, 10.0124, "wbp")
    (run,) = copick.from_file(str(anywhere)).runs
    (spacing,) = run.voxel_spacings
    (tomogram,) = spacing.tomograms
    assert (run.name, spacing.voxel_size, tomogram.tomo_type) == ("TS_1", 10.012, "wbp")
    assert np.array_equal(tomogram.numpy(), DATA)
    group = zarr.open(tomogram.zarr(), mode="r")
    assert [group[name].shape for name in ("0", "1", "2")] == [(5, 12, 10), (3, 6, 5), (2, 3, 3)]
    image = group.attrs["multiscales"][0]
    assert image["version"] == "0.4"
    assert [each["coordinateTransformations"][0]["scale"][0] for each in image["datasets"]] == [
        10.0124,
        20.0248,
        40.0496,
    ]
    assert [axis["unit"] for axis in image["axes"]] == ["angstrom"] * 3


def test_we_read_what_copick_writes(anywhere):
    run = copick.from_file(str(anywhere)).new_run("TS_1")
    run.new_voxel_spacing(10.012).new_tomogram("wbp").from_numpy(DATA, levels=2)
    volume = open_tomogram(open_project(anywhere), "TS_1", "wbp")
    assert volume.voxel_size_A == pytest.approx(10.012)
    assert np.array_equal(volume.data, DATA)
    assert np.array_equal(volume.data[2, 3:5], DATA[2, 3:5])
    (found,) = find_tomograms([anywhere])
    assert found.uri == volume.source == f"copick:{anywhere}#TS_1/10.012/wbp"
    assert np.array_equal(open_volume(found.uri).data, DATA)
    assert open_volume(found.uri, pixel_size_A=5.0).voxel_size_A == 5.0


def test_writing_again_replaces(anywhere):
    project = open_project(anywhere)
    write_tomogram(project, "TS_1", DATA, 10.012, "wbp")
    first = content_key(f"copick:{anywhere}#TS_1/10.012/wbp")
    write_tomogram(project, "TS_1", DATA[:, :6] + 1, 10.012, "wbp")
    assert np.array_equal(open_tomogram(project, "TS_1", "wbp").data, DATA[:, :6] + 1)
    assert list_tomograms(project) == [TomogramName("TS_1", 10.012, "wbp")]
    assert content_key(f"copick:{anywhere}#TS_1/10.012/wbp") != first


def test_the_key_of_what_only_copick_reaches_is_its_contents(tmp_path, s3):
    keys = []
    for place, data in (("a", DATA), ("b", DATA), ("c", DATA + 1)):
        path = configuration(tmp_path, f"{place}.json", overlay_root=f"s3://lab/{place}", overlay_fs_args={})
        write_tomogram(open_project(path), "TS_1", data, 10.012, "wbp")
        keys.append(content_key(f"copick:{path}#TS_1/10.012/wbp"))
    assert keys[0] == keys[1] != keys[2]


def test_an_interrupted_writing_leaves_the_old_one(project, monkeypatch):
    write_tomogram(project, "TS_1", DATA, 10.012, "wbp")

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("zarr.hierarchy.Group.create_dataset", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_tomogram(project, "TS_1", DATA + 1, 10.012, "wbp")
    assert np.array_equal(open_tomogram(project, "TS_1", "wbp").data, DATA)
    folder = Path(project.root.root_overlay, "ExperimentRuns", "TS_1", "VoxelSpacing10.012")
    assert sorted(path.name for path in folder.iterdir()) == ["wbp.zarr"]


def test_what_is_read_only_stays_as_it_is(tmp_path):
    (tmp_path / "static").mkdir()
    write_tomogram(
        open_project(configuration(tmp_path, overlay_root=f"local://{tmp_path}/static")), "TS_1", DATA, 10.012, "wbp"
    )
    project = open_project(configuration(tmp_path, static_root=f"local://{tmp_path}/static"))
    with pytest.raises(BadInput, match="read-only part"):
        write_tomogram(project, "TS_1", DATA, 10.012, "wbp")
    write_tomogram(project, "TS_1", DATA + 1, 10.012, "denoised")
    assert np.array_equal(open_tomogram(project, "TS_1", "denoised").data, DATA + 1)
    assert np.array_equal(open_tomogram(project, "TS_1", "wbp", 10.0121).data, DATA)
    assert (tmp_path / "overlay" / "ExperimentRuns" / "TS_1" / "VoxelSpacing10.012" / "denoised.zarr").is_dir()


def test_which_is_meant(project):
    for size_A in (10.012, 20.024):
        write_tomogram(project, "TS_1", DATA, size_A, "wbp")
    with pytest.raises(BadInput, match=r"TS_1 has wbp at 10.012, 20.024 Å"):
        open_tomogram(project, "TS_1", "wbp")
    assert open_tomogram(project, "TS_1", "wbp", 20.024).voxel_size_A == pytest.approx(20.024)
    with pytest.raises(BadInput, match="no tomogram") as caught:
        open_tomogram(project, "TS_1", "denoised")
    assert "10.012/wbp, 20.024/wbp" in caught.value.hint
    with pytest.raises(BadInput, match="no run TS_2") as caught:
        open_tomogram(project, "TS_2", "wbp")
    assert "TS_1" in caught.value.hint


@pytest.mark.parametrize(
    ("run", "data", "size_A", "kind", "said"),
    [
        ("../TS_1", DATA, 10, "wbp", "name of a run"),
        ("TS[1]", DATA, 10, "wbp", "name of a run"),
        (".TS", DATA, 10, "wbp", "name of a run"),
        ("TS_1", DATA, 10, "with_underscore", "takes no underscores"),
        ("TS_1", DATA, 10, "../wbp", "takes no underscores"),
        ("TS_1", DATA, 10, "features", "cannot be called"),
        ("TS_1", DATA, 0, "wbp", "cannot be"),
        ("TS_1", DATA[0], 10, "wbp", "no tomogram"),
        ("TS_1", DATA * np.nan, 10, "wbp", "no tomogram"),
    ],
)
def test_what_cannot_be_written(project, run, data, size_A, kind, said):
    with pytest.raises(BadInput, match=said):
        write_tomogram(project, run, data, size_A, kind)
    assert list_tomograms(project) == []


def test_halving_takes_means():
    data = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    small = halved(data)
    assert small.shape == (1, 2, 2)
    assert small[0, 0, 0] == data[:, :2, :2].mean()
    assert small[0, 1, 1] == data[:, 2, 2:].mean()
