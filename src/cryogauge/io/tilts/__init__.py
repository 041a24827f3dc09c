"""Tilt series as microscopes and programs leave them, in; what to leave out, as those programs take it."""

from cryogauge.io.tilts.exclude import write_exclusions
from cryogauge.io.tilts.find import TiltSeriesSource, find_tilt_series
from cryogauge.io.tilts.movies import open_movie, read_gain
from cryogauge.io.tilts.read import read_tilt_series

__all__ = [
    "TiltSeriesSource",
    "find_tilt_series",
    "open_movie",
    "read_gain",
    "read_tilt_series",
    "write_exclusions",
]
