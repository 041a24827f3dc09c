"""Importing copick without its logging."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quietly() -> Iterator[None]:
    """Import modules of copick within the context, and the program's logging stays as it is.

    Each of them gives the root logger a handler of its own, which prints everybody's news on standard output.
    """
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers = []  # or copick would close them
    try:
        yield
    finally:
        root.handlers = handlers
        root.setLevel(level)
