"""Segmentations in and out, against copick's own objects, on three kinds of file system."""

import copick
import numpy as np
import pytest

from cryogauge.io.copick import (
    open_project,
    read_mask,
    read_segmentation,
    write_mask,
    write_segmentation,
    write_tomogram,
)
from cryogauge.records import BadInput
from tests.io.copick.makers import DATA, configuration

LABELS = np.random.default_rng(2).integers(0, 4, DATA.shape).astype(np.uint8)
MINE = {"name": "truth", "user": "phantom", "session": "0"}
RIBOSOMES = MINE | {"name": "ribosome"}


def with_run(config):
    project = open_project(config)
    write_tomogram(project, "TS_1", DATA, 10.012, "wbp")
    return project


def test_copick_reads_what_we_write(anywhere):
    project = with_run(anywhere)
    write_segmentation(project, "TS_1", LABELS, 10.012, **MINE)
    write_mask(project, "TS_1", LABELS == 1, 10.012, **RIBOSOMES)
    run = copick.from_file(str(anywhere)).get_run("TS_1")
    (labels,) = run.get_segmentations(is_multilabel=True, name="truth", user_id="phantom", session_id="0")
    (mask,) = run.get_segmentations(is_multilabel=False, name="ribosome", voxel_size=10.012)
    assert np.array_equal(labels.numpy(), LABELS)
    assert labels.numpy().dtype == np.uint8
    assert np.array_equal(mask.numpy(), LABELS == 1)
    assert len(run.segmentations) == 2
    assert np.array_equal(read_segmentation(project, "TS_1", 10.012, name="truth"), LABELS)
    assert np.array_equal(read_mask(project, "TS_1", 10.012, name="ribosome"), LABELS == 1)


def test_we_read_what_copick_writes(anywhere):
    project = with_run(anywhere)
    run = copick.from_file(str(anywhere)).get_run("TS_1")
    run.new_segmentation(10.012, "cells", "3", True, "me").from_numpy(LABELS, levels=1)
    run.new_segmentation(10.012, "membrane", "3", False, "me").from_numpy((LABELS == 3).astype(np.uint8))
    assert np.array_equal(read_segmentation(project, "TS_1", 10.0121, name="cells", user="me"), LABELS)
    assert np.array_equal(read_mask(project, "TS_1", 10.012, name="membrane"), LABELS == 3)


def test_which_is_meant(project):
    write_tomogram(project, "TS_1", DATA, 10.012, "wbp")
    write_segmentation(project, "TS_1", LABELS, 10.012, **MINE)
    write_segmentation(project, "TS_1", LABELS[::-1], 10.012, **MINE | {"session": "1"})
    with pytest.raises(BadInput, match="several of the segmentation truth") as caught:
        read_segmentation(project, "TS_1", 10.012, name="truth")
    assert "phantom/0, phantom/1" in caught.value.hint
    assert np.array_equal(read_segmentation(project, "TS_1", 10.012, name="truth", session="1"), LABELS[::-1])
    with pytest.raises(BadInput, match="no segmentation other") as caught:
        read_segmentation(project, "TS_1", 10.012, name="other")
    assert "truth (multilabel, 10.012 Å, by phantom)" in caught.value.hint
    with pytest.raises(BadInput, match=r"at 5\.000 Å"):
        read_segmentation(project, "TS_1", 5.0, name="truth")


def test_writing_again_replaces(project):
    write_tomogram(project, "TS_1", DATA, 10.012, "wbp")
    for labels in (LABELS, LABELS[:, :4]):
        write_segmentation(project, "TS_1", labels, 10.012, **MINE)
    assert np.array_equal(read_segmentation(project, "TS_1", 10.012, name="truth"), LABELS[:, :4])


def test_what_is_read_only_stays_as_it_is(tmp_path):
    (tmp_path / "static").mkdir()
    below = with_run(configuration(tmp_path, overlay_root=f"local://{tmp_path}/static"))
    write_segmentation(below, "TS_1", LABELS, 10.012, **MINE)
    project = open_project(configuration(tmp_path, static_root=f"local://{tmp_path}/static"))
    with pytest.raises(BadInput, match="read-only part"):
        write_segmentation(project, "TS_1", LABELS[::-1], 10.012, **MINE)
    assert np.array_equal(read_segmentation(project, "TS_1", 10.012, name="truth"), LABELS)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (LABELS.astype(float), "holds no labels"),
        (LABELS[0], "holds no labels"),
        (LABELS.astype(np.int16) - 1, "holds no labels"),
        (LABELS.astype(np.uint16) + 254, "holds no labels"),
    ],
)
def test_what_cannot_be_written(project, labels, said):
    write_tomogram(project, "TS_1", DATA, 10.012, "wbp")
    with pytest.raises(BadInput, match=said):
        write_segmentation(project, "TS_1", labels, 10.012, **MINE)


def test_names_that_cannot_be_written(project):
    write_tomogram(project, "TS_1", DATA, 10.012, "wbp")
    for change in ({"name": "a_b"}, {"user": "a/b"}, {"session": ""}, {"name": "truth-multilabel"}):
        with pytest.raises(BadInput, match="cannot be"):
            write_segmentation(project, "TS_1", LABELS, 10.012, **MINE | change)
    with pytest.raises(BadInput, match="no run TS_2"):
        write_segmentation(project, "TS_2", LABELS, 10.012, **MINE)
    with pytest.raises(BadInput, match="no object truth"):
        write_mask(project, "TS_1", LABELS == 1, 10.012, **MINE)
    with pytest.raises(BadInput, match="values up to 3"):
        write_mask(project, "TS_1", LABELS, 10.012, **RIBOSOMES)
