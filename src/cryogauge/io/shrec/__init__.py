"""Tomograms of the SHREC tracks in and out, with what is known of them."""

from cryogauge.io.shrec.locations import read_locations, write_locations
from cryogauge.io.shrec.model import ShrecModel, find_shrec, read_labels, read_occupancy, read_shrec
from cryogauge.io.shrec.project import import_shrec

__all__ = [
    "ShrecModel",
    "find_shrec",
    "import_shrec",
    "read_labels",
    "read_locations",
    "read_occupancy",
    "read_shrec",
    "write_locations",
]
