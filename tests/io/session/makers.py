"""Small sessions as microscope programs write them."""

from dataclasses import replace

import numpy as np

from cryogauge.io import write_mrc
from cryogauge.records.session import About, CollectionSession, Picture, session_table

NAV = """AdocVersion = 2.00
LastSavedAs = D:\\data\\grid1.nav

[Item = 1-A]
Color = 2
StageXYZ = 100 -50 12.5
NumPts = 5
Regis = 1
Type = 2
Note = Sec 0 - grid1.mrc
MapFile = D:\\data\\grid1.mrc
MapID = 4711
MapMontage = 0
MapSection = 0
MapBinning = 1
MapMagInd = 17
MapCamera = 0
MapScaleMat = 2 0 0 4
MapWidthHeight = 40 20
MapTiltAngle = 0.5
PtsX = 90 110 110 90 90
PtsY = -52.5 -52.5 -47.5 -47.5 -52.5

[Item = 2]
Color = 0
StageXYZ = 103 -51 12.5
NumPts = 1
Regis = 1
Type = 0
DrawnID = 4711
Acquire = 1
PtsX = 103
PtsY = -51

[Item = 3]
Color = 1
StageXYZ = 100 -50 12.5
NumPts = 3
Regis = 1
Type = 1
DrawnID = 4711
PtsX = 98 102 100
PtsY = -51 -51 -49

"""


def serialem(folder):
    """A Navigator file with a map, a point and a polygon, and the map's image beside it."""
    path = folder / "grid1.nav"
    path.write_text(NAV)
    picture = np.arange(20 * 40, dtype=np.int16).reshape(20, 40)
    write_mrc(folder / "grid1.mrc", picture[None], 5000 / 1.4)
    return path


def nested_session(folder):
    """An atlas that is turned against the stage, a square in it and an exposure in that, with labels."""
    turn = np.array([[0.0, -1.0], [1.0, 0.0]])  # stage to picture
    rows, pictures = [], {}
    for name, level, pixel_A, x, y in (
        ("atlas", "atlas", 4000.0, 0.0, 0.0),
        ("square", "square", 400.0, 2.0, 3.0),
        ("exposure", "exposure", 1.0, 2.1, 2.9),
    ):
        matrix = turn * 1e4 / pixel_A
        rows.append({
            "image": name, "grid": "g", "level": level, "pixel_size_A": pixel_A, "height_px": 32, "width_px": 48,
            "stage_x_um": x, "stage_y_um": y, "registration": 1,
            "x_px_per_um_x": matrix[0, 0], "x_px_per_um_y": matrix[0, 1],
            "y_px_per_um_x": matrix[1, 0], "y_px_per_um_y": matrix[1, 1],
        })  # fmt: skip
        path = folder / f"{name}.mrc"
        write_mrc(path, np.random.default_rng(0).normal(size=(1, 32, 48)).astype(np.float32), pixel_A)
        pictures[name] = Picture(path)
    said = {"subject_kind": "image", "subject": "exposure", "by_kind": "person", "by": "jd", "weight": 0.5}
    measured = {"subject_kind": "image", "subject": "exposure", "by_kind": "program", "by": "cryogauge"}
    return CollectionSession(
        About(
            title="a session", licence="CC0-1.0", voltage_kV=300.0, cs_mm=2.7, notes=("n",), terms={"mine": "of ours"}
        ),
        session_table("grids", [{"grid": "g", "mesh_per_inch": 300, "hole_diameter_um": 1.2}]),
        session_table("images", rows),
        session_table("places", []),
        session_table("labels", [said | {"label": "quality", "value": "0.9", "at": "2026-01-31T13:45:00Z"}]),
        session_table("measurements", [measured | {"quantity": "ctf_resolution_A", "value": 3.4}]),
        pictures,
    )


def changed(session, table, column, row, value):
    """The session with one cell of a table replaced."""
    frame = session.table(table).copy()
    frame.at[row, column] = value
    return replace(session, **{table: frame})
