"""Dynamo's tables, ``.tbl``.

Positions are columns 24–26 plus the shifts in 4–6, in voxels from the *corner* of the first voxel, so that its centre
is at 0.5 (https://wiki.dynamo.biozentrum.unibas.ch, *Volume center*: cropped tables hold half-integers). Column 20 is
the number of the tomogram, 22 the class, 10 the score, 36 the voxel in Å. Angles in 7–9: see ``angles.from_dynamo``.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from cryogauge.io.picks.angles import from_dynamo, to_dynamo
from cryogauge.io.picks.frame import Frame, PickFormat, angles_of, picks_table, positions_A, read_bytes, scores_of
from cryogauge.io.picks.tomograms import write_numbering
from cryogauge.io.replace import replacing
from cryogauge.records import BadInput

_COLUMNS, _FEWEST = 36, 26
_TAG, _ALIGNED, _AVERAGED, _SCORE, _FULL_RANGE, _TOMOGRAM, _CLASS, _APIX = 0, 1, 2, 9, 12, 19, 21, 35
_SHIFT, _ANGLES, _PLACE = slice(3, 6), slice(6, 9), slice(23, 26)
_CENTRE = 0.5


def _recognises(head: bytes) -> bool:
    first = next((line.split() for line in head.splitlines() if line.strip()), [])
    if len(first) < _FEWEST:
        return False
    try:
        [float(word) for word in first[:_COLUMNS]]
    except ValueError:
        return False
    return True


def _read(path: Path, frame: Frame) -> pd.DataFrame:
    lines = read_bytes(path).decode("utf-8", errors="replace").splitlines()
    rows: list[list[float]] = []
    for number, line in enumerate(lines, 1):
        words = line.replace(",", " ").split()
        if not words:
            continue
        try:
            # MATLAB writes whole complex numbers where PCA has been at work: only columns up to 36 count
            values = [float(word) for word in words[:_COLUMNS]]
        except ValueError as error:
            raise BadInput(f"{path} is no Dynamo table: line {number}: {error}", "name a .tbl") from error
        if len(values) < _FEWEST:
            raise BadInput(
                f"{path} has {len(values)} columns in line {number}; positions are in columns 24 to 26",
                "write it again with dwrite",
            )
        rows.append(values + [0.0] * (_COLUMNS - len(values)))
    table = np.array(rows).reshape(-1, _COLUMNS)
    apix = np.unique(table[:, _APIX])
    voxel = frame.voxel(path, float(apix[0]) if len(apix) == 1 else None)
    places = (table[:, _PLACE] + table[:, _SHIFT] - _CENTRE) * voxel
    picks = picks_table(
        frame.named(path, table[:, _TOMOGRAM]),
        frame.object_names(path, table[:, _CLASS]),
        places,
        table[:, _SCORE],
        from_dynamo(*table[:, _ANGLES].T),
    )
    picks.attrs["voxel_size_A"] = voxel
    return picks


def _write(path: Path, table: pd.DataFrame, frame: Frame) -> list[Path]:
    voxel = frame.voxel(path)
    numbers = frame.numbers(table["tomogram"].astype(str))
    labels = frame.labels(table["object"].astype(str))
    rows = np.zeros((len(table), _COLUMNS))
    rows[:, _TAG] = np.arange(1, len(table) + 1)
    rows[:, [_ALIGNED, _AVERAGED, _FULL_RANGE]] = 1, 1, 0
    angles = angles_of(table)
    if angles is not None:
        rows[:, _ANGLES] = to_dynamo(angles)
    rows[:, _SCORE] = scores_of(table)
    rows[:, _TOMOGRAM] = [numbers[name] for name in table["tomogram"].astype(str)]
    rows[:, _CLASS] = [labels[name] for name in table["object"].astype(str)]
    rows[:, _PLACE] = positions_A(table) / voxel + _CENTRE
    rows[:, _APIX] = voxel
    with replacing(path) as temporary:
        np.savetxt(temporary, rows, fmt="%.10g")
    return [path, *write_numbering(path, numbers)]


DYNAMO = PickFormat("dynamo", ".tbl", _recognises, _read, _write, angles=True, scores=True)
