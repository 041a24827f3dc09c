"""Results appear whole or not at all: written to a temporary name, then renamed."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from cryogauge.records import BadInput, Retryable

if TYPE_CHECKING:
    import pandas as pd

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def no_space_is_retryable(where: Path) -> Iterator[None]:
    """Turn a full disk or an exhausted quota into ``Retryable`` that names the folder."""
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_SPACE:
            raise
        raise Retryable(f"no space is left in {where}", "free some space or choose another folder") from error


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path``; rename it on success, remove it on failure.

    Raises
    ------
    BadInput
        When the folder does not exist or may not be written.
    Retryable
        When the disk is full.
    """
    temporary = path.with_name(f".{path.name}.{uuid4().hex[:8]}.part")
    try:
        with no_space_is_retryable(path.parent):
            yield temporary
            os.replace(temporary, path)
    except (FileNotFoundError, NotADirectoryError, PermissionError) as error:
        reason = (error.strerror or "cannot be written").lower()
        raise BadInput(f"{path} cannot be written: {reason}", "choose a folder that exists and is yours") from error
    finally:
        temporary.unlink(missing_ok=True)


def write_csv(path: Path, table: "pd.DataFrame", float_format: str | None = "%.6g") -> None:
    """Write a table as CSV without its index, whole or not at all; numbers in full where there is no format.

    Raises
    ------
    BadInput, Retryable
        As :func:`replacing` does.
    """
    with replacing(path) as temporary:
        table.to_csv(temporary, index=False, float_format=float_format)
