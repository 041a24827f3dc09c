"""Tilt series as microscopes and programs leave them, in; what to leave out, as those programs take it."""

from cryogauge.io.tilts.content import tilt_series_key
from cryogauge.io.tilts.exclude import write_exclusions
from cryogauge.io.tilts.find import TiltSeriesSource, find_tilt_series
from cryogauge.io.tilts.motion import read_motion
from cryogauge.io.tilts.movies import open_movie, read_gain
from cryogauge.io.tilts.read import read_tilt_series

__all__ = [
    "TiltSeriesSource",
    "find_tilt_series",
    "open_movie",
    "read_gain",
    "read_motion",
    "read_tilt_series",
    "tilt_series_key",
    "write_exclusions",
]
