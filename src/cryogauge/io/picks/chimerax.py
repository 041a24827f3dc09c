"""Markers of ChimeraX and Chimera, ``.cmm``.

``<marker_set name>`` of ``<marker id x y z r g b radius>`` (https://www.rbvi.ucsf.edu/chimerax/docs, *Markers*): Å of
the map, whose first voxel's centre is at its origin, taken as 0. A set is one kind of particle.
"""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd

from cryogauge.io.picks.frame import Frame, PickFormat, picks_table, positions_A
from cryogauge.io.picks.xml_file import read_xml
from cryogauge.io.replace import replacing
from cryogauge.records import BadInput

_COLOURS = ((0, 1, 0), (0, 1, 1), (1, 0, 1), (1, 1, 0), (1, 0, 0), (0.2, 0.6, 1), (1, 0.6, 0.2))
_RADIUS_A = 50.0


def _recognises(head: bytes) -> bool:
    return b"<marker_set" in head


def _read(path: Path, frame: Frame) -> pd.DataFrame:
    root = read_xml(path, ("marker_sets", "marker_set"), "ChimeraX's")
    sets = [root] if root.tag == "marker_set" else root.findall("marker_set")
    names, places = [], []
    for number, markers in enumerate(sets, 1):
        name = frame.objects.get(number) or markers.get("name") or frame.object_name(number)
        if len(sets) == 1:
            name = frame.objects.get(0, name)
        for marker in markers.findall("marker"):
            names.append(name)
            places.append([marker.get(axis, "nan") for axis in "xyz"])
    try:
        positions = np.array(places, dtype=float)
    except ValueError as error:
        raise BadInput(f"{path} has a marker at no number: {error}") from error
    return picks_table(frame.tomogram_name(path), names, positions)


def _write(path: Path, table: pd.DataFrame, frame: Frame) -> list[Path]:
    root = ElementTree.Element("marker_sets")
    places, objects = positions_A(table), table["object"].astype(str).to_numpy()
    for number, name in enumerate(sorted(set(objects))):
        markers = ElementTree.SubElement(root, "marker_set", {"name": name})
        red, green, blue = (str(each) for each in _COLOURS[number % len(_COLOURS)])
        for identifier, (x, y, z) in enumerate(places[objects == name], 1):
            where = {"id": str(identifier), "x": f"{x:.6f}", "y": f"{y:.6f}", "z": f"{z:.6f}"}
            look = {"r": red, "g": green, "b": blue, "radius": f"{_RADIUS_A:g}"}
            ElementTree.SubElement(markers, "marker", {**where, **look})
    ElementTree.indent(root)
    with replacing(path) as temporary:
        ElementTree.ElementTree(root).write(temporary, encoding="utf-8")
    return [path]


CHIMERAX = PickFormat("chimerax", ".cmm", _recognises, _read, _write, one_tomogram=True)
