"""MRC files against mrcfile and bytes laid out by hand."""

import bz2
import gc
import gzip
import itertools
import logging
import os
import resource
import shutil
import struct
from collections import namedtuple

import mrcfile
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cryogauge.io import open_volume
from cryogauge.io.mrc import map_mrc
from cryogauge.records import BadInput, Retryable

TYPES = {0: "i1", 1: "i2", 2: "f4", 6: "u2", 12: "f2"}


def mrc_bytes(stored, order="<", axes=(1, 2, 3), voxel=(10.0, 10.0, 10.0), extended=b"", **changes):
    """An MRC file by the words of the standard; ``stored`` is (section, row, column), ``voxel`` along x, y, z."""
    mode = {kind: mode for mode, kind in TYPES.items()}.get(stored.dtype.str[1:], 0)
    sections, rows, columns = stored.shape
    sampling = dict(zip(axes, (columns, rows, sections), strict=True)) if sorted(axes) == [1, 2, 3] else {}
    m = [sampling.get(axis, n) for axis, n in zip((1, 2, 3), (columns, rows, sections), strict=True)]
    words = {
        0: ("3i", (columns, rows, sections)),
        12: ("i", (mode,)),
        28: ("3i", m),
        40: ("3f", [n * size for n, size in zip(m, voxel, strict=True)]),
        64: ("3i", axes),
        76: ("3f", (float(stored.min()), float(stored.max()), 0.0)),
        92: ("i", (len(extended),)),
        208: ("4s", (b"MAP ",)),
        212: ("4s", (b"\x44\x44\0\0" if order == "<" else b"\x11\x11\0\0",)),
    }
    words |= {int(offset[1:]): word for offset, word in changes.items()}
    header = bytearray(1024)
    for offset, (form, values) in words.items():
        struct.pack_into(order + form, header, offset, *values)
    return bytes(header) + extended + stored.astype(order + stored.dtype.str[1:]).tobytes()


def put(path, content):
    path.write_bytes(content)
    return path


SHAPES = st.tuples(st.integers(2, 5), st.integers(1, 6), st.integers(1, 7))
STORED = st.sampled_from(list(TYPES.values())).flatmap(lambda kind: arrays(np.dtype(kind), SHAPES))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    stored=STORED,
    order=st.sampled_from("<>"),
    axes=st.permutations([1, 2, 3]),
    extended=st.binary(max_size=200),
    stamp=st.sampled_from([None, b"\0\0\0\0", b"\x44\x44\0\0", b"\x11\x11\0\0", b"\0\0DD"]),
)
def test_any_type_byte_order_axes_and_extended_header(tmp_path, stored, order, axes, extended, stamp):
    """The stamp may lie; values, axes and type come out as stored."""
    changes = {} if stamp is None else {"_212": ("4s", (stamp,))}
    if stored.dtype == np.int8:
        changes["_152"] = ("2i", (1146047817, 1))
    path = put(tmp_path / "t.mrc", mrc_bytes(stored, order, axes, extended=extended, **changes))
    header, data = map_mrc(path)
    place = {axis: 2 - i for i, axis in enumerate(axes)}  # columns are the last axis
    expected = stored.transpose(place[3], place[2], place[1])
    assert data.dtype.newbyteorder("=") == stored.dtype
    assert np.array_equal(data, expected, equal_nan=stored.dtype.kind == "f")
    assert header.voxel_A == pytest.approx((10.0, 10.0, 10.0), rel=1e-6)
    assert isinstance(data, np.memmap)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(stored=STORED.map(np.nan_to_num).map(lambda values: np.clip(values, -100, 100)))
def test_reads_what_mrcfile_writes(tmp_path, stored):
    with mrcfile.new(tmp_path / "t.mrc", overwrite=True) as file:
        file.set_data(stored)
        file.voxel_size = 7.84
        file.header.origin.z = 5.5
    volume = open_volume(tmp_path / "t.mrc")
    assert np.array_equal(volume.data, stored)
    assert volume.voxel_size_A == pytest.approx(7.84)
    assert volume.origin_A == (0, 0, 5.5)


@pytest.mark.parametrize("axes", list(itertools.permutations([1, 2, 3])))
def test_start_indices_are_columns_rows_sections(tmp_path, axes):
    """Without an origin, where voxel (0, 0, 0) lies is in the start indices, which go with the stored axes."""
    content = mrc_bytes(np.zeros((4, 3, 2), np.float32), axes=axes, _16=("3i", (10, 20, 30)))
    starts = dict(zip(axes, (10, 20, 30), strict=True))
    volume = open_volume(put(tmp_path / "t.mrc", content))
    assert volume.origin_A == pytest.approx([starts[axis] * 10.0 for axis in (1, 2, 3)], rel=1e-6)


@pytest.mark.parametrize("axes", [(0, 0, 0), (1, 1, 1), (3, 3, 7)])
def test_impossible_axes_are_taken_as_usual(tmp_path, axes):
    stored = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    assert np.array_equal(open_volume(put(tmp_path / "t.mrc", mrc_bytes(stored, axes=axes))).data, stored)


@pytest.mark.parametrize(
    ("stamp", "flags", "extremes", "kind"),
    [
        (1146047817, 0, (0, 100), "u1"),
        (1146047817, 1, (0, 200), "i1"),
        (1146047817, 3, (0, 200), "i1"),
        (0, 0, (141, 163), "u1"),  # an old IMOD file: the recorded range does not fit signed bytes
        (0, 0, (-20, 90), "i1"),
        (0, 0, (0, 100), "i1"),
        (0, 1, (0, 0), "i1"),
    ],
)
def test_signs_of_bytes(tmp_path, stamp, flags, extremes, kind):
    stored = np.arange(-128, 128, dtype=np.int8).reshape(4, 8, 8)
    content = mrc_bytes(stored, _152=("2i", (stamp, flags)), _76=("2f", extremes))
    data = open_volume(put(tmp_path / "t.rec", content)).data
    assert data.dtype == kind
    assert np.array_equal(data, stored.view(kind))


def test_a_volume_whose_header_says_stack(tmp_path):
    """One section a cell (mz = 1): the sampling along z means nothing, and is a volume all the same."""
    for depth_A in (0.0, 13.48, 13.48 * 5):
        content = mrc_bytes(
            np.zeros((5, 4, 4), np.float32), voxel=(13.48, 13.48, 1), _36=("i", (1,)), _48=("f", (depth_A,))
        )
        volume = open_volume(put(tmp_path / "t.st", content))
        assert volume.shape == (5, 4, 4)
        assert volume.voxel_size_A == pytest.approx(13.48)


def test_several_volumes_in_one_file(tmp_path):
    content = mrc_bytes(np.zeros((6, 4, 4), np.float32), _36=("i", (3,)), _88=("i", (401,)))
    with pytest.raises(BadInput, match="2 volumes"):
        open_volume(put(tmp_path / "t.mrc", content))


@pytest.mark.parametrize(
    ("voxel", "words"),
    [
        ((0, 0, 0), "does not say"),
        ((1000, 1000, 1000), "cannot be"),
        ((-10, -10, -10), "cannot be"),
        ((float("nan"),) * 3, "cannot be"),
        ((10, 10, 10.2), "not cubes"),
        ((4, 4, 8), "not cubes"),
    ],
)
def test_voxel_sizes_that_cannot_be(tmp_path, voxel, words):
    path = put(tmp_path / "t.mrc", mrc_bytes(np.zeros((2, 2, 2), np.float32), voxel=voxel))
    with pytest.raises(BadInput, match=words) as caught:
        open_volume(path)
    assert "--pixel-size" in caught.value.hint
    assert open_volume(path, pixel_size_A=12.5).voxel_size_A == 12.5


def test_rounding_in_headers_is_not_anisotropy(tmp_path):
    path = put(tmp_path / "t.mrc", mrc_bytes(np.zeros((2, 2, 2), np.float32), voxel=(10, 10.05, 9.98)))
    assert open_volume(path).voxel_size_A == pytest.approx(10)


def test_a_placeholder_is_warned_of(tmp_path, caplog):
    path = put(tmp_path / "t.mrc", mrc_bytes(np.zeros((2, 2, 2), np.float32), voxel=(1, 1, 1)))
    with caplog.at_level(logging.WARNING, "cryogauge.io"):
        assert open_volume(path).voxel_size_A == 1
        assert "placeholder" in caplog.text
        caplog.clear()
        open_volume(path, pixel_size_A=1.0)
        assert not caplog.text


@pytest.mark.parametrize("pixel_size_A", [0.0, -3.0, 1000.0, float("nan"), float("inf")])
def test_a_given_size_must_be_possible(tmp_path, pixel_size_A):
    path = put(tmp_path / "t.mrc", mrc_bytes(np.zeros((2, 2, 2), np.float32)))
    with pytest.raises(BadInput, match="cannot be"):
        open_volume(path, pixel_size_A=pixel_size_A)


def test_truncation_names_both_sizes(tmp_path):
    content = mrc_bytes(np.zeros((4, 10, 10), np.float32))
    with pytest.raises(BadInput, match=r"truncated.*2,624 bytes.*2,600"):
        open_volume(put(tmp_path / "t.mrc", content[:2600]))
    assert open_volume(put(tmp_path / "t.mrc", content + b"padding")).shape == (4, 10, 10)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", r"empty \(0 bytes\)"),
        (b"short", "no MRC file: it has 5 bytes"),
        (b"# pixel sizes\n" * 200, "holds text"),
        (bytes(2000), "makes no sense"),
        (mrc_bytes(np.zeros((2, 2, 2), np.float32), _12=("i", (4,))), "complex numbers"),
        (mrc_bytes(np.zeros((2, 2, 2), np.float32), _12=("i", (101,))), "4-bit"),
        (mrc_bytes(np.zeros((2, 2, 2), np.float32), _92=("i", (-4,))), "extended header"),
        (mrc_bytes(np.zeros((2, 2, 2), np.float32), _0=("i", (-2,))), "makes no sense"),
    ],
)
def test_what_is_no_mrc_volume(tmp_path, content, words):
    with pytest.raises(BadInput, match=words):
        open_volume(put(tmp_path / "t.mrc", content))


def test_a_flat_image_wants_slices(tmp_path):
    with pytest.raises(BadInput) as caught:
        open_volume(put(tmp_path / "t.mrc", mrc_bytes(np.zeros((1, 8, 8), np.float32))))
    assert "--slices" in caught.value.hint


# ---------------------------------------------------------------- compressed


@pytest.mark.parametrize(("suffix", "pack"), [(".gz", gzip.compress), (".bz2", bz2.compress)])
def test_compressed_is_unpacked_to_scratch_and_gone_with_the_volume(tmp_path, caplog, suffix, pack):
    stored = np.random.default_rng(0).integers(0, 1000, (9, 20, 30)).astype(np.int16)
    path = put(tmp_path / f"t.REC{suffix}", pack(mrc_bytes(stored)))
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    gc.collect()
    open_files = len(os.listdir("/proc/self/fd"))
    with caplog.at_level(logging.INFO, "cryogauge.io"):
        volume = open_volume(path, scratch=scratch)
    assert "GiB into" in caplog.text
    assert isinstance(volume.data, np.memmap)
    assert np.array_equal(volume.data, stored)
    assert not list(scratch.iterdir())  # nameless from the start: not even a killed process leaves it
    del volume
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) == open_files


@pytest.mark.parametrize(("suffix", "pack"), [(".gz", gzip.compress), (".bz2", bz2.compress)])
def test_damaged_compression(tmp_path, suffix, pack):
    stored = np.random.default_rng(0).integers(0, 1000, (9, 20, 30)).astype(np.int16)
    whole = pack(mrc_bytes(stored))
    with pytest.raises(BadInput, match="damaged or truncated"):
        open_volume(put(tmp_path / f"t.mrc{suffix}", whole[:-200]))
    with pytest.raises(BadInput, match="damaged or truncated"):
        open_volume(put(tmp_path / f"u.mrc{suffix}", b"certainly not compressed" * 9))
    with pytest.raises(BadInput, match="truncated: its header promises"):
        open_volume(put(tmp_path / f"v.mrc{suffix}", pack(mrc_bytes(stored)[:-500])))
    spoilt = bytearray(whole)
    spoilt[len(whole) // 2] ^= 0xFF
    with pytest.raises(BadInput, match=r"damaged or truncated|no MRC file"):
        open_volume(put(tmp_path / f"w.mrc{suffix}", bytes(spoilt)))


def test_no_space_to_unpack(tmp_path, monkeypatch):
    path = put(tmp_path / "t.mrc.gz", gzip.compress(mrc_bytes(np.zeros((4, 10, 10), np.float32))))
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage(10, 9, 1))
    with pytest.raises(Retryable, match="no space to unpack"):
        open_volume(path)
    with pytest.raises(BadInput, match="scratch folder"):
        open_volume(path, scratch=tmp_path / "nowhere")


def test_a_bomb_unpacks_no_further_than_its_header_says(tmp_path):
    stored = np.zeros((4, 10, 10), np.float32)
    path = put(tmp_path / "t.mrc.gz", gzip.compress(mrc_bytes(stored) + bytes(10**8)))
    volume = open_volume(path)
    assert volume.data.base is not None
    assert volume.shape == (4, 10, 10)
    _, data = map_mrc(path)
    assert data.nbytes == stored.nbytes


# ---------------------------------------------------------------- laziness


def test_one_slice_of_a_large_file_does_not_cost_the_file(tmp_path):
    """4 GiB, sparse on disk; mapped, its slices are read in a process whose memory grows by a few MB."""
    shape = (1024, 1024, 1024)
    path = tmp_path / "large.mrc"
    header = mrc_bytes(np.zeros((2, 2, 2), np.float32), _0=("3i", shape), _28=("3i", shape), _40=("3f", [10240.0] * 3))
    put(path, header[:1024])
    os.truncate(path, 1024 + 4 * 2**30)
    with path.open("r+b") as file:
        file.seek(1024 + 700 * 4 * 2**20)
        file.write(np.full(2**20, 3.5, np.float32).tobytes())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    volume = open_volume(path)
    assert volume.shape == shape
    assert volume.slice(700).mean() == 3.5
    assert volume.slice(1023).max() == 0
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown_kib < 100 * 1024
