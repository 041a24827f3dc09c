"""Picks of a SHREC tomogram from wherever they are: a submission's text, our CSV, a copick project."""

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from cryogauge.io.copick import is_config, open_project, read_project_picks
from cryogauge.io.picks import read_picks
from cryogauge.io.shrec import ShrecModel, read_locations
from cryogauge.records import PICK_COLUMNS, BadInput
from cryogauge.records.shrec import SHREC_VOXEL_A

_log = logging.getLogger("cryogauge.pick")


def read_shrec_picks(
    path: str | Path, model: ShrecModel, *, user: str | None = None, session: str | None = None
) -> pd.DataFrame:
    """Read picks of a tomogram.

    Lines of a submission count voxels in the reconstruction. Many of 2019 and 2020 counted z from the masks' first
    slice instead: where a pick lies outside the masks' slices, all are taken to, as the script of 2020 does.

    Parameters
    ----------
    path
        ``*.csv`` with a head as our pick tables have it; the configuration of a copick project; anything else is a
        submission's text.
    model
        The tomogram, which a table and a project call by its name, ``model_9``.
    user, session
        Whose picks of a copick project; all by default.

    Returns
    -------
    Table of ``PICK_COLUMNS``, positions in Å from the reconstruction's corner: a submission in its own order, which is
    for the one who submits to choose, other picks with the best score first.

    Raises
    ------
    BadInput
        When it cannot be read or holds no pick of the tomogram.
    """
    path = Path(path)
    if path.is_file() and is_config(path):
        return _best_first(read_project_picks(open_project(path), user=user, session=session, runs=[model.name]))
    if user or session:
        raise BadInput(f"{path} is no copick project: it has no users and sessions", "leave them out")
    if path.suffix.lower() == ".csv":
        table = read_picks(path)
        picks = table[table["tomogram"] == model.name]
        if not len(picks):
            held = ", ".join(sorted(map(str, table["tomogram"].unique()))[:5]) or "none"
            raise BadInput(f"{path} has no picks of {model.name}", f"its tomograms are {held}")
        return _best_first(picks)
    return _submission(path, model)


def _best_first(picks: pd.DataFrame) -> pd.DataFrame:
    ordered = picks.sort_values("score", ascending=False, kind="stable", na_position="last")
    return ordered[list(PICK_COLUMNS)].reset_index(drop=True)


def _submission(path: Path, model: ShrecModel) -> pd.DataFrame:
    lines = read_locations(path, reversed_axes=model.year == 2019, submitted=True)
    if not len(lines):
        raise BadInput(f"{path} holds no pick", "a line reads CLASS X Y Z, in voxels")
    above = 0
    z, end = np.rint(lines["z"]), model.shape[0] - model.offset_px
    if model.offset_px and (z.min() < model.offset_px or z.max() > end):
        above = model.offset_px
        _log.warning(
            "%s has picks outside slices %d–%d: its z is taken to count from slice %d", path, above, end, above
        )
    table = pd.DataFrame({"tomogram": model.name, "object": lines["object"]})
    for axis, shift in (("x", 0), ("y", 0), ("z", above)):
        table[f"{axis}_A"] = (np.rint(lines[axis]) + shift) * SHREC_VOXEL_A
    return table.assign(score=1.0)
