"""Features in and out, against copick's own objects, on three kinds of file system."""

import copick
import numpy as np
import pytest
import zarr

from cryogauge.io.copick import (
    feature_names,
    list_tomograms,
    open_features,
    open_project,
    write_features,
    write_tomogram,
)
from cryogauge.records import BadInput
from tests.io.copick.makers import DATA

FEATURES = np.random.default_rng(4).normal(size=(3, *DATA.shape)).astype(np.float32)
WHERE = ("TS_1", 10.012, "wbp")


def test_copick_reads_what_we_write(anywhere):
    project = open_project(anywhere)
    write_tomogram(project, "TS_1", DATA, 10.012, "wbp")
    write_features(project, *WHERE, "skimage", FEATURES)
    (tomogram,) = copick.from_file(str(anywhere)).get_run("TS_1").get_voxel_spacing(10.012).tomograms
    (features,) = tomogram.features
    assert features.feature_type == "skimage"
    assert np.array_equal(features.numpy(), FEATURES)
    image = zarr.open(features.zarr(), mode="r").attrs["multiscales"][0]
    assert [axis["name"] for axis in image["axes"]] == ["c", "z", "y", "x"]
    assert image["datasets"][0]["coordinateTransformations"][0]["scale"] == [1.0, 10.012, 10.012, 10.012]
    opened = open_features(project, *WHERE, "skimage")
    assert opened.shape == FEATURES.shape
    assert np.array_equal(opened[1, 2:4], FEATURES[1, 2:4])
    assert feature_names(project, *WHERE) == ["skimage"]
    assert [each.kind for each in list_tomograms(project)] == ["wbp"]


def test_we_read_what_copick_writes(project):
    write_tomogram(project, "TS_1", DATA, 10.012, "wbp")
    (tomogram,) = copick.from_file(project.config).get_run("TS_1").get_voxel_spacing(10.012).tomograms
    store = tomogram.new_features("deep").zarr()
    zarr.group(store).create_dataset("0", data=FEATURES, chunks=(3, 2, 5, 5), dimension_separator="/")
    assert np.array_equal(open_features(project, *WHERE, "deep")[:], FEATURES)


def test_what_cannot_be(project):
    write_tomogram(project, "TS_1", DATA, 10.012, "wbp")
    with pytest.raises(BadInput, match="no features deep") as caught:
        open_features(project, *WHERE, "deep")
    assert caught.value.hint == "it has none"
    with pytest.raises(BadInput, match="holds no features"):
        write_features(project, *WHERE, "deep", FEATURES[0])
    with pytest.raises(BadInput, match="takes no underscores"):
        write_features(project, *WHERE, "a_b", FEATURES)
    with pytest.raises(BadInput, match="no tomogram"):
        write_features(project, "TS_1", 10.012, "denoised", "deep", FEATURES)
