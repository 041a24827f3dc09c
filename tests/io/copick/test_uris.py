"""Tomograms of copick projects that copick itself wrote."""

import copick
import numpy as np
import pytest

from cryogauge.io import content_key, find_tomograms, open_volume
from cryogauge.io.copick import is_config
from cryogauge.records import BadInput
from tests.io.copick.makers import DATA, configuration


@pytest.fixture
def project(tmp_path):
    """Two runs; the first with two voxel spacings, one of them with two tomograms."""
    (tmp_path / "overlay").mkdir()
    path = configuration(tmp_path)
    root = copick.from_file(str(path))
    for run_name, spacing, kind, offset in [
        ("TS_10", 10.012, "wbp", 0),
        ("TS_10", 10.012, "denoised", 1),
        ("TS_10", 20.024, "wbp", 2),
        ("TS_2", 10.012, "wbp", 3),
    ]:
        run = root.get_run(run_name) or root.new_run(run_name)
        held = run.get_voxel_spacing(spacing) or run.new_voxel_spacing(spacing)
        held.new_tomogram(kind).from_numpy(DATA + offset, levels=1)
    return path


def test_every_tomogram_of_every_run_and_spacing(project):
    found = find_tomograms([f"copick:{project}"])
    assert [(each.uri.partition("#")[2], each.name) for each in found] == [
        ("TS_2/10.012/wbp", "TS_2"),
        ("TS_10/10.012/denoised", "TS_10_10.012_denoised"),
        ("TS_10/10.012/wbp", "TS_10_10.012_wbp"),
        ("TS_10/20.024/wbp", "TS_10_20.024"),
    ]
    assert find_tomograms([project]) == found
    assert [each.uri for each in find_tomograms([found[2].uri])] == [found[2].uri]
    for each, offset in zip(found, (3, 1, 0, 2), strict=True):
        volume = open_volume(each.uri)
        assert np.array_equal(volume.data, DATA + offset)
        assert volume.source == each.uri
        assert volume.voxel_size_A == pytest.approx(20.024 if "20.024" in each.uri else 10.012)


def test_a_static_root_is_read_and_nothing_is_written(project, tmp_path):
    moved = tmp_path / "static"
    (tmp_path / "overlay").rename(moved)
    (tmp_path / "overlay").mkdir()
    configuration(tmp_path, static_root=f"local://{moved}", static_fs_args={})
    before = sorted(tmp_path.rglob("*"))
    found = find_tomograms([project])
    assert len(found) == 4
    assert np.array_equal(open_volume(found[0].uri).data, DATA + 3)
    assert sorted(tmp_path.rglob("*")) == before


def test_the_key_is_that_of_the_tomogram(project, tmp_path):
    overlay = tmp_path / "overlay"
    zarr_path = overlay / "ExperimentRuns" / "TS_2" / "VoxelSpacing10.012" / "wbp.zarr"
    assert content_key(f"copick:{project}#TS_2/10.012/wbp") == content_key(zarr_path)


@pytest.mark.parametrize("member", ["TS_3/10.012/wbp", "TS_2/7.000/wbp", "TS_2/10.012/nothing"])
def test_a_tomogram_that_is_not_there(project, member):
    with pytest.raises(BadInput, match=r"has no (tomogram|run)"):
        open_volume(f"copick:{project}#{member}")


@pytest.mark.parametrize("uri", ["copick:{}", "copick:{}#TS_2", "copick:{}#TS_2/ten/wbp"])
def test_a_uri_that_names_none(project, uri):
    with pytest.raises(BadInput, match="names no tomogram"):
        open_volume(uri.format(project))


def test_configurations_that_cannot_be_used(tmp_path):
    with pytest.raises(BadInput, match="does not exist"):
        find_tomograms([f"copick:{tmp_path}/nothing.json"])
    (tmp_path / "other.json").write_text('{"a": 1}')
    (tmp_path / "broken.json").write_text("{")
    for name in ("other.json", "broken.json"):
        assert not is_config(tmp_path / name)
        with pytest.raises(BadInput, match="no copick configuration"):
            find_tomograms([tmp_path / name])
    with pytest.raises(BadInput, match="of type mlcroissant"):
        find_tomograms([configuration(tmp_path, config_type="mlcroissant")])
    with pytest.raises(BadInput, match=r"damaged.*dataset_ids: Field required"):
        find_tomograms([configuration(tmp_path, config_type="cryoet_data_portal")])
    with pytest.raises(BadInput, match="nowhere"):
        find_tomograms([configuration(tmp_path, overlay_root="nowhere://bucket/project")])
    with pytest.raises(BadInput, match="static does not exist"):
        find_tomograms([configuration(tmp_path, static_root=f"local://{tmp_path}/static")])
    with pytest.raises(BadInput, match="damaged"):
        find_tomograms([configuration(tmp_path, pickable_objects=[{"name": 3}])])
    (tmp_path / "overlay").mkdir()
    with pytest.raises(BadInput, match="holds no tomogram"):
        find_tomograms([configuration(tmp_path)])
