"""What we write, mrcfile validates and reads back."""

import errno
import io

import mrcfile
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cryogauge.io import MrcWriter, open_volume, write_mrc
from cryogauge.records import BadInput, Retryable

# mrcfile checks deviations in the data's own precision: whole numbers, so that a constant has none there too.
NUMBERS = {"f2": st.integers(-8, 8), "f4": st.integers(-99, 99)}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(
    data=st.sampled_from(["i1", "i2", "u1", "u2", "f2", "f4"]).flatmap(
        lambda kind: arrays(kind, st.tuples(*[st.integers(2, 5)] * 3), elements=NUMBERS.get(kind))
    )
)
def test_mrcfile_validates_and_reads_it(tmp_path, data):
    path = tmp_path / "t.mrc"
    write_mrc(path, data, 13.48)
    messages = io.StringIO()
    assert mrcfile.validate(path, print_file=messages), messages.getvalue()
    with mrcfile.open(path) as file:
        assert np.array_equal(file.data, data)
        assert file.voxel_size.x == pytest.approx(13.48)
        assert file.header.dmax == data.max()
    volume = open_volume(path)
    assert np.array_equal(volume.data, data)
    assert volume.voxel_size_A == pytest.approx(13.48, rel=1e-6)


@pytest.mark.parametrize(("mode", "kind"), [(0, "i1"), (1, "i2"), (2, "f4"), (6, "u2"), (12, "f2")])
def test_modes_can_be_chosen(tmp_path, mode, kind):
    data = np.linspace(0, 100, 60).reshape(3, 4, 5)
    write_mrc(tmp_path / "t.mrc", data, 10.0, mode=mode)
    with mrcfile.open(tmp_path / "t.mrc") as file:
        assert file.data.dtype == kind
        expected = data.astype(kind) if kind[0] == "f" else np.rint(data)
        assert np.array_equal(file.data, expected)


@pytest.mark.parametrize(("value", "mode"), [(128, 0), (-1, 6), (40000, 1), (np.nan, 1), (np.inf, 6), (70000.0, 12)])
def test_values_that_do_not_fit(tmp_path, value, mode):
    with pytest.raises(BadInput, match="do not fit"):
        write_mrc(tmp_path / "t.mrc", np.full((2, 2, 2), value, np.float64), 10.0, mode=mode)
    assert not list(tmp_path.iterdir())


def test_unsigned_into_signed_does_not_wrap(tmp_path):
    with pytest.raises(BadInput, match="do not fit"):
        write_mrc(tmp_path / "t.mrc", np.full((2, 2, 2), 60000, np.uint16), 10.0, mode=1)


def test_types_without_a_mode_become_float32(tmp_path):
    write_mrc(tmp_path / "t.mrc", np.arange(8, dtype=np.int64).reshape(2, 2, 2), 10.0)
    with mrcfile.open(tmp_path / "t.mrc") as file:
        assert file.data.dtype == np.float32
    write_mrc(tmp_path / "mask.mrc", np.eye(4, dtype=bool)[None].repeat(2, 0), 10.0)
    assert np.array_equal(open_volume(tmp_path / "mask.mrc").data[0], np.eye(4))


def test_a_plane_and_what_is_no_volume(tmp_path):
    write_mrc(tmp_path / "t.mrc", np.ones((4, 5), np.float32), 10.0)
    with mrcfile.open(tmp_path / "t.mrc") as file:
        assert file.data.shape in {(4, 5), (1, 4, 5)}
    for shape in [(3,), (2, 2, 2, 2), (0, 3, 3)]:
        with pytest.raises(BadInput, match="no volume"):
            write_mrc(tmp_path / "u.mrc", np.ones(shape), 10.0)
    with pytest.raises(BadInput, match="mode 4"):
        write_mrc(tmp_path / "u.mrc", np.ones((2, 2, 2)), 10.0, mode=4)


def test_statistics_of_a_stream(tmp_path):
    data = np.random.default_rng(3).normal(5, 2, (6, 16, 16)).astype(np.float32)
    with MrcWriter(tmp_path / "t.mrc", data.shape, 8.0) as writer:
        writer.append(data[0])
        writer.append(data[1:5])
        assert not (tmp_path / "t.mrc").exists()
        writer.append(data[5])
    with mrcfile.open(tmp_path / "t.mrc") as file:
        assert np.array_equal(file.data, data)
        assert file.header.dmean == pytest.approx(data.mean(), rel=1e-5)
        assert file.header.rms == pytest.approx(data.std(), rel=1e-5)
    assert [path.name for path in tmp_path.iterdir()] == ["t.mrc"]


def test_nothing_appears_unless_complete(tmp_path):
    old = tmp_path / "t.mrc"
    old.write_text("what was there")

    def fill(error=None, sections=3):
        with MrcWriter(old, (3, 4, 4), 8.0) as writer:
            writer.append(np.zeros((sections, 4, 4)))
            if error:
                raise error

    with pytest.raises(BadInput, match="lacks sections: 2 of 3"):
        fill(sections=2)
    with pytest.raises(BadInput, match="do not fit"):
        fill(sections=4)
    with pytest.raises(KeyboardInterrupt):
        fill(KeyboardInterrupt())
    with pytest.raises(Retryable, match="no space"):
        fill(OSError(errno.ENOSPC, "No space left on device"))
    with pytest.raises(OSError, match="other") as caught:
        fill(OSError(errno.EIO, "other"))
    assert not isinstance(caught.value, Retryable)
    assert [path.name for path in tmp_path.iterdir()] == ["t.mrc"]
    assert old.read_text() == "what was there"


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(BadInput, match="cannot be written"):
        write_mrc(tmp_path / "nowhere" / "t.mrc", np.zeros((2, 2, 2), np.float32), 10.0)


def test_a_device_that_is_full():
    """/dev/full refuses every byte, as a full disk does."""
    from cryogauge.io.replace import no_space_is_retryable

    with pytest.raises(Retryable) as caught, no_space_is_retryable("/dev"), open("/dev/full", "wb") as file:
        file.write(bytes(10**6))
    assert caught.value.hint
