"""Collection sessions as open data sets: written, checked and read, from and for the programs of microscopes."""

from cryogauge.io.session.check import Fault, check_session
from cryogauge.io.session.door import import_session, merge_sessions, with_grid
from cryogauge.io.session.json_schema import dataset_schema
from cryogauge.io.session.nav_session import export_nav
from cryogauge.io.session.places import pixel_of, with_computed_places
from cryogauge.io.session.read import read_session, session_pixels
from cryogauge.io.session.write import write_session

__all__ = [
    "Fault",
    "check_session",
    "dataset_schema",
    "export_nav",
    "import_session",
    "merge_sessions",
    "pixel_of",
    "read_session",
    "session_pixels",
    "with_computed_places",
    "with_grid",
    "write_session",
]
