"""The process that speaks with SerialEM: its Python module holds the interpreter while SerialEM works.

The module (``serialem``, in SerialEM's folder ``PythonModules``) waits for each answer without letting other threads
run, so that nothing in its own process could time a command out or call it off. It therefore lives here, and is asked
by lines of JSON. Run as ``python -m cryogauge.collect.drivers.serialem_process PORT HOST [FOLDER]``.
"""

import json
import os
import sys
from importlib import import_module
from typing import IO, Any


def main() -> None:
    """Connect, then answer calls until standard input ends."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # the module prints what it does
    port, host, *folders = sys.argv[1:]
    sys.path[:0] = folders
    try:
        serialem: Any = import_module("serialem")  # not the driver of that name beside this file
    except ImportError as error:
        return _reply(replies, {"error": "ImportError", "message": str(error)})
    try:
        serialem.ConnectToSEM(int(port), host)
    except serialem.SEMmoduleError as error:
        return _reply(replies, {"error": "SEMmoduleError", "message": str(error)})
    _reply(replies, {"value": [name for name in dir(serialem) if name[:1].isalpha()]})
    for line in sys.stdin:
        asked = json.loads(line)
        _answer(replies, serialem, asked["call"], asked["arguments"])


def _answer(replies: IO[bytes], serialem: Any, call: str, arguments: list[Any]) -> None:
    try:
        value = getattr(serialem, call)(*arguments)
        if call == "bufferImage":
            return _reply_image(replies, value)
    except Exception as error:  # noqa: BLE001 told to the process that asked
        return _reply(replies, {"error": type(error).__name__, "message": str(error)})
    _reply(replies, {"value": value})


def _reply(replies: IO[bytes], value: dict[str, Any]) -> None:
    replies.write(json.dumps(value).encode() + b"\n")
    replies.flush()


def _reply_image(replies: IO[bytes], buffer: Any) -> None:
    import numpy as np

    image = np.asarray(buffer)
    _reply(replies, {"shape": image.shape, "type": image.dtype.str, "bytes": image.nbytes})
    replies.write(image.tobytes())
    replies.flush()


if __name__ == "__main__":
    main()
