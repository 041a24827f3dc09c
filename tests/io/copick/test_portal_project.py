"""A project of the CryoET Data Portal, whose answers copick finds in its own cache, with files served on this machine.

Asking the portal itself is copick's code and is not tested here.
"""

import json

import numpy as np
import pytest
import zarr
from copick.impl.cryoet_data_portal import CopickConfigCDP
from copick.util import portal_cache
from copick.util.reconnecting_fs import ReconnectingFileSystem

from cryogauge.io import content_key, find_tomograms, open_volume
from cryogauge.io.copick import (
    describe_project,
    open_project,
    open_tomogram,
    read_mask,
    read_project_picks,
    run_names,
    write_project_picks,
    write_segmentation,
    write_tomogram,
)
from cryogauge.io.copick.transforms import matrices_of
from cryogauge.records import BadInput
from tests.io.copick.makers import DATA, configuration
from tests.score.stand_ins.portal import serve

SIZE_A = 10.012444
RIBOSOME = {"name": "ribosome", "is_particle": True, "label": 1, "radius": 150.0, "identifier": "GO:0022626"}
ANGLES = np.array([[10.0, 20.0, 30.0]])


@pytest.fixture
def portal(tmp_path, s3, monkeypatch):
    """The configuration of a project of one run: a tomogram, oriented picks and a mask on the portal."""
    monkeypatch.setenv("COPICK_PORTAL_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "www").mkdir()
    (tmp_path / "overlay").mkdir()
    with serve(tmp_path / "www") as server:
        row = server.add_image(DATA, "TS_1", voxelSpacing=SIZE_A)
        line = {"location": {"x": 1, "y": 2, "z": 3}, "xyz_rotation_matrix": matrices_of(ANGLES)[0].tolist()}
        s3["portal/picks.ndjson"] = f"{json.dumps(line)}\n{json.dumps(line)}\n".encode()
        mask = zarr.group(zarr.storage.KVStore(s3_keys := {}))
        mask.create_dataset("0", data=(DATA > 0).astype(np.uint8), dimension_separator="/")
        s3.update({f"portal/mask.zarr/{name}": bytes(value) for name, value in s3_keys.items()})
        path = configuration(
            tmp_path, config_type="cryoet_data_portal", dataset_ids=[10301], pickable_objects=[RIBOSOME]
        )
        _remember(path, _answers(row["httpsOmezarrDir"]))
        yield path


def _answers(address):
    shapes = ("OrientedPoint", "SegmentationMask")
    files = ("s3://portal/picks.ndjson", "s3://portal/mask.zarr")
    return {
        "runs": [{"id": 5, "name": "TS_1", "dataset_id": 10301}],
        "voxel_spacings": [{"id": 7, "run_id": 5, "voxel_spacing": SIZE_A}],
        "tomograms": [
            {
                "id": 9, "name": "TS_1", "tomogram_voxel_spacing_id": 7, "reconstruction_method": "WBP",
                "processing": "denoised", "processing_software": "DenoisET", "ctf_corrected": True,
                "s3_omezarr_dir": "s3://nowhere", "https_omezarr_dir": address,
            }
        ],
        "annotations": [{"id": 1, "run_id": 5, "object_id": "GO:0022626", "object_name": "cytosolic ribosome"}],
        "annotation_shapes": [{"id": i, "annotation_id": 1, "shape_type": kind} for i, kind in enumerate(shapes)],
        "annotation_files": [
            {"id": 70 + i, "annotation_shape_id": i, "tomogram_voxel_spacing_id": 7, "format": kind, "s3_path": path}
            for i, (kind, path) in enumerate(zip(("ndjson", "zarr"), files, strict=True))
        ],
        "annotation_authors": [{"annotation_id": 1, "name": "A. Nonymous"}],
        "tomogram_authors": [],
    }  # fmt: skip


def _remember(path, answers):
    """Put what the portal would answer where copick keeps it."""
    config = CopickConfigCDP(**json.loads(path.read_text()))
    portal_cache.get_or_fetch(
        fingerprint=portal_cache.fingerprint_for_config(config),
        dataset_ids=config.dataset_ids,
        settings=portal_cache.settings_from_config(config),
        fetch_fn=lambda: answers,
        fs_overlay=ReconnectingFileSystem(config.overlay_root),
        root_overlay="",
    )


def test_its_tomograms_are_read_over_https(portal):
    (found,) = find_tomograms([portal])
    assert found.uri == f"copick:{portal}#5/10.012/wbp-denoised-denoiset-ctfdeconv"
    volume = open_volume(found.uri)
    assert volume.voxel_size_A == pytest.approx(SIZE_A)
    assert volume.source == found.uri
    assert np.array_equal(volume.data, DATA)
    assert content_key(found.uri) == content_key(found.uri)


def test_its_picks_are_in_angstrom_with_their_angles(portal):
    project = open_project(portal)
    assert run_names(project) == ["5"]
    table = read_project_picks(project)
    assert np.allclose(table[["x_A", "y_A", "z_A"]], np.array([1, 2, 3]) * SIZE_A)
    assert np.allclose(table[["rot", "tilt", "psi"]], ANGLES)
    assert set(table["object"]) == {"ribosome"}
    assert set(table["user"] + "/" + table["session"]) == {"data-portal/70"}


def test_its_masks(portal):
    mask = read_mask(open_project(portal), "5", SIZE_A, name="ribosome")
    assert np.array_equal(mask, DATA > 0)


def test_what_is_written_goes_into_the_overlay(portal, tmp_path):
    project = open_project(portal)
    table = read_project_picks(project)
    write_project_picks(project, table.assign(x_A=5.0), user="cryogauge", session="1")
    assert read_project_picks(project, user="cryogauge")["x_A"].tolist() == [5.0, 5.0]
    write_segmentation(project, "5", np.ones((2, 3, 4), np.uint8), SIZE_A, name="mine", user="cryogauge", session="1")
    write_tomogram(project, "5", DATA + 1, SIZE_A, "smooth")
    assert np.array_equal(open_tomogram(project, "5", "smooth").data, DATA + 1)
    assert len(find_tomograms([portal])) == 2
    with pytest.raises(BadInput, match="read-only part"):
        write_tomogram(project, "5", DATA, SIZE_A, "wbp-denoised-denoiset-ctfdeconv")
    with pytest.raises(BadInput, match="read-only part"):
        write_project_picks(project, table, user="data-portal", session="70")


def test_picks_that_would_have_to_travel_are_not_counted(portal):
    (run,) = describe_project(open_project(portal))["runs"]
    assert [each["count"] for each in run["picks"]] == [None]
    assert run["picks"][0]["read_only"]
    assert [each["name"] for each in run["segmentations"]] == ["ribosome"]
