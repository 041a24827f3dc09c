"""EMAN2's boxes in tomograms, ``info/*_info.json``.

``boxes_3d`` is a list of ``[x, y, z, how, score, class]`` and ``class_list`` names the classes. With ``apix_unbin``
positions are in such pixels from the tomogram's centre, voxel size // 2; without, as in old projects, in voxels of the
tomogram from its first voxel (github.com/cryoem/eman2, ``programs/e2spt_extract.py``, which takes ``nx//2`` off the
latter). A shift of the reconstruction along z (``zshift`` in the volume's header) is not known to the file and plays no
part. Orientations are not kept there.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cryogauge.io.json_file import read_json_file, write_json_file
from cryogauge.io.picks.frame import Frame, PickFormat, picks_table, positions_A, scores_of
from cryogauge.records import BadInput

_ENDS = "_info$"
_HINT = "name an info file of EMAN2's tomography"
_BOX = 32


def _recognises(head: bytes) -> bool:
    return head.lstrip().startswith(b"{") and b'"boxes_3d"' in head


def centre_A(path: Path, frame: Frame) -> np.ndarray:
    """The tomogram's centre (x, y, z) in Å as EMAN2 has it: voxel size // 2."""
    if frame.shape is None or frame.voxel_size_A is None:
        raise BadInput(
            f"EMAN2 counts from the centre of the tomogram, whose size in voxels is unknown for {path}",
            "give --size Z,Y,X and --voxel-size",
        )
    return np.array([size // 2 for size in frame.shape[::-1]]) * frame.voxel_size_A


def _read(path: Path, frame: Frame) -> pd.DataFrame:
    document = read_json_file(path, _HINT)
    boxes = document.get("boxes_3d") if isinstance(document, dict) else None
    if not isinstance(boxes, list):
        raise BadInput(f"{path} holds no boxes_3d", _HINT)
    try:
        places = np.array([[float(value) for value in box[:3]] for box in boxes]).reshape(-1, 3)
        scores = [float(box[4]) if len(box) > 4 else np.nan for box in boxes]
        labels = [int(box[5]) if len(box) > 5 else 0 for box in boxes]
        names = {int(key): str(value["name"]) for key, value in document.get("class_list", {}).items()}
        unbinned = float(document["apix_unbin"]) if "apix_unbin" in document else None
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise BadInput(f"{path} has boxes or classes that EMAN2 does not write: {error!r}", _HINT) from error
    positions = places * frame.voxel(path) if unbinned is None else places * unbinned + centre_A(path, frame)
    objects = [frame.objects.get(label) or names.get(label) or frame.object_name(label) for label in labels]
    return picks_table(frame.tomogram_name(path, _ENDS), objects, positions, np.array(scores))


def _write(path: Path, table: pd.DataFrame, frame: Frame) -> list[Path]:
    """Write the boxes; what else stands in a file that is there already, as its alignment, is kept."""
    centre = centre_A(path, frame)
    document: dict[str, Any] = {}
    if path.is_file():
        found = read_json_file(path, "write to another file")
        document = found if isinstance(found, dict) else {}
    unbinned = document.setdefault("apix_unbin", frame.voxel(path))
    objects = table["object"].astype(str).to_numpy()
    labels = {name: number for number, name in enumerate(sorted(set(objects)))}
    places, scores = (positions_A(table) - centre) / float(unbinned), scores_of(table)
    document["class_list"] = {str(label): {"name": name, "boxsize": _BOX} for name, label in labels.items()}
    document["boxes_3d"] = [
        [*map(float, place), "manual", float(score), labels[name]]
        for place, score, name in zip(places, scores, objects, strict=True)
    ]
    write_json_file(path, document)
    return [path]


EMAN2 = PickFormat("eman2", ".json", _recognises, _read, _write, one_tomogram=True, scores=True)
