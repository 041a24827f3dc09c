"""What people name, and what they mean by it."""

import logging
import os

import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st

from cryogauge.io import TomogramSource, find_tomograms
from cryogauge.io.find import _names
from cryogauge.records import BadInput


@pytest.fixture
def tree(tmp_path, monkeypatch):
    for name in [
        "TS_2.mrc",
        "TS_10.rec",
        "notes.md",
        "picture.png",
        "day1/TS_1.mrc",
        "day2/TS_1.MRC.GZ",
        "day2/deep/er/volume.hdf",
        "day2/stack.tif",
        ".hidden/TS_3.mrc",
        "day1/.TS_4.mrc.part",
        "day1/.TS_4.mrc",
    ]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    group = zarr.open_group(str(tmp_path / "day1" / "cell.zarr"), mode="w")
    group.create_dataset("0", data=np.zeros((2, 3, 4)))
    (tmp_path / "day1" / "cell.zarr" / "inside.mrc").write_text("x")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def uris(*inputs):
    return [each.uri for each in find_tomograms(inputs)]


def test_a_folder_through_and_through(tree):
    found = find_tomograms([tree])
    assert [os.path.relpath(each.uri, tree) for each in found] == [
        "TS_2.mrc",
        "TS_10.rec",
        "day1/TS_1.mrc",
        "day1/cell.zarr",
        "day2/TS_1.MRC.GZ",
        "day2/deep/er/volume.hdf",
        "day2/stack.tif",
    ]
    assert [each.name for each in found] == [
        "TS_2",
        "TS_10",
        "day1_TS_1",
        "cell",
        "day2_TS_1",
        "volume",
        "stack",
    ]


def test_patterns(tree):
    assert uris("TS_*") == ["TS_2.mrc", "TS_10.rec"]
    assert uris("day?/*.mrc") == ["day1/TS_1.mrc"]
    assert uris("**/*.zarr") == ["day1/cell.zarr"]
    assert uris("**/*") == [
        "TS_2.mrc",
        "TS_10.rec",
        "day1/TS_1.mrc",
        "day1/cell.zarr",
        "day2/TS_1.MRC.GZ",
        "day2/deep/er/volume.hdf",
        "day2/stack.tif",
    ]
    with pytest.raises(BadInput, match="no tomogram matches"):
        find_tomograms(["*.st"])
    with pytest.raises(BadInput, match="no tomogram matches"):
        find_tomograms(["*.md"])


def test_a_file_that_looks_like_a_pattern(tree):
    (tree / "cell[1].mrc").write_text("x")
    assert uris("cell[1].mrc") == ["cell[1].mrc"]


def test_each_once_whatever_it_is_called(tree):
    os.symlink(tree / "TS_2.mrc", tree / "link.mrc")
    assert len(find_tomograms(["TS_2.mrc", tree / "TS_2.mrc", "./day1/../TS_2.mrc", "link.mrc", "TS_2*"])) == 1


def test_a_list_of_paths(tree):
    (tree / "day2" / "list.txt").write_text(
        "# the good ones\n../TS_2.mrc  # best\n\n../day1\n*.tif\nhttps://example.org/a.zarr\n"
    )
    assert [os.path.normpath(uri) if "//" not in uri else uri for uri in uris("day2/list.txt")] == [
        "TS_2.mrc",
        "day1/TS_1.mrc",
        "day1/cell.zarr",
        "day2/stack.tif",
        "https://example.org/a.zarr",
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"TS_2.mrc\nnothing.mrc\n", "line 2: .*nothing.mrc does not exist"),
        (b"# nothing\n\n", "is empty"),
        (b"\xff\xfe\x00", "not a text file"),
        (b"list.txt\n", "another list"),
    ],
)
def test_lists_that_cannot_be_used(tree, content, words):
    (tree / "list.txt").write_bytes(content)
    with pytest.raises(BadInput, match=words):
        find_tomograms(["list.txt"])


def test_what_is_not_there(tree):
    with pytest.raises(BadInput, match=r"nowhere\.mrc does not exist"):
        find_tomograms(["TS_2.mrc", "nowhere.mrc"])
    (tree / "empty").mkdir()
    with pytest.raises(BadInput, match="no tomogram lies in"):
        find_tomograms(["empty"])


def test_a_named_file_is_kept_whatever_it_is(tree):
    """Opening it will say what is wrong, in its own row."""
    assert find_tomograms(["notes.md"]) == [TomogramSource("notes.md", "notes")]


def test_unreadable_folders(tree, monkeypatch, caplog):
    scandir = os.scandir

    def guarded(path):
        if os.fspath(path).endswith("day1"):
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    with pytest.raises(BadInput, match="the folder day1 may not be read"):
        find_tomograms(["day1"])
    with caplog.at_level(logging.WARNING, "cryogauge.io"):
        assert "day1/TS_1.mrc" not in uris(".")
    assert "left out" in caplog.text


def test_same_stem_different_file(tree):
    (tree / "TS_2.rec").write_text("x")
    assert [each.name for each in find_tomograms(["TS_2.mrc", "TS_2.rec"])] == ["TS_2.mrc", "TS_2.rec"]


@given(
    st.sets(
        st.lists(st.sampled_from(["a", "b", "a_b", "c"]), min_size=1, max_size=4).flatmap(
            lambda parts: st.sampled_from([".mrc", ".rec", ".zarr"]).map(lambda end: "/" + "/".join(parts) + end)
        ),
        min_size=1,
        max_size=12,
    )
)
def test_names_are_unique_and_fit_for_files(paths):
    names = _names(sorted(paths))
    assert len(set(names)) == len(paths)
    assert all(name and "/" not in name for name in names)
