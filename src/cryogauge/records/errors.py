"""Typed errors. The library raises them; only the command line prints and exits."""


class CryogaugeError(Exception):
    """What went wrong, why, and the mend.

    Parameters
    ----------
    message
        One sentence: what cannot be done and why.
    hint
        What the reader can do about it, or an empty string.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint)  # both in args, so that the error survives pickling between processes
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message


class BadInput(CryogaugeError, ValueError):
    """A file, option or value that cannot be used as it is."""


class Retryable(CryogaugeError, OSError):
    """A failure outside the data (a full disk, a lost worker): the same call may succeed later."""
