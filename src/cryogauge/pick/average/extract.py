"""Boxes around picks, cut from tomograms that are never read whole."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cryogauge.io import write_mrc
from cryogauge.io.replace import replacing
from cryogauge.records import BadInput, Volume

_ANGLES = ("rot", "tilt", "psi")


@dataclass(frozen=True)
class Boxes:
    """Boxes cut around picks, each of mean 0 and standard deviation 1.

    Attributes
    ----------
    data
        float32 ``(n, z, y, x)``, the middle at voxel edge // 2. Where a box reaches beyond its tomogram it is 0.
    offsets_px
        ``(n, 3)`` place z, y, x of each pick against the middle of its box, within half a voxel: nothing is resampled.
    rows
        ``(n,)`` which of the picks each is.
    whole
        bool ``(n,)``: whether the tomogram holds all of the particle.
    outside, flat
        How many picks have no box: they lie outside the tomogram, or where all is of one grey value or no number.
    """

    data: NDArray[np.float32]
    offsets_px: NDArray[np.float64]
    rows: NDArray[np.intp]
    whole: NDArray[np.bool_]
    outside: int
    flat: int


def cut_boxes(volume: Volume, centres_px: NDArray[np.floating], edge_px: int, *, radius_px: float) -> Boxes:
    """Cut a box around each pick; only what the boxes hold is read.

    Parameters
    ----------
    volume
        The tomogram; its data may be a memory map or lazy.
    centres_px
        ``(n, 3)`` z, y, x, the centre of voxel i at i.
    edge_px
        Edge of the boxes.
    radius_px
        Of the particle: a pick nearer than this to the tomogram's border is not ``whole``.

    Raises
    ------
    BadInput
        When the box is larger than the tomogram.
    """
    shape = np.array(volume.shape)
    if edge_px > shape.min():
        raise BadInput(
            f"a box of {edge_px} voxels is larger than {volume.source or 'the tomogram'} of "
            f"{' × '.join(map(str, volume.shape))}",
            "give a smaller --box",
        )
    middles = np.rint(centres_px).astype(int)
    inside = np.all((middles >= 0) & (middles < shape), axis=1)
    data = np.zeros((int(inside.sum()), edge_px, edge_px, edge_px), dtype=np.float32)
    kept = np.zeros(len(data), dtype=bool)
    rows = np.flatnonzero(inside)
    for place, row in enumerate(rows):
        kept[place] = _cut(volume, middles[row] - edge_px // 2, data[place])
    rows = rows[kept]
    border = np.minimum(centres_px[rows], shape - 1 - centres_px[rows]).min(axis=1, initial=np.inf)
    return Boxes(
        data if kept.all() else data[kept],
        np.asarray(centres_px[rows] - middles[rows], dtype=np.float64),
        rows,
        border >= radius_px - 0.5,
        outside=len(centres_px) - int(inside.sum()),
        flat=int((~kept).sum()),
    )


def _cut(volume: Volume, first: NDArray[np.int_], out: NDArray[np.float32]) -> bool:
    """Fill a box that begins at ``first``; whether there is something to see in it."""
    edge = len(out)
    low = np.maximum(first, 0)
    high = np.minimum(first + edge, volume.shape)
    there = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    found = np.asarray(volume.data[there], dtype=np.float32)
    spread = float(found.std(dtype=np.float64))
    if not (np.isfinite(spread) and spread > 0):
        return False
    held = tuple(slice(a, b) for a, b in zip(low - first, high - first, strict=True))
    out[held] = (found - found.mean(dtype=np.float64)) / spread
    return True


def write_boxes(
    folder: Path, volumes: Mapping[str, Volume], picks: pd.DataFrame, edge_px: int, *, radius_px: float, invert: bool
) -> Path:
    """Write the box of each pick as a file, and RELION 3's table of them, with places to fractions of a voxel.

    ``rlnCoordinate…`` is the box's middle voxel and ``rlnOrigin…`` what the particle is off it: it lies at the
    coordinate less the origin (as :mod:`cryogauge.io.picks.relion` reads it). RELION takes even edges and bright
    protein, and needs files of the missing wedge besides (``rlnCtfImage``), which are not written.

    Parameters
    ----------
    folder
        Made if need be; holds ``TOMOGRAM_000001.mrc`` … and ``particles.star``.
    volumes
        Tomograms by name.
    picks
        A pick table, with ``rot, tilt, psi`` if known; picks not wholly in their tomogram are left out.
    edge_px, radius_px
        As of :func:`cut_boxes`.
    invert
        Turn dark into bright.

    Returns
    -------
    pathlib.Path
        The table.

    Raises
    ------
    BadInput
        As :func:`cut_boxes`, or when the folder cannot be written.
    """
    import starfile

    folder.mkdir(parents=True, exist_ok=True)
    tables = []
    for name, rows in picks.groupby("tomogram", sort=True):
        volume = volumes[str(name)]
        places = rows[["z_A", "y_A", "x_A"]].to_numpy(float) / volume.voxel_size_A
        boxes = cut_boxes(volume, places, edge_px, radius_px=radius_px)
        files = [f"{name}_{number:06d}.mrc" for number in range(1, int(boxes.whole.sum()) + 1)]
        for file, box in zip(files, boxes.data[boxes.whole], strict=True):
            write_mrc(folder / file, -box if invert else box, volume.voxel_size_A)
        kept = boxes.rows[boxes.whole]
        tables.append(_relion(str(name), rows.iloc[kept], files, places[kept], boxes.offsets_px[boxes.whole], volume))
    path = folder / "particles.star"
    with replacing(path) as temporary:
        temporary.write_text(starfile.to_string({"particles": pd.concat(tables)}), encoding="utf-8")
    return path


def _relion(
    tomogram: str,
    picks: pd.DataFrame,
    files: list[str],
    places_px: NDArray[np.float64],
    offsets_px: NDArray[np.float64],
    volume: Volume,
) -> pd.DataFrame:
    """Rows of RELION's table; places and offsets are z, y, x."""
    columns: dict[str, object] = {"rlnMicrographName": f"{tomogram}.mrc", "rlnImageName": files}
    for axis, label in enumerate("ZYX"):
        columns[f"rlnCoordinate{label}"] = np.rint(places_px[:, axis] - offsets_px[:, axis])
        columns[f"rlnOrigin{label}"] = -offsets_px[:, axis]
    if set(_ANGLES) <= set(picks.columns):
        columns |= {f"rlnAngle{name.capitalize()}": picks[name].to_numpy(float) for name in _ANGLES}
    columns |= {"rlnMagnification": 1e4, "rlnDetectorPixelSize": volume.voxel_size_A}
    return pd.DataFrame(columns | {"rlnParticleName": picks["object"].astype(str).to_numpy()})
