"""Calls to SerialEM by way of the process that holds its Python module."""

import json
import subprocess
import sys
import threading
from contextlib import suppress
from queue import SimpleQueue
from typing import IO, Any, cast

import numpy as np

from cryogauge.collect.drivers.control import Control
from cryogauge.records import BadInput, CryogaugeError
from cryogauge.records.faults import ConnectionLost

#: Exceptions of the module that mean that SerialEM is not there any more.
_GONE = ("SEMmoduleError", "SEMexited")


class SerialEMCalls:
    """SerialEM's script commands, called by name.

    Parameters
    ----------
    control
        Time-outs and cancelling.
    host, port
        Where SerialEM listens (``PythonServerPort`` of its properties).
    module_folder
        Folder with the ``serialem`` module, or empty when it can be imported without.

    Raises
    ------
    BadInput
        When the module cannot be imported.
    ConnectionLost
        When SerialEM does not answer.
    """

    def __init__(self, control: Control, host: str, port: int, module_folder: str) -> None:
        self._control = control
        self._command = [sys.executable, "-m", "cryogauge.collect.drivers.serialem_process", str(port), host]
        self._command += [module_folder] if module_folder else []
        self._where = f"{host}:{port}"
        self._process: subprocess.Popen[bytes] | None = None
        self._owed = 0  # answers to calls that nobody waits for any more
        self.known: frozenset[str] = frozenset()
        self.connect()

    def connect(self) -> None:
        """Set up the connection, anew if there was one."""
        self.close()
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self._replies: SimpleQueue[Any] = SimpleQueue()
        output = cast("IO[bytes]", self._process.stdout)
        threading.Thread(target=_read, args=(output, self._replies), daemon=True, name="serialem").start()
        self._owed = 0
        try:
            with self._control.limit(60.0, "connecting to SerialEM"):
                self.known = frozenset(self._received(None))
        except BaseException:
            self.close()
            raise

    def __call__(self, call: str, *arguments: float | int | str, fault: type[CryogaugeError] | None = None) -> Any:
        """Give a command and wait for its end.

        Parameters
        ----------
        call
            The command's name.
        *arguments
            Its arguments.
        fault
            What SerialEM's own error becomes; :class:`ConnectionLost` by default.

        Returns
        -------
        A number, a text, a list of them, an array (``bufferImage``), or ``None``.

        Raises
        ------
        ConnectionLost, TimedOut, Cancelled
            And ``fault``.
        """
        while self._owed:  # SerialEM is still busy with what was given up
            self._control.poll(self._replies)
            self._owed -= 1
        if self._process is None or self._process.poll() is not None:
            raise ConnectionLost(f"SerialEM at {self._where} is not connected", "reconnect")
        asked = json.dumps({"call": call, "arguments": arguments}).encode() + b"\n"
        try:
            pipe = cast("IO[bytes]", self._process.stdin)
            pipe.write(asked)
            pipe.flush()
        except OSError as error:
            raise ConnectionLost(f"SerialEM at {self._where} is not connected", "reconnect") from error
        self._owed = 1
        return self._received(fault)

    def close(self) -> None:
        """End the process, and with it the connection."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            with suppress(OSError):  # what was not sent yet
                cast("IO[bytes]", self._process.stdin).close()
            self._process = None

    def _received(self, fault: type[CryogaugeError] | None) -> Any:
        reply = self._control.poll(self._replies)
        self._owed = 0
        if reply is None:
            raise ConnectionLost(f"SerialEM at {self._where} is not there any more", "start it, then reconnect")
        if isinstance(reply, np.ndarray):
            return reply
        if "error" not in reply:
            return reply["value"]
        message = f"SerialEM: {' '.join(reply['message'].split())}"
        if reply["error"] == "ImportError":
            raise BadInput(
                f"the module serialem cannot be imported: {reply['message']}",
                "give module_folder, SerialEM's PythonModules folder, with the module of your Python version",
            )
        if fault is not None and reply["error"] not in _GONE:
            raise fault(message)
        raise ConnectionLost(message, "look at SerialEM's log, then reconnect")


def _read(output: IO[bytes], replies: "SimpleQueue[Any]") -> None:
    """Take replies as they come; ``None`` when no more will."""
    with output:
        for line in output:
            reply = json.loads(line)
            if "shape" in reply:
                data = output.read(reply["bytes"])
                reply = np.frombuffer(data, reply["type"]).reshape(reply["shape"])
            replies.put(reply)
    replies.put(None)
