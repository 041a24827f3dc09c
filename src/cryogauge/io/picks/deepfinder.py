"""DeepFinder's object lists, ``_objl.xml``.

``<objlist>`` of ``<object tomo_idx class_label x y z …>``: voxels of the array (z, y, x), the first counting as 0; phi,
psi and the as in motive lists; class numbers from 1 (github.com/deep-finder/cryoet-deepfinder, ``utils/objl.py``). What
ranks them there is ``cluster_size`` in voxels, which stands for the score where there is no ``score``. We write
``score``, which DeepFinder passes over.
"""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd

from cryogauge.io.picks.angles import from_motive_list, to_motive_list
from cryogauge.io.picks.frame import Frame, PickFormat, angles_of, picks_table, positions_A
from cryogauge.io.picks.tomograms import write_numbering
from cryogauge.io.picks.xml_file import read_xml
from cryogauge.io.replace import replacing
from cryogauge.records import BadInput

_PLACE, _ANGLES = ("x", "y", "z"), ("phi", "psi", "the")
_ENDS = "_objl$"


def _recognises(head: bytes) -> bool:
    return b"<objlist" in head


def _read(path: Path, frame: Frame) -> pd.DataFrame:
    objects = list(read_xml(path, ("objlist",), "DeepFinder's"))
    voxel = frame.voxel(path)

    def column(name: str, default: float = np.nan) -> np.ndarray:
        try:
            return np.array([float(each.get(name) or default) for each in objects])
        except ValueError as error:
            raise BadInput(f"{path} has a value of {name} that is no number: {error}") from error

    labels, places = column("class_label", 0), np.stack([column(name) for name in _PLACE], axis=1)
    scores, angles = column("score"), np.stack([column(name) for name in _ANGLES], axis=1)
    if np.isnan(scores).all():
        scores = column("cluster_size")
    numbers = column("tomo_idx")
    if np.isnan(numbers).any() or frame.tomogram is not None:
        names: str | list[str] = frame.tomogram_name(path, _ENDS)
        if len(set(numbers[~np.isnan(numbers)])) > 1:
            raise BadInput(f"{path} holds picks of several tomograms", "give --tomograms, not one --tomogram")
    else:
        names = frame.named(path, numbers)
    oriented = len(objects) > 0 and np.isfinite(angles).all()
    picks = picks_table(
        names,
        frame.object_names(path, labels),
        places * voxel,
        scores,
        from_motive_list(*angles.T) if oriented else None,
    )
    picks.attrs["voxel_size_A"] = voxel
    return picks


def _write(path: Path, table: pd.DataFrame, frame: Frame) -> list[Path]:
    voxel = frame.voxel(path)
    numbers = frame.numbers(table["tomogram"].astype(str))
    labels = frame.labels(table["object"].astype(str))
    angles = angles_of(table)
    turned = None if angles is None else to_motive_list(angles)
    root = ElementTree.Element("objlist")
    places, scores = positions_A(table) / voxel, table["score"].to_numpy(dtype=float)
    for number, (name, kind) in enumerate(zip(table["tomogram"].astype(str), table["object"].astype(str), strict=True)):
        values = {"tomo_idx": str(numbers[name]), "obj_id": str(number), "class_label": str(labels[kind])}
        values |= {axis: f"{value:.6f}" for axis, value in zip(_PLACE, places[number], strict=True)}
        if turned is not None:
            values |= {axis: f"{value:.6f}" for axis, value in zip(_ANGLES, turned[number], strict=True)}
        if np.isfinite(scores[number]):
            values["score"] = f"{scores[number]:.9g}"
        ElementTree.SubElement(root, "object", values)
    ElementTree.indent(root)
    with replacing(path) as temporary:
        ElementTree.ElementTree(root).write(temporary, encoding="utf-8", xml_declaration=True)
    return [path, *write_numbering(path, numbers)]


DEEPFINDER = PickFormat("deepfinder", ".xml", _recognises, _read, _write, angles=True, scores=True)
