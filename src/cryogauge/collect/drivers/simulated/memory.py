"""What a real microscope keeps when the program that drives it is killed: where it stands, and what was exposed."""

import json
import os
from pathlib import Path
from typing import Any

from cryogauge.io.replace import no_space_is_retryable
from cryogauge.records import BadInput


class Memory:
    """Keeps the microscope's state in a file, a JSON line for each change.

    Parameters
    ----------
    path
        The file; what is there is taken up.

    Attributes
    ----------
    state
        The last state kept, or empty.
    exposed
        (slot, (x_um, y_um, radius_um, dose_e_A2)) of all exposures kept.

    Raises
    ------
    BadInput
        When the file is none of these.
    """

    def __init__(self, path: Path) -> None:
        self.state: dict[str, Any] = {}
        self.exposed: list[tuple[int, tuple[float, float, float, float]]] = []
        whole = 0
        if path.exists():
            content = path.read_bytes()
            whole = content.rfind(b"\n") + 1  # a line cut short by a kill is left out
            try:
                for line in content[:whole].splitlines():
                    kept = json.loads(line)
                    if "state" in kept:
                        self.state = kept["state"]
                    else:
                        slot, x, y, radius, dose = kept["exposed"]
                        self.exposed.append((slot, (x, y, radius, dose)))
            except (ValueError, KeyError, TypeError) as error:
                raise BadInput(f"{path} is no memory of a simulated microscope", "give another file") from error
        self._folder = path.parent
        try:
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        except OSError as error:
            raise BadInput(
                f"the memory {path} cannot be written", "choose a folder that exists and is yours"
            ) from error
        os.ftruncate(self._file, whole)

    def keep(self, state: dict[str, Any]) -> None:
        """Keep the state."""
        self._write({"state": state})

    def expose(self, slot: int, exposed: tuple[float, float, float, float]) -> None:
        """Keep an exposure."""
        self._write({"exposed": [slot, *exposed]})

    def close(self) -> None:
        """Let go of the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _write(self, line: dict[str, Any]) -> None:
        with no_space_is_retryable(self._folder):
            os.write(self._file, json.dumps(line).encode() + b"\n")
