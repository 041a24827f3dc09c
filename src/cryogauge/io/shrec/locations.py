"""SHREC's text files of particles: a line each, a class, three voxels and, in the truth, three angles.

In 2020 and 2021 a line reads ``class x y z rotation_Z1 rotation_X rotation_Z2``; in 2019 ``class z y x`` and three
angles whose meaning is not certain. Voxels count from 0. The simulator of 2020 and 2021 turns particles by voltools'
``rotation_order="szxz"``, which samples the template at Rz(−c) Rx(−b) Rz(−a) of a voxel's offset for the angles a, b, c
in the order of the file: the template lies in the tomogram as P = Rz(a) Rx(b) Rz(c) says.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from cryogauge.io.picks.angles import from_matrices, from_motive_list, matrices, to_motive_list
from cryogauge.io.replace import replacing
from cryogauge.records import BadInput
from cryogauge.records.shrec import SHREC_KINDS

#: What stands for nothing in submissions.
BACKGROUND = "background"
_NOTHING = ("0", BACKGROUND)
_VOXELS = ("x", "y", "z")
_ANGLES = ("rot", "tilt", "psi")
_MOST_TOLD = 3


def read_locations(path: str | Path, *, reversed_axes: bool = False, submitted: bool = False) -> pd.DataFrame:
    """Read a file of particles, of the truth or submitted.

    Parameters
    ----------
    path
        The file. What stands behind the voxels of a submission is passed over.
    reversed_axes
        Lines read ``class z y x``, as in 2019; their angles are not read.
    submitted
        Of a submission: ``0`` and ``background`` may stand in the place of a class, and there are no angles.

    Returns
    -------
    Table of a row a line: ``object``, the class in small letters; ``x, y, z`` in voxels, as they stand; and
    ``rot, tilt, psi`` in degrees as pick tables have them, NaN where there are none.

    Raises
    ------
    BadInput
        When it cannot be read, or a line is none of a particle.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {(error.strerror or 'refused').lower()}", "check the path") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is no text", "give a file of lines such as 1bxn 120 45 80") from error
    known = {kind.name for kind in SHREC_KINDS} | (set(_NOTHING) if submitted else set())
    names, numbers, wrong = [], [], []
    for count, line in enumerate(text.splitlines(), 1):
        cells = line.split()
        if not cells:
            continue
        problem, values = _parse(cells, known, angles=not submitted and not reversed_axes)
        if problem:
            wrong.append(f"line {count}: {problem}")
        else:
            names.append(BACKGROUND if cells[0].lower() in _NOTHING else cells[0].lower())
            numbers.append(values)
    if wrong:
        more = "; …" if len(wrong) > _MOST_TOLD else ""
        raise BadInput(f"{path} has {'; '.join(wrong[:_MOST_TOLD])}{more}", "a line reads CLASS X Y Z, in voxels")
    held = np.array(numbers, dtype=np.float64).reshape(len(numbers), 6)
    voxels = held[:, 2::-1] if reversed_axes else held[:, :3]
    table = pd.DataFrame({"object": pd.Series(names, dtype=str)})
    table[list(_VOXELS)] = voxels
    table[list(_ANGLES)] = _as_relion(held[:, 3:])
    return table


def _parse(cells: list[str], known: set[str], *, angles: bool) -> tuple[str, list[float]]:
    """What is wrong with a line, or nothing and its six numbers."""
    if len(cells) < 4:
        return f"{len(cells)} words in place of a class and three voxels", []
    if cells[0].lower() not in known:
        return f"unknown class '{cells[0][:40]}'", []
    try:
        values = [float(cell) for cell in (cells[1:7] if angles else cells[1:4])]
    except ValueError:
        return f"'{' '.join(cells[1:])[:60]}' are no numbers", []
    if not np.isfinite(values[:3]).all():
        return "a voxel that is no number", []
    return "", values + [np.nan] * (6 - len(values))


def _as_relion(zxz: np.ndarray) -> np.ndarray:
    """Rot, tilt, psi of angles a, b, c with P = Rz(a) Rx(b) Rz(c); tilts between 0 and 180 degrees."""
    known = np.isfinite(zxz).all(axis=1)
    found = np.full(zxz.shape, np.nan)
    first, second, third = zxz[known].T
    found[known] = from_matrices(matrices(from_motive_list(phi=third, psi=first, theta=second)))
    return found


def write_locations(path: Path, table: pd.DataFrame) -> None:
    """Write the truth of a tomogram as SHREC 2020 and 2021 do.

    Parameters
    ----------
    path
        Where to.
    table
        As :func:`read_locations` returns it; row i is the particle that occupancy masks call i + 1.

    Raises
    ------
    BadInput
        When the folder cannot be written.
    Retryable
        When the disk is full.
    """
    third, first, second = to_motive_list(table[list(_ANGLES)].to_numpy(np.float64)).T
    voxels = np.rint(table[list(_VOXELS)].to_numpy(np.float64)).astype(int)
    lines = [
        f"{name} {x} {y} {z} {a:.4f} {b:.4f} {c:.4f}\n"
        for name, (x, y, z), a, b, c in zip(table["object"], voxels, first, second, third, strict=True)
    ]
    with replacing(path) as temporary:
        temporary.write_text("".join(lines), encoding="utf-8")
