"""Pick tables for tests, and the folder of real ones."""

import os
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

DATA = Path(os.environ.get("CRYOGAUGE_DATA") or "nowhere")
real_files = pytest.mark.skipif(
    "CRYOGAUGE_DATA" not in os.environ, reason="CRYOGAUGE_DATA names no folder of real files"
)

VOXEL_A = 7.5
SHAPE = (60, 90, 81)  # z, y, x: an odd one, so that halves show
_BLANKS = {"nan", "na", "n/a", "null", "none", "-nan", "<na>", "#n/a", "-1.#ind"}

names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,11}", fullmatch=True).filter(
    lambda name: name.lower() not in _BLANKS
)


def turned(table: pd.DataFrame) -> np.ndarray:
    """P of each pick by SciPy: from the template to the specimen, (pick, 3, 3)."""
    return Rotation.from_euler("ZYZ", table[["rot", "tilt", "psi"]], degrees=True).inv().as_matrix()


@st.composite
def tables(draw: st.DrawFn, *, tomograms: int = 3, objects: int = 3) -> pd.DataFrame:
    """Picks inside a tomogram of ``SHAPE``, in random order, with angles that include the singular ones."""
    inside = st.floats(0, 1, width=32)
    angle = st.floats(-180, 180, width=32) | st.sampled_from([-180.0, -90.0, 0.0, 90.0, 180.0])
    tilt = st.floats(0, 180, width=32) | st.sampled_from([0.0, 90.0, 180.0])
    series = draw(st.lists(names, min_size=1, max_size=tomograms, unique_by=str.lower))
    kinds = draw(st.lists(names, min_size=1, max_size=objects, unique_by=str.lower))
    rows = draw(
        st.lists(
            st.tuples(
                st.sampled_from(series), st.sampled_from(kinds), inside, inside, inside, inside, angle, tilt, angle
            ),
            min_size=1,
            max_size=7,
            unique_by=lambda row: row[2:5],
        )
    )  # fmt: skip
    columns = ["tomogram", "object", "x_A", "y_A", "z_A", "score", "rot", "tilt", "psi"]
    rows.append((series[0], kinds[0], 0.9, 0.9, 0.9, 0.5, 0.0, 0.0, 0.0))  # far enough not to look like voxels
    table = pd.DataFrame(rows, columns=columns)
    for axis, size in zip(("x_A", "y_A", "z_A"), SHAPE[::-1], strict=True):
        table[axis] = (table[axis] * (size - 1) * VOXEL_A).round(7)
    return table


def lines_of(caplog: pytest.LogCaptureFixture) -> str:
    """What was logged, as the user sees it."""
    return re.sub(r"\s+", " ", "\n".join(record.getMessage() for record in caplog.records))
