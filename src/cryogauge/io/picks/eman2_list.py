"""EMAN2's lists of extracted particles, ``.lst``: read only, since a list without its particles is of no use to EMAN2.

After ``#LSX`` a line is ``index <tab> stack <tab> {JSON}``. Where a particle was taken from stands in the stack (HDF5):
``ptcl_source_coord``, pixels of ``apix_x`` from the tomogram's centre, voxel size // 2; the stack's own name tells
tomogram and kind (``particles3d/TS_01__ribosome.hdf``). ``xform.align3d`` in the line, or else in the stack, turns and
then shifts the particle onto the reference, so that P is its inverse and the particle's place that of the reference's
origin (github.com/cryoem/eman2, ``programs/e2spt_extract.py``, ``make3d`` and ``parse_json``).
"""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cryogauge.io.picks.angles import from_matrices
from cryogauge.io.picks.eman2 import centre_A
from cryogauge.io.picks.frame import Frame, PickFormat, picks_table, read_bytes
from cryogauge.records import BadInput

_MAGIC = b"#LSX"
_BINNED = re.compile(r"_bin\d+(_\d+)?$")


def _recognises(head: bytes) -> bool:
    return head.startswith(_MAGIC)


def _read(path: Path, frame: Frame) -> pd.DataFrame:
    lines = read_bytes(path).decode("utf-8", errors="replace").splitlines()
    rows = [line.split("\t") for line in lines if line.strip() and not line.startswith("#")]
    centre = centre_A(path, frame)
    tomograms, objects, places, scores, turned = [], [], [], [], []
    sources = _Sources(path)
    for number, row in enumerate(rows, 1):
        try:
            index, stack = int(row[0]), row[1].strip()
            said = json.loads(row[2]) if len(row) > 2 and row[2].strip() else {}
        except (ValueError, IndexError) as error:
            raise BadInput(f"{path} is no list of EMAN2: its particle {number}: {error}", "name a .lst") from error
        header = sources.header(stack, index)
        pixel = float(header["apix_x"])
        transform = _transform(path, said.get("xform.align3d", header.get("xform.align3d")))
        place = np.array(header["ptcl_source_coord"], dtype=float)
        if transform is not None:
            turn, shift = transform[:, :3], transform[:, 3]
            place = place - turn.T @ shift
            turned.append(turn.T)
        tomogram, _, kind = Path(stack).stem.partition("__")
        tomograms.append(frame.tomogram or tomogram)
        objects.append(frame.objects.get(0) or _BINNED.sub("", kind) or frame.object_name(0))
        places.append(place * pixel + centre)
        scores.append(float(said.get("score", np.nan)))
    angles = from_matrices(np.array(turned)) if turned and len(turned) == len(rows) else None
    return picks_table(tomograms, objects, np.array(places), np.array(scores), angles)


class _Sources:
    """Headers of the stacks that a list names, each file opened once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open: dict[str, dict[str, Any]] = {}

    def header(self, stack: str, index: int) -> dict[str, Any]:
        if stack not in self._open:
            self._open[stack] = _headers(self._path, stack)
        try:
            return self._open[stack][str(index)]
        except KeyError as error:
            raise BadInput(
                f"{stack}, named by {self._path}, has no particle {index} with its place", "extract it again"
            ) from error


def _headers(path: Path, stack: str) -> dict[str, Any]:
    import h5py

    file = next(
        (each for each in (path.parent / stack, *(up / stack for up in path.parent.parents)) if each.is_file()), None
    )
    if file is None:
        raise BadInput(
            f"{path} names {stack}, which is in neither its folder nor one above",
            "the places of the particles stand there: keep the list in its EMAN2 project",
        )
    try:
        with h5py.File(file, "r", locking=False) as opened:
            images: Any = opened["MDF/images"]
            return {
                name: {key.removeprefix("EMAN."): value for key, value in group.attrs.items()}
                for name, group in images.items()
                if "EMAN.ptcl_source_coord" in group.attrs and "EMAN.apix_x" in group.attrs
            }
    except (OSError, KeyError) as error:
        raise BadInput(f"{file} is no stack of EMAN2: {error}", "copy it again") from error


def _transform(path: Path, value: Any) -> np.ndarray | None:
    """``(3, 4)`` from ``{"matrix": "[…]"}`` as EMAN2 writes it, or twelve numbers; ``None`` where there is none."""
    if value is None:
        return None
    try:
        if isinstance(value, dict):
            value = value["matrix"]
        numbers = json.loads(value) if isinstance(value, str) else value
        return np.array(numbers, dtype=float).reshape(3, 4)
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(f"{path} has an alignment that is no matrix: {error}", "write it again with EMAN2") from error


EMAN2_LIST = PickFormat("eman2-lst", ".lst", _recognises, _read, None, angles=True, scores=True)
