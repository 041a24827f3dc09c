"""What is wrong with picks: no numbers, duplicates, outside the tomogram, voxels taken for Å."""

from pathlib import Path

import numpy as np
import pandas as pd

from cryogauge.io.picks.frame import ANGLES, Frame, log, positions_A
from cryogauge.records import PICK_COLUMNS, BadInput

_CHANCE = 1e-3  # of picks in the tomogram's first n Å of n voxels, above which they may well be meant so
_SPREAD = 0.5  # of a tomogram's side, up to which picks reach at least when read in the right unit


def check_numbers(table: pd.DataFrame, path: Path) -> None:
    """Refuse positions and angles that are no finite numbers, and tomograms and objects without a name."""
    columns = [name for name in ("x_A", "y_A", "z_A", *ANGLES) if name in table.columns]
    odd = ~np.isfinite(table[columns].to_numpy(dtype=float)).all(axis=1)
    if odd.any():
        raise BadInput(
            f"{path}: {odd.sum()} of {len(table)} picks have a position or angle that is no number, "
            f"the first is pick {int(np.argmax(odd)) + 1}",
            "take those picks out",
        )
    for name in PICK_COLUMNS[:2]:
        blank = (table[name].isna() | (table[name].astype(str).str.strip() == "")).to_numpy(dtype=bool)
        if blank.any():
            raise BadInput(
                f"{path}: {blank.sum()} of {len(table)} picks name no {name}, the first is pick "
                f"{int(np.argmax(blank)) + 1}",
                f"fill in the column {name}",
            )


def tell_duplicates(table: pd.DataFrame, path: Path) -> None:
    """Say how many picks repeat an earlier one of the same object at the same place."""
    repeated = int(table.duplicated(["tomogram", "object", "x_A", "y_A", "z_A"]).sum())
    if repeated:
        log.warning("%s: %d of %d picks repeat an earlier one exactly; they are kept", path, repeated, len(table))


def tell_left_out(columns: list[str], path: Path) -> None:
    """Say which columns a format has no place for, or a reader no use."""
    if columns:
        more = f" and {len(columns) - 6} more" if len(columns) > 6 else ""
        log.warning("%s: left out: %s%s", path, ", ".join(columns[:6]), more)


def check_inside(table: pd.DataFrame, path: Path, frame: Frame) -> None:
    """Say which picks lie outside their tomogram, where its size is known.

    Raises
    ------
    BadInput
        When most lie outside, or when they lie as voxels would that were taken for Å, or Å for voxels.
    """
    places = positions_A(table)
    names = table["tomogram"].astype(str).to_numpy()
    extents = {name: frame.extent_A(name) for name in set(names)}
    known = np.array([extents[name] is not None for name in names], dtype=bool)
    if not known.any():
        return
    ends = np.array([extents[name] for name in names[known]])
    inside = _within(places[known], ends, frame.voxel_size_A or 0.0)
    outside = int((~inside).sum())
    voxel = frame.voxel_size_A
    if 2 * outside > len(inside):
        if voxel is not None and voxel > 1.5 and _fills(places[known] / voxel, ends, voxel):
            raise BadInput(
                f"{path}: {outside} of {len(inside)} picks lie outside the tomogram, and inside it if divided by the "
                f"voxel of {voxel:g} Å: they look like Å taken for voxels",
                f"divide the positions in the file by {voxel:g}; without --size nothing is checked",
            )
        raise BadInput(
            f"{path}: {outside} of {len(inside)} picks lie outside the tomogram of {_size(ends[0])} Å (x, y, z)",
            "check the voxel size, the size and the order of the axes; without --size nothing is checked",
        )
    if outside:
        first = int(np.flatnonzero(known)[np.argmin(inside)])
        log.warning(
            "%s: %d of %d picks lie outside the tomogram of %s Å (x, y, z), the first is pick %d at %s Å",
            path, outside, len(inside), _size(ends[0]), first + 1, _size(places[first]),
        )  # fmt: skip
        return
    if voxel is None or voxel <= 1.5 or voxel ** (-3.0 * len(inside)) > _CHANCE:
        return
    if _fills(places[known] * voxel, ends, voxel):
        raise BadInput(
            f"{path}: all {len(inside)} picks lie within the first {_size(ends[0] / voxel)} Å of a tomogram of "
            f"{_size(ends[0])} Å: they look like voxels taken for Å",
            f"multiply them by the voxel size of {voxel:g} Å; without --size nothing is checked",
        )


def _within(places: np.ndarray, ends: np.ndarray, voxel_A: float) -> np.ndarray:
    """Which picks lie in a tomogram: its first voxel reaches from −½ to ½ of a voxel."""
    return np.all((places >= -voxel_A / 2 - 1e-6) & (places <= ends - voxel_A / 2 + 1e-6), axis=1)


def _fills(places: np.ndarray, ends: np.ndarray, voxel_A: float) -> bool:
    """Whether places lie in a tomogram and reach across it along two axes, not only into its first corner."""
    across = (places / ends).max(axis=0) > _SPREAD
    return bool(_within(places, ends, voxel_A).mean() > 0.9 and across.sum() >= 2)


def _size(values: np.ndarray) -> str:
    return " × ".join(f"{value:.0f}" for value in values)
