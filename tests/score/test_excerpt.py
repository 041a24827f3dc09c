"""Which slices, which chunks, and what is written of them."""

import mrcfile
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryogauge.io import open_volume
from cryogauge.io.lazy import LazyArray
from cryogauge.records import BadInput, Volume
from cryogauge.score.excerpt import Part, chunk_voxels, excerpt_of, write_excerpt

shapes = st.tuples(st.integers(1, 300), st.integers(1, 1500), st.integers(1, 1500))


@given(shapes, st.builds(Part, st.integers(1, 60), st.booleans(), st.integers(0, 1200)))
def test_slices_are_even_and_the_crop_is_central(shape, part):
    excerpt = excerpt_of(shape, part)
    depth, *plane = shape
    assert len(excerpt.z) == (depth if part.whole else min(part.slices, depth))
    assert 0 <= excerpt.z[0] <= excerpt.z[-1] < depth
    if len(excerpt.z) > 1:
        steps = np.diff(excerpt.z)
        assert steps.min() >= 1
        assert steps.max() - steps.min() <= 1
        before, after = excerpt.z[0], depth - 1 - excerpt.z[-1]
        assert abs(before - after) <= 1
    for span, length in zip((excerpt.y, excerpt.x), plane, strict=True):
        assert span.stop - span.start == min(length, part.crop_px or length)
        assert 0 <= span.start <= span.stop <= length
        assert abs(span.start - (length - span.stop)) <= 1


@given(shapes, st.tuples(*[st.integers(1, 300)] * 3), st.integers(1, 60), st.integers(0, 1200))
def test_chunks_counted_are_those_cut(shape, chunk, slices, crop):
    excerpt = excerpt_of(shape, Part(slices, crop_px=crop))
    cut = [
        len(set(np.asarray(indices) // edge))
        for indices, edge in zip(
            (
                excerpt.z,
                range(excerpt.y.start, excerpt.y.stop),
                range(excerpt.x.start, excerpt.x.stop),
            ),
            chunk,
            strict=True,
        )
    ]
    assert chunk_voxels(excerpt, shape, chunk) == np.prod(cut) * np.prod(chunk)


def lazy(data, chunk):
    """The data behind an array that tells which chunks were read, each time they were."""
    reads = []

    def read(z, y, x):
        spans = [range(span.start // edge, -(-span.stop // edge)) for span, edge in zip((z, y, x), chunk, strict=True)]
        reads.extend((a, b, c) for a in spans[0] for b in spans[1] for c in spans[2])
        return data[z, y, x]

    return Volume(LazyArray(data.shape, data.dtype, read, chunk), 12.5, source="there"), reads


@given(
    st.tuples(st.integers(1, 12), st.integers(2, 20), st.integers(2, 20)),
    st.tuples(*[st.integers(1, 9)] * 3),
    st.builds(Part, st.integers(1, 12), st.booleans(), st.integers(2, 22)),
)
def test_each_chunk_is_read_once_and_no_other(tmp_path_factory, shape, chunk, part):
    data = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    volume, reads = lazy(data, chunk)
    excerpt = excerpt_of(shape, part)
    path = tmp_path_factory.getbasetemp() / "excerpt.mrc"
    write_excerpt(volume, excerpt, path, stack=False)
    assert len(reads) == len(set(reads))
    assert len(reads) * np.prod(chunk) == chunk_voxels(excerpt, shape, chunk)
    with mrcfile.open(path) as written:
        found = written.data if written.data.ndim == 3 else written.data[None]
        assert np.array_equal(found, data[list(excerpt.z), excerpt.y, excerpt.x])
        assert written.voxel_size.x == pytest.approx(12.5)


@pytest.mark.parametrize("dtype", ["i1", "u1", "i2", "u2", "f2", "f4", "f8", "i4", ">i2", ">f4"])
def test_every_type_keeps_its_values(tmp_path, dtype):
    data = np.arange(5 * 6 * 7).reshape(5, 6, 7) % 120
    volume, _ = lazy(data.astype(dtype), (2, 3, 4))
    write_excerpt(volume, excerpt_of(data.shape, Part(3, crop_px=5)), tmp_path / "t.mrc", stack=True)
    assert np.array_equal(open_volume(tmp_path / "t.mrc").data, data[[0, 2, 4], :5, 1:6])


def test_slices_apart_are_a_stack_and_all_are_a_volume(tmp_path):
    data = np.random.default_rng(1).normal(size=(9, 8, 8)).astype(np.float32)
    for stack in (True, False):
        volume, _ = lazy(data, (4, 4, 4))
        write_excerpt(volume, excerpt_of(data.shape, Part(3)), tmp_path / "t.mrc", stack=stack)
        with mrcfile.open(tmp_path / "t.mrc") as written:
            assert bool(written.is_image_stack()) is stack
            assert mrcfile.validate(tmp_path / "t.mrc")


def test_nothing_is_left_of_what_holds_one_value(tmp_path):
    """Zarr takes chunks that are missing for empty ones: an image that was never uploaded looks so."""
    volume, _ = lazy(np.zeros((9, 8, 8), np.float32), (4, 4, 4))
    with pytest.raises(BadInput, match="one value only"):
        write_excerpt(volume, excerpt_of(volume.shape, Part(3)), tmp_path / "t.mrc", stack=True)
    assert not list(tmp_path.iterdir())


def test_parts_that_cannot_be():
    with pytest.raises(BadInput, match="at least one slice"):
        Part(slices=0)
    with pytest.raises(BadInput, match="cannot be"):
        Part(crop_px=-1)
