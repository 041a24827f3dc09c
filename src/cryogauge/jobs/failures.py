"""Any exception as one clear sentence and its mend."""

import errno
import traceback
from dataclasses import dataclass

from cryogauge.records.errors import CryogaugeError, Retryable

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
FREE_SPACE = "free space there and run again: it picks up where it stopped"


@dataclass(frozen=True)
class Failure:
    """Why something could not be done, in plain data that crosses processes.

    Attributes
    ----------
    message
        One sentence: what cannot be done and why.
    hint
        The mend, or an empty string.
    traceback
        Python's traceback, for ``--debug`` only; empty when there is none.
    retryable
        Whether the fault lies outside the item: the same work may succeed later.
    """

    message: str
    hint: str = ""
    traceback: str = ""
    retryable: bool = False


def explain(error: BaseException) -> Failure:
    """What an exception means to the person who started the work.

    Errors of this package speak for themselves; a full disk, a refused file and a lack of memory get a sentence of
    their own; anything else is called unexpected.
    """
    trace = "".join(traceback.format_exception(error))
    if isinstance(error, CryogaugeError):
        return Failure(_one_line(error.message), error.hint, trace, isinstance(error, Retryable))
    if isinstance(error, OSError) and error.errno in _DISK_FULL:
        place = f" at {error.filename}" if error.filename else ""
        return Failure(f"no space left on the disk{place}", FREE_SPACE, trace, retryable=True)
    if isinstance(error, OSError) and error.filename:
        reason = (error.strerror or type(error).__name__).lower()
        return Failure(f"cannot use {error.filename}: {reason}", "check the path and its permissions", trace)
    if isinstance(error, MemoryError):
        hint = "use fewer workers at once, or a machine with more memory"
        return Failure("not enough memory", hint, trace, retryable=True)
    said = _one_line(str(error))
    return Failure(
        f"unexpected {type(error).__name__}{': ' if said else ''}{said}",
        "this is a fault of cryogauge: run again with --debug and report what it prints",
        trace,
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())
