"""Functions for worker processes to run: a module of its own, since a worker must be able to import it."""

import errno
import os
import signal
import time
from pathlib import Path
from typing import Any

from cryogauge.jobs import LedgerKey
from cryogauge.records import BadInput, Retryable


def act(item: dict[str, Any], key: LedgerKey) -> dict[str, Any]:
    """Do what the item says; every attempt leaves a line in the item's log, with the worker's process id."""
    if "log" in item:
        with Path(item["log"]).open("a") as log:
            log.write(f"{item['name']} {os.getpid()}\n")
    match item.get("do"):
        case "refuse":
            raise BadInput("the file ends before\nits data does", "copy it again")
        case "retry":
            raise Retryable("the server is away", "wait")
        case "fault":
            return {"value": 1 / 0}
        case "full disk":
            raise OSError(errno.ENOSPC, "No space left on device", "/full/picture.png")
        case "no memory":
            raise MemoryError
        case "no JSON":
            return {"value": object()}
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case "die once":
            once = Path(item["once"])
            if not once.exists():
                once.touch()
                os.kill(os.getpid(), signal.SIGKILL)
        case "sleep":
            time.sleep(60)
        case "fill":
            Path(item["file"]).write_bytes(b"\0" * (4 << 20))
        case "threads":
            return {name: value for name, value in os.environ.items() if name.endswith("_NUM_THREADS")}
    return {"value": item["name"].upper(), "nothing": float("nan"), "flags": ["a"], "digest": key.digest}
