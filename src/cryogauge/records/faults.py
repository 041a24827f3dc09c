"""What can go wrong at a microscope, by what may be done about it."""

from cryogauge.records.errors import CryogaugeError, Retryable


class Unsafe(CryogaugeError, ValueError):
    """A command outside the limits. Nothing was moved."""


class Unsupported(CryogaugeError, NotImplementedError):
    """A command that this driver cannot give. Nothing was moved."""


class Cancelled(CryogaugeError):
    """A person or program called the session off while a command was waiting or running."""


class LoaderFault(CryogaugeError):
    """The grid loader needs a person: a jam, an empty slot, a cassette that is not there."""


class TimedOut(Retryable):
    """A command did not end in its time. It may still be running; what it did is unknown."""


class ConnectionLost(Retryable):
    """The microscope program does not answer. Whether the last command was carried out is unknown."""


class StageFault(Retryable):
    """The stage did not move, or reads another position than it was sent to."""


class FocusFault(Retryable):
    """Focus, eucentric height or settling was not reached."""


class CameraFault(Retryable):
    """No picture, or one that cannot be right: blank, half, saturated."""
