import errno
from pathlib import Path

import pytest

from cryogauge.jobs import explain
from cryogauge.records import BadInput, Retryable


def test_own_errors_speak_for_themselves() -> None:
    failure = explain(BadInput("no\nvoxels", "give some"))
    assert (failure.message, failure.hint) == ("no voxels", "give some")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_named_with_its_mend(number: int) -> None:
    failure = explain(OSError(number, "No space left on device", "/out/map.npz"))
    assert failure.message == "no space left on the disk at /out/map.npz"
    assert "free space" in failure.hint
    assert "picks up where it stopped" in failure.hint


def test_a_refused_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as raised:
        (tmp_path / "missing").read_bytes()
    assert explain(raised.value).message == f"cannot use {tmp_path / 'missing'}: no such file or directory"


def test_the_unexpected_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError) as raised:
        _ = 1 / 0
    failure = explain(raised.value)
    assert failure.message == "unexpected ZeroDivisionError: division by zero"
    assert "--debug" in failure.hint
    assert "test_failures.py" in failure.traceback
    assert "\n" not in explain(ValueError("two\nlines")).message
    assert explain(AssertionError()).message == "unexpected AssertionError"


def test_what_may_succeed_later_is_told_from_what_is_wrong_with_the_item() -> None:
    later = (Retryable("the server is away"), OSError(errno.ENOSPC, "No space left on device"), MemoryError())
    assert [explain(error).retryable for error in later] == [True] * 3
    for_good = (BadInput("no voxels"), ZeroDivisionError(), FileNotFoundError(errno.ENOENT, "none", "a.mrc"))
    assert [explain(error).retryable for error in for_good] == [False] * 3
