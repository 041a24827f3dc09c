"""Particle positions: one table schema for every program's picks."""

import pandas as pd

from cryogauge.records.errors import BadInput

#: Positions are in Å from the volume's corner: the centre of voxel i lies at i × voxel_size_A, as in copick.
PICK_COLUMNS = ("tomogram", "object", "x_A", "y_A", "z_A", "score")


def check_picks(table: pd.DataFrame) -> pd.DataFrame:
    """The table itself, when it has every column of ``PICK_COLUMNS``; raises ``BadInput`` otherwise."""
    missing = [name for name in PICK_COLUMNS if name not in table.columns]
    if missing:
        raise BadInput(f"the picks lack {', '.join(missing)}", f"a pick table has {', '.join(PICK_COLUMNS)}")
    return table
