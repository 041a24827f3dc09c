"""Fingerprints follow the content, not the name, place or time."""

import os
import shutil

import numpy as np
import pytest
import zarr

from cryogauge.io import content_key, write_mrc
from cryogauge.records import BadInput

DATA = np.random.default_rng(10).normal(size=(20, 200, 210)).astype(np.float32)


@pytest.fixture
def volume(tmp_path):
    write_mrc(tmp_path / "t.mrc", DATA, 10.0)
    return tmp_path / "t.mrc"


def test_a_copy_elsewhere_and_later_has_the_same_key(volume, tmp_path):
    shutil.copy(volume, tmp_path / "copy.rec")
    os.utime(tmp_path / "copy.rec", (0, 0))
    key = content_key(volume)
    assert content_key(str(tmp_path / "copy.rec")) == key
    assert len(key) == 32


def test_header_values_and_size_count(volume):
    keys = {content_key(volume)}
    for offset in (40, 1024, volume.stat().st_size // 2, volume.stat().st_size - 1):
        with volume.open("r+b") as file:
            file.seek(offset)
            byte = file.read(1)
            file.seek(offset)
            file.write(bytes([byte[0] ^ 1]))
        keys.add(content_key(volume))
    with volume.open("ab") as file:
        file.write(b"\0")
    keys.add(content_key(volume))
    assert len(keys) == 6 - (volume.stat().st_size > 32 * 2**16 and _missed(volume))


def _missed(volume):
    """Whether the byte in the middle lies between two blocks, which it may in a large file."""
    size, block = volume.stat().st_size - 1, 2**16
    starts = [(size - block) * i // 31 for i in range(32)]
    return not any(start <= size // 2 < start + block for start in starts)


def test_another_reconstruction_differs(volume):
    key = content_key(volume)
    write_mrc(volume, DATA * 1.001, 10.0)
    assert content_key(volume) != key


def test_tiny_and_empty_files_have_keys(tmp_path):
    (tmp_path / "a").write_bytes(b"")
    (tmp_path / "b").write_bytes(b"\0")
    assert content_key(tmp_path / "a") != content_key(tmp_path / "b")


def test_a_zarr_folder(tmp_path):
    group = zarr.open_group(str(tmp_path / "t.zarr"), mode="w")
    array = group.create_dataset("0", data=DATA, chunks=(10, 50, 50))
    key = content_key(tmp_path / "t.zarr")
    shutil.copytree(tmp_path / "t.zarr", tmp_path / "copy.zarr")
    assert content_key(tmp_path / "copy.zarr") == key
    array[:] = DATA + 1
    changed = content_key(tmp_path / "t.zarr")
    group.attrs["name"] = "other"
    assert len({key, changed, content_key(tmp_path / "t.zarr")}) == 3


def test_nothing_there(tmp_path):
    with pytest.raises(BadInput, match="does not exist"):
        content_key(tmp_path / "t.mrc")
