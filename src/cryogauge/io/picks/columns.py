"""Tables with a header: our CSV, the challenge's submissions, napari's points."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from cryogauge.io.picks.check import tell_left_out
from cryogauge.io.picks.frame import ANGLES, Frame, PickFormat, picks_table, positions_A
from cryogauge.io.picks.table import read_picks, write_picks
from cryogauge.io.replace import replacing
from cryogauge.records import PICK_COLUMNS, BadInput

_CHALLENGE = ("experiment", "particle_type", "x", "y", "z")
_NAPARI = ("axis-0", "axis-1", "axis-2")  # z, y, x


def _with_header(needed: tuple[str, ...]) -> Callable[[bytes], bool]:
    def recognises(head: bytes) -> bool:
        first = head.removeprefix(b"\xef\xbb\xbf").split(b"\n", 1)[0].decode("utf-8", errors="replace")
        return set(needed) <= {word.strip().strip('"') for word in first.split(",")}

    return recognises


def _rows(path: Path, needed: tuple[str, ...], known: tuple[str, ...]) -> pd.DataFrame:
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise BadInput(f"{path} does not exist", "check the path") from error
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} is no table: {error}", f"it has the columns {', '.join(needed)}") from error
    table.columns = [str(name).strip() for name in table.columns]
    missing = [name for name in needed if name not in table.columns]
    if missing:
        raise BadInput(f"{path} lacks the columns {', '.join(missing)}", f"it has {', '.join(needed)}")
    tell_left_out([name for name in table.columns if name not in known], path)
    return table


def _places(path: Path, table: pd.DataFrame, columns: tuple[str, ...]) -> np.ndarray:
    try:
        return table[list(columns)].replace("", "nan").to_numpy(dtype=float)
    except ValueError as error:
        raise BadInput(f"{path} has a position that is no number: {error}") from error


def _read_ours(path: Path, frame: Frame) -> pd.DataFrame:
    table = read_picks(path)
    tell_left_out([name for name in table.columns if name not in (*PICK_COLUMNS, *ANGLES)], path)
    kept = [*PICK_COLUMNS, *(ANGLES if set(ANGLES) <= set(table.columns) else ())]
    try:
        return table[kept].astype(dict.fromkeys(kept[2:], float))
    except ValueError as error:
        raise BadInput(f"{path} has an angle that is no number: {error}") from error


def _write_ours(path: Path, table: pd.DataFrame, frame: Frame) -> list[Path]:
    write_picks(path, table)
    return [path]


def _read_challenge(path: Path, frame: Frame) -> pd.DataFrame:
    table = _rows(path, _CHALLENGE, ("id", *_CHALLENGE))
    return picks_table(table["experiment"], table["particle_type"], _places(path, table, _CHALLENGE[2:]))


def _write_challenge(path: Path, table: pd.DataFrame, frame: Frame) -> list[Path]:
    written = pd.DataFrame({"id": np.arange(len(table))})
    written["experiment"] = table["tomogram"].astype(str).to_numpy()
    written["particle_type"] = table["object"].astype(str).to_numpy()
    written[list(_CHALLENGE[2:])] = positions_A(table)
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        written.to_csv(file, index=False)
    return [path]


def _read_napari(path: Path, frame: Frame) -> pd.DataFrame:
    table = _rows(path, _NAPARI, ("index", *_NAPARI))
    voxel = frame.voxel(path)
    places = _places(path, table, _NAPARI)[:, ::-1] * voxel
    picks = picks_table(frame.tomogram_name(path), frame.object_name(0), places)
    picks.attrs["voxel_size_A"] = voxel
    return picks


def _write_napari(path: Path, table: pd.DataFrame, frame: Frame) -> list[Path]:
    places = positions_A(table)[:, ::-1] / frame.voxel(path)
    written = pd.DataFrame(places, columns=list(_NAPARI))
    written.insert(0, "index", np.arange(len(written)))
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        written.to_csv(file, index=False)
    return [path]


#: Our own table, in Å: the centre of voxel i is at i × voxel size.
OURS = PickFormat("cryogauge", ".csv", _with_header(PICK_COLUMNS), _read_ours, _write_ours, angles=True, scores=True)
#: The CZII challenge's submissions and solutions: ``id, experiment, particle_type, x, y, z`` in Å, counted as ours.
CHALLENGE = PickFormat("kaggle", ".csv", _with_header(_CHALLENGE), _read_challenge, _write_challenge)
#: napari's points: ``index, axis-0, axis-1, axis-2``, voxels in the order z, y, x of a layer without a scale, the first
#: voxel's centre being 0 (https://napari.org, *Points layer*).
NAPARI = PickFormat(
    "napari", ".csv", _with_header(_NAPARI), _read_napari, _write_napari, one_tomogram=True, one_object=True
)
