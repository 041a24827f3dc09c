"""Files ↔ records, lazily: a slice costs the reading of a slice. The only place that converts units and origins."""

from cryogauge.io.content import content_key
from cryogauge.io.find import TomogramSource, find_tomograms
from cryogauge.io.formats import open_volume, registered_formats
from cryogauge.io.mrc_write import MrcWriter, write_mrc
from cryogauge.io.picks import read_picks, write_picks
from cryogauge.io.pictures import read_picture
from cryogauge.io.tilt_series import write_tilt_series
from cryogauge.io.tilts import (
    TiltSeriesSource,
    find_tilt_series,
    open_movie,
    read_gain,
    read_motion,
    read_tilt_series,
    tilt_series_key,
    write_exclusions,
)

__all__ = [
    "MrcWriter",
    "TiltSeriesSource",
    "TomogramSource",
    "content_key",
    "find_tilt_series",
    "find_tomograms",
    "open_movie",
    "open_volume",
    "read_gain",
    "read_motion",
    "read_picks",
    "read_picture",
    "read_tilt_series",
    "registered_formats",
    "tilt_series_key",
    "write_exclusions",
    "write_mrc",
    "write_picks",
    "write_tilt_series",
]
