"""Pick tables: our CSV, and the files of other programs."""

from cryogauge.io.picks.door import READABLE, WRITABLE, pick_kind, read_picks_as, write_picks_as
from cryogauge.io.picks.table import read_picks, write_picks

__all__ = ["READABLE", "WRITABLE", "pick_kind", "read_picks", "read_picks_as", "write_picks", "write_picks_as"]
