"""Stands in for SerialEM's own Python module: the same names, argument types, exceptions and shapes of answers.

Names and argument keys are those of ``MacroMasterList.h`` of SerialEM, as published: D, S, I for a double, a string,
an int, small letters for those that may be left out. Commands go over a socket to a stand-in of SerialEM.
"""

import json
import socket

_KEYS = {
    "Exit": "ds", "SuppressReports": "i", "ErrorsToLog": "i", "NoMessageBoxOnError": "i", "SetImageShift": "DDdi",
    "SetColumnOrGunValve": "I", "LoadCartridge": "I", "ReportSlotStatus": "I", "SetLowDoseMode": "I",
    "GoToLowDoseArea": "S", "GoToImagingState": "S", "ImageShiftByStageDiff": "DDdi", "MoveBeamByMicrons": "DD",
    "SetDefocus": "D", "ReportDefocus": "", "SetSlitIn": "i", "RefineZLP": "d", "ReportEnergyFilter": "",
    "ReportStageXYZ": "", "ReportTiltAngle": "", "MoveStageTo": "DDd", "TiltTo": "Didd", "Eucentricity": "i",
    "LimitNextRoughEucen": "D", "ReportRoughEucenFailed": "", "FocusChangeLimits": "DD", "SetTargetDefocus": "D",
    "AutoFocus": "ii", "ReportAutoFocus": "", "DriftWaitTask": "dsddisiii", "GetWaitTaskDrift": "",
    "ReportExposure": "S", "SetExposure": "SDd", "SetDoseFracParams": "SIiiii", "RestoreCameraSet": "s", "Search": "",
    "View": "", "Focus": "", "Trial": "", "Record": "", "Preview": "", "ImageProperties": "s",
    "ReportLastFrameFile": "", "BufImageToStageMatrix": "Si", "ReportColumnOrGunValve": "", "AreDewarsFilling": "",
    "IsPVPRunning": "",
}  # fmt: skip
_TYPES = {"d": (int, float), "i": (int,), "s": (str,)}


class SEMerror(Exception):
    """A command failed."""


class SEMmoduleError(Exception):
    """SerialEM does not answer, or the call was wrong."""


class SEMexited(Exception):
    """The script was ended."""


_connection = None


def ConnectToSEM(port=48888, address="127.0.0.1"):
    global _connection, _left_out
    try:
        _connection = socket.create_connection((address, port), timeout=5).makefile("rwb")
    except OSError as error:
        raise SEMmoduleError(f"error connecting to SerialEM: {error}") from error
    _left_out = set(_ask("left out"))


def bufferImage(name):
    shape = _ask("bufferImage", name)
    data = _connection.read(2 * shape[0] * shape[1])
    return memoryview(data).cast("H").cast("B").cast("H", shape)


def _ask(name, *arguments):
    print("a line that the module prints")
    try:
        _connection.write(json.dumps([name, *arguments]).encode() + b"\n")
        _connection.flush()
        line = _connection.readline()
    except (OSError, AttributeError) as error:
        raise SEMmoduleError(f"the socket is gone: {error}") from error
    if not line:
        raise SEMmoduleError("SerialEM closed the socket")
    answer = json.loads(line)
    if "error" in answer:
        raise SEMerror(answer["error"])
    values = answer["values"]
    values = [value if isinstance(value, str) else float(value) for value in values] if name in _KEYS else values
    if name not in _KEYS:
        return values
    return None if not values else values[0] if len(values) == 1 else tuple(values)


def _checked(name, keys, arguments):
    needed = sum(key.isupper() for key in keys)
    if not needed <= len(arguments) <= len(keys):
        raise TypeError(f"{name}() takes {needed} to {len(keys)} arguments ({len(arguments)} given)")
    for key, argument in zip(keys, arguments, strict=False):
        if not isinstance(argument, _TYPES[key.lower()]):
            raise TypeError(f"{name}(): a {type(argument).__name__} is no {key}")


def _command(name):
    def call(*arguments):
        _checked(name, _KEYS[name], arguments)
        return _ask(name, *arguments)

    return call


def __getattr__(name):
    if name in _KEYS and name not in _left_out:
        return _command(name)
    raise AttributeError(f"module 'serialem' has no attribute {name!r}")


def __dir__():
    return sorted(
        (_KEYS.keys() - _left_out) | {"ConnectToSEM", "bufferImage", "SEMerror", "SEMmoduleError", "SEMexited"}
    )


_left_out = set()
