"""Lazy arrays index as numpy does and read no more than the box that spans what is asked for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryogauge.io.lazy import CHUNK_CACHE_BYTES, LazyArray, layer_bytes

DATA = np.arange(5 * 7 * 6).reshape(5, 7, 6)


def _recorded():
    boxes = []

    def read(z, y, x):
        assert all(s.step is None and 0 <= s.start < s.stop for s in (z, y, x))
        boxes.append((z, y, x))
        return DATA[z, y, x]

    return LazyArray(DATA.shape, DATA.dtype, read), boxes


def _keys(length):
    return st.one_of(st.integers(-length, length - 1), st.slices(length))


@given(st.tuples(*(_keys(n) for n in DATA.shape)), st.integers(0, 3))
def test_indexes_as_numpy(key, used):
    lazy, boxes = _recorded()
    expected = DATA[key[:used]]
    assert np.array_equal(lazy[key[:used]], expected)
    assert lazy[key[:used]].shape == expected.shape
    spanned = sum(np.prod([s.stop - s.start for s in box]) for box in boxes[:1])
    steps = [abs(k.step or 1) if isinstance(k, slice) else 1 for k in key[:used]]
    assert spanned <= expected.size * np.prod(steps)


@given(st.integers(0, 2), st.integers(-3, 2))
def test_ellipsis(before, last):
    lazy, _ = _recorded()
    key = (*(slice(1, 3),) * min(before, 1), ..., last)
    assert np.array_equal(lazy[key], DATA[key])


@pytest.mark.parametrize("key", [5, -6, (0, 7), (0, 0, 0, 0)])
def test_out_of_bounds(key):
    lazy, _ = _recorded()
    with pytest.raises(IndexError):
        lazy[key]


def test_refuses_what_it_does_not_do():
    lazy, _ = _recorded()
    with pytest.raises(TypeError):
        lazy[[0, 1]]
    with pytest.raises(ValueError, match="copy"):
        np.array(lazy, copy=False)


def test_iterates_to_its_end():
    lazy, _ = _recorded()
    assert np.array_equal(np.stack(list(lazy)), DATA)
    assert len(lazy) == 5
    assert np.asarray(lazy, dtype=np.float32).dtype == np.float32


def test_layer_of_chunks():
    assert layer_bytes((100, 500, 630), (32, 256, 256), 4) == 32 * 512 * 768 * 4
    assert layer_bytes((10, 10, 10), (1, 10, 10), 2) == 200
    assert layer_bytes((4096, 4096, 4096), (64, 64, 64), 4) == 0
    assert CHUNK_CACHE_BYTES < 2**30


def test_forgetting_pages_changes_no_value(tmp_path):
    from cryogauge.io.lazy import forget

    values = np.arange(4 * 64 * 64, dtype=np.float32).reshape(4, 64, 64)
    values.tofile(tmp_path / "values")
    mapped = np.memmap(tmp_path / "values", np.float32, "r", shape=values.shape).transpose(0, 2, 1)
    np.testing.assert_array_equal(mapped[1], values[1].T)
    forget(mapped)
    np.testing.assert_array_equal(mapped[1], values[1].T)
    forget(values)  # an array in memory is left alone
