"""A whole grid of SmartScope's."""

import numpy as np
import pytest
import yaml

from cryogauge.io import write_mrc
from cryogauge.io.session import check_session, import_session, write_session
from cryogauge.records import BadInput


def target(name, x=0.0, y=0.0, taken=True, targets=None, **more):
    where = {"x": int(x), "y": int(y), "stage_x": x / 10, "stage_y": y / 10, "stage_z": 5.0}
    row = {
        "name": name, "number": 1, "selected": True, "status": "completed", "completion_time": None,
        "finders": [{"method_name": "f", **where}],
        "classifiers": [], "selectors": [], "pixel_size": None, "shape_x": None, "shape_y": None,
    }  # fmt: skip
    if taken:
        row |= {"pixel_size": 100.0, "shape_x": 20, "shape_y": 30}
    return row | ({"targets": targets} if targets is not None else {}) | more


def export(folder, **changed):
    exposure = target(
        "g_square1_hole1_hm", 3, 4, ctffit=30.0, defocus=-1.5, completion_time="2024-04-05 10:17:53.9+00:00"
    )
    hole = target("g_square1_hole1", 11, 12, targets=[exposure], radius=5,
                  classifiers=[{"method_name": "Holes", "label": "good"}])  # fmt: skip
    square = target(
        "g_square1", 7, 9, targets=[hole, target("g_square1_hole2", 1, 2, taken=False, targets=[], selected=False)]
    )
    unseen = target("g_square2", 25, 15, taken=False, targets=[target("g_square2_hole1")])
    atlas = {"name": "g_atlas", "pixel_size": 600.0, "shape_x": 20, "shape_y": 30, "stage_z": 4.0, "binning_factor": 2,
             "status": "completed", "completion_time": None, "targets": [square, unseen]}  # fmt: skip
    whole = {"name": "g", "position": 3, "holeType": "R1.2/1.3", "meshSize": "300", "meshMaterial": "Gold",
             "atlas": [atlas], "session_id": {"session": "s"}, "params_id": {}}  # fmt: skip
    path = folder / "export.yaml"
    path.write_text(yaml.safe_dump(whole | changed))
    (folder / "raw").mkdir(exist_ok=True)
    write_mrc(folder / "raw" / "g_square1.mrc", np.zeros((1, 20, 30), np.float32), 100.0)
    return path


def test_a_grid_at_every_magnification(tmp_path):
    session = import_session([export(tmp_path)])
    (grid,) = session.grids.to_dict("records")
    assert (grid["grid"], grid["mesh_per_inch"], grid["mesh_material"]) == ("g", 300, "Gold")
    assert (grid["hole_diameter_um"], grid["hole_pitch_um"]) == pytest.approx((1.2, 2.5))
    images = session.images.set_index("image")
    assert images["level"].to_dict() == {
        "g_atlas": "atlas", "g_square1": "square", "g_square1_hole1": "hole", "g_square1_hole1_hm": "exposure",
    }  # fmt: skip
    assert images.loc["g_atlas", ["pixel_size_A", "height_px", "width_px"]].to_list() == [600, 20, 30]
    assert images.loc["g_square1", ["stage_x_um", "stage_y_um", "stage_z_um"]].to_list() == [0.7, 0.9, 5.0]
    assert images["recorded_at"]["g_square1_hole1_hm"] == "2024-04-05T10:17:53.9+00:00"
    places = session.places.set_index("place")
    assert places[["kind", "parent", "image"]].to_numpy().tolist() == [
        ["square", "g_atlas", "g_square1"],
        ["hole", "g_square1", "g_square1_hole1"],
        ["exposure", "g_square1_hole1", "g_square1_hole1_hm"],
        ["hole", "g_square1", ""],
        ["square", "g_atlas", ""],
    ]
    assert places["outline_x_px"].map(list).to_list() == [[7], [11], [3], [1], [25]]
    assert places["outline_y_px"].map(list).to_list() == [[9], [12], [4], [2], [15]]
    said = session.labels.set_index(["subject", "label"])["value"]
    assert said["g_square1_hole1@g_square1", "class"] == "good"
    assert (said["g_square1_hole1@g_square1", "acquire"], said["g_square1_hole2@g_square1", "acquire"]) == ("1", "0")
    (fit,) = session.measurements.to_dict("records")
    assert (fit["subject"], fit["quantity"], fit["value"]) == ("g_square1_hole1_hm", "ctf_resolution_A", 20)
    assert set(session.pictures) == {"g_square1"}
    assert [note for note in session.about.notes if "left out" in note] == [
        "left out: 1 targets in g_square2, of which there is no image"
    ]
    write_session(tmp_path / "shared", session)
    assert check_session(tmp_path / "shared") == []


@pytest.mark.parametrize("atlas", [[], [3], [{"targets": []}], [{"name": "a", "targets": 7}]])
def test_a_damaged_export(tmp_path, atlas):
    path = export(tmp_path, atlas=atlas)
    with pytest.raises(BadInput):
        import_session([path])


def test_links_that_lead_out_are_no_pictures(tmp_path):
    atlas = target("../secret", targets=[])
    write_mrc(tmp_path / "secret.mrc", np.zeros((1, 20, 30), np.float32), 100.0)
    folder = tmp_path / "run"
    folder.mkdir()
    assert import_session([export(folder, atlas=[atlas])]).pictures == {}
